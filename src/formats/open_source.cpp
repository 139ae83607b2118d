#include "formats/gguf_source.h"
#include "formats/hub_folder.h"
#include "formats/weight_source.h"

namespace r1 {

std::unique_ptr<WeightSource> open_source(const std::filesystem::path& model) {
  std::error_code problem;
  if (!std::filesystem::exists(model, problem))
    fail(Exit::kNotFound, "{}: there is no such file or folder", model.string());
  if (std::filesystem::is_directory(model)) return std::make_unique<HubFolder>(model);
  if (model.extension() == ".safetensors") {
    throw Error(fmt::format("{}: is one file of a model", model.string()), Exit::kNotFound,
                "give the folder that holds it");
  }
  return std::make_unique<GgufSource>(model);
}

}  // namespace r1
