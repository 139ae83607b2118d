// Ids of tokens in config.json and generation_config.json.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace r1 {

// Appends those of a key such as "eos_token_id", which holds one or a list of them; nothing where it is absent. What
// cannot be an id is passed over.
void append_token_ids(const Json& config, std::string_view key, std::vector<int32_t>& ids);

}  // namespace r1
