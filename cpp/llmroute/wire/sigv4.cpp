// Source: "Create a signed AWS API request", docs.aws.amazon.com/IAM/latest/UserGuide.
#include "llmroute/wire/sigv4.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "llmroute/base/secret.h"
#include "llmroute/base/sha256.h"
#include "llmroute/base/text.h"

namespace llmroute::wire {

namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

struct UrlParts {
  std::string host;  // without the scheme's own port
  std::string_view path, query;
};

std::optional<UrlParts> split(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::nullopt;
  const bool tls = equals_ignore_case(url.substr(0, scheme), "https");
  url = url.substr(scheme + 3);
  url = url.substr(0, url.find('#'));
  const std::size_t end = std::min(url.find_first_of("/?"), url.size());
  UrlParts parts;
  parts.host = to_lower(url.substr(0, end));
  const std::string_view port = tls ? ":443" : ":80";
  if (parts.host.ends_with(port)) parts.host.resize(parts.host.size() - port.size());
  if (parts.host.empty()) return std::nullopt;
  url.remove_prefix(end);
  const std::size_t query = std::min(url.find('?'), url.size());
  parts.path = url.substr(0, query);
  parts.query = url.substr(std::min(query + 1, url.size()));
  return parts;
}

bool unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

bool hex_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

void append_encoded(std::string& out, char c) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  if (unreserved(c)) {
    out += c;
    return;
  }
  const auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += kDigits[byte >> 4U];
  out += kDigits[byte & 15U];
}

// Without empty segments and dots, then encoded once more: what is encoded already gets "%25".
std::string canonical_path(std::string_view path) {
  std::vector<std::string_view> segments;
  const bool folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else if (!segment.empty() && segment != ".") {
      segments.push_back(segment);
    }
  }
  std::string out;
  for (const std::string_view segment : segments) {
    out += '/';
    for (const char c : segment) append_encoded(out, c);
  }
  if (out.empty() || folder) out += '/';
  return out;
}

// Encoded where it is not yet.
std::string encoded_once(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape =
        text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) && hex_digit(text[i + 2]);
    if (escape) {
      out += '%';
    } else {
      append_encoded(out, text[i]);
    }
  }
  return out;
}

std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (pair.empty()) continue;
    pairs.emplace_back(encoded_once(pair.substr(0, equals)),
                       encoded_once(pair.substr(std::min(equals + 1, pair.size()))));
  }
  std::sort(pairs.begin(), pairs.end());
  std::string out;
  for (const auto& [name, value] : pairs) {
    if (!out.empty()) out += '&';
    out.append(name).append("=").append(value);
  }
  return out;
}

// What may change between us and the verifier, and the signature itself.
bool left_unsigned(std::string_view name) {
  constexpr std::array<std::string_view, 9> kNames = {
      "authorization", "accept",     "accept-encoding",   "connection",     "content-length",
      "expect",        "user-agent", "transfer-encoding", "x-amzn-trace-id"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

// Trimmed, runs of spaces as one.
std::string canonical_value(std::string_view value) {
  std::string out;
  for (const char c : trim(value)) {
    if (c == ' ' && !out.empty() && out.back() == ' ') continue;
    out += c;
  }
  return out;
}

struct SignedHeaders {
  std::string names;  // "content-type;host"
  std::string lines;  // each with its line end
};

SignedHeaders canonical_headers(const Request& request, const std::string& host) {
  std::map<std::string, std::string> headers;
  for (const auto& [name, value] : request.headers.items()) {
    const std::string lower = to_lower(name);
    if (left_unsigned(lower)) continue;
    std::string& line = headers[lower];
    if (!line.empty()) line += ',';
    line += canonical_value(value);
  }
  headers.try_emplace("host", host);
  SignedHeaders out;
  for (const auto& [name, value] : headers) {
    if (!out.names.empty()) out.names += ';';
    out.names += name;
    out.lines.append(name).append(":").append(value).append("\n");
  }
  return out;
}

// "20150830T123600Z"
std::string stamp(WallTime now) {
  const std::chrono::sys_time<Duration> time(now.time_since_epoch());
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<seconds>(time - day));
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d%02u%02uT%02d%02d%02dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text.data();
}

std::string_view view(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// The key of one day, region and service; Secret overwrites what it held.
Digest signing_key(std::string_view secret, std::string_view day, const AwsScope& scope) {
  const Secret first("AWS4" + std::string(secret));
  const Digest dated = hmac_sha256(first.reveal(), day);
  const Digest regional = hmac_sha256(view(dated), scope.region);
  return hmac_sha256(view(hmac_sha256(view(regional), scope.service)), "aws4_request");
}

}  // namespace

Result<void> sign_aws_request(Request& request, const AwsCredentials& credentials,
                              const AwsScope& scope, WallTime now) {
  const auto url = split(request.url);
  if (!url) return make_error(ErrorKind::invalid_argument, "the URL to be signed has no host");
  const std::string time = stamp(now);
  const std::string day = time.substr(0, 8);
  request.headers.add("x-amz-date", time);
  if (!credentials.session_token.empty()) {
    request.headers.add("x-amz-security-token", std::string(credentials.session_token));
  }
  const SignedHeaders headers = canonical_headers(request, url->host);
  const std::string canonical = request.method + "\n" + canonical_path(url->path) + "\n" +
                                canonical_query(url->query) + "\n" + headers.lines + "\n" +
                                headers.names + "\n" + to_hex(sha256(request.body));
  const std::string range =
      day + "/" + std::string(scope.region) + "/" + std::string(scope.service) + "/aws4_request";
  const std::string statement =
      std::string(kAlgorithm) + "\n" + time + "\n" + range + "\n" + to_hex(sha256(canonical));
  const Digest key = signing_key(credentials.secret_access_key, day, scope);
  request.headers.add("authorization",
                      std::string(kAlgorithm) +
                          " Credential=" + std::string(credentials.access_key_id) + "/" + range +
                          ", SignedHeaders=" + headers.names +
                          ", Signature=" + to_hex(hmac_sha256(view(key), statement)));
  return {};
}

}  // namespace llmroute::wire
