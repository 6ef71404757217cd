// Loads as a router sees them: polled, reported, refused, and over a change of the configuration.
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "router_probe.h"

namespace llmroute::runtime {
namespace {

using test::config_for;
using test::HttpServer;
using test::inventory_of;
using test::RouterProbe;

LoadReading reading(LoadGauge gauge, double value) {
  LoadReading out;
  out[gauge] = value;
  return out;
}

bool shows(const Router& router, const std::string& text) {
  return router.health_json().find(text) != std::string::npos;
}

// Without a sleep: every round asks the router, whose loop meanwhile works.
bool comes_true(const Router& router, const std::string& text) {
  const Instant end = system_clock().now() + Duration(test::kPatience);
  while (!shows(router, text)) {
    if (system_clock().now() > end) return false;
  }
  return true;
}

std::string with_page(const std::string& url) { return R"(,"load":{"metrics":")" + url + R"("})"; }

TEST(RouterLoad, PollsThePagesOfItsConfiguration) {
  const auto one = HttpServer::fixed(200, "vllm:num_requests_waiting 41\n");
  const auto two = HttpServer::fixed(200, "vllm:num_requests_waiting 42\n");
  const auto config = [](const HttpServer& page) {
    return config_for({{"a", "http://127.0.0.1:9"}}, R"("attempts":3)", with_page(page.url()));
  };
  RouterProbe probe(config(one));
  EXPECT_TRUE(comes_true(*probe.router, R"("load_queue":41)"));
  ASSERT_TRUE(probe.router->configure(inventory_of(config(two))).has_value());
  EXPECT_TRUE(comes_true(*probe.router, R"("load_queue":42)"));
  probe.router->close();
}

TEST(RouterLoad, TakesReports) {
  RouterProbe probe(config_for({{"a", "http://127.0.0.1:9"}, {"b", "http://127.0.0.1:9"}}));
  Router& router = *probe.router;
  EXPECT_FALSE(shows(router, "load_"));
  ASSERT_TRUE(router.report_load("b", reading(LoadGauge::kv_cache, 0.5)).has_value());
  EXPECT_TRUE(shows(router, R"("load_kv_cache":0.5)"));
}

TEST(RouterLoad, RefusesWhatCannotBe) {
  RouterProbe probe(config_for({{"a", "http://127.0.0.1:9"}}));
  struct Case {
    const char* deployment;
    LoadReading told;
    Duration valid;
    const char* path;
  };
  const Case cases[] = {
      {"a", {}, seconds(1), ""},
      {"x", reading(LoadGauge::queue, 1), seconds(1), "deployment"},
      {"a", reading(LoadGauge::queue, -1), seconds(1), "queue"},
      {"a", reading(LoadGauge::kv_cache, 1.01), seconds(1), "kv_cache"},
      {"a", reading(LoadGauge::running, std::numeric_limits<double>::quiet_NaN()), seconds(1),
       "running"},
      {"a", reading(LoadGauge::queue, 1), Duration::zero(), "valid_ms"},
  };
  for (const Case& c : cases) {
    const auto refused = probe.router->report_load(c.deployment, c.told, c.valid);
    ASSERT_FALSE(refused.has_value()) << c.path;
    EXPECT_EQ(refused.error().kind, ErrorKind::invalid_argument);
    EXPECT_EQ(refused.error().path, c.path);
  }
  EXPECT_FALSE(shows(*probe.router, "load_"));
}

}  // namespace
}  // namespace llmroute::runtime
