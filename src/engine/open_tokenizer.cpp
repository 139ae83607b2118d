#include "engine/open_tokenizer.h"

#include "base/file.h"
#include "formats/gguf.h"
#include "formats/gguf_source.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

GgufVocabulary read_vocabulary(const GgufMetadata& metadata) {
  const auto text = [&](std::string_view key) { return std::string(metadata.string(key).value_or("")); };
  const auto texts = [&](std::string_view key) {
    const auto views = metadata.strings(key);
    return std::vector<std::string>(views.begin(), views.end());
  };
  GgufVocabulary vocabulary;
  vocabulary.model = text("tokenizer.ggml.model");
  vocabulary.pre = text("tokenizer.ggml.pre");
  vocabulary.tokens = texts("tokenizer.ggml.tokens");
  for (const int64_t type : metadata.integers("tokenizer.ggml.token_type"))
    vocabulary.types.push_back(static_cast<int32_t>(type));
  vocabulary.merges = texts("tokenizer.ggml.merges");
  vocabulary.bos = metadata.token_id("tokenizer.ggml.bos_token_id");
  vocabulary.eos = metadata.token_id("tokenizer.ggml.eos_token_id");
  vocabulary.eot = metadata.token_id("tokenizer.ggml.eot_token_id");
  vocabulary.eom = metadata.token_id("tokenizer.ggml.eom_token_id");
  vocabulary.unknown = metadata.token_id("tokenizer.ggml.unknown_token_id");
  vocabulary.pad = metadata.token_id("tokenizer.ggml.padding_token_id");
  vocabulary.add_bos = metadata.boolean("tokenizer.ggml.add_bos_token");
  vocabulary.add_eos = metadata.boolean("tokenizer.ggml.add_eos_token");
  vocabulary.chat_template = text("tokenizer.chat_template");
  return vocabulary;
}

Json read_optional_json(const fs::path& path) {
  if (kind_of(path) == FileKind::Nothing) return Json();
  return parse_json(read_regular_file(path), path.string(), {}, Exit::kBadModel);
}

Tokenizer open_hub_tokenizer(const fs::path& folder) {
  const fs::path file = folder / "tokenizer.json";
  if (kind_of(file) == FileKind::Nothing) {
    throw Error(fmt::format("{}: there is no tokenizer.json", folder.string()), Exit::kNotFound,
                "a hub folder needs config.json, *.safetensors, tokenizer.json and tokenizer_config.json");
  }
  const Json config = read_optional_json(folder / "tokenizer_config.json");
  Tokenizer tokenizer = Tokenizer::from_json(read_regular_file(file), config, file.string());
  if (const fs::path jinja = folder / "chat_template.jinja"; kind_of(jinja) != FileKind::Nothing)
    tokenizer.set_chat_template(read_regular_file(jinja));
  return tokenizer;
}

Tokenizer gguf_tokenizer(const GgufMetadata& metadata, const fs::path& file) {
  return Tokenizer::from_gguf(read_vocabulary(metadata), file.string());
}

}  // namespace

Tokenizer open_tokenizer(const fs::path& model) {
  const FileKind kind = kind_of(model);
  if (kind == FileKind::Folder) return open_hub_tokenizer(model);
  if (kind == FileKind::Nothing) fail(Exit::kNotFound, "{}: there is no such file or folder", model.string());
  if (model.filename() == "tokenizer.json")
    return open_hub_tokenizer(model.parent_path().empty() ? "." : model.parent_path());
  return gguf_tokenizer(Gguf(model).metadata(), model);
}

Tokenizer open_tokenizer(const fs::path& model, const WeightSource& source) {
  const auto* gguf = dynamic_cast<const GgufSource*>(&source);
  return gguf == nullptr ? open_tokenizer(model) : gguf_tokenizer(gguf->gguf().metadata(), model);
}

}  // namespace r1
