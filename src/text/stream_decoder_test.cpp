#include "text/stream_decoder.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/utf8.h"

namespace r1 {
namespace {

constexpr int32_t kOpen = 256, kClose = 257, kUser = 258, kEnd = 259;

// Ids 0 … 255 are the bytes; with `tags`, 256 and 257 are the think tags; 258 a role token, 259 the end.
Tokenizer byte_tokenizer(bool tags) {
  GgufVocabulary vocabulary;
  vocabulary.model = "gpt2";
  vocabulary.pre = "gpt-2";
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool itself = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    std::string symbol;
    append_utf8(symbol, itself ? static_cast<char32_t>(byte) : next++);
    vocabulary.tokens.push_back(symbol);
    vocabulary.types.push_back(1);
  }
  for (const char* added : {tags ? "<think>" : "<unused0>", tags ? "</think>" : "<unused1>", "<｜User｜>", "<end>"}) {
    vocabulary.tokens.push_back(added);
    vocabulary.types.push_back(vocabulary.tokens.size() > 258 ? 3 : 4);
  }
  return Tokenizer::from_gguf(vocabulary, "test");
}

const Tokenizer& tokenizer(bool tags = true) {
  static const Tokenizer with = byte_tokenizer(true), without = byte_tokenizer(false);
  return tags ? with : without;
}

// Bytes as ids; with `tags`, the text of a tag as its token.
std::vector<int32_t> ids_of(std::string_view text, bool tags = true) {
  std::vector<int32_t> ids;
  while (!text.empty()) {
    const std::pair<std::string_view, int32_t> added[] = {
        {"<think>", kOpen}, {"</think>", kClose}, {"<｜User｜>", kUser}, {"<end>", kEnd}};
    size_t bytes = 1;
    int32_t id = static_cast<unsigned char>(text[0]);
    for (const auto& [token, token_id] : added) {
      if ((tags || token_id > kClose) && text.starts_with(token)) {
        bytes = token.size();
        id = token_id;
      }
    }
    ids.push_back(id);
    text.remove_prefix(bytes);
  }
  return ids;
}

struct Decoded {
  std::string reasoning, text;
  bool stopped = false;
  bool operator==(const Decoded&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Decoded& decoded) {
  return out << "{reasoning '" << decoded.reasoning << "', text '" << decoded.text << "'"
             << (decoded.stopped ? ", stopped}" : "}");
}

Decoded decode(StreamDecoder decoder, const std::vector<int32_t>& ids) {
  Decoded all;
  const auto add = [&](const TextPiece& piece) {
    EXPECT_TRUE(is_valid_utf8(piece.text) && is_valid_utf8(piece.reasoning));
    all.reasoning += piece.reasoning;
    all.text += piece.text;
    all.stopped |= piece.stopped;
  };
  for (const int32_t id : ids) add(decoder.push(id));
  add(decoder.finish());
  return all;
}

Decoded decode(std::string_view text, std::vector<std::string> stop = {}, bool thinking = false, bool split = true,
               bool tags = true) {
  return decode(StreamDecoder(tokenizer(tags), std::move(stop), thinking, split), ids_of(text, tags));
}

// Both ways of finding the tags agree on ordinary answers.
void expect_split(std::string_view text, bool thinking, const Decoded& expected) {
  for (const bool tags : {true, false}) {
    SCOPED_TRACE(tags ? "tags are tokens" : "tags are text");
    EXPECT_EQ(decode(text, {}, thinking, true, tags), expected) << text;
  }
}

TEST(StreamDecoder, WritesWholeCharactersAtOnce) {
  StreamDecoder decoder(tokenizer());
  EXPECT_EQ(decoder.push('a').text, "a");
  EXPECT_EQ(decoder.push(0xf0).text, "");
  EXPECT_EQ(decoder.push(0x9f).text, "");
  EXPECT_EQ(decoder.push(0x91).text, "");
  EXPECT_EQ(decoder.push(0xa9).text, "\U0001F469");
  EXPECT_EQ(decoder.push(0xe4).text, "");
  EXPECT_EQ(decoder.push('x').text, "\uFFFDx");  // hopeless, so at once
  EXPECT_EQ(decoder.push(0xff).text, "\uFFFD");
  EXPECT_EQ(decoder.push(0xe4).text, "");
  EXPECT_EQ(decoder.push(0xbd).text, "");
  EXPECT_EQ(decoder.finish().text, "\uFFFD");
}

TEST(StreamDecoder, SplitsTheThoughtFromTheAnswer) {
  expect_split("<think>\nhm, 1 < 2\n</think>\n\nYes.", false, {"hm, 1 < 2", "Yes."});
  expect_split("hm\n\nso\n</think>\n\nYes.\n", true, {"hm\n\nso", "Yes.\n"});
  expect_split(" \n<think> hm</think>Yes.", false, {"hm", "Yes."});
  expect_split("<think>\n\n</think>\n\nYes.", false, {"", "Yes."});
  expect_split("\n\n</think>\n\nYes.", true, {"", "Yes."});
  expect_split("No tags.", false, {"", "No tags."});
  expect_split("  indented", false, {"", "  indented"});
  expect_split("never closed\n", true, {"never closed\n", ""});
  expect_split("<think>", false, {"", ""});
  expect_split("", false, {"", ""});
  expect_split(" ", false, {"", " "});
  expect_split("a < b </th", true, {"a < b </th", ""});
  expect_split("<thin", false, {"", "<thin"});
}

TEST(StreamDecoder, TagsElsewhereAreText) {
  expect_split("<think>a</think>b<think>c</think>d", false, {"a", "b<think>c</think>d"});
  expect_split("The tag <think> opens.", false, {"", "The tag <think> opens."});
  expect_split("Not </think> open.", false, {"", "Not </think> open."});
  expect_split("a<think>b</think>c", true, {"a<think>b", "c"});
}

TEST(StreamDecoder, TheModelMayRepeatThePromptsTag) {
  expect_split("<think>\nhm\n</think>\nYes.", true, {"hm", "Yes."});
}

TEST(StreamDecoder, TagTextIsNotATagWhereTokensExist) {
  std::vector<int32_t> ids = ids_of("<think>a", true);
  for (const char c : std::string_view("</think>b")) ids.push_back(c);
  ids.push_back(kClose);
  ids.push_back('c');
  EXPECT_EQ(decode(StreamDecoder(tokenizer()), ids), (Decoded{"a</think>b", "c"}));
}

TEST(StreamDecoder, UnsplitLeavesTheTags) {
  EXPECT_EQ(decode("<think>\na\n</think>\n\nb", {}, false, false), (Decoded{"", "<think>\na\n</think>\n\nb"}));
  EXPECT_EQ(decode("a STOP b</think>c", {"STOP"}, true, false), (Decoded{"", "a ", true}));
  StreamDecoder decoder(tokenizer(), {}, false, false);
  decoder.push(kOpen);
  EXPECT_TRUE(decoder.thinking());
  decoder.push(kClose);
  EXPECT_FALSE(decoder.thinking());
}

TEST(StreamDecoder, StopsInTheAnswerOnly) {
  EXPECT_EQ(decode("<think>STOP</think>a STOP b", {"STOP"}), (Decoded{"STOP", "a ", true}));
  EXPECT_EQ(decode("STO", {"STOP"}), (Decoded{"", "STO"}));
  EXPECT_EQ(decode("STO P STOP", {"STOP"}), (Decoded{"", "STO P ", true}));
  EXPECT_EQ(decode("aab", {"ab"}), (Decoded{"", "a", true}));
  EXPECT_EQ(decode("abcd", {"abcd", "bc"}), (Decoded{"", "a", true}));  // the match that ends first
  EXPECT_EQ(decode("x\n\ny", {"\n\n", ""}), (Decoded{"", "x", true}));
  StreamDecoder decoder(tokenizer(), {"STOP"});
  for (const char c : std::string_view("aSTO")) EXPECT_EQ(decoder.push(c).text, c == 'a' ? "a" : "");  // held back
  EXPECT_TRUE(decoder.push('P').stopped);
  EXPECT_EQ(decoder.push('x').text, "");
  EXPECT_EQ(decoder.finish().text, "");
}

TEST(StreamDecoder, HoldsBackNoMoreThanItMust) {
  StreamDecoder decoder(tokenizer(false), {"</s>"}, true);
  EXPECT_EQ(decoder.push('a').reasoning, "a");
  EXPECT_EQ(decoder.push('<').reasoning, "");
  EXPECT_EQ(decoder.push('b').reasoning, "<b");
  EXPECT_EQ(decoder.push('\n').reasoning, "");
  EXPECT_EQ(decoder.push('c').reasoning, "\nc");
}

TEST(StreamDecoder, SpecialTokensWriteNothing) { EXPECT_EQ(decode("a<｜User｜>b<end>"), (Decoded{"", "ab"})); }

TEST(StreamDecoder, ACharacterDoesNotGoOnThroughATag) {
  EXPECT_EQ(decode("a\xe4\xbd</think>\xa0z", {}, true), (Decoded{"a\uFFFD", "\uFFFDz"}));
  EXPECT_EQ(decode("\xe4<think>a"), (Decoded{"", "\uFFFD<think>a"}));
}

// ---- properties

std::string random_bytes() {
  const auto piece = rc::gen::element<std::string>("a", "<", "<think>", "</think>", "</thi", "nk>", "\n", " ", "STOP",
                                                   "ST", "é", "😀", "\xf0\x9f", "\xff", "\x80", "<end>", "ab", "世");
  std::string text;
  for (const std::string& one : *rc::gen::container<std::vector<std::string>>(piece)) text += one;
  return text;
}

RC_GTEST_PROP(StreamDecoder, UnsplitStreamIsDecode, ()) {
  const auto ids = ids_of(random_bytes());
  const bool thinking = *rc::gen::arbitrary<bool>();
  std::vector<int32_t> visible;
  for (const int32_t id : ids) {
    if (!tokenizer().is_special(id)) visible.push_back(id);
  }
  RC_ASSERT(decode(StreamDecoder(tokenizer(), {}, thinking, false), ids).text == tokenizer().decode(visible));
}

// The stop strings found in the whole text, by the definition.
Decoded stopped_whole(const std::string& text, const std::vector<std::string>& stops) {
  for (size_t end = 0; end <= text.size(); ++end) {
    size_t begin = std::string::npos;
    for (const std::string& stop : stops) {
      if (std::string_view(text).substr(0, end).ends_with(stop)) begin = std::min(begin, end - stop.size());
    }
    if (begin != std::string::npos) return {"", text.substr(0, begin), true};
  }
  return {"", text};
}

RC_GTEST_PROP(StreamDecoder, StopStringsAreFoundAsInTheWholeText, ()) {
  const auto text = *rc::gen::container<std::string>(rc::gen::element('a', 'b'));
  const auto stops = *rc::gen::container<std::vector<std::string>>(
      rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::element('a', 'b'))));
  RC_ASSERT(decode(text, stops) == stopped_whole(text, stops));
}

// A tokenizer whose tokens are pieces of one text: the text cut at random places, with no token of a tag.
Tokenizer tokenizer_of_pieces(const std::vector<std::string>& pieces) {
  GgufVocabulary vocabulary = tokenizer(false).to_gguf(260);
  for (const std::string& piece : pieces) {
    std::string symbols;
    for (const char byte : piece) symbols += vocabulary.tokens[static_cast<unsigned char>(byte)];
    vocabulary.tokens.push_back(symbols);
    vocabulary.types.push_back(1);
  }
  return Tokenizer::from_gguf(vocabulary, "test");
}

RC_GTEST_PROP(StreamDecoder, DoesNotDependOnHowTheTextIsCut, ()) {
  const std::string text = random_bytes();
  const bool thinking = *rc::gen::arbitrary<bool>(), split = *rc::gen::arbitrary<bool>();
  std::vector<std::string> pieces;
  for (size_t at = 0; at < text.size();) {
    const size_t length = std::min(text.size() - at, static_cast<size_t>(*rc::gen::inRange(1, 9)));
    const std::string piece = text.substr(at, length);
    const bool tag = piece == "<think>" || piece == "</think>";  // a token of its own would be a tag, not text
    const bool known = std::find(pieces.begin(), pieces.end(), piece) != pieces.end();
    if (piece.size() > 1 && !tag && !known) pieces.push_back(piece);
    at += length;
  }
  const Tokenizer cut = tokenizer_of_pieces(pieces);
  std::vector<int32_t> ids;
  for (size_t at = 0; at < text.size();) {  // the longest piece at each place, else a byte
    int32_t id = static_cast<unsigned char>(text[at]);
    size_t bytes = 1;
    for (size_t i = 0; i < pieces.size(); ++i) {
      if (pieces[i].size() > bytes && text.compare(at, pieces[i].size(), pieces[i]) == 0) {
        id = 260 + static_cast<int32_t>(i);
        bytes = pieces[i].size();
      }
    }
    ids.push_back(id);
    at += bytes;
  }
  std::vector<int32_t> bytes;
  for (const char byte : text) bytes.push_back(static_cast<unsigned char>(byte));
  const std::vector<std::string> stop = {"STOP", "b\n"};
  RC_ASSERT(decode(StreamDecoder(cut, stop, thinking, split), ids) ==
            decode(StreamDecoder(tokenizer(false), stop, thinking, split), bytes));
}

TEST(StreamDecoder, TagsCutAtEveryByte) {
  const std::string text = "x</think>\ny";
  for (size_t first = 1; first < text.size(); ++first) {
    for (size_t second = first; second < text.size(); ++second) {
      std::vector<std::string> pieces = {text.substr(0, first), text.substr(first, second - first),
                                         text.substr(second)};
      std::erase_if(pieces, [](const std::string& piece) { return piece.size() < 2; });
      const Tokenizer cut = tokenizer_of_pieces(pieces);
      StreamDecoder decoder(cut, {}, true);
      Decoded all;
      const auto add = [&](const TextPiece& piece) {
        all.reasoning += piece.reasoning;
        all.text += piece.text;
      };
      size_t at = 0;
      for (const size_t end : {first, second, text.size()}) {
        const std::string piece = text.substr(at, end - at);
        at = end;
        const auto found = std::find(pieces.begin(), pieces.end(), piece);
        if (piece.size() == 1) add(decoder.push(static_cast<unsigned char>(piece[0])));
        if (found != pieces.end()) add(decoder.push(260 + static_cast<int32_t>(found - pieces.begin())));
      }
      add(decoder.finish());
      EXPECT_EQ(all, (Decoded{"x", "y"})) << first << " " << second;
    }
  }
}

TEST(PromptOpensThought, LooksAtTheTail) {
  const auto opens = [](std::string_view text, bool tags) {
    return prompt_opens_thought(tokenizer(tags), ids_of(text, tags));
  };
  for (const bool tags : {true, false}) {
    EXPECT_TRUE(opens("<｜User｜>Q<think>\n", tags));
    EXPECT_TRUE(opens("<think>\nfirst words", tags));
    EXPECT_FALSE(opens("<think>\n\n</think>\n\n", tags));
    EXPECT_FALSE(opens("say <think>!<｜User｜>Q", tags));
    EXPECT_FALSE(opens("Q", tags));
    EXPECT_FALSE(opens("", tags));
    EXPECT_FALSE(opens("</think>", tags));
    EXPECT_TRUE(opens("<think></think><think>", tags));
  }
}

}  // namespace
}  // namespace r1
