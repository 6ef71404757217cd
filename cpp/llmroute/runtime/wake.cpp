#include "llmroute/runtime/wake.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#if defined(__linux__)
#include <sys/eventfd.h>
#endif

namespace llmroute::runtime {

Wake::Wake() {
#if defined(__linux__)
  read_fd_ = write_fd_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
#else
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) == 0) {
    read_fd_ = ends[0];
    write_fd_ = ends[1];
    for (const int fd : ends) {
      ::fcntl(fd, F_SETFL, O_NONBLOCK);
      ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
  }
#endif
  if (read_fd_ < 0) {
    std::fprintf(stderr, "llmroute: no file descriptor left to wake a waiting thread\n");
    std::abort();
  }
}

Wake::~Wake() {
  ::close(read_fd_);
  if (write_fd_ != read_fd_) ::close(write_fd_);
}

void Wake::signal() {
  const std::uint64_t one = 1;
  // A full pipe or counter is readable already, which is all that is wanted.
  [[maybe_unused]] const auto written = ::write(write_fd_, &one, sizeof(one));
}

void Wake::clear() {
  std::array<std::uint64_t, 8> sink{};
  while (::read(read_fd_, sink.data(), sizeof(sink)) == static_cast<ssize_t>(sizeof(sink))) {
  }
}

bool Wake::wait(Duration at_most) {
  pollfd poll_fd{read_fd_, POLLIN, 0};
  const auto ms = std::chrono::ceil<milliseconds>(at_most).count();
  const int timeout = static_cast<int>(std::clamp<std::int64_t>(ms, 0, 3'600'000));
  return ::poll(&poll_fd, 1, timeout) > 0;
}

}  // namespace llmroute::runtime
