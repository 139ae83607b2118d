// Places: where the rows of a pass stand, for every layer alike: how far rope turns them, and which pages they see.
#pragma once

#include "ops/attention.h"
#include "ops/rope.h"

namespace r1 {

struct Places {
  Rotation rotation;
  PagedRows pages;
};

}  // namespace r1
