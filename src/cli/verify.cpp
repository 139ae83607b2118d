// r1 verify: is this model whole and sane? Every header, every byte, every shape, tokenizer and template.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/file.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "cli/checksum.h"
#include "cli/interrupt.h"
#include "cli/json_line.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "cli/verb.h"
#include "tensor/quant.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

struct VerifyOptions {
  ModelOptions model;
  bool json = false, quick = false;
};

// What was found, check by check.
class Findings {
 public:
  explicit Findings(bool json) : json_(json) {}

  void good(const std::string& check, const std::string& detail) { add(check, "ok", detail, Exit::kOk); }
  void skipped(const std::string& check, const std::string& why) { add(check, "skipped", why, Exit::kOk); }
  void bad(const std::string& check, const std::string& detail, Exit exit) { add(check, "bad", detail, exit); }

  // Runs a check that tells what it found good, or throws.
  template <typename Check>
  bool run(const std::string& name, const Check& check) {
    try {
      good(name, check());
      return true;
    } catch (const Error& error) {
      bad(name, error.what(), error.exit());
      return false;
    }
  }

  int finish(const std::string& model) {
    if (json_) {
      standard_output().write(compact({{"model", model}, {"ok", exit_ == Exit::kOk}, {"checks", list_}}) + "\n");
    } else if (exit_ == Exit::kOk) {
      standard_output().write(fmt::format("{}: {}\n", model, styled(STDOUT_FILENO, Style::Green, "good")));
    } else {
      standard_output().write(fmt::format("{}: {}, {} of {} checks failed\n", model,
                                          styled(STDOUT_FILENO, Style::Red, "bad"), failed_, list_.size()));
    }
    return static_cast<int>(exit_);
  }

 private:
  void add(const std::string& check, const std::string& verdict, const std::string& detail, Exit exit) {
    list_.push_back({{"check", check}, {"verdict", verdict}, {"detail", detail}});
    if (exit != Exit::kOk) {
      ++failed_;
      if (exit_ == Exit::kOk) exit_ = exit;
    }
    if (json_) return;
    const Style style = verdict == "ok" ? Style::Green : verdict == "bad" ? Style::Red : Style::Yellow;
    standard_output().write(fmt::format("{} {:<12}{}\n", styled(STDOUT_FILENO, style, fmt::format("{:<8}", verdict)),
                                        check, printable(detail)));
    standard_output().flush();
  }

  bool json_;
  OrderedJson list_ = OrderedJson::array();
  int failed_ = 0;
  Exit exit_ = Exit::kOk;
};

// ---- files ----

std::vector<fs::path> files_of(const WeightSource& source, const std::string& model) {
  std::set<fs::path> files;
  const fs::path path = model;
  const bool is_folder = kind_of(path) == FileKind::Folder;
  const fs::path folder = is_folder ? path : path.parent_path();
  if (is_folder) {
    for (const auto& entry : fs::directory_iterator(path)) {
      const std::string extension = entry.path().extension();
      if (entry.is_regular_file() &&
          (extension == ".json" || extension == ".safetensors" || extension == ".jinja" || extension == ".gguf"))
        files.insert(entry.path());
    }
  } else {
    files.insert(path);
  }
  for (const std::string& name : source.names()) {  // the other parts of a split file
    const fs::path file = source.find(name)->file;
    const bool there = kind_of(file) != FileKind::Nothing;
    if (there) files.insert(file.lexically_normal());
    if (!there && kind_of(folder / file.filename()) != FileKind::Nothing) files.insert(folder / file.filename());
  }
  std::set<fs::path> seen;  // "./a" and "a" are one file
  std::vector<fs::path> list;
  for (const fs::path& file : files) {
    if (seen.insert(fs::weakly_canonical(file)).second) list.push_back(file);
  }
  return list;
}

void check_files(Findings& findings, const WeightSource& source, const std::string& model) {
  const std::vector<fs::path> files = files_of(source, model);
  uint64_t total = 0, done = 0;
  for (const fs::path& file : files) total += fs::file_size(file);
  Progress progress("hashing", Progress::Unit::Bytes, total);
  std::vector<std::string> sums;
  for (const fs::path& file : files) {
    sums.push_back(sha256_of(file, [&](uint64_t bytes) {
      check_interrupt();
      progress.update(done += bytes);
    }));
  }
  progress.finish();
  for (size_t i = 0; i < files.size(); ++i) {
    const fs::path folder = files[i].parent_path().empty() ? "." : files[i].parent_path();
    const std::string name = files[i].filename().string();
    const auto expected = expected_checksums(folder);
    const auto known = expected.find(name);
    if (known == expected.end()) {
      findings.good("sha256", fmt::format("{}  {}", sums[i], name));
    } else if (std::count(known->second.sha256.begin(), known->second.sha256.end(), sums[i]) > 0) {
      findings.good("sha256", fmt::format("{}  {}, as {} says", sums[i], name, known->second.source));
    } else {
      findings.bad("sha256",
                   fmt::format("{}: found {}, {} says {}", name, sums[i], known->second.source,
                               fmt::join(known->second.sha256, " or ")),
                   Exit::kChecksum);
    }
  }
}

// ---- values ----

// Numbers of the tensor that are not finite.
int64_t count_not_finite(ThreadPool& pool, const Tensor& values) {
  const int64_t rows = values.rows(), cols = values.cols();
  std::vector<int64_t> counts(static_cast<size_t>(pool.threads()), 0);
  pool.run([&](int thread) {
    std::vector<float> decoded(static_cast<size_t>(cols));
    for (int64_t row = rows * thread / pool.threads(); row < rows * (thread + 1) / pool.threads(); ++row) {
      decode(values.dtype(), values.row(row), decoded.data(), cols);
      for (const float value : decoded) counts[static_cast<size_t>(thread)] += !std::isfinite(value);
    }
  });
  int64_t total = 0;
  for (const int64_t count : counts) total += count;
  return total;
}

std::string check_values(const WeightSource& source, int threads) {
  ThreadPool pool(threads);
  uint64_t total = 0, done = 0;
  const std::vector<std::string> names = source.names();
  for (const std::string& name : names) total += static_cast<uint64_t>(source.find(name)->values.bytes());
  Progress progress("reading", Progress::Unit::Bytes, total);
  std::vector<std::string> sick;
  for (const std::string& name : names) {
    check_interrupt();
    const StoredTensor stored = *source.find(name);
    if (stored.values.dtype() != DType::I32) {
      const int64_t count = count_not_finite(pool, stored.values);
      if (count > 0) sick.push_back(fmt::format("{} ({} of {})", stored.name, count, stored.values.elements()));
    }
    source.forget(stored.values);
    progress.update(done += static_cast<uint64_t>(stored.values.bytes()));
  }
  progress.finish();
  if (sick.empty())
    return fmt::format("{}, {}: every number is finite", count_text(static_cast<int64_t>(names.size()), "tensor"),
                       bytes_text(static_cast<double>(total)));
  const size_t count = sick.size();
  if (count > 5) sick.resize(5);
  fail(Exit::kBadModel, "infinities or NaN in {}: {}{}", count_text(static_cast<int64_t>(count), "tensor"),
       fmt::join(sick, ", "), count > 5 ? ", …" : "");
}

// ---- the rest ----

std::string check_binding(LoadedModel& model) {
  model.decoder();
  return fmt::format("every weight of {} is there, in the shape that config.json says",
                     name(model.config().architecture));
}

std::string check_tokenizer(const Tokenizer& tokenizer, const ModelConfig& config) {
  static const std::vector<std::string> kTexts = {
      "Hello, world!", "  two spaces\n\ttab", "1234567890 3.14", "naïve café", "深度求索",
      "αβγ ∑∫",        "🙂👍🏽",        "\\boxed{42}"};
  size_t changed = 0;
  for (const std::string& text : kTexts) {
    const std::vector<int32_t> ids = tokenizer.encode(text);
    if (ids.empty()) fail(Exit::kBadModel, "'{}' becomes no token at all", text);
    for (const int32_t id : ids) {
      if (id < 0 || id >= config.vocabulary)
        fail(Exit::kBadModel, "'{}' gives token {}, the model has {} rows", text, id, config.vocabulary);
    }
    changed += tokenizer.decode(ids) != text;
  }
  // A vocabulary may lack some byte symbols; one that loses plain English text is broken.
  if (tokenizer.decode(tokenizer.encode(kTexts[0])) != kTexts[0])
    fail(Exit::kBadModel, "'{}' does not come back from its tokens", kTexts[0]);
  return fmt::format("{}, {} tokens; {} of {} texts come back unchanged", tokenizer.family(), tokenizer.size(),
                     kTexts.size() - changed, kTexts.size());
}

std::string check_template(const LoadedModel& model) {
  TemplateInput input;
  input.messages = {{"user", "Hello", "", nullptr}, {"assistant", "Hi.", "", nullptr}, {"user", "Thanks", "", nullptr}};
  input.bos_token = model.tokenizer().bos_text();
  input.eos_token = model.tokenizer().eos_text();
  const std::string text = model.render_chat(input);
  for (const char* part : {"Hello", "Hi.", "Thanks"}) {
    if (text.find(part) == std::string::npos) fail(Exit::kBadModel, "the template loses the message '{}'", part);
  }
  return fmt::format("renders; a conversation of three messages takes {} tokens", model.encode_chat(input).size());
}

int verify(const VerifyOptions& options) {
  Findings findings(options.json);
  std::unique_ptr<WeightSource> source;
  const std::string name = model_name(options.model.model);
  try {
    source = open_source(options.model.model);
  } catch (const Error& error) {
    if (error.exit() == Exit::kNotFound) throw;
    findings.bad("headers", error.what(), error.exit());
    return findings.finish(name);
  }
  findings.good("headers", count_text(static_cast<int64_t>(source->names().size()), "tensor"));
  std::unique_ptr<LoadedModel> model;
  findings.run("config", [&] {
    model = std::make_unique<LoadedModel>(options.model.model, options.model.load_options());
    return fmt::format("{}, {} layers, {} parameters", r1::name(model->config().architecture), model->config().layers,
                       model->config().parameters());
  });
  if (model != nullptr) {
    findings.run("tokenizer", [&] { return check_tokenizer(model->tokenizer(), model->config()); });
    if (model->has_chat_template()) {
      findings.run("template", [&] { return check_template(*model); });
    } else {
      findings.skipped("template", "the model has none");
    }
  }
  if (options.quick) return findings.finish(name);
  check_files(findings, *source, options.model.model);
  findings.run("values", [&] { return check_values(*source, options.model.threads); });
  if (model != nullptr) {
    EngineOptions smallest;
    smallest.context = 64;
    const size_t wanted = model->plan(smallest).weights;
    if (const uint64_t available = available_memory(); available > 0 && wanted > available) {
      findings.skipped("shapes", fmt::format("loading takes {}, {} are free", bytes_text(static_cast<double>(wanted)),
                                             bytes_text(static_cast<double>(available))));
    } else {
      findings.run("shapes", [&] { return check_binding(*model); });
    }
  }
  return findings.finish(name);
}

std::function<int()> declare_verify(Options& options) {
  auto settings = std::make_shared<VerifyOptions>();
  settings->model.declare_model(options);
  options.group("Checks");
  options.add_switch("quick", settings->quick, "headers, config, tokenizer and template only; do not read the weights");
  options.add("t,threads", settings->model.threads, "N", "threads; 0 takes every physical core").range(0, 4096);
  options.group("Output");
  options.add_switch("json", settings->json, "a JSON object").command_line_only();
  return [settings] { return verify(*settings); };
}

}  // namespace

Verb verify_verb() {
  return {"verify",
          "check that a model is whole and sane",
          "r1 verify MODEL [options]",
          "Checks headers, config.json, tokenizer and template; tells every file's SHA-256 and compares it with "
          "SHA256SUMS, README.md or the hub cache's name where there "
          "is one; reads every number; binds every tensor to its place. Leaves with 4 if the model is bad, with 7 if "
          "only a checksum differs.",
          {{"r1 verify model.gguf", "everything"},
           {"r1 verify model/ --quick --json", "without reading the weights, for scripts"}},
          declare_verify};
}

}  // namespace r1
