#include "cli/interrupt.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace r1 {
namespace {

volatile std::sig_atomic_t raised = 0, end_at_once = 0;

// A signal between a look at `raised` and the wait that follows, or one that another thread took, would not end the
// wait: every signal also writes into this pipe, and waits look at its other end.
int wake_up[2] = {-1, -1};

void on_signal(int number) {
  if (raised != 0 || end_at_once != 0) ::_exit(128 + number);
  raised = number;
  const int saved = errno;
  const char byte = 0;
  [[maybe_unused]] const ssize_t put = ::write(wake_up[1], &byte, 1);  // a full pipe ends the wait as well
  errno = saved;
}

}  // namespace

void catch_signals() {
  if (::pipe2(wake_up, O_NONBLOCK | O_CLOEXEC) != 0) wake_up[0] = wake_up[1] = -1;  // poll and write then pass it over
  struct sigaction action = {};
  action.sa_handler = on_signal;  // without SA_RESTART: a read that waits for a person returns
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

bool interrupted() { return raised != 0; }

void check_interrupt() {
  if (raised != 0) throw Interrupted{raised == SIGTERM ? Exit::kTerminated : Exit::kInterrupted};
}

bool take_interrupt() {
  if (raised != SIGINT) return false;
  raised = 0;
  return true;
}

bool wait_for_input(int descriptor, int milliseconds) {
  if (raised != 0) return false;
  pollfd ends[] = {{descriptor, POLLIN, 0}, {wake_up[0], POLLIN, 0}};
  if (::poll(ends, 2, milliseconds) <= 0) return false;
  char bytes[16];
  if (ends[1].revents != 0 && ::read(wake_up[0], bytes, sizeof bytes) > 0 && raised != 0) return false;
  return ends[0].revents != 0;
}

EndAtOnce::EndAtOnce() { end_at_once = 1; }
EndAtOnce::~EndAtOnce() { end_at_once = 0; }

void end_by_pipe() {
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
}

}  // namespace r1
