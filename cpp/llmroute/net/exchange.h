// One transfer on one curl easy handle; handle and buffers are kept for the next transfer.
//
// Prepares the handle, reads the response as curl delivers it, and knows whether the request has
// left. Scheduling is Transport's. Loop thread only.
#pragma once

#include <curl/curl.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "llmroute/net/ca_ladder.h"
#include "llmroute/net/idle_times.h"
#include "llmroute/net/multi_driver.h"
#include "llmroute/net/stream_gate.h"
#include "llmroute/net/transport.h"

namespace llmroute::net {

class Exchange {
 public:
  explicit Exchange(MultiDriver& driver);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // What every transfer of a Transport shares.
  struct Context {
    const Clock& clock;
    IdleTimes& idle_times;
    const CaSource& ca;  // for this transfer's ca_file; outlives the transfer
  };

  void assign(ExchangeId id) { id_ = id; }
  // Checks the request and sets the handle up for it; an error here means that nothing may be sent.
  std::optional<TransportError> prepare(wire::Request request, const ExchangeOptions& options,
                                        ExchangeSink& sink, const Context& context);
  // From here on the sink is not called any more, and the transfer is not worth finishing.
  void abandon();
  // What to tell the sink about a transfer that ended with `code`.
  std::optional<TransportError> outcome(CURLcode code);
  ExchangeTimes times();
  // The transfer is over: drops request and response; the handle stays ready.
  void recycle();
  // Takes the pause back; true where curl has to be told.
  bool unpause();

  // Where its connections go to and how; exchanges that agree in it can share one. Empty for plain
  // HTTP, where nothing is shared.
  std::string shared_origin() const;
  StreamGate::Pass& pass() { return pass_; }

  CURL* easy() const { return easy_; }
  ExchangeId id() const { return id_; }
  ExchangeSink* sink() const { return sink_; }
  bool in_multi = false;  // added to the multi handle

 private:
  struct Callbacks;
  void set_constant_options();
  std::optional<TransportError> check(const wire::Request& request) const;
  void set_method();
  void set_headers();
  void set_route(const Context& context);
  std::size_t on_header_line(std::string_view line);
  void add_response_header(std::string_view line);
  bool end_of_head();
  std::size_t on_body(std::string_view bytes);
  bool may_send(IdleTimes::Key connection);
  void forbid_reuse(bool forbid);
  void refuse(ErrorKind kind, std::string message);

  MultiDriver& driver_;
  CURL* easy_;
  ExchangeId id_ = 0;
  ExchangeSink* sink_ = nullptr;
  const Clock* clock_ = nullptr;
  IdleTimes* idle_times_ = nullptr;
  StreamGate::Pass pass_;
  std::string_view ca_tried_;
  wire::Request request_;
  ExchangeOptions options_;
  std::string header_text_;               // request headers, each ended by NUL
  std::vector<curl_slist> header_nodes_;  // point into header_text_
  wire::ResponseHead head_;
  std::size_t header_bytes_ = 0;
  std::size_t body_bytes_ = 0;
  std::optional<TransportError> refusal_;  // our own reason for ending the transfer
  int sends_ = 0;                          // times curl was about to send the request
  Instant sent_at_ = kNever;               // last of them
  IdleTimes::Key connection_ = 0;          // it was sent on last
  std::optional<Instant> idle_since_;      // of that connection, before
  bool head_done_ = false;
  bool paused_ = false;
  bool curl_paused_ = false;
  // What the handle is set to already; setting an option again costs a copy of its text.
  std::string set_proxy_;
  std::string set_ca_file_;
  std::string set_ca_dir_;
  std::string set_method_;
  bool set_https_ = false;
  bool set_forbid_reuse_ = false;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
};

}  // namespace llmroute::net
