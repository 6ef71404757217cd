// A descriptor that becomes readable when somebody is told to look: eventfd on Linux, a pipe
// elsewhere.
//
// signal() may be called on any thread; clear() and wait() belong to the reader. Making one aborts
// where the process has no descriptor left, since no request could be answered then.
#pragma once

#include "llmroute/base/time.h"

namespace llmroute::runtime {

class Wake {
 public:
  Wake();
  ~Wake();
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;

  void signal();  // readable from now on
  void clear();   // not readable until the next signal
  // True where it is readable; false after `at_most`, or when a signal of the system came in.
  bool wait(Duration at_most);
  int fd() const { return read_fd_; }

 private:
  int read_fd_ = -1;
  int write_fd_ = -1;  // the same on Linux
};

}  // namespace llmroute::runtime
