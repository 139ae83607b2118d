#include "text/jinja_input.h"

namespace r1::jinja {
namespace {

Value value_of(Heap& heap, const OrderedJson& json, bool literal, int depth) {
  if (depth > Limits::kNesting) mistake("a value is nested deeper than {} levels", Limits::kNesting);
  switch (json.type()) {
    case OrderedJson::value_t::boolean:
      return Value(json.get<bool>());
    case OrderedJson::value_t::number_integer:
      return Value(Integer{json.get<int64_t>()});
    case OrderedJson::value_t::number_unsigned:
      return Value(static_cast<Integer>(json.get<uint64_t>()));
    case OrderedJson::value_t::number_float:
      return Value(json.get<double>());
    case OrderedJson::value_t::string:
      return Value(std::make_shared<const Text>(json.get_ref<const std::string&>(), literal));
    case OrderedJson::value_t::array: {
      Sequence& list = *heap.input_list();
      list.items.reserve(json.size());
      for (const auto& item : json) list.items.push_back(value_of(heap, item, literal, depth + 1));
      return Value(&list);
    }
    case OrderedJson::value_t::object: {
      Dict& dict = *heap.input_dict();
      for (const auto& [key, value] : json.items()) {
        dict.set(heap, Value(std::make_shared<const Text>(key, literal)), value_of(heap, value, literal, depth + 1));
      }
      return Value(&dict);
    }
    default:
      return Value();
  }
}

}  // namespace

Value from_json(Heap& heap, const OrderedJson& json, bool literal) { return value_of(heap, json, literal, 0); }

}  // namespace r1::jinja
