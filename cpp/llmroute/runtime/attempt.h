// One attempt on the network: encodes, sends, reads, times out, and ends in one Outcome.
//
// Owned by the router's pool and used again; loop thread only. It tells its host what happens and
// knows nothing of retries. After host.on_end() or release() it belongs to the pool and may be
// begun again at once, even while a callback of its old exchange is still on the stack; so nothing
// here touches a member after either.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/base/secret.h"
#include "llmroute/model/delta.h"
#include "llmroute/model/deployment.h"
#include "llmroute/model/outcome.h"
#include "llmroute/model/request.h"
#include "llmroute/net/loop.h"
#include "llmroute/net/transport.h"
#include "llmroute/provider/dialect.h"

namespace llmroute::runtime {

class Attempt;
struct ActiveRequest;

// What an attempt needs of whoever runs it.
class AttemptHost {
 public:
  virtual ~AttemptHost() = default;
  virtual net::Loop& loop() = 0;
  virtual net::Transport& transport() = 0;
  // The first content came; `deltas` follow in on_deltas.
  virtual void on_content(Attempt& attempt, Duration ttft) = 0;
  // Takes the deltas. False: the reader is behind, stop reading the socket.
  virtual bool on_deltas(Attempt& attempt, std::vector<Delta>& deltas) = 0;
  // The one end of an attempt that was not cancelled. Takes its body with take_body() where it
  // wants it.
  virtual void on_end(Attempt& attempt, Outcome outcome) = 0;
  // Nothing of it is left on the network: back to the pool.
  virtual void release(Attempt& attempt) = 0;
};

class Attempt final : public net::ExchangeSink {
 public:
  struct Start {
    ActiveRequest* owner;
    const ChatRequest* request;
    const Deployment* deployment;
    std::uint32_t number;
    std::uint16_t key_index;
    Timeouts timeouts;
  };

  explicit Attempt(AttemptHost& host) : host_(host) {}

  // Sends. Gives back a Failure where nothing can be sent; the attempt is then over without
  // on_end() and still the caller's.
  std::optional<Failure> begin(const Start& start, const Secret& key);
  // Closes the socket; neither on_end nor release follow: it is the caller's again.
  void cancel();
  void resume();

  ActiveRequest* owner() const { return start_.owner; }
  std::uint32_t number() const { return start_.number; }
  std::uint16_t key_index() const { return start_.key_index; }
  const Deployment& deployment() const { return *start_.deployment; }
  const provider::Dialect& dialect() const { return *dialect_; }
  int status() const { return status_; }
  std::string take_body() { return std::move(body_); }
  std::vector<std::string> take_dropped() { return std::move(dropped_); }
  // Over for its request, but its exchange is still being read to its end; release() follows.
  bool lingers() const { return lingers_; }

  void on_head(const wire::ResponseHead& head) override;
  bool on_body(std::string_view bytes) override;
  void on_done(std::optional<net::TransportError> error, const net::ExchangeTimes& times) override;

 private:
  void reset(const Start& start);
  bool read_stream(std::string_view bytes);
  bool read_whole(std::string_view bytes);
  // False where the reader is behind.
  bool deliver();
  Failure transport_failure(net::TransportError error) const;
  void finish_stream();
  void finish_whole();
  void fail(Failure failure, bool abort_exchange);
  void succeed(const provider::ReplySummary& summary);
  void end(Outcome outcome);
  Usage billed_usage(const Usage& reported, const std::optional<Failure>& failure) const;
  void arm_timer();
  void on_timer();
  void end_linger();
  Instant next_limit() const;
  Failure timeout_failure(Instant now) const;
  bool is_success_status() const { return status_ >= 200 && status_ < 300; }

  AttemptHost& host_;
  Start start_{};
  const provider::Dialect* dialect_ = nullptr;
  net::ExchangeId exchange_ = 0;
  std::uint64_t timer_ = 0;
  Instant started_{}, last_bytes_{}, first_content_ = kNever;
  int status_ = 0;
  bool paused_ = false, lingers_ = false, embeds_ = false;
  std::size_t content_bytes_ = 0;
  wire::ResponseHead error_head_;  // kept for classification where the status is no success
  AnnouncedLimits limits_;
  std::optional<Duration> connect_;
  std::unique_ptr<provider::StreamDecoder> decoder_;
  std::vector<Delta> deltas_;  // held back until there is content
  std::string body_;
  std::vector<std::string> dropped_;
};

}  // namespace llmroute::runtime
