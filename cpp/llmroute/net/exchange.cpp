#include "llmroute/net/exchange.h"

#include <algorithm>
#include <utility>

#include "llmroute/base/text.h"
#include "llmroute/net/curl_failure.h"

namespace llmroute::net {

namespace {

constexpr long kReadBufferBytes = 16 * 1024;  // per transfer in flight
constexpr long kKeepAliveProbeSeconds = 30;
// Curl's "never" for a connect timeout; zero would mean its own default of five minutes.
constexpr long kNoConnectTimeoutMs = 0x7fffffff;
// A server may close a connection in the moment a request is on its way only after the connection
// was idle; the shortest keep-alive limits in use are a few seconds.
constexpr Duration kIdleWorthResending = seconds(1);
constexpr int kMaxSends = 3;

bool is_https(std::string_view url) {
  return url.size() > 8 && equals_ignore_case(url.substr(0, 8), "https://");
}

bool is_http(std::string_view url) {
  return url.size() > 7 && equals_ignore_case(url.substr(0, 7), "http://");
}

// The length of a body and where it ends are what a smuggled request plays with.
bool is_framing(std::string_view name) {
  return equals_ignore_case(name, "content-length") ||
         equals_ignore_case(name, "transfer-encoding") || equals_ignore_case(name, "expect");
}

template <class T>
void set(CURL* easy, CURLoption option, T value) {
  curl_easy_setopt(easy, option, value);
}

}  // namespace

struct Exchange::Callbacks {
  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* user) {
    return static_cast<Exchange*>(user)->on_header_line({data, size});
  }
  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* user) {
    return static_cast<Exchange*>(user)->on_body({data, size});
  }
  static int before_request(void* user, char*, char*, int remote_port, int local_port) {
    const auto connection = IdleTimes::key(local_port, remote_port);
    return static_cast<Exchange*>(user)->may_send(connection) ? CURL_PREREQFUNC_OK
                                                              : CURL_PREREQFUNC_ABORT;
  }
};

Exchange::Exchange(MultiDriver& driver) : driver_(driver), easy_(curl_easy_init()) {
  set_constant_options();
  driver_.adopt(easy_);
}

Exchange::~Exchange() { curl_easy_cleanup(easy_); }

void Exchange::set_constant_options() {
  set(easy_, CURLOPT_PRIVATE, this);
  set(easy_, CURLOPT_ERRORBUFFER, error_text_.data());
  set(easy_, CURLOPT_HEADERFUNCTION, &Callbacks::on_header);
  set(easy_, CURLOPT_HEADERDATA, this);
  set(easy_, CURLOPT_WRITEFUNCTION, &Callbacks::on_body);
  set(easy_, CURLOPT_WRITEDATA, this);
  set(easy_, CURLOPT_PREREQFUNCTION, &Callbacks::before_request);
  set(easy_, CURLOPT_PREREQDATA, this);
  set(easy_, CURLOPT_NOSIGNAL, 1L);
  set(easy_, CURLOPT_FOLLOWLOCATION, 0L);
#if LIBCURL_VERSION_NUM >= 0x075500
  set(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  set(easy_, CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
  // Without it, cancelling while a name is being resolved waits for the resolver's thread.
  set(easy_, CURLOPT_QUICK_EXIT, 1L);
#endif
  set(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
  set(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
  set(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(easy_, CURLOPT_PIPEWAIT, 1L);
  set(easy_, CURLOPT_PROXY, "");  // an empty name, unlike none, shuts the environment out
  set(easy_, CURLOPT_NOPROXY, "");
  set(easy_, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(easy_, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
  set(easy_, CURLOPT_BUFFERSIZE, kReadBufferBytes);
  set(easy_, CURLOPT_TCP_NODELAY, 1L);
  set(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  set(easy_, CURLOPT_TCP_KEEPIDLE, kKeepAliveProbeSeconds);
  set(easy_, CURLOPT_TCP_KEEPINTVL, kKeepAliveProbeSeconds);
  set(easy_, CURLOPT_MAXAGE_CONN,
      static_cast<long>(std::chrono::duration_cast<seconds>(defaults::kConnectionIdle).count()));
}

std::optional<TransportError> Exchange::prepare(wire::Request request,
                                                const ExchangeOptions& options, ExchangeSink& sink,
                                                const Context& context) {
  sink_ = &sink;
  clock_ = &context.clock;
  idle_times_ = &context.idle_times;
  ca_tried_ = context.ca.tried;
  options_ = options;
  if (auto error = check(request)) return error;
  request_ = std::move(request);
  if (is_https(request_.url) && !context.ca.found()) {
    return TransportError{ErrorKind::connect,
                          "no trusted certificates to verify " + shown_host(request_.url) +
                              "; tried: " + context.ca.tried +
                              "; set ca_file or SSL_CERT_FILE to a bundle in PEM form",
                          false};
  }
  error_text_[0] = '\0';
  curl_easy_setopt(easy_, CURLOPT_URL, request_.url.c_str());
  const bool timed = options_.connect_timeout > Duration::zero();
  const auto ms = std::chrono::ceil<milliseconds>(options_.connect_timeout).count();
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS,
                   timed ? static_cast<long>(std::min<std::int64_t>(ms, kNoConnectTimeoutMs))
                         : kNoConnectTimeoutMs);
  set_method();
  set_headers();
  set_route(context);
  return std::nullopt;
}

std::optional<TransportError> Exchange::check(const wire::Request& request) const {
  const auto invalid = [](std::string message) {
    return TransportError{ErrorKind::invalid_argument, std::move(message), false};
  };
  if (!is_http(request.url) && !is_https(request.url)) {
    return invalid("the URL must begin with http:// or https://");
  }
  // A method is a token, as a header's name is.
  if (!wire::check_header(request.method, "")) return invalid("the HTTP method is malformed");
  for (const auto& [name, value] : request.headers.items()) {
    if (auto checked = wire::check_header(name, value); !checked) {
      return invalid(checked.error().message);
    }
  }
  return std::nullopt;
}

void Exchange::set_method() {
  const std::string& method = request_.method;
  const bool with_body = method == "POST" || !request_.body.empty();
  if (with_body) {
    curl_easy_setopt(easy_, CURLOPT_POST, 1L);
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request_.body.size()));
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request_.body.data());
  } else if (method == "HEAD") {
    curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
  } else {
    curl_easy_setopt(easy_, CURLOPT_HTTPGET, 1L);  // also takes a former NOBODY back
  }
  const bool plain = with_body ? method == "POST" : method == "GET" || method == "HEAD";
  const std::string custom = plain ? std::string() : method;
  if (custom != set_method_) {
    curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, custom.empty() ? nullptr : custom.c_str());
    set_method_ = custom;
  }
}

// Curl copies neither the list nor its texts, so both are kept here, in memory that the next
// transfer uses again.
void Exchange::set_headers() {
  header_text_.clear();
  header_nodes_.clear();
  std::size_t lines = 0;
  const auto end_line = [&] {
    header_text_.push_back('\0');
    ++lines;
  };
  for (const auto& [name, value] : request_.headers.items()) {
    if (is_framing(name)) continue;
    header_text_.append(name);
    if (value.empty()) {
      header_text_.push_back(';');  // curl's spelling of a header without value
    } else {
      header_text_.append(": ").append(value);
    }
    end_line();
  }
  header_text_.append("Expect:");  // else a body over 1 MiB waits up to a second for a go-ahead
  end_line();
  header_nodes_.resize(lines);
  char* text = header_text_.data();
  for (std::size_t i = 0; i < lines; ++i) {
    header_nodes_[i] = {text, i + 1 < lines ? &header_nodes_[i + 1] : nullptr};
    text += std::char_traits<char>::length(text) + 1;
  }
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, header_nodes_.data());
}

void Exchange::set_route(const Context& context) {
  if (options_.proxy != set_proxy_) {
    curl_easy_setopt(easy_, CURLOPT_PROXY, options_.proxy.c_str());
    set_proxy_ = options_.proxy;
  }
  const bool https = is_https(request_.url);
  if (https != set_https_) {
    curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION,
                     static_cast<long>(https ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
    set_https_ = https;
  }
  const CaSource& ca = context.ca;
  if (!https || (ca.file == set_ca_file_ && ca.dir == set_ca_dir_)) return;
  curl_easy_setopt(easy_, CURLOPT_CAINFO, ca.file.empty() ? nullptr : ca.file.c_str());
  curl_easy_setopt(easy_, CURLOPT_CAPATH, ca.dir.empty() ? nullptr : ca.dir.c_str());
  set_ca_file_ = ca.file;
  set_ca_dir_ = ca.dir;
}

bool Exchange::may_send(IdleTimes::Key connection) {
  if (sends_ > 0) {
    // Curl sends again by itself where a kept connection ended without a byte. That is right for a
    // connection the server had given up, but a server that dies of a request must not get it twice.
    const bool stale = idle_since_ && sent_at_ - *idle_since_ >= kIdleWorthResending;
    // A stream on a connection that others use: refused by the server, which has not looked at it.
    const bool shared = set_https_ && !idle_since_;
    if ((!stale && !shared) || sends_ >= kMaxSends) return false;
    idle_times_->forget(connection_);
  }
  ++sends_;
  sent_at_ = clock_->now();
  connection_ = connection;
  idle_since_ = idle_times_->use(connection);
  pass_.sent(connection);
  return true;
}

std::string Exchange::shared_origin() const {
  if (!set_https_) return {};
  const std::size_t host_end = request_.url.find_first_of("/?#", 8);
  return request_.url.substr(0, host_end) + " " + options_.proxy + " " + set_ca_file_ + " " +
         set_ca_dir_;
}

std::size_t Exchange::on_header_line(std::string_view line) {
  const std::size_t taken = line.size();
  header_bytes_ += taken;
  if (header_bytes_ > options_.max_header_bytes) {
    refuse(ErrorKind::protocol, "sent more than " + std::to_string(options_.max_header_bytes) +
                                    " bytes of response headers");
    return 0;
  }
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (head_done_) return taken;  // trailers
  if (line.empty()) return end_of_head() ? taken : 0;
  if (line.substr(0, 5) == "HTTP/" && head_.headers.items().empty() && head_.status == 0) {
    head_.status = -1;  // the number comes from curl, which has checked the line
    return taken;
  }
  add_response_header(line);
  return taken;
}

void Exchange::add_response_header(std::string_view line) {
  const std::size_t colon = line.find(':');
  // Curl joins folded lines or hands them over as they are; without a name there is nothing to
  // keep.
  if (colon == std::string_view::npos || colon == 0) return;
  const std::string_view value = trim(line.substr(colon + 1));
  head_.headers.add(std::string(trim(line.substr(0, colon))), std::string(value));
}

bool Exchange::end_of_head() {
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  head_.status = static_cast<int>(status);
  if (status >= 100 && status < 200) {
    head_ = {};  // an interim answer; the final one is still to come
    return true;
  }
  head_done_ = true;
  if (sink_ != nullptr) sink_->on_head(head_);
  return sink_ != nullptr;
}

std::size_t Exchange::on_body(std::string_view bytes) {
  if (sink_ == nullptr) return 0;
  if (paused_) {
    curl_paused_ = true;
    return CURL_WRITEFUNC_PAUSE;  // curl keeps the bytes and stops reading
  }
  body_bytes_ += bytes.size();
  if (body_bytes_ > options_.max_response_bytes) {
    refuse(ErrorKind::protocol,
           "sent a reply of more than " + std::to_string(options_.max_response_bytes) + " bytes");
    return 0;
  }
  paused_ = !sink_->on_body(bytes);
  return sink_ == nullptr ? 0 : bytes.size();
}

bool Exchange::unpause() {
  paused_ = false;
  return std::exchange(curl_paused_, false);
}

void Exchange::abandon() {
  sink_ = nullptr;
  forbid_reuse(true);
}

// An unfinished HTTP/1.1 transfer takes its connection with it anyway. In HTTP/2 curl (7.88 at
// least) leaves the stream's reset unsent until the connection is used next, and the server would
// work on; so a connection without other streams is closed. With others, the reset goes out with
// their next bytes.
void Exchange::forbid_reuse(bool forbid) {
  if (forbid == set_forbid_reuse_) return;
  curl_easy_setopt(easy_, CURLOPT_FORBID_REUSE, forbid ? 1L : 0L);
  set_forbid_reuse_ = forbid;
}

void Exchange::refuse(ErrorKind kind, std::string message) {
  forbid_reuse(true);
  refusal_ = TransportError{kind, shown_host(request_.url) + " " + std::move(message), true};
}

std::optional<TransportError> Exchange::outcome(CURLcode code) {
  if (refusal_) return std::exchange(refusal_, std::nullopt);
  if (code == CURLE_OK && head_done_) return std::nullopt;
  // A head without its empty line passes for a whole reply with curl.
  if (code == CURLE_OK) code = CURLE_GOT_NOTHING;
  const FailureFacts facts{request_.url,       options_,   ca_tried_,
                           error_text_.data(), sends_ > 0, head_done_};
  return describe_failure(easy_, code, facts);
}

ExchangeTimes Exchange::times() {
  ExchangeTimes times;
  times.resent = sends_ > 1;
  long connects = 0;
  curl_easy_getinfo(easy_, CURLINFO_NUM_CONNECTS, &connects);
  if (connects == 0) return times;
  curl_off_t tcp = 0;
  curl_off_t tls = 0;
  curl_easy_getinfo(easy_, CURLINFO_CONNECT_TIME_T, &tcp);
  curl_easy_getinfo(easy_, CURLINFO_APPCONNECT_TIME_T, &tls);
  if (tcp > 0) times.connect = std::chrono::microseconds(std::max(tcp, tls));
  return times;
}

void Exchange::recycle() {
  pass_.leave();
  forbid_reuse(false);
  if (sends_ > 0) idle_times_->release(connection_, clock_->now());
  sink_ = nullptr;
  request_ = {};
  head_ = {};
  refusal_.reset();
  id_ = 0;
  header_bytes_ = 0;
  body_bytes_ = 0;
  sends_ = 0;
  sent_at_ = kNever;
  idle_since_.reset();
  head_done_ = false;
  paused_ = false;
  curl_paused_ = false;
}

}  // namespace llmroute::net
