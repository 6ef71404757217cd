// What a failed transfer means, in our words.
#pragma once

#include <curl/curl.h>

#include <string>

#include "llmroute/net/transport.h"

namespace llmroute::net {

// What is known about a transfer when it fails, beside curl's own code.
struct FailureFacts {
  const std::string& url;
  const ExchangeOptions& options;
  std::string_view ca_tried;     // places looked at for certificates
  std::string_view curl_detail;  // curl's own sentence, or empty
  bool sent = false;
  bool head_seen = false;
};

// `easy` is the finished handle; only its own facts are read. The message names host and port,
// never path, query or user data of the URL.
TransportError describe_failure(CURL* easy, CURLcode code, const FailureFacts& facts);

// "host:port" as it may be shown; "the server" where the URL has none.
std::string shown_host(const std::string& url);

}  // namespace llmroute::net
