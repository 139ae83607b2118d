#include "formats/convert.h"
#include "formats/gguf_hyperparameters.h"
#include "formats/gguf_names.h"
#include "formats/rope_divisors.h"
#include "formats/safetensors_writer.h"
#include "formats/tensor_stream.h"

namespace r1 {
namespace {

bool truth(const Json& config, const char* key) {
  const auto found = config.find(key);
  return found != config.end() && found->is_boolean() && found->get<bool>();
}

std::vector<float> numbers_of(const WeightSource& source, std::string_view name) {
  const WeightRows weight(source, name);
  std::vector<float> numbers(static_cast<size_t>(weight.cols()));
  weight.read(0, numbers.data());
  return numbers;
}

// The source's config without what only r1 reads, and with what the weights say in another way here.
Json hub_config(const WeightSource& source, DType dtype) {
  Json config = source.config();
  const bool divisors = truth(config, "r1_rope_divisors");
  const Json inner = config.value("r1_inner_norm_eps", Json(nullptr));
  for (const char* key : {"r1_rope_pairing", "r1_inner_norm_eps", "r1_kv_b_split", "r1_mscale_softmax",
                          "r1_rope_divisors", "quantization_config"}) {
    config.erase(key);
  }
  // The hub's code knows 1e-6 alone; r1 reads the other from its own key, which the hub ignores.
  if (inner.is_number() && inner.get<float>() != 1e-6f) config["r1_inner_norm_eps"] = inner;
  config[config.contains("dtype") ? "dtype" : "torch_dtype"] = dtype == DType::F32   ? "float32"
                                                               : dtype == DType::F16 ? "float16"
                                                                                     : "bfloat16";
  if (divisors) {
    const double theta = config.value("rope_theta", 10000.0);
    const auto scaling = llama3_scaling_of(numbers_of(source, "rope_freqs.weight"), theta);
    if (!scaling) {
      fail(Exit::kBadModel,
           "{}: the rope divisors of 'rope_freqs.weight' are not those of a llama3 scaling with low factor 1 and high "
           "factor 4, and the hub's config.json has no other words for them",
           source.path());
    }
    config["rope_scaling"] = {{"rope_type", "llama3"},
                              {"factor", scaling->factor},
                              {"low_freq_factor", scaling->low_freq_factor},
                              {"high_freq_factor", scaling->high_freq_factor},
                              {"original_max_position_embeddings", static_cast<int64_t>(scaling->original_context)}};
  }
  return config;
}

class HubPlanner {
 public:
  HubPlanner(const WeightSource& source, DType dtype) : source_(source), dtype_(dtype) {}

  std::vector<TensorStream> plan() {
    const Json& config = source_.config();
    if (config.value("model_type", "") == "llama" && config.value("r1_rope_pairing", "half") == "interleaved") {
      order_ = RowOrder::InterleavedToHalves;
      head_dim_ = config.at("head_dim");
    }
    auto names = source_.names();
    sort_by_layer(&names);
    for (const std::string& name : names) add(name);
    return std::move(streams_);
  }

 private:
  void add(const std::string& name) {
    if (name == "rope_freqs.weight") return;  // went into the config
    if (is_scale(source_, name)) return;      // read with its weight
    const auto in_layer = split_layer(name, kHubLayer);
    if (!in_layer && !gguf_place(name)) fail(Exit::kBadModel, "{}: tensor '{}' is unknown", source_.path(), name);
    const std::string_view rest = in_layer ? in_layer->rest : "";
    if (rest == "self_attn.v_b_proj.weight") return;  // comes with k_b
    if (rest == "self_attn.k_b_proj.weight") return add_kv_b(in_layer->layer);
    const bool rotated = rest.starts_with("self_attn.q_proj.") || rest.starts_with("self_attn.k_proj.");
    push(renamed(name, WeightRows(source_, name), rotated ? order_ : RowOrder::Same, head_dim_));
  }

  void add_kv_b(int64_t layer) {
    const Json& config = source_.config();
    const KvBShape shape = {config.at("num_attention_heads"), config.at("qk_nope_head_dim"), config.at("v_head_dim"),
                            config.at("kv_lora_rank")};
    const std::string prefix = fmt::format("{}{}.self_attn.", kHubLayer, layer);
    push(joined_kv_b(prefix + "kv_b_proj.weight", WeightRows(source_, prefix + "k_b_proj.weight"),
                     WeightRows(source_, prefix + "v_b_proj.weight"), shape));
  }

  void push(TensorStream stream) {
    // Its spread is small against its offset: rounded, it would route otherwise (model.md 8.5).
    stream.dtype = stream.name.ends_with("e_score_correction_bias") ? DType::F32 : dtype_;
    streams_.push_back(std::move(stream));
  }

  const WeightSource& source_;
  const DType dtype_;
  RowOrder order_ = RowOrder::Same;
  int64_t head_dim_ = 1;
  std::vector<TensorStream> streams_;
};

// Cuts the streams, in order, into shards of at most `most` bytes; a larger tensor is alone.
std::vector<std::vector<const TensorStream*>> cut_into_shards(const std::vector<TensorStream>& streams, uint64_t most) {
  std::vector<std::vector<const TensorStream*>> shards(1);
  uint64_t size = 0;
  for (const TensorStream& stream : streams) {
    if (size > 0 && size + stream.bytes() > most) {
      shards.emplace_back();
      size = 0;
    }
    shards.back().push_back(&stream);
    size += stream.bytes();
  }
  return shards;
}

void write_shard(const std::filesystem::path& path, const std::vector<const TensorStream*>& shard,
                 StreamEncoder* encoder) {
  std::vector<SafetensorsPlan> tensors;
  std::map<std::string_view, const TensorStream*> by_name;
  for (const TensorStream* stream : shard) {
    tensors.push_back({stream->name, stream->dtype, stream->shape});
    by_name[stream->name] = stream;
  }
  sort_for_file(&tensors);
  SafetensorsWriter writer(path, tensors);
  for (const SafetensorsPlan& tensor : tensors) {
    encoder->run(*by_name[tensor.name], [&](std::span<const std::byte> bytes) { writer.write(bytes); });
  }
  writer.commit();
}

void write_weights(const WeightSource& source, const std::filesystem::path& folder, const ConvertOptions& options) {
  const std::vector<TensorStream> streams = HubPlanner(source, options.dtype).plan();
  uint64_t total = 0;
  for (const TensorStream& stream : streams) total += stream.bytes();
  StreamEncoder encoder(source, options, total);
  const auto shards = cut_into_shards(streams, options.shard_bytes);
  if (shards.size() == 1) return write_shard(folder / "model.safetensors", shards[0], &encoder);
  OrderedJson::object_t map;  // as a list: the object itself would look for each name among all others
  for (size_t i = 0; i < shards.size(); ++i) {
    const std::string file = fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
    write_shard(folder / file, shards[i], &encoder);
    for (const TensorStream* stream : shards[i]) map.emplace_back(stream->name, file);
  }
  const OrderedJson index = {{"metadata", {{"total_size", total}}}, {"weight_map", OrderedJson(std::move(map))}};
  write_file(folder / "model.safetensors.index.json", index.dump(1) + "\n");
}

}  // namespace

void convert_to_hub(const WeightSource& source, const std::filesystem::path& out, const ConvertOptions& options) {
  if (options.dtype != DType::F32 && options.dtype != DType::F16 && options.dtype != DType::BF16) {
    fail(Exit::kUsage, "a hub folder cannot be asked for in {}; f32, f16 and bf16 can", name(options.dtype));
  }
  try {
    const Json config = hub_config(source, options.dtype);
    AtomicFolder folder(out, options.replace);
    write_weights(source, folder.temporary(), options);
    write_file(folder.temporary() / "config.json", config.dump(2) + "\n");
    if (!source.generation_config().empty())
      write_file(folder.temporary() / "generation_config.json", source.generation_config().dump(2) + "\n");
    for (const auto& [name, content] : options.files) write_file(folder.temporary() / name, content);
    folder.commit();
  } catch (const Json::exception& error) {  // a field of another kind than config.json has it
    fail(Exit::kBadModel, "{}: config.json: {}", source.path(), error.what());
  }
}

}  // namespace r1
