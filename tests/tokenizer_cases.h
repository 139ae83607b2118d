// Where tokenizer tests get their tokenizers and vectors from (data/tokenizers/README.md).
#pragma once

#include <filesystem>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "test_data.h"
#include "text/tokenizer.h"

namespace r1 {

inline Json read_json(const std::filesystem::path& path) {
  return parse_json(read_file(path), path.filename().string());
}

inline Tokenizer open_folder(const std::filesystem::path& folder) {
  return Tokenizer::from_json(read_file(folder / "tokenizer.json"), read_json(folder / "tokenizer_config.json"),
                              folder.string());
}

// The vocabularies that are stored as patches of another.
inline std::string patched_tokenizer_json(const std::string& name, const std::filesystem::path& base,
                                          const std::filesystem::path& patch) {
  Json json = read_json(base);
  const Json changes = read_json(patch);
  if (name == "r1-distill-qwen") {
    json["added_tokens"] = changes["added_tokens"];
    json["post_processor"] = {
        {"type", "TemplateProcessing"},
        {"single",
         {{{"SpecialToken", {{"id", "bos"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
        {"special_tokens", {{"bos", {{"id", "bos"}, {"ids", {151646}}}}}}};
    return json.dump();
  }
  for (const Json& token : changes["replace_added_tokens_by_id"]) {
    for (Json& added : json["added_tokens"]) {
      if (added["id"] != token["id"]) continue;
      json["model"]["vocab"].erase(added["content"].get<std::string>());
      added = token;
    }
  }
  return json.dump();
}

// deepseek-v3, qwen3 as they are; deepseek-r1, r1-distill-qwen by their patches. Nothing where the data is absent.
inline std::optional<Tokenizer> open_named(const std::string& name) {
  const std::string base = name == "deepseek-r1" ? "deepseek-v3" : name == "r1-distill-qwen" ? "qwen3" : name;
  const auto folder = find_data("tokenizers/" + base);
  if (!folder || !std::filesystem::exists(*folder / "tokenizer.json")) return std::nullopt;
  if (base == name) return open_folder(*folder);
  const auto patch =
      find_data("tokenizers/" + name + (name == "deepseek-r1" ? "/added_tokens_patch.json" : "/added_tokens.json"));
  if (!patch) return std::nullopt;
  return Tokenizer::from_json(patched_tokenizer_json(name, *folder / "tokenizer.json", *patch), Json(), name);
}

// The 46 texts of an .inp file.
inline std::vector<std::string> read_vector_texts(const std::filesystem::path& path) {
  const std::string separator = "\n__ggml_vocab_test__\n";
  const std::string all = read_file(path);
  std::vector<std::string> texts;
  for (size_t at = 0; at < all.size();) {
    const size_t end = all.find(separator, at);
    texts.push_back(all.substr(at, end == std::string::npos ? end : end - at));
    at = end == std::string::npos ? all.size() : end + separator.size();
  }
  return texts;
}

// " 1 2 3" per line.
inline std::vector<std::vector<int32_t>> read_vector_ids(const std::filesystem::path& path) {
  std::vector<std::vector<int32_t>> lines;
  std::istringstream text(read_file(path));
  for (std::string line; std::getline(text, line);) {
    std::istringstream numbers(line);
    lines.emplace_back(std::istream_iterator<int32_t>(numbers), std::istream_iterator<int32_t>());
  }
  return lines;
}

}  // namespace r1
