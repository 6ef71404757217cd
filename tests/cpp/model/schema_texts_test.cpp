#include "llmroute/model/schema_texts.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace llmroute::schema {
namespace {

using namespace std::string_view_literals;

struct Case {
  std::string_view text;
  const char* fault;  // part of it; "" for none
};

void expect_faults(std::string (*check)(std::string_view), const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const std::string fault = check(c.text);
    if (*c.fault == '\0') {
      EXPECT_EQ(fault, "") << c.text;
    } else {
      EXPECT_NE(fault.find(c.fault), std::string::npos) << c.text << " -> " << fault;
    }
  }
}

TEST(CheckText, Names) {
  const std::string longest(200, 'n');
  const std::string longer(201, 'n');
  expect_faults(check_name, {{"fast", ""},
                             {"openai/gpt-4.1", ""},
                             {"a b", ""},
                             {"Gr\xC3\xBC"
                              "n",
                              ""},
                             {longest, ""},
                             {"", "is empty"},
                             {"  ", "is empty"},
                             {" a", "a space"},
                             {"a ", "a space"},
                             {"a\nb", "control character"},
                             {"a\0b"sv, "control character"},
                             {longer, "longer than 200"}});
}

TEST(CheckText, Secrets) {
  expect_faults(check_secret_text, {{"env:OPENAI_API_KEY", ""},
                                    {"env:_x9", ""},
                                    {"file:/run/key", ""},
                                    {"callable:vault#1", ""},
                                    {"sk-abc", ""},
                                    {"", "is empty"},
                                    {"env:", "environment variable"},
                                    {"env:9A", "environment variable"},
                                    {"env:sk-secret-value", "environment variable"},
                                    {"file:", "path behind"},
                                    {"callable:", "label behind"},
                                    {"sk-abc\n", "control character"}});
  EXPECT_EQ(check_secret_text("env:sk-secret-value").find("secret-value"), std::string::npos);
}

TEST(CheckText, BaseUrls) {
  expect_faults(check_base_url, {{"https://api.openai.com/v1", ""},
                                 {"http://127.0.0.1:8000/v1/", ""},
                                 {"HTTP://localhost", ""},
                                 {"http://[::1]:8000/v1", ""},
                                 {"http://[::1]", ""},
                                 {"ftp://x", "http:// or https://"},
                                 {"api.openai.com", "http:// or https://"},
                                 {"", "http:// or https://"},
                                 {"https://", "no host"},
                                 {"https:///v1", "no host"},
                                 {"https://:80/v1", "no host"},
                                 {"https://u:p@host/v1", "user name or password"},
                                 {"https://host/v1?api-version=1", ""},
                                 {"https://host\\@other/v1", "percent-encoded"},
                                 {"https://host/v1/{x}", "percent-encoded"},
                                 {"https://host/v1?key=1", "no query"},
                                 {"https://h/d/m?api-version=2024-10-21", ""},
                                 {"https://h/d/m?api-version=preview", ""},
                                 {"https://h/d/m?api-version=", "no query"},
                                 {"https://h/d/m?api-version=1&key=2", "no query"},
                                 {"https://u@h?api-version=1", "user name or password"},
                                 {"https://host/v1#x", "no fragment"},
                                 {"https://host /v1", "space"},
                                 {"https://host\r\n/v1", "control character"},
                                 {"https://host:0/v1", "port"},
                                 {"https://host:65536/v1", "port"},
                                 {"https://host:12ab/v1", "port"},
                                 {"http://[::1/v1", "without its"},
                                 {"http://[::1]x/v1", "than a port"},
                                 {"http://[::1]:x/v1", "port"}});
}

TEST(CheckText, MetricsAndTheirPage) {
  expect_faults(check_metrics_url, {{"http://127.0.0.1:8000/metrics", ""},
                                    {"https://gpu/metrics?format=text", ""},
                                    {"http://gpu/metrics?a b", "space"},
                                    {"http://user:word@gpu/metrics", "no user name"},
                                    {"gpu:8000/metrics", "must begin"}});
  expect_faults(check_metric, {{"vllm:num_requests_waiting", ""},
                               {"_a1", ""},
                               {"jobs{state=\"queued\"}", ""},
                               {"", "must be the name"},
                               {"1a", "must be the name"},
                               {"a b", "must be the name"},
                               {"a{}", "must be the name"},
                               {"a{b=1}", "must be the name"},
                               {"a{b=\"1\"", "must be the name"}});
}

TEST(CheckText, Proxies) {
  expect_faults(check_proxy, {{"http://proxy:3128", ""},
                              {"socks5h://user:p@ss@proxy:1080", ""},
                              {"ftp://proxy", "must begin"},
                              {"http://user:pass@", "no host"},
                              {"http://proxy:x", "port"},
                              {"http://pro xy", "space"}});
}

TEST(CheckText, Headers) {
  expect_faults(check_header_name, {{"X-Team", ""},
                                    {"x_team.1", ""},
                                    {"", "is empty"},
                                    {"X Team", "not a header name"},
                                    {"X-Team:", "not a header name"},
                                    {"X\r\nEvil", "not a header name"},
                                    {"Authorization", "use api_key"},
                                    {"x-api-key", "use api_key"},
                                    {"Content-Length", "written for each request"},
                                    {"HOST", "written for each request"}});
  expect_faults(check_forward_header, {{"anthropic-beta", ""},
                                       {"X-Title", ""},
                                       {"HTTP-Referer", ""},
                                       {"Idempotency-Key", ""},
                                       {"x-prompt-cache-isolation-key", ""},
                                       {"", "is empty"},
                                       {"x-*:", "not a header name"},
                                       {"X\r\nEvil", "not a header name"},
                                       {"Authorization", "use api_key"},
                                       {"Proxy-Authorization", "use api_key"},
                                       {"x-api-key", "use api_key"},
                                       {"api-key", "use api_key"},
                                       {"X-Goog-Api-Key", "use api_key"},
                                       {"Ocp-Apim-Subscription-Key", "use api_key"},
                                       {"X-Amz-Security-Token", "use api_key"},
                                       {"x-auth-token", "use api_key"},
                                       {"Cookie", "use api_key"},
                                       {"Host", "is written for each request"},
                                       {"Content-Length", "is written for each request"},
                                       {"content-type", "is written for each request"},
                                       {"Transfer-Encoding", "is written for each request"},
                                       {"Connection", "is written for each request"},
                                       {"Accept", "belongs to one connection"},
                                       {"X-Forwarded-For", "belongs to one connection"},
                                       {"x-amz-date", "belongs to one connection"}});
  expect_faults(check_header_value, {{"plain", ""},
                                     {"", ""},
                                     {"tab\there", ""},
                                     {"Gr\xC3\xBC"
                                      "n",
                                      ""},
                                     {"a\r\nEvil: 1", "line break"},
                                     {"a\nb", "line break"},
                                     {"a\0b"sv, "control character"},
                                     {"\x7F", "control character"}});
}

TEST(Joined, Reads) {
  const std::vector<std::string_view> names = {"a", "b"};
  EXPECT_EQ(joined(names), "a, b");
  EXPECT_EQ(joined({}), "none");
}

}  // namespace
}  // namespace llmroute::schema
