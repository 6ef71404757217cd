#include "llmroute/net/curl_failure.h"

#include <memory>

#include "llmroute/base/text.h"

namespace llmroute::net {

namespace {

constexpr std::size_t kMaxDetail = 200;

std::string url_part(CURLU* url, CURLUPart part, unsigned flags) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

std::string with_detail(std::string message, std::string_view detail) {
  if (detail.empty()) return message;
  return message + " (" + ellipsize(trim(detail), kMaxDetail) + ")";
}

// X509_V_ERR_* of OpenSSL, whose values are part of its stable interface.
enum VerifyResult : long {
  kUnspecified = 1,  // what curl leaves there when it finds the host name wrong by itself
  kNotYetValid = 9,
  kExpired = 10,
  kSelfSignedLeaf = 18,
  kSelfSignedInChain = 19,
  kUnknownIssuer = 20,
  kUnverifiedLeaf = 21,
  kHostnameMismatch = 62,
};

std::string certificate_problem(CURL* easy, const FailureFacts& facts, const std::string& host) {
  long result = 0;
  curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &result);
  const std::string trusted = "; trusted certificates: " + std::string(facts.ca_tried) +
                              "; set ca_file to the bundle that signs this server";
  switch (result) {
    case kExpired: return "the certificate of " + host + " has expired";
    case kNotYetValid:
      return "the certificate of " + host + " is not valid yet; check this machine's clock";
    case kSelfSignedLeaf:
    case kSelfSignedInChain:
      return "the certificate of " + host + " is self-signed by an authority that is not trusted" +
             trusted;
    case kUnknownIssuer:
    case kUnverifiedLeaf:
      return "the certificate of " + host + " is signed by an unknown authority" + trusted;
    case 0:
    case kUnspecified:
    case kHostnameMismatch:
      return with_detail("the certificate of " + host + " is for another host name",
                         facts.curl_detail);
    default: break;
  }
  return with_detail("the certificate of " + host + " was not accepted", facts.curl_detail) +
         trusted;
}

std::string connect_problem(CURL* easy, CURLcode code, const FailureFacts& facts) {
  const std::string host = shown_host(facts.url);
  const std::string through = facts.options.proxy.empty() ? "" : " through the proxy";
  switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY: return "the proxy's name could not be resolved";
    case CURLE_COULDNT_RESOLVE_HOST: return "the name of " + host + " could not be resolved";
    case CURLE_COULDNT_CONNECT:
      return with_detail("cannot connect to " + host + through, facts.curl_detail);
    case CURLE_PEER_FAILED_VERIFICATION: return certificate_problem(easy, facts, host);
    case CURLE_SSL_CACERT_BADFILE:
      return "the trusted certificates could not be read; tried: " + std::string(facts.ca_tried);
    case CURLE_SSL_CONNECT_ERROR:
      return with_detail("no TLS connection to " + host + "; TLS 1.2 or newer is required",
                         facts.curl_detail);
    default: return with_detail("no connection to " + host + through, facts.curl_detail);
  }
}

std::string timeout_problem(const FailureFacts& facts) {
  const auto ms = std::chrono::duration_cast<milliseconds>(facts.options.connect_timeout).count();
  return "no connection to " + shown_host(facts.url) + " within " + std::to_string(ms) +
         " ms (connect timeout)";
}

bool is_protocol_fault(CURLcode code, std::string_view detail) {
  switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:  // an answer that is no HTTP passes for HTTP/0.9
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_WRITE_ERROR:
    case CURLE_TOO_MANY_REDIRECTS: return true;
    // Curl has no code of its own for a malformed chunk.
    case CURLE_RECV_ERROR: return detail.find("chunk") != std::string_view::npos;
    default: return false;
  }
}

}  // namespace

std::string shown_host(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), &curl_url_cleanup);
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    return "the server";
  }
  return url_part(parsed.get(), CURLUPART_HOST, 0) + ":" +
         url_part(parsed.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
}

TransportError describe_failure(CURL* easy, CURLcode code, const FailureFacts& facts) {
  if (code == CURLE_URL_MALFORMAT) {
    return {ErrorKind::invalid_argument, "the URL is malformed; use http(s)://host[:port]/path",
            false};
  }
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return {ErrorKind::attempt_timeout, timeout_problem(facts), facts.sent};
  }
  if (!facts.sent) return {ErrorKind::connect, connect_problem(easy, code, facts), false};
  const std::string host = shown_host(facts.url);
  if (is_protocol_fault(code, facts.curl_detail)) {
    return {ErrorKind::protocol, with_detail(host + " broke HTTP", facts.curl_detail), true};
  }
  // Aborting is our own answer to curl's wish to send again; its detail would only mislead.
  const std::string_view detail =
      code == CURLE_ABORTED_BY_CALLBACK ? std::string_view() : facts.curl_detail;
  const std::string what = facts.head_seen ? " closed the connection before the reply was complete"
                                           : " closed the connection before any reply";
  return {ErrorKind::stream_interrupted, with_detail(host + what, detail), true};
}

}  // namespace llmroute::net
