#include "text/bpe.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <ctime>
#include <map>
#include <random>
#include <set>

#include "base/error.h"

namespace r1 {
namespace {

struct SmallModel {
  StringTable tokens, merges;
  std::vector<int64_t> ids;

  int32_t add(const std::string& text) {
    tokens.push_back(text);
    ids.push_back(static_cast<int64_t>(ids.size()));
    return static_cast<int32_t>(ids.back());
  }
};

// All bytes, and merges of random pairs of what there is, over the letters a to d.
SmallModel random_model(unsigned seed, int merges) {
  SmallModel model;
  for (int byte = 0; byte < 256; ++byte) model.add(to_byte_alphabet(std::string(1, static_cast<char>(byte))));
  std::mt19937 random(seed);
  std::vector<std::string> pieces = {"a", "b", "c", "d"};
  std::set<std::string> known(pieces.begin(), pieces.end());
  std::set<std::pair<std::string, std::string>> pairs;
  const auto pick = [&] { return pieces[std::uniform_int_distribution<size_t>(0, pieces.size() - 1)(random)]; };
  while (static_cast<int>(pairs.size()) < merges) {
    const std::string left = pick(), right = pick();
    if (left.size() + right.size() > 8 || !pairs.emplace(left, right).second) continue;
    model.merges.push_back(left);
    model.merges.push_back(right);
    if (known.insert(left + right).second) {
      model.add(left + right);
      pieces.push_back(left + right);
    }
  }
  return model;
}

// The definition: join the leftmost pair of the lowest rank until there is none.
std::vector<int32_t> naive(const SmallModel& model, const Vocabulary& vocabulary, const std::string& word) {
  std::map<std::pair<std::string, std::string>, size_t> ranks;
  for (size_t i = 0; i < model.merges.size(); i += 2) {
    ranks[{std::string(model.merges[i]), std::string(model.merges[i + 1])}] = i / 2;
  }
  std::vector<std::string> symbols;
  for (const char c : word) symbols.push_back(to_byte_alphabet({&c, 1}));
  while (true) {
    size_t best = symbols.size(), best_rank = SIZE_MAX;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = ranks.find({symbols[i], symbols[i + 1]});
      if (found != ranks.end() && found->second < best_rank) {
        best = i;
        best_rank = found->second;
      }
    }
    if (best == symbols.size()) break;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  std::vector<int32_t> ids;
  for (const std::string& symbol : symbols) ids.push_back(*vocabulary.find(symbol));
  return ids;
}

TEST(Bpe, HeapGivesWhatTheDefinitionGives) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    const SmallModel model = random_model(seed, 5 + static_cast<int>(seed) * 3);
    const Vocabulary vocabulary(model.tokens, model.ids, {}, 0, "test");
    const Bpe bpe(vocabulary, model.merges, "test");
    std::mt19937 random(seed);
    Bpe::Scratch scratch;
    for (int i = 0; i < 200; ++i) {
      std::string word;
      const int length = std::uniform_int_distribution(1, 40)(random);
      for (int k = 0; k < length; ++k) word += static_cast<char>('a' + std::uniform_int_distribution(0, 4)(random));
      std::vector<int32_t> ids;
      bpe.encode_word(word, -1, scratch, ids);
      ASSERT_EQ(ids, naive(model, vocabulary, word)) << "seed " << seed << ", " << word;
    }
  }
}

TEST(Bpe, MergesComeBackInOrder) {
  const SmallModel model = random_model(1, 60);
  const Vocabulary vocabulary(model.tokens, model.ids, {}, 0, "test");
  const auto merges = Bpe(vocabulary, model.merges, "test").merges();
  ASSERT_EQ(merges.size(), model.merges.size() / 2);
  for (size_t i = 0; i < merges.size(); ++i) {
    EXPECT_EQ(vocabulary.piece(merges[i].first), model.merges[2 * i]);
    EXPECT_EQ(vocabulary.piece(merges[i].second), model.merges[2 * i + 1]);
  }
}

TEST(Bpe, AMegabyteOfOneLetterIsLinearTimesLog) {
  SmallModel model;
  std::string run = "a";
  model.add(run);
  for (int i = 0; i < 10; ++i) {
    model.merges.push_back(run);
    model.merges.push_back(run);
    model.add(run += run);
  }
  const Vocabulary vocabulary(model.tokens, model.ids, {}, 0, "test");
  const Bpe bpe(vocabulary, model.merges, "test");
  Bpe::Scratch scratch;
  std::vector<int32_t> ids;
  const std::clock_t start = std::clock();
  bpe.encode_word(std::string(1 << 20, 'a'), -1, scratch, ids);
  EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 3.0);  // 0.2 s optimised; quadratic: an hour
  EXPECT_EQ(ids, std::vector<int32_t>(1024, 10));
}

TEST(Bpe, BytesWithoutASymbolAreDroppedOrUnknown) {
  SmallModel model;
  model.add("a");
  model.add("<unk>");
  const Vocabulary vocabulary(model.tokens, model.ids, {}, 0, "test");
  const Bpe bpe(vocabulary, model.merges, "test");
  EXPECT_FALSE(bpe.has_all_bytes());
  Bpe::Scratch scratch;
  std::vector<int32_t> ids;
  bpe.encode_word("xaxa", -1, scratch, ids);
  EXPECT_EQ(ids, (std::vector<int32_t>{0, 0}));
  ids.clear();
  bpe.encode_word("xa", 1, scratch, ids);
  EXPECT_EQ(ids, (std::vector<int32_t>{1, 0}));
  ids.clear();
  bpe.encode_word("xx", -1, scratch, ids);
  EXPECT_TRUE(ids.empty());
}

TEST(Bpe, MergesOfAbsentTokensAreNamed) {
  for (const auto& [left, right, says] :
       {std::tuple("a", "x", "right part 'x'"), {"x", "a", "left part 'x'"}, {"b", "b", "union 'bb'"}}) {
    SmallModel model;
    model.add("a");
    model.add("b");
    model.merges.push_back(left);
    model.merges.push_back(right);
    const Vocabulary vocabulary(model.tokens, model.ids, {}, 0, "test");
    try {
      Bpe bpe(vocabulary, model.merges, "tokenizer.json");
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.exit(), Exit::kBadModel);
      EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
    }
  }
}

TEST(ByteAlphabet, Spots) {
  EXPECT_EQ(to_byte_alphabet(" \n\r\t"), "ĠĊčĉ");
  EXPECT_EQ(to_byte_alphabet(std::string("\x00\x7f\x80\xa0\xad\xff", 6)), "\u0100\u0121\u0122\u0142\u0143\u00ff");
  EXPECT_EQ(from_byte_alphabet("a｜"), "a｜");  // not in the alphabet: its own UTF-8
}

RC_GTEST_PROP(ByteAlphabet, BytesComeBack, (const std::string& bytes)) {
  RC_ASSERT(from_byte_alphabet(to_byte_alphabet(bytes)) == bytes);
}

}  // namespace
}  // namespace r1
