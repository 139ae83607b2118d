// r1 convert: a model in another format or type.
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <set>

#include "base/file.h"
#include "cli/interrupt.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "cli/verb.h"
#include "formats/convert.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

struct ConvertVerbOptions {
  std::string in, out, type;
  bool yes = false, weights_only = false;
  int threads = 0;
};

const std::vector<std::string>& types() {
  static const std::vector<std::string> known = {"f32", "f16", "bf16", "q8_0", "q4_0", "q6_k", "q4_k"};
  return known;
}

// ---- tokenizer ----

GgufPairs vocabulary_pairs(const GgufVocabulary& vocabulary) {
  GgufPairs pairs = {{"tokenizer.ggml.model", vocabulary.model},
                     {"tokenizer.ggml.pre", vocabulary.pre},
                     {"tokenizer.ggml.tokens", vocabulary.tokens}};
  if (!vocabulary.types.empty()) pairs.emplace_back("tokenizer.ggml.token_type", vocabulary.types);
  pairs.emplace_back("tokenizer.ggml.merges", vocabulary.merges);
  const auto id = [&](const char* key, const std::optional<int32_t>& value) {
    if (value) pairs.emplace_back(fmt::format("tokenizer.ggml.{}_token_id", key), static_cast<uint32_t>(*value));
  };
  id("bos", vocabulary.bos);
  id("eos", vocabulary.eos);
  id("eot", vocabulary.eot);
  id("eom", vocabulary.eom);
  id("unknown", vocabulary.unknown);
  id("padding", vocabulary.pad);
  if (vocabulary.add_bos) pairs.emplace_back("tokenizer.ggml.add_bos_token", *vocabulary.add_bos);
  if (vocabulary.add_eos) pairs.emplace_back("tokenizer.ggml.add_eos_token", *vocabulary.add_eos);
  if (!vocabulary.chat_template.empty()) pairs.emplace_back("tokenizer.chat_template", vocabulary.chat_template);
  return pairs;
}

// The tokenizer's own files where the source is a folder, else the same vocabulary written anew.
std::map<std::string, std::string> tokenizer_files(const Tokenizer& tokenizer, const fs::path& in) {
  std::map<std::string, std::string> files;
  if (kind_of(in) != FileKind::Folder) {
    files["tokenizer.json"] = tokenizer.to_tokenizer_json().dump(1);
    files["tokenizer_config.json"] = tokenizer.to_tokenizer_config().dump(2) + "\n";
    return files;
  }
  for (const char* name :
       {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"}) {
    if (kind_of(in / name) != FileKind::Nothing) files[name] = read_regular_file(in / name);
  }
  return files;
}

void add_tokenizer(ConvertOptions& options, const LoadedModel& model, const fs::path& in, bool to_gguf) {
  const Tokenizer& tokenizer = model.tokenizer();
  if (!to_gguf) {
    options.files = tokenizer_files(tokenizer, in);
    return;
  }
  GgufVocabulary vocabulary = tokenizer.to_gguf(model.config().vocabulary);
  if (vocabulary.chat_template.empty()) vocabulary.chat_template = tokenizer.chat_template();
  const GgufPairs pairs = vocabulary_pairs(vocabulary);
  options.metadata.insert(options.metadata.end(), pairs.begin(), pairs.end());
}

// ---- asking ----

// Whether `path` is `folder`, or lies in it.
bool lies_in(const fs::path& path, const fs::path& folder) {
  std::error_code problem;
  for (fs::path at = fs::weakly_canonical(path, problem);; at = at.parent_path()) {
    if (fs::equivalent(at, folder, problem)) return true;
    if (at == at.parent_path()) return false;
  }
}

// What is read must not be replaced by what is written.
void keep_apart(const WeightSource& source, const fs::path& in, const fs::path& out) {
  std::set<fs::path> files = {in};
  for (const std::string& name : source.names()) files.insert(source.find(name)->file);
  for (const fs::path& file : files) {
    if (!lies_in(file, out)) continue;
    std::error_code problem;
    if (fs::equivalent(file, out, problem)) fail(Exit::kUsage, "{}: is both source and target", out.string());
    fail(Exit::kUsage, "{}: holds the source {}, and cannot be replaced", out.string(), file.string());
  }
}

// Destructive: asks on a terminal, and needs --yes elsewhere.
void clear_the_way(const fs::path& out, bool to_gguf, bool yes) {
  const FileKind kind = kind_of(out);
  if (kind == FileKind::Other)
    fail(Exit::kUsage, "{}: is neither a file nor a folder, and cannot be written to", out.string());
  if (kind == FileKind::Folder && to_gguf)
    fail(Exit::kUsage, "{}: is a folder, and a GGUF file cannot take its place", out.string());
  if (is_free(out)) return;
  if (!yes && is_terminal(STDIN_FILENO)) {
    say(fmt::format("{} exists. Replace it? [y/N] ", out.string()));
    std::string reply;
    std::getline(std::cin, reply);
    yes = reply == "y" || reply == "Y" || reply == "yes";
    if (!yes) throw Error(fmt::format("{}: is left as it is", out.string()), Exit::kFailure);
  }
  if (!yes) throw Error(fmt::format("{}: exists already", out.string()), Exit::kFailure, "--yes replaces it");
  if (kind == FileKind::Folder && kind_of(out / "config.json") == FileKind::Nothing) {
    throw Error(fmt::format("{}: is a folder without config.json and is not replaced", out.string()), Exit::kFailure,
                "remove it yourself if that is meant");
  }
}

bool is_gguf_name(const fs::path& path) { return path.extension() == ".gguf"; }

DType type_for(const ConvertVerbOptions& options, bool to_gguf) {
  const DType type = options.type.empty() ? DType::BF16 : *dtype_named(options.type);
  const bool plain = type == DType::F32 || type == DType::F16 || type == DType::BF16;
  if (!to_gguf && !plain) {
    throw Error(fmt::format("--type {}: a hub folder holds f32, f16 or bf16", options.type), Exit::kUsage,
                "a quantised type needs an OUT that ends in .gguf");
  }
  return type;
}

// Every weight that config.json promises must be there, in its shape, and no other: what would not run is not written.
// A plan binds them all, by their headers.
void check_weights(LoadedModel& model) {
  EngineOptions smallest;
  smallest.context = 64;
  model.plan(smallest);
}

int convert(const ConvertVerbOptions& options) {
  const fs::path out =
      fs::path(options.out).has_filename() ? fs::path(options.out) : fs::path(options.out).parent_path();
  const bool to_gguf = is_gguf_name(out);
  ConvertOptions settings;
  settings.dtype = type_for(options, to_gguf);
  settings.replace = true;  // clear_the_way has asked
  const std::unique_ptr<WeightSource> source = open_source(options.in);
  keep_apart(*source, options.in, out);
  read_model_config(source->config(), source->path());
  if (!options.weights_only) {
    LoadedModel model(options.in, {.threads = 1});
    check_weights(model);
    add_tokenizer(settings, model, options.in, to_gguf);
  }
  clear_the_way(out, to_gguf, options.yes);
  if (to_gguf) settings.metadata.insert(settings.metadata.begin(), {"general.name", model_name(options.in)});

  ThreadPool pool(options.threads);
  settings.pool = &pool;
  Progress progress("converting", Progress::Unit::Bytes, 0);
  settings.progress = [&](uint64_t done, uint64_t total) {
    check_interrupt();
    progress.update(done, total);
  };
  convert_weights(*source, out, settings);
  progress.finish();
  if (verbosity() >= 0) say(fmt::format("r1: {} written in {}\n", out.string(), duration_text(progress.seconds())));
  return 0;
}

std::function<int()> declare_convert(Options& options) {
  auto settings = std::make_shared<ConvertVerbOptions>();
  options.positional(settings->in, "IN", "a folder in the hub's layout or a .gguf file");
  options.positional(settings->out, "OUT", "a name that ends in .gguf, or a folder for the hub's layout");
  options.group("Conversion");
  options.add("type", settings->type, "TYPE", "type of the weights; q4_k is the usual M mixture")
      .one_of(types())
      .otherwise("bf16");
  options.add("t,threads", settings->threads, "N", "threads; 0 takes every physical core").range(0, 4096);
  options.add_switch("y,yes", settings->yes, "replace OUT if it is there").command_line_only();
  options
      .add_switch("weights-only", settings->weights_only,
                  "without the tokenizer, and whether or not the weights are complete")
      .command_line_only();
  return [settings] { return convert(*settings); };
}

}  // namespace

Verb convert_verb() {
  return {"convert",
          "write a model in another format or type",
          "r1 convert IN OUT [--type TYPE] [options]",
          "Tokenizer and template come along. A GGUF file can have any of the types, a hub folder f32, f16 or bf16. "
          "OUT appears under its name only when it is complete.",
          {{"r1 convert model/ model-q4_k.gguf --type q4_k", "a quantised GGUF file from a hub folder"},
           {"r1 convert model.gguf model/ --type bf16", "a hub folder from a GGUF file"}},
          declare_convert};
}

}  // namespace r1
