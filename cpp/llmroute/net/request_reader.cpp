#include "llmroute/net/request_reader.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <utility>

#include "llmroute/base/text.h"

namespace llmroute::net {

namespace http = boost::beast::http;
using BeastParser = http::request_parser<http::string_body>;

// Beast's parser cannot be rewound, so each request has a new one in the same place.
class RequestReader::Parser {
 public:
  std::optional<BeastParser> beast;
};

RequestReader::RequestReader(const Limits& limits)
    : limits_(limits), parser_(std::make_unique<Parser>()) {
  reset();
}

RequestReader::~RequestReader() = default;

void RequestReader::reset() {
  parser_->beast.emplace();
  parser_->beast->eager(true);
  parser_->beast->header_limit(static_cast<std::uint32_t>(
      std::min<std::size_t>(limits_.header_bytes, std::uint32_t{0} - 1)));
  parser_->beast->body_limit(limits_.body_bytes);
  state_ = State::need_more;
  error_status_ = 0;
  started_ = false;
  head_checked_ = false;
  continue_wanted_ = false;
}

std::size_t RequestReader::feed(std::string_view bytes) {
  BeastParser& parser = *parser_->beast;
  std::size_t taken = 0;
  // Line ends before a request are allowed for old clients; they are no request yet.
  while (!started_ && taken < bytes.size() && (bytes[taken] == '\r' || bytes[taken] == '\n')) {
    ++taken;
  }
  while (state_ == State::need_more && taken < bytes.size()) {
    started_ = true;
    boost::system::error_code error;
    const std::size_t step =
        parser.put(boost::asio::buffer(bytes.data() + taken, bytes.size() - taken), error);
    taken += step;
    if (parser.is_header_done() && !head_checked_) check_head();
    if (error == http::error::need_more) {
      if (!parser.is_header_done() && bytes.size() - taken > limits_.header_bytes) fail(431);
      return taken;
    }
    if (error == http::error::header_limit) {
      fail(431);
    } else if (error == http::error::body_limit) {
      fail(413);
    } else if (error == http::error::bad_version) {
      fail(505);
    } else if (error) {
      fail(400);
    } else if (parser.is_done() && state_ != State::failed) {
      state_ = State::complete;
    } else if (step == 0) {
      return taken;
    }
  }
  return taken;
}

void RequestReader::check_head() {
  head_checked_ = true;
  const auto& message = parser_->beast->get();
  const auto expect = message.find(http::field::expect);
  if (expect == message.end()) return;
  if (!equals_ignore_case({expect->value().data(), expect->value().size()}, "100-continue")) {
    fail(417);
  } else if (!parser_->beast->is_done()) {
    continue_wanted_ = true;
  }
}

bool RequestReader::wants_continue() { return std::exchange(continue_wanted_, false); }

bool RequestReader::keep_alive() const { return parser_->beast->get().keep_alive(); }

bool RequestReader::http_1_0() const { return parser_->beast->get().version() < 11; }

ServerRequest RequestReader::take() {
  auto message = parser_->beast->release();
  ServerRequest request;
  request.method.assign(message.method_string().data(), message.method_string().size());
  request.target.assign(message.target().data(), message.target().size());
  for (const auto& field : message) {
    request.headers.add({field.name_string().data(), field.name_string().size()},
                        {field.value().data(), field.value().size()});
  }
  request.body = std::move(message.body());
  return request;
}

void RequestReader::fail(int status) {
  state_ = State::failed;
  error_status_ = status;
}

}  // namespace llmroute::net
