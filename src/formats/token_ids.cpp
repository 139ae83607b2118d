#include "formats/token_ids.h"

namespace r1 {

void append_token_ids(const Json& config, std::string_view key, std::vector<int32_t>& ids) {
  const auto found = config.find(key);
  if (found == config.end()) return;
  for (const Json& id : found->is_array() ? *found : Json::array({*found})) {
    if (!id.is_number_integer()) continue;
    const auto number = id.get<int64_t>();
    if (number >= 0 && number <= INT32_MAX) ids.push_back(static_cast<int32_t>(number));
  }
}

}  // namespace r1
