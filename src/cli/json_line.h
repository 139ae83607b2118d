// JsonLine: one object of a JSONL result, its fields in the order in which they are added. Floats have 9 significant
// digits: each float32 comes back exactly.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "engine/request.h"

namespace r1 {

std::string float_text(double value);  // "%.9g"; "null" for what JSON has no number for

class JsonLine {
 public:
  JsonLine& add(std::string_view key, const OrderedJson& value);
  JsonLine& add_text(std::string_view key, std::string_view json);  // already JSON
  JsonLine& add_ids(std::string_view key, std::span<const int32_t> ids);
  JsonLine& add_float(std::string_view key, double value) { return add_text(key, float_text(value)); }
  JsonLine& add_floats(std::string_view key, std::span<const float> values);  // NaN becomes null
  // [null, [[id, logprob], …], …]: null where nothing comes before.
  JsonLine& add_top(std::string_view key, std::span<const std::vector<std::pair<int32_t, float>>> top);

  std::string text() const { return text_ + "}"; }

 private:
  void key(std::string_view name);
  std::string text_ = "{";
};

// JSON on one line; bytes that are not UTF-8 become U+FFFD.
std::string compact(const OrderedJson& value);

}  // namespace r1
