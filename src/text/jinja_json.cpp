#include "text/jinja_json.h"

#include <algorithm>
#include <cmath>

#include "text/jinja_strings.h"

namespace r1::jinja {
namespace {

std::string json_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return number_text(value);
}

std::string escape(char32_t code, bool ascii) {
  switch (code) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\f':
      return "\\f";
    case '\b':
      return "\\b";
    default:
      break;
  }
  if (code < 0x20) return fmt::format("\\u{:04x}", static_cast<uint32_t>(code));
  if (!ascii || code < 0x7f) return "";
  if (code < 0x10000) return fmt::format("\\u{:04x}", static_cast<uint32_t>(code));
  const uint32_t rest = static_cast<uint32_t>(code) - 0x10000;
  return fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF));
}

class Writer {
 public:
  Writer(Heap& heap, const JsonStyle& style) : heap_(heap), style_(style) {}

  void write(const Value& value, int depth) {
    if (depth > Limits::kNesting) mistake("tojson: a value is nested deeper than {} levels", Limits::kNesting);
    heap_.spend(Limits::kNodeWork);
    if (const Text* text = value.text()) {
      write_string(*text);
    } else if (const Sequence* sequence = value.sequence(); sequence != nullptr && sequence->kind <= Sequence::kTuple) {
      write_list(*sequence, depth);
    } else if (const Dict* dict = value.dict()) {
      write_dict(*dict, depth);
    } else {
      put(scalar(value));
    }
  }

  Text take() { return std::move(out_); }

 private:
  // Marks, numbers and names of JSON count as message text: what they stand in is.
  void put(std::string_view text) {
    out_.append(text, false);
    if (out_.size() > Limits::kText) mistake("a string grows beyond {} MiB", Limits::kText >> 20);
  }

  static std::string scalar(const Value& value) {
    if (value.is_none()) return "null";
    if (const bool* flag = value.get<bool>()) return *flag ? "true" : "false";
    if (const Integer* integer = value.get<Integer>()) return number_text(*integer);
    if (const double* number = value.get<double>()) return json_number(*number);
    if (const Undefined* undefined = value.get<Undefined>()) mistake("tojson: {} is undefined", undefined->what());
    mistake("tojson: a {} has no JSON", type_name(value));
  }

  void write_string(const Text& text) {
    heap_.spend_on_characters(text);
    const std::string_view view = text.view();
    put("\"");
    size_t begin = 0;
    for (size_t at = 0; at < view.size();) {
      const DecodedCharacter c = decode_utf8(view.substr(at));
      if (const std::string escaped = escape(c.code, style_.ascii); !escaped.empty()) {
        out_.append(text, begin, at);
        out_.append(escaped, text.literal_at(at));
        begin = at + c.bytes;
      }
      at += c.bytes;
    }
    out_.append(text, begin, view.size());
    put("\"");
  }

  void line_break(int depth) {
    if (!style_.indent) return;
    put("\n");
    for (int i = 0; i < depth; ++i) put(*style_.indent);
  }

  void write_list(const Sequence& list, int depth) {
    if (list.items.empty()) return put("[]");
    put("[");
    for (size_t i = 0; i < list.items.size(); ++i) {
      if (i > 0) put(style_.item_separator);
      line_break(depth + 1);
      write(list.items[i], depth + 1);
    }
    line_break(depth);
    put("]");
  }

  void write_dict(const Dict& dict, int depth) {
    if (dict.items.empty()) return put("{}");
    std::vector<const std::pair<Value, Value>*> order;
    for (const auto& item : dict.items) order.push_back(&item);
    if (style_.sort_keys) {
      std::stable_sort(order.begin(), order.end(),
                       [&](const auto* a, const auto* b) { return less(heap_, a->first, b->first); });
    }
    put("{");
    for (size_t i = 0; i < order.size(); ++i) {
      if (i > 0) put(style_.item_separator);
      line_break(depth + 1);
      const Value& key = order[i]->first;
      key.is_string() ? write_string(*key.text()) : put("\"" + scalar(key) + "\"");
      put(style_.key_separator);
      write(order[i]->second, depth + 1);
    }
    line_break(depth);
    put("}");
  }

  Heap& heap_;
  const JsonStyle& style_;
  Text out_;
};

}  // namespace

Text to_json(Heap& heap, const Value& value, const JsonStyle& style) {
  Writer writer(heap, style);
  writer.write(value, 0);
  return writer.take();
}

}  // namespace r1::jinja
