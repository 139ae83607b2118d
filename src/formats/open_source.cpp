#include "formats/gguf_source.h"
#include "formats/hub_folder.h"
#include "formats/weight_source.h"

namespace r1 {

std::unique_ptr<WeightSource> open_source(const std::filesystem::path& model) {
  const FileKind kind = kind_of(model);
  if (kind == FileKind::Nothing) fail(Exit::kNotFound, "{}: there is no such file or folder", model.string());
  if (kind == FileKind::Folder) return std::make_unique<HubFolder>(model);
  if (model.extension() == ".safetensors") {
    throw Error(fmt::format("{}: is one file of a model", model.string()), Exit::kNotFound,
                "give the folder that holds it");
  }
  return std::make_unique<GgufSource>(model);
}

}  // namespace r1
