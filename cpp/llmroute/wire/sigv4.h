// AWS Signature Version 4 for a whole request. Pure: the time is an argument.
#pragma once

#include <string_view>

#include "llmroute/base/error.h"
#include "llmroute/base/time.h"
#include "llmroute/wire/http.h"

namespace llmroute::wire {

struct AwsCredentials {
  std::string_view access_key_id;
  std::string_view secret_access_key;
  std::string_view session_token;  // empty: long-lived credentials
};

struct AwsScope {
  std::string_view region;   // "eu-central-1"
  std::string_view service;  // "bedrock"
};

// Adds x-amz-date, x-amz-security-token (with a session token) and authorization. Signed are the
// host of the URL, the body and all headers but those that proxies and transports may change
// (accept, user-agent, connection and the like), so no header may be added or changed afterwards.
// The path is taken as encoded once already, as every service but S3 wants it. The verifier allows
// some five minutes between `now` and its own clock. ErrorKind::invalid_argument for a URL without
// a host.
Result<void> sign_aws_request(Request& request, const AwsCredentials& credentials,
                              const AwsScope& scope, WallTime now);

}  // namespace llmroute::wire
