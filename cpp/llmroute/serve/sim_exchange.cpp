#include "llmroute/serve/sim_exchange.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace llmroute::serve {

namespace {

// A reader slower than the provider is waited for, as a real one would.
constexpr std::size_t kMaxUnsentBytes = 256U << 10;
constexpr std::size_t kMaxBurstBytes = 64U << 10;
constexpr Duration kLookAgain = milliseconds(1);

constexpr std::string_view kPage =
    "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>"
    "<body><h1>Please sign in to the network</h1></body></html>\n";

SimError error_of(const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::rate_limit:
      return {SimError::Kind::rate_limit, "Rate limit reached. Please slow down.",
              fault.retry_after_s};
    case FaultKind::overloaded:
    case FaultKind::error_event:
      return {SimError::Kind::overloaded, "Overloaded", fault.retry_after_s};
    case FaultKind::auth: return {SimError::Kind::authentication, "Incorrect API key provided.", 0};
    case FaultKind::quota: return {SimError::Kind::quota, "You exceeded your current quota.", 0};
    default:
      return {SimError::Kind::server_error, "The server had an error processing your request.", 0};
  }
}

}  // namespace

SimExchange::SimExchange(SimHub& hub, net::Responder responder, SimPlan plan, std::string id)
    : hub_(hub), responder_(std::move(responder)), plan_(std::move(plan)), id_(std::move(id)) {}

bool SimExchange::begin() {
  responder_.on_close([self = shared_from_this()] { self->end(true); });
  if (!plan_.fault) return false;
  switch (plan_.fault->kind) {
    case FaultKind::slow_first_byte:
    case FaultKind::cut:
    case FaultKind::no_terminator:
    case FaultKind::malformed_chunk:
    case FaultKind::error_event: return false;
    case FaultKind::stall: return true;
    default: break;
  }
  after(fault_delay(), &SimExchange::strike);
  return true;
}

void SimExchange::refuse(const SimError& error) {
  refusal_ = error;
  after(Duration::zero(), &SimExchange::send_refusal);
}

void SimExchange::answer(SimAnswer answer) {
  answer_ = std::move(answer);
  first_token_ = add_saturated(hub_.loop().now(), plan_.ttft);
  if (answer_.request.stream) return at(first_token_, &SimExchange::begin_stream);
  at(due(answer_.pieces.size()), &SimExchange::send_whole);
}

void SimExchange::abort() {
  if (ended_) return;
  responder_.reset();
  end(true);
}

void SimExchange::after(Duration delay, Step step) {
  at(add_saturated(hub_.loop().now(), delay), step);
}

void SimExchange::at(Instant when, Step step) {
  timer_ = hub_.loop().call_at(when, [self = shared_from_this(), step] {
    self->timer_ = 0;
    if (!self->ended_) (self.get()->*step)();
  });
}

void SimExchange::end(bool aborted) {
  if (ended_) return;
  ended_ = true;
  if (timer_ != 0) hub_.loop().cancel_timer(timer_);
  // The listener holds this object, and this object the responder that holds the listener.
  const auto self = shared_from_this();
  responder_.on_close({});
  hub_.on_end(*this, aborted);
}

wire::Headers SimExchange::headers(std::string_view content_type) const {
  wire::Headers out;
  out.add("content-type", std::string(content_type));
  hub_.add_headers(id_, out);
  return out;
}

void SimExchange::send(int status, std::string_view content_type, std::string body,
                       double retry_after_s) {
  wire::Headers head = headers(content_type);
  if (retry_after_s > 0) {
    head.add("retry-after", std::to_string(std::llround(std::ceil(retry_after_s))));
  }
  hub_.on_status(status);
  responder_.respond(status, head, std::move(body));
  end(false);
}

void SimExchange::send_error(const SimError& error, int status) {
  SimReply reply = hub_.voice().error(error, id_);
  send(status != 0 ? status : reply.status, "application/json", std::move(reply.body),
       error.retry_after_s);
}

void SimExchange::send_refusal() { send_error(refusal_, 0); }

void SimExchange::strike() {
  const Fault& fault = *plan_.fault;
  const int usual = fault.status != 0 ? fault.status : 200;
  switch (fault.kind) {
    case FaultKind::reset: return abort();
    case FaultKind::html: return send(usual, "text/html", std::string(kPage), 0);
    case FaultKind::not_json: return send(usual, "application/json", "upstream said no", 0);
    case FaultKind::error_in_200: return send_error(error_of(fault), 200);
    default: return send_error(error_of(fault), fault.status);
  }
}

void SimExchange::send_whole() {
  hub_.on_answer(answer_.usage);
  if (has_fault(FaultKind::error_event)) return send_error(error_of(*plan_.fault), 200);
  std::string body = hub_.voice().whole(answer_);
  if (has_fault(FaultKind::malformed_chunk)) body.resize(body.size() / 2);
  if (!has_fault(FaultKind::cut)) return send(200, "application/json", std::move(body), 0);
  hub_.on_status(200);
  responder_.begin(200, headers("application/json"));
  responder_.write(std::string_view(body).substr(0, body.size() / 2));
  responder_.close();
  end(false);
}

void SimExchange::begin_stream() {
  hub_.on_status(200);
  hub_.on_answer(answer_.usage);
  wire::Headers head = headers("text/event-stream; charset=utf-8");
  head.add("cache-control", "no-cache");
  responder_.begin(200, head);
  std::string out;
  hub_.voice().open(answer_, out);
  responder_.write(out);
  pump();
}

Instant SimExchange::due(std::size_t piece) const {
  const double rate = hub_.tokens_per_second();
  const double ms = rate > 0 ? 1e3 * static_cast<double>(piece) / rate : 0;
  return add_saturated(first_token_, from_ms(ms));
}

bool SimExchange::fault_is_due() const {
  if (!plan_.fault) return false;
  const bool kind = has_fault(FaultKind::cut) || has_fault(FaultKind::malformed_chunk) ||
                    has_fault(FaultKind::error_event);
  return kind && next_ >= std::min<std::size_t>(plan_.fault->after_chunks, answer_.pieces.size());
}

void SimExchange::pump() {
  if (responder_.unsent_bytes() > kMaxUnsentBytes) return after(kLookAgain, &SimExchange::pump);
  const Instant now = hub_.loop().now();
  const std::size_t count = answer_.pieces.size();
  std::string out;
  while (!fault_is_due() && next_ < count && due(next_) <= now && out.size() < kMaxBurstBytes) {
    hub_.voice().piece(answer_, next_++, out);
  }
  if (fault_is_due()) return break_off(out);
  if (next_ == count) return finish_stream(out);
  if (!out.empty()) responder_.write(out);
  at(std::max(due(next_), now), &SimExchange::pump);
}

void SimExchange::break_off(std::string& out) {
  if (has_fault(FaultKind::malformed_chunk)) hub_.voice().malformed(out);
  if (has_fault(FaultKind::error_event)) hub_.voice().error_event(error_of(*plan_.fault), out);
  if (!out.empty()) responder_.write(out);
  if (has_fault(FaultKind::cut)) {
    responder_.close();
  } else {
    responder_.end();
  }
  end(false);
}

void SimExchange::finish_stream(std::string& out) {
  if (has_fault(FaultKind::no_terminator)) {
    hub_.voice().trail_off(answer_, out);
  } else {
    hub_.voice().close(answer_, out);
  }
  responder_.write(out);
  responder_.end();
  end(false);
}

}  // namespace llmroute::serve
