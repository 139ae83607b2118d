// Fields: one JSON object read field by field, with the sentence for whatever is wrong: file, field, found, expected.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/json_fwd.h"

namespace r1 {

class Fields {
 public:
  // `object` must outlive this. `where` names it in errors: "config.json" or "config.json: rope_scaling". Null counts
  // as empty.
  Fields(const Json& object, std::string where);

  // Absent and null are the same. Throws Error(kBadModel) where the type is wrong or the value outside [least, most].
  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::optional<int64_t> integer(std::string_view name, int64_t least, int64_t most) const;
  std::optional<double> real(std::string_view name, double least, double most) const;  // finite
  std::optional<bool> boolean(std::string_view name) const;
  std::optional<std::string> text(std::string_view name) const;
  std::optional<Fields> object(std::string_view name) const;
  const Json* find(std::string_view name) const;

  // The same where absent is an error, too.
  int64_t need_integer(std::string_view name, int64_t least, int64_t most) const;
  double need_real(std::string_view name, double least, double most) const;

  [[noreturn]] void missing(std::string_view name) const;
  // "config.json: hidden_act is "gelu", expected silu"
  [[noreturn]] void wrong(std::string_view name, std::string_view expected) const;

 private:
  const Json* object_;
  std::string where_;
};

}  // namespace r1
