#include "base/thread_pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <cmath>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "base/cores.h"
#include "base/error.h"

namespace r1 {
namespace {

void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// A counter that threads wait on. Lost wake-ups are impossible: a sleeper announces itself, then looks at the counter
// again; advance() moves the counter, then looks for sleepers; all four are sequentially consistent, so at least one of
// the two sees the other. The kernel compares the counter once more before it puts the thread to sleep.
class Signal {
 public:
  uint32_t value() const { return word_.load(std::memory_order_acquire); }

  void advance() {
    word_.fetch_add(1, std::memory_order_seq_cst);
    if (sleepers_.load(std::memory_order_seq_cst) > 0) futex(FUTEX_WAKE_PRIVATE, INT_MAX);
  }

  // Returns once the counter differs from `old`: spins first, then sleeps.
  void wait(uint32_t old, std::chrono::nanoseconds spin) {
    if (spins_until_change(old, spin)) return;
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
    while (word_.load(std::memory_order_seq_cst) == old) futex(FUTEX_WAIT_PRIVATE, old);  // EINTR, EAGAIN: look again
    sleepers_.fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  bool spins_until_change(uint32_t old, std::chrono::nanoseconds spin) const {
    if (value() != old) return true;
    if (spin.count() == 0) return false;
    const auto deadline = std::chrono::steady_clock::now() + spin;
    do {
      for (int i = 0; i < 64; ++i) {
        if (value() != old) return true;
        pause_cpu();
      }
    } while (std::chrono::steady_clock::now() < deadline);
    return false;
  }

  void futex(int operation, uint32_t argument) {
    ::syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word_), operation, argument, nullptr, nullptr, 0);
  }

  alignas(64) std::atomic<uint32_t> word_{0};
  std::atomic<uint32_t> sleepers_{0};
};
static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t), "the kernel looks at the counter itself");

// The cores to pin threads to, or none where pinning could do harm.
std::vector<Core> cores_to_pin(int threads) {
  std::vector<Core> cores = allowed_cores();
  if (static_cast<size_t>(threads) != cores.size() || cpu_quota() < threads) cores.clear();
  return cores;
}

void pin_to(const Core& core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : core) CPU_SET(cpu, &set);
  ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);  // refused: the system chooses, and nothing is wrong
}

}  // namespace

struct ThreadPool::State {
  Signal region;                                 // advances when a region starts
  Signal finished;                               // advances when the last worker leaves a region
  Signal barrier;                                // advances when the last thread arrives at a barrier
  alignas(64) std::atomic<uint32_t> running{0};  // workers still inside the region
  alignas(64) std::atomic<uint32_t> arrived{0};  // threads that wait at the barrier
  std::atomic<bool> inside{false};
  const FunctionRef<void(int)>* body = nullptr;
  bool stop = false;
  std::chrono::nanoseconds spin{0};
  std::vector<Core> pins;
  std::vector<std::thread> workers;
};

ThreadPool::ThreadPool(int threads)
    : threads_(threads > 0 ? threads : default_threads()), state_(std::make_unique<State>()) {
  size_t cpus = 0;
  for (const Core& core : allowed_cores()) cpus += core.size();
  state_->spin = std::chrono::microseconds(static_cast<size_t>(threads_) <= cpus ? 50 : 0);
  state_->pins = cores_to_pin(threads_);

  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // workers inherit it
  std::string trouble;
  try {
    for (int thread = 1; thread < threads_; ++thread) state_->workers.emplace_back([this, thread] { worker(thread); });
  } catch (const std::system_error& error) {
    trouble = error.what();
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!trouble.empty()) {
    stop();
    fail(Exit::kFailure, "cannot start {} threads: {}", threads_, trouble);
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() noexcept {
  state_->stop = true;
  state_->region.advance();
  for (auto& worker : state_->workers) worker.join();
}

void ThreadPool::worker(int thread) noexcept {
  State& state = *state_;
  ::pthread_setname_np(::pthread_self(), ("r1-pool-" + std::to_string(thread)).c_str());
  if (!state.pins.empty()) pin_to(state.pins[static_cast<size_t>(thread)]);
  for (uint32_t seen = 0;; ++seen) {  // one step per region: the next begins only when every worker has left this one
    state.region.wait(seen, state.spin);
    if (state.stop) return;
    (*state.body)(thread);
    if (state.running.fetch_sub(1, std::memory_order_acq_rel) == 1) state.finished.advance();
  }
}

void ThreadPool::run(FunctionRef<void(int)> body) noexcept {
  State& state = *state_;
  enter();
  if (threads_ == 1) {
    body(0);
  } else {
    const uint32_t before = state.finished.value();
    state.body = &body;
    state.running.store(static_cast<uint32_t>(threads_ - 1), std::memory_order_relaxed);
    state.region.advance();
    body(0);
    state.finished.wait(before, state.spin);
  }
  leave();
}

void ThreadPool::enter() noexcept {
  R1_CHECK(!state_->inside.exchange(true, std::memory_order_relaxed), "a region starts inside another one");
}

void ThreadPool::leave() noexcept { state_->inside.store(false, std::memory_order_relaxed); }

void ThreadPool::parallel_for(int64_t count, FunctionRef<void(int64_t, int64_t)> body) noexcept {
  if (threads_ == 1 || count <= 1) {
    enter();  // here too: what a pool of one forgives, a larger one would not
    if (count > 0) body(0, count);
    leave();
    return;
  }
  run([&](int thread) {
    const int64_t share = count / threads_, rest = count % threads_;  // the first `rest` ranges are one longer
    const int64_t begin = share * thread + std::min<int64_t>(thread, rest);
    const int64_t end = begin + share + (thread < rest ? 1 : 0);
    if (begin < end) body(begin, end);
  });
}

void ThreadPool::barrier() noexcept {
  if (threads_ == 1) return;
  State& state = *state_;
  const uint32_t before = state.barrier.value();  // before arriving: it cannot advance without us
  if (state.arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<uint32_t>(threads_)) {
    state.arrived.store(0, std::memory_order_relaxed);  // before anyone leaves, so before anyone arrives again
    state.barrier.advance();
  } else {
    state.barrier.wait(before, state.spin);
  }
}

int ThreadPool::default_threads() {
  const auto cores = static_cast<double>(allowed_cores().size());
  return static_cast<int>(std::max(1.0, std::floor(std::min(cores, cpu_quota()))));
}

}  // namespace r1
