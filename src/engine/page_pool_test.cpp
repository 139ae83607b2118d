#include "engine/page_pool.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>
#include <map>
#include <numeric>
#include <set>

namespace r1 {
namespace {

std::vector<int32_t> ids(int32_t first, int count) {
  std::vector<int32_t> ids(static_cast<size_t>(count));
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

TEST(PagePool, HandsOutEveryPageOnce) {
  PagePool pool(3);
  std::set<int32_t> pages;
  for (int i = 0; i < 3; ++i) pages.insert(pool.take().value());
  EXPECT_EQ(pages.size(), 3u);
  EXPECT_EQ(pool.available(), 0);
  EXPECT_FALSE(pool.take());
  pool.release(*pages.begin());
  EXPECT_EQ(pool.available(), 1);
  EXPECT_TRUE(pool.take());
}

TEST(PagePool, MatchesTheLongestKeptPrefix) {
  PagePool pool(4);
  const auto text = ids(0, 3 * kPagePositions);
  const int32_t a = *pool.take(), b = *pool.take();
  pool.keep(a, -1, std::span(text).subspan(0, kPagePositions));
  pool.keep(b, a, std::span(text).subspan(kPagePositions, kPagePositions));
  EXPECT_EQ(pool.match(text, 9), (std::vector<int32_t>{a, b}));
  EXPECT_EQ(pool.match(text, 1), (std::vector<int32_t>{a}));
  EXPECT_EQ(pool.match(ids(1, kPagePositions), 9), std::vector<int32_t>{});
  // The second page's tokens alone are not a prefix of anything.
  EXPECT_EQ(pool.match(std::span(text).subspan(kPagePositions), 9), std::vector<int32_t>{});
}

TEST(PagePool, EqualPagesAreKeptOnce) {
  PagePool pool(4);
  const auto text = ids(7, kPagePositions);
  const int32_t a = *pool.take(), b = *pool.take();
  EXPECT_EQ(pool.keep(a, -1, text), a);
  EXPECT_EQ(pool.keep(b, -1, text), a);
  EXPECT_EQ(pool.available(), 3);  // b went back
  pool.release(a);
  EXPECT_EQ(pool.available(), 3);  // still used by the second keeper
  pool.release(a);
  EXPECT_EQ(pool.available(), 4);
}

TEST(PagePool, EvictsTheLeastRecentlyUsedAndNeverBeforeItsFollowers) {
  PagePool pool(3);
  const auto first = ids(0, 2 * kPagePositions), other = ids(1000, kPagePositions);
  const int32_t a = *pool.take(), b = *pool.take(), c = *pool.take();
  pool.keep(a, -1, std::span(first).subspan(0, kPagePositions));
  pool.keep(b, a, std::span(first).subspan(kPagePositions));
  pool.keep(c, -1, other);
  pool.release(b);
  pool.release(a);
  pool.release(c);
  EXPECT_EQ(pool.take(), b);  // oldest; a stays though it was used as long ago
  EXPECT_EQ(pool.match(first, 9), std::vector<int32_t>{a});
  EXPECT_EQ(pool.take(), c);
  EXPECT_FALSE(pool.take());
}

TEST(PagePool, ForgetsEverything) {
  PagePool pool(3);
  const auto text = ids(0, 2 * kPagePositions);
  const int32_t a = *pool.take(), b = *pool.take();
  pool.keep(a, -1, std::span(text).subspan(0, kPagePositions));
  pool.release(b);
  pool.forget();
  EXPECT_EQ(pool.match(text, 9), std::vector<int32_t>{});
  const int32_t next = *pool.take();
  EXPECT_EQ(pool.keep(next, a, std::span(text).subspan(kPagePositions)), next);  // behind a dropped page: not kept
  EXPECT_EQ(pool.match(std::span(text).subspan(kPagePositions), 9), std::vector<int32_t>{});
  pool.release(next);
  pool.release(a);
  EXPECT_EQ(pool.available(), 3);
}

// Random users over texts with few distinct pages: what match() returns must hold exactly the tokens asked for.
RC_GTEST_PROP(PagePool, NeverMixesTexts, ()) {
  PagePool pool(8);
  struct User {
    std::vector<int32_t> text, pages;
  };
  std::vector<User> users;
  std::map<int32_t, std::vector<int32_t>> content;  // page -> the prefix it ends, as its writer knew it
  for (int step = 0; step < 60; ++step) {
    if (!users.empty() && *rc::gen::inRange(0, 3) == 0) {
      const auto who = static_cast<size_t>(*rc::gen::inRange<int>(0, static_cast<int>(users.size())));
      for (size_t i = users[who].pages.size(); i-- > 0;) pool.release(users[who].pages[i]);
      users.erase(users.begin() + static_cast<ptrdiff_t>(who));
      continue;
    }
    User user;
    const int pages = *rc::gen::inRange(1, 4);
    for (int p = 0; p < pages; ++p) {
      const auto part = ids(*rc::gen::inRange(0, 2), kPagePositions);
      user.text.insert(user.text.end(), part.begin(), part.end());
    }
    user.pages = pool.match(user.text, pages);
    for (size_t i = 0; i < user.pages.size(); ++i) {
      const auto prefix = std::span(user.text).first((i + 1) * kPagePositions);
      RC_ASSERT(std::equal(prefix.begin(), prefix.end(), content[user.pages[i]].begin(), content[user.pages[i]].end()));
    }
    while (static_cast<int>(user.pages.size()) < pages) {
      const auto page = pool.take();
      if (!page) break;
      const size_t i = user.pages.size();
      content[*page].assign(user.text.begin(), user.text.begin() + static_cast<ptrdiff_t>((i + 1) * kPagePositions));
      user.pages.push_back(pool.keep(*page, i > 0 ? user.pages[i - 1] : -1,
                                     std::span(user.text).subspan(i * kPagePositions, kPagePositions)));
    }
    users.push_back(std::move(user));
  }
  for (auto& user : users) {
    for (size_t i = user.pages.size(); i-- > 0;) pool.release(user.pages[i]);
  }
  RC_ASSERT(pool.available() == 8);
}

}  // namespace
}  // namespace r1
