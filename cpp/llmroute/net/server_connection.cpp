#include "llmroute/net/server_connection.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/http/status.hpp>
#include <charconv>
#include <utility>

#include "llmroute/base/text.h"

namespace llmroute::net {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t kMaxPipelinedBytes = 64 * 1024;  // read ahead while an answer is pending
constexpr std::size_t kJoinBytes = 16 * 1024;  // shorter pieces are copied together for one send
constexpr std::size_t kMaxDrainBytes = 1 << 20;
constexpr Duration kDrainTime = seconds(2);
constexpr std::size_t kBuffersPerSend = 16;

bool has_no_body(int status) { return status < 200 || status == 204 || status == 304; }

std::string_view reason_of(int status) {
  const auto text = boost::beast::http::obsolete_reason(
      boost::beast::http::int_to_status(static_cast<unsigned>(status)));
  return {text.data(), text.size()};
}

bool headers_are_safe(const wire::Headers& headers) {
  return std::all_of(headers.items().begin(), headers.items().end(), [](const auto& item) {
    return wire::check_header(item.first, item.second).has_value();
  });
}

}  // namespace

ServerConnection::ServerConnection(std::shared_ptr<ServerHub> hub, asio::ip::tcp::socket socket)
    : hub_(std::move(hub)),
      socket_(std::move(socket)),
      reader_({hub_->options.max_header_bytes, hub_->options.max_body_bytes}) {}

ServerConnection::~ServerConnection() = default;

void ServerConnection::start() {
  error_code ignored;
  socket_.non_blocking(true, ignored);
  // Without it small chunks wait for the client's delayed acknowledgement, some 40 ms each.
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  set_deadline(add_saturated(hub_->loop.now(), hub_->options.keep_alive));
  wait_readable();
}

// --- reading ---------------------------------------------------------------------------------

void ServerConnection::wait_readable() {
  if (read_waiting_ || phase_ == Phase::closed) return;
  if (phase_ != Phase::reading && inbox_.size() >= kMaxPipelinedBytes) return;
  read_waiting_ = true;
  socket_.async_wait(asio::ip::tcp::socket::wait_read,
                     [self = shared_from_this()](const error_code& error) {
                       self->read_waiting_ = false;
                       if (self->phase_ == Phase::closed) return;
                       if (error) return self->client_gone();
                       self->on_readable();
                     });
}

void ServerConnection::on_readable() {
  error_code error;
  const std::size_t size = socket_.read_some(asio::buffer(hub_->scratch), error);
  if (error == asio::error::would_block || error == asio::error::interrupted) {
    return wait_readable();
  }
  if (error) return client_gone();
  if (phase_ == Phase::draining) {
    drained_ += size;
    if (drained_ > kMaxDrainBytes) return shut();
  } else {
    take({hub_->scratch.data(), size});
  }
  wait_readable();
}

void ServerConnection::take(std::string_view bytes) {
  // The common request arrives in one piece and is parsed where it lies.
  if (phase_ == Phase::reading && inbox_.empty()) {
    const std::size_t taken = reader_.feed(bytes);
    inbox_.assign(bytes.substr(taken));
  } else {
    inbox_.append(bytes);
    if (phase_ != Phase::reading) return;
    inbox_.erase(0, reader_.feed(inbox_));
  }
  parse();
}

// Works through what was fed; answers given at once make a loop here, not a recursion.
void ServerConnection::parse() {
  parsing_ = true;
  for (;;) {
    if (reader_.state() == RequestReader::State::failed) {
      refuse(reader_.error_status());
    } else if (reader_.state() == RequestReader::State::complete) {
      hand_over();
    }
    if (phase_ != Phase::reading) break;
    if (inbox_.empty() || reader_.started()) break;
    inbox_.erase(0, reader_.feed(inbox_));
    if (reader_.state() == RequestReader::State::need_more) break;
  }
  parsing_ = false;
  if (phase_ != Phase::reading || !reader_.started()) return;
  if (!request_timed_) {
    request_timed_ = true;  // once: every further byte would otherwise buy more time
    set_deadline(add_saturated(hub_->loop.now(), hub_->options.request_timeout));
  }
  if (reader_.wants_continue()) queue("HTTP/1.1 100 Continue\r\n\r\n");
}

void ServerConnection::hand_over() {
  keep_alive_ = reader_.keep_alive() && !reader_.http_1_0();
  http_1_0_ = reader_.http_1_0();
  ServerRequest request = reader_.take();
  reader_.reset();
  head_only_ = request.method == "HEAD";
  begun_ = raw_ = chunked_ = request_timed_ = false;
  phase_ = Phase::replying;
  set_deadline(kNever);
  ++answer_;
  hub_->handle(std::move(request),
               Responder(std::make_shared<Responder::Connection>(shared_from_this(), answer_)));
}

void ServerConnection::refuse(int status) {
  keep_alive_ = head_only_ = http_1_0_ = false;
  begun_ = raw_ = false;
  phase_ = Phase::replying;
  ++answer_;
  std::string text(reason_of(status));
  wire::Headers headers;
  headers.add("Content-Type", "text/plain");
  respond(status, headers, text + "\n");
}

// --- answering -------------------------------------------------------------------------------

bool ServerConnection::answering(std::uint64_t number) const {
  return phase_ == Phase::replying && answer_ == number;
}

std::string ServerConnection::head(int status, const wire::Headers& headers, bool whole,
                                   std::size_t body_size) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " ";
  text += reason_of(status);
  text += "\r\n";
  for (const auto& [name, value] : headers.items()) {
    if (equals_ignore_case(name, "connection")) {
      if (equals_ignore_case(value, "close")) keep_alive_ = false;
      continue;
    }
    if (equals_ignore_case(name, "content-length")) continue;
    if (equals_ignore_case(name, "transfer-encoding")) continue;
    text.append(name).append(": ").append(value).append("\r\n");
  }
  if (!whole && http_1_0_) keep_alive_ = false;  // the end of the body is the end of the connection
  if (!keep_alive_) text += "Connection: close\r\n";
  if (chunked_) {
    text += "Transfer-Encoding: chunked\r\n";
  } else if (whole && !has_no_body(status)) {
    text += "Content-Length: " + std::to_string(body_size) + "\r\n";
  }
  text += "\r\n";
  return text;
}

void ServerConnection::respond(int status, const wire::Headers& headers, std::string body) {
  if (begun_) return;
  if (!headers_are_safe(headers)) return respond(500, {}, "a response header is malformed\n");
  std::string text = head(status, headers, true, body.size());
  begun_ = true;
  const bool with_body = !head_only_ && !has_no_body(status);
  if (with_body && body.size() <= kJoinBytes) text += body;
  const bool joined = !with_body || body.size() <= kJoinBytes;
  if (!joined) {
    unsent_ += text.size();
    out_.push_back(std::move(text));
    text = std::move(body);
  }
  queue(std::move(text));
  if (phase_ == Phase::replying) answer_ended();
}

void ServerConnection::begin(int status, const wire::Headers& headers) {
  if (begun_) return;
  if (!headers_are_safe(headers)) return respond(500, {}, "a response header is malformed\n");
  chunked_ = !http_1_0_ && !has_no_body(status);
  begun_ = true;
  queue(head(status, headers, false, 0));
}

void ServerConnection::write(std::string_view bytes) {
  // An empty chunk would be the last one.
  if (!begun_ || bytes.empty() || head_only_) return;
  if (!chunked_) return queue(std::string(bytes));
  std::array<char, 18> size{};
  const auto end = std::to_chars(size.data(), size.data() + size.size(), bytes.size(), 16).ptr;
  std::string chunk;
  chunk.reserve(bytes.size() + 24);
  chunk.append(size.data(), end).append("\r\n").append(bytes).append("\r\n");
  queue(std::move(chunk));
}

void ServerConnection::write_raw(std::string bytes) {
  raw_ = true;
  queue(std::move(bytes));
}

void ServerConnection::end() {
  if (!begun_ || raw_) return close_after_flush();
  if (chunked_ && !head_only_) queue("0\r\n\r\n");
  if (phase_ == Phase::replying) answer_ended();
}

void ServerConnection::close_after_flush() {
  keep_alive_ = false;
  answer_ended();
}

void ServerConnection::reset() {
  error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  shut();
}

void ServerConnection::answer_ended() {
  listener_ = nullptr;
  phase_ = Phase::flushing;
  if (unsent_ == 0) after_flush();
}

void ServerConnection::after_flush() {
  if (!keep_alive_) return drain();
  phase_ = Phase::reading;
  set_deadline(add_saturated(hub_->loop.now(), hub_->options.keep_alive));
  if (parsing_) return;  // the loop there goes on by itself
  if (!inbox_.empty()) {
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
      if (self->phase_ != Phase::reading || self->inbox_.empty()) return;
      self->inbox_.erase(0, self->reader_.feed(self->inbox_));
      self->parse();
      self->wait_readable();
    });
  }
  wait_readable();
}

// --- writing ---------------------------------------------------------------------------------

void ServerConnection::queue(std::string bytes) {
  if (bytes.empty() || phase_ == Phase::closed) return;
  unsent_ += bytes.size();
  if (!out_.empty() && out_.back().size() + bytes.size() <= kJoinBytes) {
    out_.back() += bytes;
  } else {
    out_.push_back(std::move(bytes));
  }
  if (!write_waiting_) flush();
}

void ServerConnection::flush() {
  while (unsent_ > 0) {
    std::array<asio::const_buffer, kBuffersPerSend> buffers;
    const std::size_t count = std::min(out_.size(), buffers.size());
    for (std::size_t i = 0; i < count; ++i) buffers[i] = asio::buffer(out_[i]);
    buffers[0] += out_offset_;
    error_code error;
    std::size_t sent =
        count == 1 ? socket_.write_some(buffers[0], error) : socket_.write_some(buffers, error);
    if (error == asio::error::would_block) return wait_writable();
    if (error) return client_gone();
    unsent_ -= sent;
    sent += out_offset_;
    while (!out_.empty() && sent >= out_.front().size()) {
      sent -= out_.front().size();
      out_.pop_front();
    }
    out_offset_ = sent;
  }
  if (phase_ == Phase::flushing) {
    after_flush();
  } else if (phase_ == Phase::replying) {
    set_deadline(kNever);
  }
}

void ServerConnection::wait_writable() {
  set_deadline(add_saturated(hub_->loop.now(), hub_->options.write_timeout));
  if (write_waiting_) return;
  write_waiting_ = true;
  socket_.async_wait(asio::ip::tcp::socket::wait_write,
                     [self = shared_from_this()](const error_code& error) {
                       self->write_waiting_ = false;
                       if (self->phase_ == Phase::closed) return;
                       if (error) return self->client_gone();
                       self->flush();
                     });
}

// --- ending ----------------------------------------------------------------------------------

// Closing with unread bytes would make the system send RST, and the client might lose the answer.
void ServerConnection::drain() {
  phase_ = Phase::draining;
  error_code error;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, error);
  if (error) return shut();
  inbox_.clear();
  set_deadline(add_saturated(hub_->loop.now(), kDrainTime));
  wait_readable();
}

void ServerConnection::client_gone() {
  if (phase_ == Phase::closed) return;
  // Posted, because a write that finds the client gone is made from inside a Responder's method.
  if (phase_ == Phase::replying && listener_) {
    asio::post(socket_.get_executor(), [hub = hub_, listener = std::exchange(listener_, nullptr)] {
      if (!hub->stopped) listener();
    });
  }
  shut();
}

void ServerConnection::drop() { shut(); }

void ServerConnection::shut() {
  if (phase_ == Phase::closed) return;
  const auto alive = shared_from_this();
  phase_ = Phase::closed;
  listener_ = nullptr;
  out_.clear();
  out_offset_ = unsent_ = 0;
  hub_->loop.cancel_timer(timer_);
  timer_ = 0;
  error_code ignored;
  socket_.close(ignored);
  hub_->closed(*this);
}

// The timer is moved only to go off earlier; one that goes off too early looks and waits on. So a
// busy connection sets one timer per keep-alive time, not one per request.
void ServerConnection::set_deadline(Instant when) {
  deadline_ = when;
  if (when == kNever || (timer_ != 0 && timer_at_ <= when)) return;
  hub_->loop.cancel_timer(timer_);
  timer_at_ = when;
  timer_ = hub_->loop.call_at(when, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->phase_ == Phase::closed) return;
    self->timer_ = 0;
    if (self->deadline_ <= self->hub_->loop.now()) return self->on_deadline();
    self->set_deadline(self->deadline_);
  });
}

void ServerConnection::on_deadline() {
  deadline_ = kNever;
  const bool half_a_request = phase_ == Phase::reading && reader_.started();
  if (half_a_request) return refuse(408);
  client_gone();
}

}  // namespace llmroute::net
