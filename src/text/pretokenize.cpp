#include "text/pretokenize.h"

#include <algorithm>

#include "base/log.h"

namespace r1 {
namespace {

// Every family there is; its steps are in PreTokenizer::steps_of_family.
const std::vector<PreTokenizerFamily>& families() {
  static const std::vector<PreTokenizerFamily> all = {
      {"deepseek-v3", {}, false, false, false},
      {"deepseek-llm", {}, false, false, false},
      {"deepseek-coder", {}, false, false, false},
      {"qwen2", {"deepseek-r1-qwen"}, true, false, false},
      {"llama-bpe", {"llama3", "llama-v3"}, false, true, true},
      {"gpt-2", {}, false, false, false},
      {"smollm", {}, false, false, false},
  };
  return all;
}

std::string family_names() {
  std::string names;
  for (const PreTokenizerFamily& family : families()) names += (names.empty() ? "" : ", ") + family.name;
  return names;
}

void append(std::string_view piece, size_t begin, size_t end, std::vector<std::string_view>& words) {
  if (begin < end) words.push_back(piece.substr(begin, end - begin));
}

// Matches and the gaps between them become words ("Isolated").
void isolate(std::string_view piece, FindMatch find, std::vector<std::string_view>& words) {
  size_t done = 0;
  for (Match match = find(piece, 0); match.found(); match = find(piece, done)) {
    append(piece, done, match.begin, words);
    append(piece, match.begin, match.end, words);
    done = match.end;
  }
  append(piece, done, piece.size(), words);
}

void isolate(std::string_view piece, const SplitRegex& regex, std::vector<std::string_view>& words) {
  size_t done = 0;
  regex.for_each_match(piece, [&](size_t begin, size_t end) {
    append(piece, done, begin, words);
    append(piece, begin, end, words);
    done = end;
  });
  append(piece, done, piece.size(), words);
}

void isolate_literal(std::string_view piece, std::string_view literal, std::vector<std::string_view>& words) {
  size_t done = 0;
  for (size_t at = piece.find(literal); at != std::string_view::npos; at = piece.find(literal, done)) {
    append(piece, done, at, words);
    append(piece, at, at + literal.size(), words);
    done = at + literal.size();
  }
  append(piece, done, piece.size(), words);
}

bool flag(const Json& json, const char* name, bool fallback, const std::string& file) {
  const auto found = json.find(name);
  if (found == json.end()) return fallback;
  if (!found->is_boolean())
    fail(Exit::kBadModel, "{}: pre_tokenizer: '{}' is {}, expected true or false", file, name, found->dump());
  return found->get<bool>();
}

std::string type_of(const Json& json, const std::string& file) {
  if (!json.is_object() || !json.contains("type") || !json["type"].is_string()) {
    fail(Exit::kBadModel, "{}: pre_tokenizer: expected an object with a 'type'", file);
  }
  return json["type"].get<std::string>();
}

}  // namespace

PreTokenizer::Step PreTokenizer::Step::split(std::string pattern) {
  Step step;
  step.find = scanner_for(pattern);
  step.pattern = std::move(pattern);
  return step;
}

PreTokenizer::Step PreTokenizer::Step::digits(bool individual) {
  Step step;
  step.kind = Kind::kDigits;
  step.individual = individual;
  step.find = scanner_for(individual ? pattern::kNumber : pattern::kNumbers);
  return step;
}

PreTokenizer::Step PreTokenizer::Step::byte_level(bool use_regex) {
  Step step;
  step.kind = Kind::kByteLevel;
  step.use_regex = use_regex;
  if (use_regex) step.find = scanner_for(pattern::kGpt2);
  return step;
}

// Patterns that have the same scanner differ at most in how they write a line break.
bool PreTokenizer::Step::same(const Step& other) const {
  return kind == other.kind && literal == other.literal && individual == other.individual &&
         use_regex == other.use_regex && prefix_space == other.prefix_space && find == other.find &&
         (find != nullptr || pattern == other.pattern);
}

std::vector<PreTokenizer::Step> PreTokenizer::steps_of_family(std::string_view name) {
  using namespace pattern;
  if (name == "deepseek-v3") {
    return {Step::split(kDeepSeekV3Numbers), Step::split(kDeepSeekV3Cjk), Step::split(kDeepSeekV3),
            Step::byte_level(false)};
  }
  if (name == "deepseek-llm") {
    return {Step::split(kLineBreak),     Step::split(kDeepSeekLlmLetters), Step::split(kDeepSeekLlmPunctuation),
            Step::split(kTrailingSpace), Step::split(kDeepSeekLlmCjk),     Step::digits(false),
            Step::byte_level(false)};
  }
  if (name == "deepseek-coder") {
    return {Step::split(kLineBreak),
            Step::split(kDeepSeekCoderLetters),
            Step::split(kDeepSeekCoderPunctuation),
            Step::split(kDeepSeekLlmCjk),
            Step::digits(true),
            Step::byte_level(false)};
  }
  if (name == "qwen2") return {Step::split(kQwen2), Step::byte_level(false)};
  if (name == "llama-bpe") return {Step::split(kLlama3), Step::byte_level(false)};
  if (name == "smollm") return {Step::digits(true), Step::byte_level(true)};
  R1_CHECK(name == "gpt-2", "no steps for {}", name);
  return {Step::byte_level(true)};
}

PreTokenizer PreTokenizer::from_gguf(const std::string& pre, const std::string& file) {
  std::string name = pre;
  if (pre.empty() || pre == "default") {
    spdlog::warn(fmt::format(  // spdlog's own formatting takes seconds to compile
        "{}: the file does not name its pre-tokenizer; gpt-2's is taken, and text may be cut into other tokens than "
        "the model knows",
        file));
    name = "gpt-2";
  }
  PreTokenizer pre_tokenizer;
  for (const PreTokenizerFamily& family : families()) {
    if (family.name != name && std::find(family.aliases.begin(), family.aliases.end(), name) == family.aliases.end())
      continue;
    pre_tokenizer.family_ = family;
    pre_tokenizer.steps_ = steps_of_family(family.name);
    return pre_tokenizer;
  }
  fail(Exit::kBadModel, "{}: unknown pre-tokenizer '{}' (tokenizer.ggml.pre); known are {}", file, pre, family_names());
}

PreTokenizer PreTokenizer::from_json(const Json& pre_tokenizer, const std::string& file) {
  PreTokenizer result;
  if (type_of(pre_tokenizer, file) == "Sequence") {
    const auto members = pre_tokenizer.find("pretokenizers");
    if (members == pre_tokenizer.end() || !members->is_array()) {
      fail(Exit::kBadModel, "{}: pre_tokenizer: a Sequence needs an array 'pretokenizers'", file);
    }
    for (const Json& member : *members) result.steps_.push_back(read_step(member, file));
  } else {
    result.steps_.push_back(read_step(pre_tokenizer, file));
  }
  const auto byte_level = [](const Step& step) { return step.kind == Step::Kind::kByteLevel; };
  if (result.steps_.empty() || !byte_level(result.steps_.back()) ||
      std::count_if(result.steps_.begin(), result.steps_.end(), byte_level) != 1) {
    fail(Exit::kBadModel, "{}: pre_tokenizer: expected one ByteLevel, and that as the last step (byte-level BPE)",
         file);
  }
  result.name_family();
  return result;
}

PreTokenizer::Step PreTokenizer::read_step(const Json& json, const std::string& file) {
  const std::string type = type_of(json, file);
  Step step;
  if (type == "Split") {
    read_split(json, file, step);
  } else if (type == "Digits") {
    step = Step::digits(flag(json, "individual_digits", false, file));
  } else if (type == "ByteLevel") {
    step = Step::byte_level(flag(json, "use_regex", true, file));
    step.prefix_space = flag(json, "add_prefix_space", true, file);
  } else {
    fail(Exit::kBadModel, "{}: pre_tokenizer '{}' is not supported (Split, Digits, ByteLevel and Sequence are)", file,
         type);
  }
  return step;
}

void PreTokenizer::read_split(const Json& json, const std::string& file, Step& step) {
  const Json behavior = json.value("behavior", Json());
  if (behavior != "Isolated") {
    fail(Exit::kBadModel, "{}: pre_tokenizer: Split with behavior {} is not supported (Isolated is)", file,
         behavior.dump());
  }
  if (flag(json, "invert", false, file))
    fail(Exit::kBadModel, "{}: pre_tokenizer: Split with invert is not supported", file);
  const Json pattern = json.value("pattern", Json());
  const bool regex = pattern.is_object() && pattern.contains("Regex") && pattern["Regex"].is_string();
  const bool literal = pattern.is_object() && pattern.contains("String") && pattern["String"].is_string();
  if (regex == literal)
    fail(Exit::kBadModel, "{}: pre_tokenizer: Split needs a pattern with 'Regex' or 'String'", file);
  if (regex) {
    step = Step::split(pattern["Regex"].get<std::string>());
    if (step.find == nullptr) step.regex = std::make_shared<SplitRegex>(step.pattern, file + ": pre_tokenizer");
  } else {
    step.literal = true;
    step.pattern = pattern["String"].get<std::string>();
    if (step.pattern.empty()) fail(Exit::kBadModel, "{}: pre_tokenizer: Split with an empty String", file);
  }
}

void PreTokenizer::name_family() {
  for (const PreTokenizerFamily& family : families()) {
    const std::vector<Step> steps = steps_of_family(family.name);
    const auto same = [](const Step& a, const Step& b) { return a.same(b); };
    if (std::equal(steps.begin(), steps.end(), steps_.begin(), steps_.end(), same)) family_ = family;
  }
}

void PreTokenizer::split(std::string_view piece, Words& words) const {
  words.views.assign(1, piece);
  for (const Step& step : steps_) {
    words.pieces.swap(words.views);
    words.views.clear();
    for (std::string_view part : words.pieces) {
      if (step.prefix_space && !part.empty() && part.front() != ' ')
        part = words.owned.emplace_back(" " + std::string(part));
      if (step.find != nullptr) {
        isolate(part, step.find, words.views);
      } else if (step.regex != nullptr) {
        isolate(part, *step.regex, words.views);
      } else if (step.literal) {
        isolate_literal(part, step.pattern, words.views);
      } else {
        append(part, 0, part.size(), words.views);
      }
    }
  }
}

OrderedJson PreTokenizer::to_json() const {
  OrderedJson members = OrderedJson::array();
  for (const Step& step : steps_) {
    OrderedJson member;
    switch (step.kind) {
      case Step::Kind::kSplit:
        member["type"] = "Split";
        member["pattern"][step.literal ? "String" : "Regex"] = step.pattern;
        member["behavior"] = "Isolated";
        member["invert"] = false;
        break;
      case Step::Kind::kDigits:
        member["type"] = "Digits";
        member["individual_digits"] = step.individual;
        break;
      case Step::Kind::kByteLevel:
        member["type"] = "ByteLevel";
        member["add_prefix_space"] = step.prefix_space;
        member["trim_offsets"] = true;
        member["use_regex"] = step.use_regex;
        break;
    }
    members.push_back(std::move(member));
  }
  if (members.size() == 1) return members.front();
  return OrderedJson{{"type", "Sequence"}, {"pretokenizers", std::move(members)}};
}

}  // namespace r1
