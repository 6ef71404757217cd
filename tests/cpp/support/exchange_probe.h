// A sink that remembers everything, for tests of the HTTP client.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "llmroute/net/transport.h"
#include "support/on_loop.h"

namespace llmroute::test {

struct Seen {
  int heads = 0;
  wire::ResponseHead head;
  std::string body;
  int pieces = 0;
  int dones = 0;
  std::optional<net::TransportError> error;
  net::ExchangeTimes times;
};

class ExchangeProbe final : public net::ExchangeSink {
 public:
  void on_head(const wire::ResponseHead& head) override {
    seen.change([&](Seen& s) {
      ++s.heads;
      s.head = head;
    });
    if (head_hook) head_hook();
  }
  bool on_body(std::string_view bytes) override {
    seen.change([&](Seen& s) {
      ++s.pieces;
      s.body += bytes;
    });
    return !body_hook || body_hook(bytes);
  }
  void on_done(std::optional<net::TransportError> error, const net::ExchangeTimes& times) override {
    if (done_hook) done_hook();
    // Last: the test may destroy this probe as soon as it sees the end.
    seen.change([&](Seen& s) {
      ++s.dones;
      s.error = std::move(error);
      s.times = times;
    });
  }

  // The end, or a test failure after a long time.
  Seen wait() {
    EXPECT_TRUE(seen.wait([](const Seen& s) { return s.dones > 0; })) << "the exchange did not end";
    return seen.get();
  }

  Watched<Seen> seen;
  net::ExchangeId id = 0;
  std::function<void()> head_hook;
  std::function<bool(std::string_view)> body_hook;
  std::function<void()> done_hook;
};

// A transport with its own loop, used from the test's thread.
class Client {
 public:
  explicit Client(const Clock& clock = system_clock()) : loop_(clock, "test-client") {
    on_loop(loop_, [this] { transport_.emplace(loop_); });
  }
  ~Client() {
    on_loop(loop_, [this] { transport_.reset(); });
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  net::Loop& loop() { return loop_; }
  net::Transport& transport() { return *transport_; }

  net::ExchangeId start(wire::Request request, ExchangeProbe& probe,
                        const net::ExchangeOptions& options = {}) {
    on_loop(loop_, [&] { probe.id = transport_->start(std::move(request), options, probe); });
    return probe.id;
  }
  void cancel(net::ExchangeId id) {
    on_loop(loop_, [&] { transport_->cancel(id); });
  }
  void resume(net::ExchangeId id) {
    on_loop(loop_, [&] { transport_->resume(id); });
  }
  Seen run(wire::Request request, const net::ExchangeOptions& options = {}) {
    ExchangeProbe probe;
    start(std::move(request), probe, options);
    return probe.wait();
  }
  Seen get(std::string url, const net::ExchangeOptions& options = {}) {
    return run({"GET", std::move(url), {}, {}}, options);
  }
  Seen post(std::string url, std::string body, const net::ExchangeOptions& options = {}) {
    return run({"POST", std::move(url), {}, std::move(body)}, options);
  }

 private:
  net::Loop loop_;
  std::optional<net::Transport> transport_;
};

}  // namespace llmroute::test
