#include "cli/interrupt.h"

#include <unistd.h>

#include <csignal>

namespace r1 {
namespace {

volatile std::sig_atomic_t raised = 0, end_at_once = 0;

void on_signal(int number) {
  if (raised != 0 || end_at_once != 0) ::_exit(128 + number);
  raised = number;
}

}  // namespace

void catch_signals() {
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

EndAtOnce::EndAtOnce() { end_at_once = 1; }
EndAtOnce::~EndAtOnce() { end_at_once = 0; }

void end_by_pipe() {
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
}

}  // namespace r1
