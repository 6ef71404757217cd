// Drives one curl multi handle from an Asio loop.
//
// Knows sockets and timeouts, nothing of HTTP. Loop thread only. The owner hands its easy handles
// to adopt() once, adds them to multi() itself, and reads finished transfers when `on_progress`
// says that curl has worked.
//
// A socket curl opened stays registered with the loop until curl closes it, not only while a
// transfer uses it: between two requests on one connection that saves two system calls each time.
// The descriptor is always curl's: it is released before curl's own close, never closed by Asio.
#pragma once

#include <curl/curl.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "llmroute/base/time.h"

namespace llmroute::net {

class MultiDriver {
 public:
  // `on_progress` runs after curl has worked, and not inside any call of curl's.
  MultiDriver(boost::asio::io_context& context, std::function<void()> on_progress);
  ~MultiDriver();
  MultiDriver(const MultiDriver&) = delete;
  MultiDriver& operator=(const MultiDriver&) = delete;

  CURLM* multi() const { return multi_; }
  // Sets what lets the driver see the sockets of this handle's connections.
  void adopt(CURL* easy);
  // Curl is on the stack: handles must be neither added nor removed now.
  bool inside_curl() const { return inside_curl_; }
  // For calls of the owner's that make curl run callbacks.
  template <class F>
  void run_inside(F&& call) {
    inside_curl_ = true;
    call();
    inside_curl_ = false;
  }

 private:
  struct Watch;
  struct Callbacks;

  Watch& watch(curl_socket_t fd);
  void forget(curl_socket_t fd);
  void want(curl_socket_t fd, int mask);
  void act(curl_socket_t fd, int mask);
  void schedule(long timeout_ms);
  void kick();
  void set_alarm(Instant now, Instant when);

  boost::asio::io_context& context_;
  std::function<void()> on_progress_;
  CURLM* multi_;
  std::vector<std::shared_ptr<Watch>> watches_;  // by descriptor
  boost::asio::steady_timer alarm_;
  // Curl's timeouts are about real sockets, so they run on the system's clock whatever the loop's
  // is.
  Instant due_ = kNever;                // when curl wants to be called
  Instant armed_ = kNever;              // when alarm_ goes off; not later than due_
  std::shared_ptr<MultiDriver*> self_;  // null inside once destroyed, for queued handlers
  bool kick_queued_ = false;
  bool inside_curl_ = false;
};

}  // namespace llmroute::net
