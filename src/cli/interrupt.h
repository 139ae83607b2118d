// Ctrl-C and termination: a signal raises a flag that long work looks at between steps, so that it can leave its files
// in order. A second signal before anybody looked ends the program at once.
#pragma once

#include "base/error.h"

namespace r1 {

// Thrown by check_interrupt(): the program leaves with kInterrupted or kTerminated and no message.
struct Interrupted {
  Exit exit;
};

void catch_signals();    // SIGINT and SIGTERM raise the flag; SIGPIPE becomes an error of write()
bool interrupted();      // is the flag up?
void check_interrupt();  // throws Interrupted if it is
bool take_interrupt();  // true if SIGINT had raised it, and lowers it again: the work at hand ends, the program goes on

// Waits until `descriptor` has input (or has ended): true. False where a signal came, even just before the call; also
// now and then for nothing, and after `milliseconds`, if that is not negative.
bool wait_for_input(int descriptor, int milliseconds = -1);

// While one of these lives nothing would be lost: a signal ends the program at once.
class EndAtOnce {
 public:
  EndAtOnce();
  ~EndAtOnce();
  EndAtOnce(const EndAtOnce&) = delete;
  EndAtOnce& operator=(const EndAtOnce&) = delete;
};

void end_by_pipe();  // ends this process as SIGPIPE would have

}  // namespace r1
