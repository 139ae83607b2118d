// Where keys and values lie in the pages of the CPU backend; attention_kernels.h draws the layouts.
#pragma once

#include "compute/backend.h"

namespace r1 {

// Bytes of one page of one kv head, and of all heads of one layer (one after another).
int64_t page_head_bytes(const KvShape& shape);
int64_t page_bytes(const KvShape& shape);

// Writes the key and the value of one position of one kv head; `slot` is the position within the page. With
// value_in_key `value` is not looked at.
void store_position(const KvShape& shape, std::byte* page_head, int64_t slot, const float* key, const float* value);

}  // namespace r1
