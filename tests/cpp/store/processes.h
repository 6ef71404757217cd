// Real processes for tests: forked before a test has threads, ended without destructors.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <utility>

namespace llmroute::test {

// A child that runs `work(pipe)` and ends with what it returns; what it writes is read here.
class Child {
 public:
  template <class F>
  explicit Child(F&& work) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    process_ = ::fork();
    if (process_ == 0) {
      ::close(ends[0]);
      ::_exit(work(ends[1]));
    }
    ::close(ends[1]);
    from_ = ends[0];
  }
  ~Child() {
    if (process_ > 0) wait();
    ::close(from_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // The next bytes, up to `most`; empty: it has closed its end.
  std::string read(std::size_t most = 4'096) {
    std::string bytes(most, '\0');
    const ssize_t got = ::read(from_, bytes.data(), bytes.size());
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
  }
  std::string read_all() {
    std::string all;
    for (std::string more = read(); !more.empty(); more = read()) all += more;
    return all;
  }
  void kill() { ::kill(process_, SIGKILL); }
  // What `work` returned; -1 where it was killed.
  int wait() {
    int status = 0;
    EXPECT_EQ(::waitpid(std::exchange(process_, -1), &status, 0) > 0, true);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t process_ = -1;
  int from_ = -1;
};

}  // namespace llmroute::test
