#include "llmroute/model/schema_texts.h"

#include <algorithm>
#include <array>

#include "llmroute/base/secret.h"
#include "llmroute/base/text.h"
#include "llmroute/model/request.h"

namespace llmroute::schema {

namespace {

constexpr std::string_view kTokenSigns = "!#$%&'*+-.^_`|~";

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20U || byte == 0x7FU;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), is_control);
}

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_variable_name(std::string_view text) {
  if (text.empty() || (text.front() >= '0' && text.front() <= '9')) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alphanumeric(c) || c == '_'; });
}

// The rest after one of the schemes, or nothing.
template <std::size_t N>
std::string_view after_scheme(std::string_view text,
                              const std::array<std::string_view, N>& schemes) {
  for (const std::string_view scheme : schemes) {
    if (equals_ignore_case(text.substr(0, scheme.size()), scheme))
      return text.substr(scheme.size());
  }
  return {};
}

bool has_space_or_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return is_control(c) || c == ' '; });
}

// Azure wants its version there; anything else could be a key in the wrong place.
bool is_api_version(std::string_view query) {
  constexpr std::string_view kStart = "api-version=";
  constexpr std::string_view kAllowed = "0123456789abcdefghijklmnopqrstuvwxyz-.";
  if (query.substr(0, kStart.size()) != kStart || query.size() == kStart.size()) return false;
  return query.find_first_not_of(kAllowed, kStart.size()) == std::string_view::npos;
}

bool is_port(std::string_view text) {
  if (text.empty() || text.size() > 5) return false;
  int port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    port = port * 10 + (c - '0');
  }
  return port > 0 && port <= 65'535;
}

// "" where host[:port] is usable.
std::string check_authority(std::string_view authority) {
  if (authority.empty()) return "has no host";
  if (authority.front() == '[') {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) return "has a \"[\" without its \"]\"";
    authority.remove_prefix(close + 1);
    if (authority.empty()) return {};
    if (authority.front() != ':') return "has something else than a port behind \"]\"";
    return is_port(authority.substr(1)) ? "" : "has a port outside 1 to 65535";
  }
  const std::size_t colon = authority.find(':');
  if (colon == 0) return "has no host";
  if (colon == std::string_view::npos) return {};
  return is_port(authority.substr(colon + 1)) ? "" : "has a port outside 1 to 65535";
}

}  // namespace

std::string check_plain(std::string_view text) {
  if (trim(text).empty()) return "is empty";
  return has_control(text) ? "holds a control character" : "";
}

std::string check_parameter(std::string_view text) {
  return parameter_of(text) != Parameter::other ? "" : "is no parameter of chat completions";
}

std::string check_name(std::string_view text) {
  const std::string fault = check_plain(text);
  if (!fault.empty()) return fault;
  if (text.front() == ' ' || text.back() == ' ') return "begins or ends with a space";
  return text.size() > 200 ? "is longer than 200 bytes" : "";
}

std::string check_secret_text(std::string_view text) {
  if (text.empty()) return "is empty; give \"env:NAME\" or leave it out";
  const SecretSource source = parse_secret(text);
  switch (source.origin) {
    case SecretOrigin::env:
      return is_variable_name(source.where) ? ""
                                            : "needs the name of an environment variable behind "
                                              "\"env:\", as in \"env:MY_KEY\"";
    case SecretOrigin::file:
      return source.where.empty() || has_control(source.where)
                 ? "needs a path behind \"file:\", as in \"file:/run/secrets/key\""
                 : "";
    case SecretOrigin::callable:
      return source.where.empty() ? "needs a label behind \"callable:\"" : "";
    case SecretOrigin::none:
    case SecretOrigin::literal: break;
  }
  if (has_control(text)) return "holds a control character, as a pasted line end would be";
  return {};
}

std::string check_base_url(std::string_view text) {
  static constexpr std::array<std::string_view, 2> kSchemes = {"http://", "https://"};
  const std::string_view rest = after_scheme(text, kSchemes);
  if (rest.data() == nullptr) return "must begin with http:// or https://";
  if (has_space_or_control(text)) return "holds a space or a control character";
  // RFC 3986 has no place for them, and readers of addresses differ: to some a backslash ends a host.
  const std::size_t odd = rest.find_first_of("\\\"<>^`{|}");
  if (odd != std::string_view::npos) {
    return std::string("holds \"") + rest[odd] + "\", which must be percent-encoded";
  }
  const std::size_t query = rest.find('?');
  if (query != std::string_view::npos && !is_api_version(rest.substr(query + 1))) {
    return "must have no query but ?api-version=...";
  }
  if (rest.find('#') != std::string_view::npos) return "must have no fragment";
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  if (authority.find('@') != std::string_view::npos) {
    return "must hold no user name or password; use api_key or headers";
  }
  return check_authority(authority);
}

std::string check_metrics_url(std::string_view text) {
  if (has_space_or_control(text)) return "holds a space or a control character";
  return check_base_url(text.substr(0, text.find('?')));
}

std::string check_metric(std::string_view text) {
  const auto in_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == ':';
  };
  std::size_t length = 0;
  while (length < text.size() && in_name(text[length])) ++length;
  const std::string_view rest = text.substr(length);
  const bool labelled = rest.size() > 2 && rest.front() == '{' && rest.back() == '}' &&
                        rest.find("=\"") != std::string_view::npos;
  if (length == 0 || (text.front() >= '0' && text.front() <= '9') || !(rest.empty() || labelled)) {
    return "must be the name of a metric, or name{label=\"value\"}";
  }
  return {};
}

std::string check_proxy(std::string_view text) {
  static constexpr std::array<std::string_view, 4> kSchemes = {"http://", "https://", "socks5://",
                                                               "socks5h://"};
  const std::string_view rest = after_scheme(text, kSchemes);
  if (rest.data() == nullptr) {
    return "must begin with http://, https://, socks5:// or socks5h://";
  }
  if (has_space_or_control(text)) return "holds a space or a control character";
  const std::string_view authority = rest.substr(0, rest.find('/'));
  // Credentials are usual here; what is in front of the last @ belongs to them.
  return check_authority(authority.substr(authority.rfind('@') + 1));
}

std::string check_header_name(std::string_view text) {
  // Written by the transport or the dialect; a second one would contradict the first.
  static constexpr std::array<std::string_view, 7> kReserved = {
      "authorization", "x-api-key",         "content-length", "host",
      "connection",    "transfer-encoding", "content-type"};
  if (text.empty()) return "is empty";
  const bool token = std::all_of(text.begin(), text.end(), [](char c) {
    return is_alphanumeric(c) || kTokenSigns.find(c) != std::string_view::npos;
  });
  if (!token) return "is not a header name: only letters, digits and " + std::string(kTokenSigns);
  const std::string lower = to_lower(text);
  if (lower == kReserved[0] || lower == kReserved[1]) {
    return "cannot be given as a header; use api_key";
  }
  const bool reserved = std::find(kReserved.begin(), kReserved.end(), lower) != kReserved.end();
  return reserved ? "cannot be given: it is written for each request" : "";
}

std::string check_forward_header(std::string_view text) {
  // What the transport and the dialects write themselves, what only concerns one connection, and what
  // says who asks: a caller's would contradict ours, or hand its own key to somebody else.
  static constexpr std::array<std::string_view, 15> kOurs = {
      "accept",     "accept-encoding",      "date",     "expect",
      "forwarded",  "keep-alive",           "te",       "trailer",
      "upgrade",    "user-agent",           "via",      "x-amz-content-sha256",
      "x-amz-date", "x-amz-security-token", "x-real-ip"};
  static constexpr std::array<std::string_view, 9> kKeys = {
      "api-key", "apikey",   "authorization", "cookie",          "credential",
      "secret",  "password", "access-key",    "subscription-key"};
  const std::string lower = to_lower(text);
  const auto within = [&lower](std::string_view part) { return lower.find(part) != lower.npos; };
  if (std::any_of(kKeys.begin(), kKeys.end(), within) || lower.ends_with("-token")) {
    return "carries a key, which stays with the call; use api_key";
  }
  const std::string fault = check_header_name(text);
  if (!fault.empty()) return fault;
  const bool ours = std::find(kOurs.begin(), kOurs.end(), lower) != kOurs.end();
  if (ours || lower.starts_with("proxy-") || lower.starts_with("x-forwarded-")) {
    return "cannot be sent on: it belongs to one connection, or is written for each request";
  }
  return {};
}

std::string check_header_value(std::string_view text) {
  const bool bad =
      std::any_of(text.begin(), text.end(), [](char c) { return is_control(c) && c != '\t'; });
  return bad ? "holds a line break or another control character" : "";
}

std::string check_some(std::string_view text) { return text.empty() ? "is empty" : ""; }

std::string check_clock(std::string_view text) {
  const bool shaped = text.size() == 5 && text[2] == ':' &&
                      std::all_of(text.begin(), text.end(),
                                  [](char c) { return c == ':' || (c >= '0' && c <= '9'); });
  const std::string hour = shaped ? std::string(text.substr(0, 2)) : "99";
  const bool known = shaped && text[0] != ':' && text[1] != ':' && text[3] >= '0' &&
                     text[3] <= '5' && text[4] != ':' && (hour <= "23" || text == "24:00");
  return known ? "" : "is not a time of day from 00:00 to 24:00, as in \"22:00\"";
}

std::string joined(std::span<const std::string_view> names) {
  std::string out;
  for (const std::string_view name : names) {
    if (!out.empty()) out += ", ";
    out += name;
  }
  return out.empty() ? "none" : out;
}

}  // namespace llmroute::schema
