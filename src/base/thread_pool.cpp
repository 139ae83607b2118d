#include "base/thread_pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace r1 {
namespace {

void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

constexpr auto kSpin = std::chrono::microseconds(50);

// Waits until `word` differs from `old`: spins first, then sleeps in the kernel.
void wait_for_change(std::atomic<uint32_t>& word, uint32_t old, std::atomic<uint32_t>& sleepers) {
  const auto deadline = std::chrono::steady_clock::now() + kSpin;
  for (;;) {
    for (int i = 0; i < 64; ++i) {
      if (word.load(std::memory_order_acquire) != old) return;
      pause_cpu();
    }
    if (std::chrono::steady_clock::now() > deadline) break;
  }
  sleepers.fetch_add(1, std::memory_order_seq_cst);
  while (word.load(std::memory_order_seq_cst) == old) {
    ::syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAIT_PRIVATE, old, nullptr, nullptr, 0);
  }
  sleepers.fetch_sub(1, std::memory_order_relaxed);
}

void wake(std::atomic<uint32_t>& word, std::atomic<uint32_t>& sleepers) {
  if (sleepers.load(std::memory_order_seq_cst) > 0) {
    ::syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAKE_PRIVATE, 1 << 20, nullptr, nullptr, 0);
  }
}

}  // namespace

struct ThreadPool::State {
  alignas(64) std::atomic<uint32_t> region{0};  // grows by one when a region starts
  std::atomic<uint32_t> region_sleepers{0};
  alignas(64) std::atomic<uint32_t> running{0};  // workers still inside the region
  alignas(64) std::atomic<uint32_t> finished{0};  // grows by one when the last worker leaves
  std::atomic<uint32_t> finished_sleepers{0};
  alignas(64) std::atomic<uint32_t> arrived{0};
  alignas(64) std::atomic<uint32_t> generation{0};  // of the barrier
  std::atomic<uint32_t> generation_sleepers{0};
  const FunctionRef<void(int)>* body = nullptr;
  bool stop = false;
  std::vector<std::thread> workers;
};

ThreadPool::ThreadPool(int threads)
    : threads_(threads > 0 ? threads : default_threads()), state_(std::make_unique<State>()) {
  for (int thread = 1; thread < threads_; ++thread) state_->workers.emplace_back([this, thread] { worker(thread); });
}

ThreadPool::~ThreadPool() {
  state_->stop = true;
  state_->region.fetch_add(1, std::memory_order_seq_cst);
  wake(state_->region, state_->region_sleepers);
  for (auto& worker : state_->workers) worker.join();
}

void ThreadPool::worker(int thread) {
  State& state = *state_;
  for (uint32_t seen = 0;;) {
    wait_for_change(state.region, seen, state.region_sleepers);
    seen = state.region.load(std::memory_order_acquire);
    if (state.stop) return;
    (*state.body)(thread);
    if (state.running.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      state.finished.fetch_add(1, std::memory_order_seq_cst);
      wake(state.finished, state.finished_sleepers);
    }
  }
}

void ThreadPool::run(FunctionRef<void(int)> body) {
  State& state = *state_;
  if (threads_ == 1) return body(0);
  const uint32_t before = state.finished.load(std::memory_order_relaxed);
  state.body = &body;
  state.running.store(static_cast<uint32_t>(threads_ - 1), std::memory_order_relaxed);
  state.region.fetch_add(1, std::memory_order_seq_cst);
  wake(state.region, state.region_sleepers);
  body(0);
  wait_for_change(state.finished, before, state.finished_sleepers);
}

void ThreadPool::parallel_for(int64_t count, FunctionRef<void(int64_t, int64_t)> body) {
  const int64_t parts = std::min<int64_t>(threads_, count);
  if (parts <= 1) {
    if (count > 0) body(0, count);
    return;
  }
  run([&](int thread) {
    const int64_t begin = count * thread / threads_, end = count * (thread + 1) / threads_;
    if (begin < end) body(begin, end);
  });
}

void ThreadPool::barrier() {
  if (threads_ == 1) return;
  State& state = *state_;
  const uint32_t generation = state.generation.load(std::memory_order_acquire);
  if (state.arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<uint32_t>(threads_)) {
    state.arrived.store(0, std::memory_order_relaxed);
    state.generation.fetch_add(1, std::memory_order_seq_cst);
    wake(state.generation, state.generation_sleepers);
  } else {
    wait_for_change(state.generation, generation, state.generation_sleepers);
  }
}

int ThreadPool::default_threads() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return std::max(1u, std::thread::hardware_concurrency());
  std::set<std::string> cores;  // one entry per physical core: hyper-threads share a list of siblings
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
    std::string siblings;
    cores.insert(std::getline(file, siblings) ? siblings : std::to_string(cpu));
  }
  int threads = std::max<int>(1, static_cast<int>(cores.size()));
  std::ifstream quota_file("/sys/fs/cgroup/cpu.max");  // "max 100000" or "150000 100000"
  double quota = 0, period = 0;
  if (quota_file >> quota >> period && period > 0) threads = std::min(threads, std::max(1, static_cast<int>(std::floor(quota / period))));
  return threads;
}

}  // namespace r1
