#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <thread>
#include <vector>

#include "base/cores.h"

namespace r1 {
namespace {

class EveryPoolSize : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Threads, EveryPoolSize, testing::Range(1, 9));

TEST_P(EveryPoolSize, RunsTheBodyOncePerThread) {
  ThreadPool pool(GetParam());
  ASSERT_EQ(pool.threads(), GetParam());
  std::vector<std::atomic<int>> calls(pool.threads());
  for (int region = 0; region < 300; ++region) pool.run([&](int thread) { ++calls[thread]; });
  for (const auto& count : calls) EXPECT_EQ(count, 300);
}

TEST_P(EveryPoolSize, TheCallerSeesWhatTheBodiesWrote) {
  ThreadPool pool(GetParam());
  std::vector<int64_t> cells(
      pool.threads());  // plain memory: a missing happens-before is the thread sanitizer's to find
  int64_t expected = 0;
  for (int region = 1; region <= 300; ++region) {
    pool.run([&](int thread) { cells[thread] = region * (thread + 1); });
    expected = std::accumulate(cells.begin(), cells.end(), int64_t{0});
    ASSERT_EQ(expected, int64_t{region} * pool.threads() * (pool.threads() + 1) / 2);
  }
}

TEST_P(EveryPoolSize, RangesCoverEachIndexOnceInEvenShares) {
  ThreadPool pool(GetParam());
  for (const int64_t count : {0, 1, 2, 3, 7, 8, 9, 100, 1001}) {
    std::vector<std::atomic<int>> hits(count);
    std::atomic<int64_t> shortest{count}, longest{0}, ranges{0};
    pool.parallel_for(count, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) ++hits[i];
      ++ranges;
      for (int64_t seen = shortest; end - begin < seen && !shortest.compare_exchange_weak(seen, end - begin);) {
      }
      for (int64_t seen = longest; end - begin > seen && !longest.compare_exchange_weak(seen, end - begin);) {
      }
    });
    for (const auto& hit : hits) ASSERT_EQ(hit, 1);
    EXPECT_EQ(ranges, std::min<int64_t>(count, pool.threads()));
    EXPECT_LE(longest - shortest, 1) << count;
  }
}

TEST_P(EveryPoolSize, TheSameThreadGetsTheSameRange) {
  ThreadPool pool(GetParam());
  std::vector<std::thread::id> first(1000), second(1000);
  const auto note = [&](std::vector<std::thread::id>& who) {
    pool.parallel_for(1000, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) who[i] = std::this_thread::get_id();
    });
  };
  note(first);
  note(second);
  EXPECT_EQ(first, second);
}

TEST_P(EveryPoolSize, NobodyPassesTheBarrierBeforeAllHaveArrived) {
  ThreadPool pool(GetParam());
  const int threads = pool.threads();
  std::vector<int> step(threads);  // plain memory again
  std::atomic<int> wrong{0};
  for (int region = 0; region < 5; ++region) {
    std::fill(step.begin(), step.end(), 0);
    pool.run([&](int thread) {
      for (int round = 1; round <= 40; ++round) {
        step[thread] = round;
        pool.barrier();
        for (const int other : step) wrong += other != round;
        pool.barrier();
      }
    });
  }
  EXPECT_EQ(wrong, 0);
}

TEST_P(EveryPoolSize, SleepersWakeUp) {  // pauses longer than the spin: both sides have gone to sleep
  ThreadPool pool(GetParam());
  std::atomic<int> calls{0};
  for (int region = 0; region < 10; ++region) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    pool.run([&](int thread) {
      if (thread == region % pool.threads()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      pool.barrier();
      ++calls;
    });
  }
  EXPECT_EQ(calls, 10 * pool.threads());
}

TEST(ThreadPool, ComesAndGoes) {
  for (int i = 0; i < 50; ++i) {
    ThreadPool pool(4);
    if (i % 2 == 0) pool.run([](int) {});
  }
}

TEST(ThreadPool, ThousandsOfShortRegionsAreQuickEvenWithMoreThreadsThanCores) {
  ThreadPool pool(8);
  std::atomic<int64_t> calls{0};
  const auto start = std::chrono::steady_clock::now();
  for (int region = 0; region < 2000; ++region) pool.run([&](int) { calls.fetch_add(1, std::memory_order_relaxed); });
  EXPECT_EQ(calls, 8 * 2000);
  // A spinner that holds a core against the worker it waits for costs a time slice (4 ms) per region: 8 s and more.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));
}

TEST(ThreadPool, WorkersBlockSignalsAndTheCallerKeepsItsMask) {
  sigset_t before, after;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
  ThreadPool pool(3);
  ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
  EXPECT_EQ(sigismember(&before, SIGINT), sigismember(&after, SIGINT));
  std::vector<int> blocked(3);
  pool.run([&](int thread) {
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    blocked[thread] = sigismember(&mask, SIGINT);
  });
  EXPECT_EQ(blocked, (std::vector<int>{sigismember(&before, SIGINT), 1, 1}));
}

TEST(ThreadPool, TheCallersAffinityIsLeftAlone) {
  cpu_set_t before, after;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  ThreadPool pool;
  pool.run([](int) {});
  ASSERT_EQ(::sched_getaffinity(0, sizeof after, &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

TEST(ThreadPool, OneAllowedCpuMeansOneThread) {
  std::thread([] {  // a thread of its own: the mask goes with it
    const int cpu = allowed_cores().front().front();
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(allowed_cores(), (std::vector<Core>{{cpu}}));
    EXPECT_EQ(ThreadPool::default_threads(), 1);
    EXPECT_EQ(ThreadPool().threads(), 1);
  })
      .join();
}

TEST(ThreadPool, DefaultIsTheCoresWithinTheQuota) {
  const double cores = static_cast<double>(allowed_cores().size());
  EXPECT_GT(cpu_quota(), 0);
  EXPECT_EQ(ThreadPool::default_threads(), std::max(1, static_cast<int>(std::min(cores, cpu_quota()))));
}

TEST(ThreadPoolDeathTest, ARegionInsideARegionIsOurBug) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        ThreadPool pool(1);
        pool.run([&](int) { pool.run([](int) {}); });
      },
      "check failed");
  for (const int threads : {1, 2}) {  // also where one thread does it all
    EXPECT_DEATH(
        {
          ThreadPool pool(threads);
          pool.parallel_for(1, [&](int64_t, int64_t) { pool.parallel_for(1, [](int64_t, int64_t) {}); });
        },
        "check failed");
  }
}

}  // namespace
}  // namespace r1
