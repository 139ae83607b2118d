#include <algorithm>
#include <map>
#include <set>

#include "base/log.h"
#include "formats/convert.h"
#include "formats/gguf_hyperparameters.h"
#include "formats/gguf_names.h"
#include "formats/quant_mixture.h"
#include "formats/rope_divisors.h"
#include "formats/tensor_stream.h"
#include "formats/token_ids.h"

namespace r1 {
namespace {

// Sorts a source's tensors into the streams of a GGUF file.
class GgufPlanner {
 public:
  GgufPlanner(const WeightSource& source, const ConvertOptions& options)
      : source_(source),
        options_(options),
        names_(source.names()),
        model_(hyperparameters_of(source.config(), count_mtp_layers(), source.path())) {
    sort_by_layer(&names_);
  }

  const Hyperparameters& model() const { return model_; }

  std::vector<TensorStream> plan() {
    const auto pairing = source_.config().find("r1_rope_pairing");
    const bool interleaved = pairing != source_.config().end() && *pairing == "interleaved";
    if (model_.architecture == "llama" && !interleaved) order_ = RowOrder::HalvesToInterleaved;
    if (model_.rope_scaling.is_object() && model_.rope_scaling.at("rope_type") == "llama3") add_rope_divisors();
    for (const std::string& name : names_) add(name);
    for (auto& [name, experts] : stacks_) add_stack(name, experts);
    for (TensorStream& stream : streams_) choose_type(&stream);
    sort_streams();
    return std::move(streams_);
  }

 private:
  // Layers stored behind the last one; a config may promise some that are not there.
  int64_t count_mtp_layers() const {
    const auto layers = source_.config().find("num_hidden_layers");
    if (layers == source_.config().end() || !layers->is_number_integer() || !source_.config().contains("kv_lora_rank"))
      return 0;
    const int64_t main = layers->get<int64_t>();
    if (main < 0 || main > INT32_MAX) return 0;  // refused when the hyperparameters are read
    int64_t count = main;
    for (const std::string& name : names_) {
      if (const auto in_layer = split_layer(name, kHubLayer)) count = std::max(count, in_layer->layer + 1);
    }
    return count - main;
  }

  void add_rope_divisors() {
    const Json& json = model_.rope_scaling;
    Llama3Scaling scaling;
    for (const auto& [field, value] :
         {std::pair{"factor", &scaling.factor}, std::pair{"low_freq_factor", &scaling.low_freq_factor},
          std::pair{"high_freq_factor", &scaling.high_freq_factor},
          std::pair{"original_max_position_embeddings", &scaling.original_context}}) {
      const auto found = json.find(field);
      if (found == json.end() || !found->is_number()) {
        fail(Exit::kBadModel, "{}: config.json 'rope_scaling': '{}' is missing or no number", source_.path(), field);
      }
      *value = found->get<double>();
    }
    streams_.push_back(
        constant("rope_freqs.weight", llama3_divisors(scaling, model_.rope_theta, static_cast<int>(model_.head_dim))));
  }

  void add(const std::string& name) {
    if (name.ends_with("rotary_emb.inv_freq") || (model_.tied && name == "lm_head.weight")) return;
    if (is_scale(source_, name)) return;  // read with its weight
    if (name == "rope_freqs.weight") return streams_.push_back(renamed(name, WeightRows(source_, name)));
    const auto in_layer = split_layer(name, kHubLayer);
    if (in_layer && in_layer->layer >= model_.layers && !model_.mla) {
      fail(Exit::kBadModel, "{}: tensor '{}' is of a layer beyond num_hidden_layers {}", source_.path(), name,
           model_.layers);
    }
    if (in_layer && in_layer->rest == "self_attn.kv_b_proj.weight") return add_kv_b(name, in_layer->layer);
    const auto place = gguf_place(name);
    if (!place)
      fail(Exit::kBadModel, "{}: tensor '{}' has no place in a GGUF file of architecture '{}'", source_.path(), name,
           model_.architecture);
    if (place->expert >= 0) {
      stacks_[place->name].emplace(place->expert, name);
      return;
    }
    const bool rotated = in_layer && (in_layer->rest.starts_with("self_attn.q_proj.") ||
                                      in_layer->rest.starts_with("self_attn.k_proj."));
    streams_.push_back(renamed(place->name, WeightRows(source_, name), rotated ? order_ : RowOrder::Same,
                               rotated ? model_.head_dim : 1));
  }

  void add_kv_b(const std::string& name, int64_t layer) {
    if (!model_.mla)
      fail(Exit::kBadModel, "{}: tensor '{}' does not belong to architecture '{}'", source_.path(), name,
           model_.architecture);
    const KvBShape shape = {model_.heads, model_.nope, model_.value, model_.kv_lora};
    streams_.push_back(k_b_of(fmt::format("blk.{}.attn_k_b.weight", layer), WeightRows(source_, name), shape));
    streams_.push_back(v_b_of(fmt::format("blk.{}.attn_v_b.weight", layer), WeightRows(source_, name), shape));
  }

  void add_stack(const std::string& name, const std::map<int64_t, std::string>& experts) {
    std::vector<WeightRows> rows;
    for (const auto& [number, hub_name] : experts) {
      if (number != static_cast<int64_t>(rows.size())) break;
      rows.emplace_back(source_, hub_name);
    }
    if (static_cast<int64_t>(rows.size()) != model_.experts || rows.size() != experts.size()) {
      fail(Exit::kBadModel, "{}: '{}' needs experts 0 to {}, and {} of them are there", source_.path(), name,
           model_.experts - 1, experts.size());
    }
    streams_.push_back(stacked(name, std::move(rows)));
  }

  void choose_type(TensorStream* stream) const {
    TensorRole role;
    role.name = stream->name;
    role.rank = static_cast<int>(stream->shape.size());
    role.columns = stream->cols();
    role.layers = model_.layers;
    if (const auto in_layer = split_layer(stream->name, kGgufLayer)) role.layer = in_layer->layer;
    role.head = stream->name == (model_.tied ? "token_embd.weight" : "output.weight");
    stream->dtype = type_in_mixture(options_.dtype, role);
  }

  // Embedding and divisors first, then layers by number, then what makes logits: the order in which a reader needs
  // them.
  void sort_streams() {
    const auto rank = [](const TensorStream& stream) {
      const auto in_layer = split_layer(stream.name, kGgufLayer);
      if (in_layer) return in_layer->layer;
      return stream.name.starts_with("output") ? INT64_MAX : int64_t{-1};
    };
    std::stable_sort(streams_.begin(), streams_.end(), [&](const TensorStream& a, const TensorStream& b) {
      return rank(a) != rank(b) ? rank(a) < rank(b) : a.name < b.name;
    });
  }

  const WeightSource& source_;
  const ConvertOptions& options_;
  std::vector<std::string> names_;
  Hyperparameters model_;
  RowOrder order_ = RowOrder::Same;
  std::vector<TensorStream> streams_;
  std::map<std::string, std::map<int64_t, std::string>> stacks_;  // GGUF name -> expert -> hub name
};

// Sampling that the source recommends.
void add_sampling(const Json& generation, GgufPairs* pairs) {
  for (const auto& [hub, gguf] :
       {std::pair{"temperature", "general.sampling.temp"}, std::pair{"top_p", "general.sampling.top_p"},
        std::pair{"min_p", "general.sampling.min_p"}}) {
    const auto found = generation.find(hub);
    if (found != generation.end() && found->is_number()) pairs->emplace_back(gguf, found->get<float>());
  }
  const auto top_k = generation.find("top_k");
  if (top_k != generation.end() && top_k->is_number_integer())
    pairs->emplace_back("general.sampling.top_k", top_k->get<int32_t>());
}

// The stop tokens of config.json and generation_config.json, in the keys that the caller (who has the tokenizer) left
// free.
void add_stop_ids(const WeightSource& source, const GgufPairs& given, GgufPairs* pairs) {
  std::vector<int32_t> ids;
  append_token_ids(source.config(), "eos_token_id", ids);
  append_token_ids(source.generation_config(), "eos_token_id", ids);
  std::vector<std::string_view> free;
  std::set<uint32_t> said;
  for (const char* key : kStopKeys) {
    const auto found = std::find_if(given.begin(), given.end(), [&](const auto& pair) { return pair.first == key; });
    if (found == given.end()) {
      free.push_back(key);
    } else if (const auto* id = std::get_if<uint32_t>(&found->second)) {
      said.insert(*id);
    }
  }
  size_t used = 0;
  for (const int32_t stop : ids) {
    const auto id = static_cast<uint32_t>(stop);
    if (!said.insert(id).second) continue;
    if (used == free.size()) {
      spdlog::warn("{}: a GGUF file names three tokens that end an answer; token {} will not end one", source.path(),
                   id);
      continue;
    }
    pairs->emplace_back(free[used++], id);
  }
}

GgufPairs all_pairs(const WeightSource& source, const Hyperparameters& model, const ConvertOptions& options) {
  GgufPairs own = {{"general.architecture", model.architecture}, {"general.type", std::string("model")}};
  if (const std::string license = source.license(); !license.empty()) own.emplace_back("general.license", license);
  add_sampling(source.generation_config(), &own);
  own.insert(own.end(), model.pairs.begin(), model.pairs.end());
  own.emplace_back("general.file_type", gguf_file_type(options.dtype));
  own.emplace_back("general.quantization_version", uint32_t{2});
  std::vector<int32_t> bos;
  append_token_ids(source.config(), "bos_token_id", bos);
  if (!bos.empty()) own.emplace_back("tokenizer.ggml.bos_token_id", static_cast<uint32_t>(bos.front()));
  add_stop_ids(source, options.metadata, &own);
  std::set<std::string_view> given;
  for (const auto& [key, value] : options.metadata) R1_CHECK(given.insert(key).second, "{} twice", key);
  std::erase_if(own, [&](const auto& pair) { return given.contains(pair.first); });
  own.insert(own.end(), options.metadata.begin(), options.metadata.end());
  return own;
}

}  // namespace

void convert_to_gguf(const WeightSource& source, const std::filesystem::path& out, const ConvertOptions& options) {
  if (!is_gguf_target(options.dtype)) {
    fail(Exit::kUsage, "a GGUF file cannot be asked for in {}; f32, f16, bf16, q8_0, q4_0, q6_k and q4_k can",
         name(options.dtype));
  }
  GgufPlanner planner(source, options);
  const std::vector<TensorStream> streams = planner.plan();
  std::vector<GgufTensorPlan> tensors;
  uint64_t total = 0;
  for (const TensorStream& stream : streams) {
    tensors.push_back({stream.name, stream.dtype, stream.shape});
    total += stream.bytes();
  }
  GgufWriter writer(out, all_pairs(source, planner.model(), options), tensors);
  StreamEncoder encoder(source, options, total);
  for (const TensorStream& stream : streams) {
    encoder.run(stream, [&](std::span<const std::byte> bytes) { writer.write(bytes); });
  }
  writer.commit();
}

void convert_weights(const WeightSource& source, const std::filesystem::path& out, const ConvertOptions& options) {
  out.extension() == ".gguf" ? convert_to_gguf(source, out, options) : convert_to_hub(source, out, options);
}

}  // namespace r1
