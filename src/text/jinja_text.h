// Text: a string that remembers, byte range by byte range, whether a template's author wrote it (literal) or a message,
// a tool or a variable did. Every string operation of the template engine works on these, so that the rendered prompt
// can be encoded with control tokens recognised in literal parts only (tokenizer.md 1.2).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace r1::jinja {

class Text {
 public:
  // Bytes [the previous range's end, end) are all literal or all not. Neighbours differ; none is empty.
  struct Range {
    size_t end;
    bool literal;
    bool operator==(const Range&) const = default;
  };

  Text() = default;
  Text(std::string_view bytes, bool literal) { append(bytes, literal); }

  void append(std::string_view bytes, bool literal);
  void append(const Text& other) { append(other, 0, other.size()); }
  void append(const Text& other, size_t begin, size_t end);  // bytes [begin, end) of `other`
  Text slice(size_t begin, size_t end) const;

  std::string_view view() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  size_t memory() const { return bytes_.size() + ranges_.size() * sizeof(Range); }
  bool empty() const { return bytes_.empty(); }
  const std::vector<Range>& ranges() const { return ranges_; }
  bool literal_at(size_t byte) const;  // byte < size()

 private:
  std::vector<Range>::const_iterator range_at(size_t byte) const;

  std::string bytes_;
  std::vector<Range> ranges_;
};

}  // namespace r1::jinja
