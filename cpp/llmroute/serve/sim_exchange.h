// One answer of a simulated provider, from the request to its last byte. Loop thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "llmroute/net/loop.h"
#include "llmroute/net/server.h"
#include "llmroute/serve/sim_plan.h"
#include "llmroute/serve/sim_request.h"
#include "llmroute/serve/sim_voice.h"

namespace llmroute::serve {

class SimExchange;

// What an exchange needs of its provider; outlives it.
class SimHub {
 public:
  virtual ~SimHub() = default;
  virtual net::Loop& loop() = 0;
  virtual const SimVoice& voice() const = 0;
  virtual double tokens_per_second() const = 0;
  virtual void add_headers(std::string_view id, wire::Headers& headers) const = 0;
  virtual void on_status(int status) = 0;                        // the answer begins
  virtual void on_answer(const Usage& usage) = 0;                // with what it is billed for
  virtual void on_end(SimExchange& exchange, bool aborted) = 0;  // the last call; may destroy it
};

class SimExchange final : public std::enable_shared_from_this<SimExchange> {
 public:
  SimExchange(SimHub& hub, net::Responder responder, SimPlan plan, std::string id);

  // Called first. True where the plan's fault answers instead of the provider; then nothing else
  // is called.
  bool begin();
  void refuse(const SimError& error);
  void answer(SimAnswer answer);
  void abort();  // the provider dies: resets the connection

 private:
  using Step = void (SimExchange::*)();

  void after(Duration delay, Step step);
  void at(Instant when, Step step);
  void end(bool aborted);
  Duration fault_delay() const { return plan_.fault ? plan_.fault->delay : Duration::zero(); }
  bool has_fault(FaultKind kind) const { return plan_.fault && plan_.fault->kind == kind; }
  bool fault_is_due() const;
  wire::Headers headers(std::string_view content_type) const;
  void send(int status, std::string_view content_type, std::string body, double retry_after_s);
  void send_error(const SimError& error, int status);

  void strike();  // the fault that answers instead
  void send_refusal();
  void send_whole();
  void begin_stream();
  void pump();
  void break_off(std::string& out);  // the fault ends the stream
  void finish_stream(std::string& out);
  Instant due(std::size_t piece) const;

  SimHub& hub_;
  net::Responder responder_;
  SimPlan plan_;
  std::string id_;
  SimError refusal_;
  SimAnswer answer_;
  Instant first_token_{};
  std::size_t next_ = 0;
  std::uint64_t timer_ = 0;
  bool ended_ = false;
};

}  // namespace llmroute::serve
