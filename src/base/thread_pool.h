// A persistent pool: fixed split of work over pinned threads, so that the same threads see the same ranges every time.
// Waiting threads spin for about 50 microseconds, then sleep: a decode step has hundreds of regions, each shorter than a wake-up.
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
      : object_(const_cast<void*>(static_cast<const void*>(&f))),
        call_([](void* object, Args... args) -> Result { return (*static_cast<std::remove_reference_t<F>*>(object))(args...); }) {}
  Result operator()(Args... args) const { return call_(object_, args...); }

 private:
  void* object_;
  Result (*call_)(void*, Args...);
};

class ThreadPool {
 public:
  // `threads` >= 1 counts the caller; 0 means default_threads().
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  // Calls body(thread) once for every thread 0 … threads()-1 (the caller is thread 0) and returns when all are done.
  // One region at a time, from one thread; body must not throw and must not start another region of this pool.
  void run(FunctionRef<void(int thread)> body);

  // Cuts [0, count) into threads() contiguous ranges and calls body(begin, end) for each that is not empty.
  void parallel_for(int64_t count, FunctionRef<void(int64_t begin, int64_t end)> body);

  // Inside run(): all threads wait here for one another.
  void barrier();

  // Physical cores this process may use (affinity mask and cgroup quota respected).
  static int default_threads();

 private:
  struct State;
  void worker(int thread);

  int threads_;
  std::unique_ptr<State> state_;
};

}  // namespace r1
