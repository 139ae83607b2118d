#include "text/jinja_text.h"

#include <algorithm>

namespace r1::jinja {

void Text::append(std::string_view bytes, bool literal) {
  if (bytes.empty()) return;
  bytes_.append(bytes);
  if (!ranges_.empty() && ranges_.back().literal == literal) {
    ranges_.back().end = bytes_.size();
  } else {
    ranges_.push_back({bytes_.size(), literal});
  }
}

void Text::append(const Text& other, size_t begin, size_t end) {
  if (begin >= end) return;
  if (&other == this) return append(Text(other), begin, end);
  size_t at = begin;
  for (auto range = other.range_at(begin); at < end; ++range) {
    const size_t stop = std::min(end, range->end);
    append(other.view().substr(at, stop - at), range->literal);
    at = stop;
  }
}

Text Text::slice(size_t begin, size_t end) const {
  Text part;
  part.append(*this, begin, end);
  return part;
}

bool Text::literal_at(size_t byte) const { return range_at(byte)->literal; }

// The range that holds the byte.
std::vector<Text::Range>::const_iterator Text::range_at(size_t byte) const {
  return std::upper_bound(ranges_.begin(), ranges_.end(), byte,
                          [](size_t at, const Range& range) { return at < range.end; });
}

}  // namespace r1::jinja
