// PreTokenizer: cuts text into the words that byte-pair merges never cross (tokenizer.md 2). A list of steps, each of
// which cuts the pieces that the step before it left. Immutable; split may be called from any thread.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/pretokenize_regex.h"
#include "text/pretokenize_scanners.h"

namespace r1 {

// What the name of a family says besides its patterns (tokenizer.md 2.2 to 2.6).
struct PreTokenizerFamily {
  std::string name;  // GGUF's tokenizer.ggml.pre
  std::vector<std::string> aliases;
  bool nfc = false, ignore_merges = false;
  bool adds_bos = false;  // where a GGUF file does not say
};

// The words of a piece, in order: views into the piece, or into `owned` where a space was put in front. One object may
// serve many pieces: what it owns lives as long as itself.
struct Words {
  std::vector<std::string_view> views, pieces;  // pieces: what the steps before left, kept for its memory
  std::deque<std::string> owned;
};

class PreTokenizer {
 public:
  // Both throw Error(kBadModel) that names the file and what it asks for that we do not know.
  static PreTokenizer from_gguf(const std::string& pre, const std::string& file);
  static PreTokenizer from_json(const Json& pre_tokenizer, const std::string& file);

  // Replaces `words.views` by the words of `piece`, which is valid UTF-8.
  void split(std::string_view piece, Words& words) const;

  const PreTokenizerFamily& family() const { return family_; }  // name "" where the steps are of no known family
  OrderedJson to_json() const;                                  // tokenizer.json's pre_tokenizer

 private:
  struct Step {
    enum class Kind { kSplit, kDigits, kByteLevel } kind = Kind::kSplit;
    std::string pattern;        // kSplit
    bool literal = false;       // kSplit: the pattern is a string, not an expression
    bool individual = false;    // kDigits
    bool use_regex = false;     // kByteLevel: gpt-2's expression first
    bool prefix_space = false;  // kByteLevel
    FindMatch find = nullptr;   // scanner, else
    std::shared_ptr<const SplitRegex> regex;

    static Step split(std::string pattern);
    static Step digits(bool individual);
    static Step byte_level(bool use_regex);
    bool same(const Step& other) const;
  };

  static std::vector<Step> steps_of_family(std::string_view name);
  static Step read_step(const Json& json, const std::string& file);
  static void read_split(const Json& json, const std::string& file, Step& step);
  void name_family();

  std::vector<Step> steps_;
  PreTokenizerFamily family_;
};

}  // namespace r1
