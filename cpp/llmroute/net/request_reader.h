// Reads one HTTP/1.1 request from bytes; no sockets. A thin door to Beast's parser, so that only
// one source file pays for compiling it.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "llmroute/net/server.h"

namespace llmroute::net {

class RequestReader {
 public:
  struct Limits {
    std::size_t header_bytes;
    std::size_t body_bytes;
  };
  enum class State {
    need_more,  // feed() again, with what it left and more behind it
    complete,   // take() gives the request
    failed,     // error_status() says how to answer; the connection cannot be used any further
  };

  explicit RequestReader(const Limits& limits);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  // Returns how many bytes were taken; bytes behind a complete request are left alone.
  std::size_t feed(std::string_view bytes);
  State state() const { return state_; }
  // True once, when the client waits for "100 Continue" before it sends the body.
  bool wants_continue();
  bool started() const { return started_; }
  bool keep_alive() const;
  bool http_1_0() const;
  int error_status() const { return error_status_; }  // 400, 413, 417, 431 or 505
  ServerRequest take();
  void reset();  // ready for the next request

 private:
  class Parser;
  void fail(int status);
  void check_head();

  Limits limits_;
  std::unique_ptr<Parser> parser_;
  State state_ = State::need_more;
  int error_status_ = 0;
  bool started_ = false;
  bool head_checked_ = false;
  bool continue_wanted_ = false;
};

}  // namespace llmroute::net
