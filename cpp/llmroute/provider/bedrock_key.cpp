// Whose key it is, and where to.
//
// The text of a key is one of two things:
//   ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]   signs each request (no part holds a colon)
//   anything else without a colon                     is a bearer token
// Bedrock's own bearer tokens begin with "bedrock-api-key-" or "ABSK" and are taken as such before
// anything else is looked at. What is nearly a pair is an error and not a token: an access key id
// alone, a first part that is no such id, an empty part, and temporary credentials (ASIA...) without
// their session token, all of which the provider would answer with riddles.
//
// The region of a signature is the one in the host's name (bedrock-runtime.REGION.amazonaws.com, its
// FIPS and VPC forms), else the deployment's.
#include <algorithm>

#include "llmroute/base/text.h"
#include "llmroute/provider/bedrock_parts.h"
#include "llmroute/provider/common.h"
#include "llmroute/wire/sigv4.h"

namespace llmroute::provider {

namespace {

bool lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool letter_or_digit(char c) { return lower_or_digit(c) || (c >= 'A' && c <= 'Z'); }

bool is_bearer_token(std::string_view text) {
  return text.starts_with("bedrock-api-key-") || text.starts_with("ABSK");
}

// Twenty characters today, 16 to 128 by AWS's reference.
bool is_access_key_id(std::string_view text) {
  return text.size() >= 16 && text.size() <= 128 &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return letter_or_digit(c) || c == '_'; });
}

bool is_temporary(std::string_view id) { return id.starts_with("ASIA"); }

bool is_bare_access_key_id(std::string_view text) {
  return (text.starts_with("AKIA") || is_temporary(text)) && text.size() <= 32 &&
         is_access_key_id(text);
}

Error bad_key(const char* what) {
  return make_error(ErrorKind::authentication,
                    std::string("the key is ") + what +
                        "; it must be ACCESS_KEY_ID:SECRET_ACCESS_KEY, with :SESSION_TOKEN behind "
                        "it for temporary credentials, or a Bedrock API key",
                    "api_key");
}

Result<wire::AwsCredentials> read_pair(std::string_view text) {
  const std::size_t first = text.find(':');
  const std::size_t second = text.find(':', first + 1);
  wire::AwsCredentials pair;
  pair.access_key_id = text.substr(0, first);
  pair.secret_access_key = text.substr(first + 1, second - first - 1);
  if (second != std::string_view::npos) pair.session_token = text.substr(second + 1);
  if (!is_access_key_id(pair.access_key_id)) return bad_key("no pair, its first part is no id");
  if (pair.secret_access_key.empty()) return bad_key("a pair without its secret");
  const bool cut = second != std::string_view::npos && pair.session_token.empty();
  if (cut || (is_temporary(pair.access_key_id) && pair.session_token.empty())) {
    return bad_key("a pair of temporary credentials without their session token");
  }
  if (pair.session_token.find(':') != std::string_view::npos) return bad_key("of too many parts");
  return pair;
}

// "eu-central-1", "us-gov-west-1": the shape, not the list, which grows.
bool is_region(std::string_view text) {
  return text.size() >= 8 && text.back() >= '0' && text.back() <= '9' &&
         std::count(text.begin(), text.end(), '-') >= 2 &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return lower_or_digit(c) || c == '-'; });
}

std::string region_of(std::string_view url, const Deployment& deployment) {
  url.remove_prefix(std::min(url.find("://") + 3, url.size()));
  const std::string host = to_lower(url.substr(0, url.find_first_of("/:?")));
  std::string_view rest = host;
  bool service = false;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('.'), rest.size());
    const std::string_view label = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const bool aws = rest.find("amazonaws.com") != std::string_view::npos || rest == "api.aws";
    if (service && aws && is_region(label)) return std::string(label);
    service = label == "bedrock-runtime" || label == "bedrock-runtime-fips";
  }
  return deployment.region;
}

}  // namespace

Result<void> authorize_bedrock(wire::Request& request, const Deployment& deployment,
                               const Secret& key, WallTime now) {
  const std::string& text = key.reveal();
  const bool own_header = !deployment.quirks.key_header.empty();
  if (own_header || is_bearer_token(text) || text.find(':') == std::string::npos) {
    if (!own_header && is_bare_access_key_id(text)) return bad_key("an access key id alone");
    add_key(request.headers, deployment, key, "authorization");
    return {};
  }
  const auto pair = read_pair(text);
  if (!pair) return pair.error();
  const std::string region = region_of(request.url, deployment);
  if (!is_region(region)) {
    return make_error(ErrorKind::config,
                      "a signature needs the AWS region, which neither the host of base_url nor "
                      "the deployment's region names",
                      "deployments." + deployment.name + ".region");
  }
  return wire::sign_aws_request(request, *pair, {region, "bedrock"}, now);
}

std::string bedrock_path(std::string_view model, std::string_view operation) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out = "/model/";
  for (const char c : model) {
    if (letter_or_digit(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.append("%").append(1, kDigits[byte >> 4U]).append(1, kDigits[byte & 15U]);
  }
  return out.append("/").append(operation);
}

}  // namespace llmroute::provider
