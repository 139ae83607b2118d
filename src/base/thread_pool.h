// A persistent pool: work is cut the same way every time, so the same thread sees the same range of the same weights.
// Waiting threads spin for about 50 microseconds, then sleep: a decode step has hundreds of regions, each shorter than
// a wake-up. A pool larger than the CPUs it may use does not spin: the spinner would hold the core that the worker
// needs.
//
// Workers are pinned, each to one physical core, only where the pool takes every core that the process may use and no
// quota cuts in: a smaller pool leaves the choice to the system, so that two programs do not meet on one core while
// others idle. The caller's thread is never pinned. Workers block all signals: handlers run on the program's own
// threads.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace r1 {

// A reference to a callable that outlives the call (no allocation, unlike std::function).
template <typename Signature>
class FunctionRef;
template <typename Result, typename... Args>
class FunctionRef<Result(Args...)> {
 public:
  template <typename F, typename = std::enable_if_t<!std::is_same_v<std::decay_t<F>, FunctionRef>>>
  FunctionRef(F&& f)  // NOLINT(google-explicit-constructor): it stands in for the callable
      : object_(const_cast<void*>(static_cast<const void*>(&f))), call_([](void* object, Args... args) -> Result {
          return (*static_cast<std::remove_reference_t<F>*>(object))(args...);
        }) {}
  Result operator()(Args... args) const { return call_(object_, args...); }

 private:
  void* object_;
  Result (*call_)(void*, Args...);
};

class ThreadPool {
 public:
  // `threads` >= 1 counts the caller; 0 means default_threads(). Throws Error where the system grants no more threads.
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  // Calls body(thread) once for every thread 0 … threads()-1 (the caller is thread 0) and returns when all are done.
  // What the caller wrote before is seen by every body; what the bodies wrote is seen by the caller afterwards.
  // One region at a time; body must not start another one of this pool (R1_CHECK) and must not throw (terminates).
  void run(FunctionRef<void(int thread)> body) noexcept;

  // Cuts [0, count) into threads() contiguous ranges and calls body(begin, end) for each that is not empty. A region
  // too.
  void parallel_for(int64_t count, FunctionRef<void(int64_t begin, int64_t end)> body) noexcept;

  // Inside run(): all threads wait here for one another, and see what the others wrote before it.
  void barrier() noexcept;

  // Physical cores this process may use (affinity mask and cgroup quota respected).
  static int default_threads();

 private:
  struct State;
  void enter() noexcept;  // a region
  void leave() noexcept;
  void worker(int thread) noexcept;
  void stop() noexcept;

  int threads_;
  std::unique_ptr<State> state_;
};

}  // namespace r1
