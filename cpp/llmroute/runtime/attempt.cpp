#include "llmroute/runtime/attempt.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "llmroute/model/defaults.h"
#include "llmroute/provider/shapes.h"
#include "llmroute/runtime/completion.h"

namespace llmroute::runtime {

namespace {

// How long the rest of a response is read after its own end mark, so that the connection can be
// used again; a server that keeps it open longer loses it.
constexpr Duration kLinger = seconds(1);

std::string ms_text(Duration d) {
  return std::to_string(std::chrono::duration_cast<milliseconds>(d).count()) + " ms";
}

Instant limit_after(Instant from, Duration limit) {
  return limit > Duration::zero() ? add_saturated(from, limit) : kNever;
}

}  // namespace

void Attempt::reset(const Start& start) {
  start_ = start;
  exchange_ = 0;
  timer_ = 0;
  started_ = last_bytes_ = host_.loop().now();
  first_content_ = kNever;
  status_ = 0;
  paused_ = lingers_ = false;
  content_bytes_ = 0;
  limits_ = AnnouncedLimits();
  connect_.reset();
  decoder_.reset();
  deltas_.clear();
  body_.clear();
  dropped_.clear();
}

std::optional<Failure> Attempt::begin(const Start& start, const Secret& key) {
  reset(start);
  dialect_ = provider::find_dialect(start.deployment->dialect);
  if (dialect_ == nullptr) {
    Failure failure;
    failure.kind = ErrorKind::config;
    failure.message = "unknown dialect " + start.deployment->dialect;
    return failure;
  }
  const WallTime now = host_.loop().clock().wall_now();
  embeds_ = start.request->operation == Operation::embeddings;
  auto encoded = embeds_ ? dialect_->encode_embeddings(*start.request, *start.deployment, key, now)
                         : dialect_->encode(*start.request, *start.deployment, key, now);
  if (!encoded) {
    Failure failure;
    failure.kind = encoded.error().kind;
    failure.message = encoded.error().path.empty()
                          ? encoded.error().message
                          : encoded.error().path + ": " + encoded.error().message;
    return failure;
  }
  dropped_ = std::move(encoded->dropped_parameters);
  if (dialect_->name() != provider::dialect_of(start.request->facts.shape)) {
    const auto& hints = start.request->left_out;
    dropped_.insert(dropped_.end(), hints.begin(), hints.end());
  }
  if (start.request->options.stream) decoder_ = dialect_->stream_decoder(*start.deployment);
  net::ExchangeOptions options;
  options.connect_timeout = start.timeouts.connect;
  options.proxy = start.deployment->proxy;
  options.ca_file = start.deployment->ca_file;
  exchange_ = host_.transport().start(std::move(encoded->http), options, *this);
  arm_timer();
  return std::nullopt;
}

void Attempt::cancel() {
  host_.loop().cancel_timer(timer_);
  host_.transport().cancel(exchange_);
  exchange_ = 0;
  decoder_.reset();
}

void Attempt::resume() {
  if (!paused_) return;
  paused_ = false;
  last_bytes_ = host_.loop().now();
  host_.transport().resume(exchange_);
}

void Attempt::on_head(const wire::ResponseHead& head) {
  if (lingers_) return;
  status_ = head.status;
  limits_ = dialect_->read_limits(head.headers, host_.loop().clock().wall_now());
  if (!is_success_status()) error_head_ = head;
}

bool Attempt::on_body(std::string_view bytes) {
  if (lingers_) return true;
  last_bytes_ = host_.loop().now();
  return is_success_status() && decoder_ ? read_stream(bytes) : read_whole(bytes);
}

bool Attempt::read_whole(std::string_view bytes) {
  if (is_success_status()) {
    if (first_content_ == kNever) first_content_ = last_bytes_;
    body_.append(bytes);
    return true;
  }
  const std::size_t room = defaults::kMaxErrorBodyBytes - body_.size();
  body_.append(bytes.substr(0, room));
  if (bytes.size() < room) return true;
  // Enough to know what happened; the rest of an endless error page is nobody's business.
  fail(dialect_->classify(error_head_, body_, host_.loop().clock().wall_now()), true);
  return true;
}

bool Attempt::read_stream(std::string_view bytes) {
  auto failure = decoder_->feed(bytes, deltas_);
  const bool go_on = deliver();
  if (failure) {
    fail(std::move(*failure), true);
    return true;
  }
  if (decoder_->terminated()) {
    lingers_ = true;  // the reader has all of it; what the server still sends is not waited for
    finish_stream();
    return true;
  }
  paused_ = !go_on;
  return go_on;
}

bool Attempt::deliver() {
  if (deltas_.empty()) return true;
  std::size_t content = 0;
  bool any = false;
  for (const Delta& delta : deltas_) {
    if (!delta.is_content()) continue;
    any = true;
    content += delta.text.size();
  }
  if (first_content_ == kNever) {
    if (!any) return true;
    first_content_ = host_.loop().now();
    host_.on_content(*this, first_content_ - started_);
  }
  content_bytes_ += content;
  const bool go_on = host_.on_deltas(*this, deltas_);
  deltas_.clear();
  return go_on;
}

void Attempt::on_done(std::optional<net::TransportError> error, const net::ExchangeTimes& times) {
  exchange_ = 0;
  if (lingers_) {
    host_.loop().cancel_timer(timer_);
    host_.release(*this);
    return;
  }
  connect_ = times.connect;
  if (error && status_ != 0 && !is_success_status()) error.reset();  // the status says enough
  if (error) {
    fail(transport_failure(std::move(*error)), false);
  } else if (!is_success_status()) {
    fail(dialect_->classify(error_head_, body_, host_.loop().clock().wall_now()), false);
  } else if (decoder_) {
    finish_stream();
  } else {
    finish_whole();
  }
}

Failure Attempt::transport_failure(net::TransportError error) const {
  Failure failure;
  failure.kind = error.kind;
  failure.message = std::move(error.message);
  failure.status = status_;
  failure.ambiguous = error.sent;
  return failure;
}

void Attempt::finish_stream() {
  auto failure = lingers_ ? std::nullopt : decoder_->finish(deltas_);
  deliver();
  if (failure) {
    failure->ambiguous = true;
    fail(std::move(*failure), false);
    return;
  }
  // An answer without any content is an answer: what was held back belongs to the reader.
  if (!deltas_.empty()) {
    host_.on_deltas(*this, deltas_);
    deltas_.clear();
  }
  succeed(decoder_->summary());
}

void Attempt::finish_whole() {
  auto read = embeds_ ? dialect_->read_embeddings(body_) : dialect_->read_reply(body_);
  if (auto* failure = std::get_if<Failure>(&read)) {
    failure->status = failure->status == 0 ? status_ : failure->status;
    fail(std::move(*failure), false);
  } else {
    succeed(std::get<provider::ReplySummary>(read));
  }
}

void Attempt::fail(Failure failure, bool abort_exchange) {
  if (abort_exchange) {
    host_.transport().cancel(exchange_);
    exchange_ = 0;
  }
  if (failure.status == 0) failure.status = status_;
  Outcome outcome;
  outcome.usage = billed_usage(decoder_ ? decoder_->summary().usage : Usage{}, failure);
  outcome.failure = std::move(failure);
  end(std::move(outcome));
}

void Attempt::succeed(const provider::ReplySummary& summary) {
  Outcome outcome;
  outcome.usage = billed_usage(summary.usage, std::nullopt);
  outcome.finish_reason = summary.finish_reason;
  outcome.raw_finish_reason = summary.raw_finish_reason;
  outcome.load = summary.load;
  end(std::move(outcome));
}

// A refused request costs nothing, for certain; one that was cut may have been worked on.
Usage Attempt::billed_usage(const Usage& reported, const std::optional<Failure>& failure) const {
  if (reported.reported) return reported;
  Usage usage;
  if (failure && content_bytes_ == 0 && !failure->ambiguous) {
    usage.reported = true;
    return usage;
  }
  usage.input = start_.request->facts.prompt_tokens;
  if (embeds_) return usage;  // vectors are no output that anybody counts
  const std::size_t bytes = decoder_ ? content_bytes_ : body_.size();
  usage.output.count =
      static_cast<std::int64_t>(std::ceil(static_cast<double>(bytes) / defaults::kBytesPerToken));
  return usage;
}

void Attempt::end(Outcome outcome) {
  host_.loop().cancel_timer(timer_);
  const Instant now = host_.loop().now();
  outcome.content_started = decoder_ != nullptr && first_content_ != kNever;
  outcome.connect = connect_;
  if (first_content_ != kNever) outcome.ttft = first_content_ - started_;
  outcome.total = now - started_;
  outcome.limits = limits_;
  decoder_.reset();
  if (lingers_) timer_ = host_.loop().call_at(now + kLinger, [this] { end_linger(); });
  host_.on_end(*this, std::move(outcome));
}

// The timer is not moved with every chunk: it looks once per idle time at the latest, and then sets
// itself to the limit that holds by then.
void Attempt::arm_timer() {
  const Instant when =
      std::min(next_limit(), limit_after(host_.loop().now(), start_.timeouts.idle));
  timer_ = when == kNever ? 0 : host_.loop().call_at(when, [this] { on_timer(); });
}

Instant Attempt::next_limit() const {
  const Instant whole = limit_after(started_, start_.timeouts.attempt);
  if (first_content_ == kNever) {
    // A whole reply shows no first token: providers answer only when they have all of it.
    return decoder_ ? std::min(whole, limit_after(started_, start_.timeouts.ttft)) : whole;
  }
  if (paused_) return whole;
  return std::min(whole, limit_after(last_bytes_, start_.timeouts.idle));
}

void Attempt::on_timer() {
  const Instant now = host_.loop().now();
  if (now >= next_limit()) {
    fail(timeout_failure(now), true);
  } else {
    arm_timer();
  }
}

void Attempt::end_linger() {
  host_.transport().cancel(exchange_);
  exchange_ = 0;
  host_.release(*this);
}

Failure Attempt::timeout_failure(Instant now) const {
  Failure failure;
  failure.kind = ErrorKind::attempt_timeout;
  failure.ambiguous = true;
  const Timeouts& limits = start_.timeouts;
  if (now >= limit_after(started_, limits.attempt)) {
    failure.message = "not finished within " + ms_text(limits.attempt) + " (attempt_ms)";
  } else if (first_content_ == kNever) {
    failure.message = "no first token within " + ms_text(limits.ttft) + " (ttft_ms)";
  } else {
    failure.message = "nothing more came for " + ms_text(limits.idle) + " (idle_ms)";
  }
  return failure;
}

}  // namespace llmroute::runtime
