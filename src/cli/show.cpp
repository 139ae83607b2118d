// r1 show: a model's facts, the memory it will take, and what this machine offers it.
#include "base/memory.h"
#include "cli/cpu.h"
#include "cli/json_line.h"
#include "cli/model_facts.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/verb.h"

namespace r1 {
namespace {

struct ShowOptions {
  ModelOptions model;
  bool json = false;
};

OrderedJson plan_json(const MemoryPlan& plan, int64_t context) {
  return {{"context", context},          {"weights", plan.weights},
          {"cache", plan.cache},         {"activations", plan.activations},
          {"tokenizer", plan.tokenizer}, {"program", plan.program},
          {"total", plan.total()}};
}

EngineOptions one_sequence(int64_t context) {
  EngineOptions options;
  options.context = context;
  options.max_sequences = 1;
  return options;
}

// The context asked for, then some that people use, then the most.
std::vector<int64_t> contexts(const ShowOptions& options, const ModelConfig& config) {
  std::vector<int64_t> list;
  for (const int64_t usual : {int64_t{1024}, int64_t{4096}, int64_t{32768}}) {
    if (config.context == 0 || usual < config.context) list.push_back(usual);
  }
  if (config.context > 0) list.push_back(config.context);
  if (options.model.context) list.push_back(*options.model.context);
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

std::string billions(int64_t count) {
  if (count >= 1000000000) return fmt::format("{:.2f} B ({})", static_cast<double>(count) * 1e-9, count);
  return fmt::format("{:.2f} M ({})", static_cast<double>(count) * 1e-6, count);
}

std::string size_text(uint64_t bytes) { return bytes_text(static_cast<double>(bytes)); }

std::string attention_text(const ModelConfig& config) {
  if (config.is_mla())
    return fmt::format("MLA, {} heads, latent {} + {}", config.heads, config.mla.kv_lora, config.mla.rope);
  return fmt::format("{} heads, {} for keys and values, {} wide", config.heads, config.kv_heads, config.head_dim);
}

std::string experts_text(const ModelConfig& config) {
  return fmt::format("{} of {} per token, {} shared", config.router.chosen, config.router.experts,
                     config.shared_experts);
}

OrderedJson model_json(LoadedModel& model, const ShowOptions& options) {
  const ModelConfig& config = model.config();
  const ModelFacts facts = facts_of(model.source(), config);
  OrderedJson json = {{"model", model_name(options.model.model)},
                      {"architecture", std::string(name(config.architecture))},
                      {"license", model.source().license()},
                      {"parameters", config.parameters()},
                      {"active_parameters", config.active_parameters()},
                      {"stored_bytes", facts.bytes},
                      {"bytes_per_token", facts.bytes_per_token},
                      {"tensors", facts.tensors}};
  for (const auto& [type, share] : facts.types) {
    json["types"][type] = {{"tensors", share.tensors}, {"numbers", share.numbers}, {"bytes", share.bytes}};
  }
  json["layers"] = config.layers;
  json["hidden"] = config.hidden;
  json["vocabulary"] = config.vocabulary;
  json["context"] = config.context;
  json["attention"] = config.is_mla() ? "mla" : "gqa";
  json["heads"] = config.heads;
  json["kv_heads"] = config.kv_heads;
  json["experts"] = {
      {"count", config.router.experts}, {"chosen", config.router.chosen}, {"shared", config.shared_experts}};
  json["mtp_layers"] = config.mtp_layers;
  json["tokenizer"] = {{"family", model.tokenizer().family()}, {"tokens", model.tokenizer().size()}};
  json["chat_template"] = model.has_chat_template();
  json["reasoning"] = model.is_reasoning_model();
  const Sampling sampling = model.default_sampling();
  json["sampling"] =
      OrderedJson::parse(fmt::format(R"({{"temperature": {}, "top_p": {}, "top_k": {}, "min_p": {}}})",
                                     sampling.temperature, sampling.top_p, sampling.top_k, sampling.min_p));
  json["exact"] = options.model.exact;
  for (const int64_t context : contexts(options, config))
    json["memory"].push_back(plan_json(model.plan(one_sequence(context)), context));
  const Cpu cpu = this_cpu();
  json["machine"] = {{"cpu", cpu.name},
                     {"features", cpu.features},
                     {"backend", model.backend().name()},
                     {"kernels", model.backend().kernel_set()},
                     {"threads", model.backend().threads()},
                     {"available_memory", available_memory()}};
  return json;
}

class Table {
 public:
  void row(const std::string& label, const std::string& value) { text_ += fmt::format("  {:<18}{}\n", label, value); }
  void heading(const std::string& text) { text_ += (text_.empty() ? "" : "\n") + text + "\n"; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void add_model(Table& table, LoadedModel& model, const ShowOptions& options) {
  const ModelConfig& config = model.config();
  const ModelFacts facts = facts_of(model.source(), config);
  table.heading(model_name(options.model.model));
  table.row("architecture", std::string(name(config.architecture)));
  table.row("licence", model.source().license().empty() ? "not stated in the files" : model.source().license());
  table.row("parameters", billions(config.parameters()));
  if (config.router.experts > 0) {
    table.row("active", billions(config.active_parameters()) + " per token");
    table.row("experts", experts_text(config));
  }
  table.row("layers",
            fmt::format("{}, hidden size {}", config.layers, config.hidden) +
                (config.mtp_layers > 0 ? fmt::format(", {} for multi-token prediction", config.mtp_layers) : ""));
  table.row("attention", attention_text(config));
  table.row("context", config.context > 0 ? fmt::format("{} tokens", config.context) : "not stated");
  table.row("read per token", fmt::format("{} of weights", size_text(static_cast<uint64_t>(facts.bytes_per_token))));
  table.row("stored", fmt::format("{} in {}", size_text(static_cast<uint64_t>(facts.bytes)),
                                  count_text(facts.tensors, "tensor")));
  for (const auto& [type, share] : facts.types) {
    table.row(
        "  " + type,
        fmt::format("{:5.1f} %  {}, {}",
                    100.0 * static_cast<double>(share.bytes) / static_cast<double>(std::max<int64_t>(1, facts.bytes)),
                    count_text(share.tensors, "tensor"), size_text(static_cast<uint64_t>(share.bytes))));
  }
  table.row("tokenizer", fmt::format("{}, {} tokens of {} rows", model.tokenizer().family(), model.tokenizer().size(),
                                     config.vocabulary));
  table.row("chat template", model.has_chat_template() ? "yes" : "no");
  table.row("thinks", model.is_reasoning_model() ? "yes" : "no");
  const Sampling sampling = model.default_sampling();
  table.row("sampling", fmt::format("temperature {}, top-p {}, top-k {}, min-p {}", sampling.temperature,
                                    sampling.top_p, sampling.top_k, sampling.min_p));
}

void add_memory(Table& table, LoadedModel& model, const ShowOptions& options) {
  table.heading(
      fmt::format("Memory for one sequence{}", options.model.exact ? ", --exact (float32 cache, MLA expanded)" : ""));
  const auto line = [&](const std::string& context, const std::string& weights, const std::string& cache,
                        const std::string& rest, const std::string& total) {
    table.row(context, fmt::format("{:>12}{:>12}{:>12}{:>12}", weights, cache, rest, total));
  };
  line("context", "weights", "cache", "the rest", "total");
  for (const int64_t context : contexts(options, model.config())) {
    const MemoryPlan plan = model.plan(one_sequence(context));
    line(std::to_string(context), size_text(plan.weights), size_text(plan.cache),
         size_text(plan.activations + plan.tokenizer + plan.program), size_text(plan.total()));
  }
}

void add_machine(Table& table, LoadedModel& model) {
  const Cpu cpu = this_cpu();
  table.heading("This machine");
  table.row("processor", cpu.name);
  table.row("features", cpu.features);
  table.row("kernels", fmt::format("{} (backend {}; R1_ISA forces another set)", model.backend().kernel_set(),
                                   model.backend().name()));
  table.row("threads", std::to_string(model.backend().threads()));
  table.row("free memory", size_text(available_memory()));
}

int show(const ShowOptions& options) {
  LoadedModel model = options.model.open();
  if (options.json) {
    standard_output().write(model_json(model, options).dump(2, ' ', false, OrderedJson::error_handler_t::replace) +
                            "\n");
    return 0;
  }
  Table table;
  add_model(table, model, options);
  add_memory(table, model, options);
  add_machine(table, model);
  standard_output().write(table.text());
  return 0;
}

std::function<int()> declare_show(Options& options) {
  auto settings = std::make_shared<ShowOptions>();
  settings->model.declare_model(options);
  settings->model.declare_compute(options);
  options.find("context")->otherwise("a table of usual ones").help = "tell the memory for a context of N tokens, too";
  options.find("exact")->help = "tell the memory of --exact runs";
  options.group("Output");
  options.add_switch("json", settings->json, "a JSON object").command_line_only();
  return [settings] { return show(*settings); };
}

}  // namespace

Verb show_verb() {
  return {"show",
          "a model's facts and the memory that it will take",
          "r1 show MODEL [options]",
          "Nothing is loaded: headers and tokenizer are read.",
          {{"r1 show model.gguf", "facts, memory plan, and what this machine offers"},
           {"r1 show model/ --context 16384 --exact --json", "the same for scripts, with the plan of an exact run"}},
          declare_show};
}

}  // namespace r1
