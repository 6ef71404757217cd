// How the core's own threads are made.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <string>

namespace llmroute::net {

// As debuggers and `top -H` show it; cut to what the system takes.
inline void name_this_thread(const std::string& name) {
#if defined(__APPLE__)
  pthread_setname_np(name.substr(0, 63).c_str());
#else
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
#endif
}

// New threads inherit the mask: set before the thread starts, so no signal can slip in between.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace llmroute::net
