// The nearest match: what somebody probably meant by a word that we do not know.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace r1 {

// Single-character edits (insert, delete, replace, swap of neighbours) from one word to the other.
int edit_distance(std::string_view a, std::string_view b);

// The nearest of `known`, or "" if none is near enough to be a likely slip.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

// " (did you mean 'max_tokens'?)" or "".
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

}  // namespace r1
