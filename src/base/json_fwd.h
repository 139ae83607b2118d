// The name Json for headers that only pass one on: who looks into it includes base/json.h.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace r1 {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

}  // namespace r1
