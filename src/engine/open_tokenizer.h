// A model's tokenizer, out of a hub folder or a .gguf file.
#pragma once

#include <filesystem>

#include "formats/weight_source.h"
#include "text/tokenizer.h"

namespace r1 {

// A tokenizer alone: reads tokenizer metadata only, so vocabulary-only files and unknown architectures will do. Throws
// Error(kNotFound or kBadModel).
Tokenizer open_tokenizer(const std::filesystem::path& model);

// That of a model whose source is open: a .gguf file is not read twice.
Tokenizer open_tokenizer(const std::filesystem::path& model, const WeightSource& source);

}  // namespace r1
