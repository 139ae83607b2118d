// Which r1 this is.
#pragma once

#include <string>

namespace r1 {

std::string version_text();  // "r1 0.1.0 (1a2b3c4d)"

}  // namespace r1
