// Checks of single texts in a configuration. Each gives what is wrong, or "" where nothing is.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace llmroute::schema {

std::string check_name(std::string_view text);         // of groups, deployments, providers
std::string check_secret_text(std::string_view text);  // never quotes it
std::string check_base_url(std::string_view text);     // http(s), host, no credentials; api-version
std::string check_metrics_url(std::string_view text);  // the same, with a query
std::string check_metric(std::string_view text);       // name or name{label="value"}
std::string check_proxy(std::string_view text);        // http, https, socks5(h)
std::string check_header_name(std::string_view text);  // an RFC 9110 token that is ours to give
std::string check_forward_header(std::string_view text);  // one that a call's own may be sent as
std::string check_header_value(std::string_view text);    // no control characters but tab
std::string check_plain(std::string_view text);           // not empty, no control characters
std::string check_parameter(std::string_view text);       // a slug of Parameter that has a name
std::string check_some(std::string_view text);            // not empty
std::string check_clock(std::string_view text);           // a time of day, 00:00 to 24:00

// "a, b, c", or "none": what an error offers instead of an unknown name.
std::string joined(std::span<const std::string_view> names);

}  // namespace llmroute::schema
