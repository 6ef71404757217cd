#include "llmroute/sim/traffic.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/sim_probe.h"

namespace llmroute::sim {
namespace {

TEST(Traffic, HasTheRateTheMixAndTheSizesThatWereAsked) {
  const Traffic traffic = traffic_of(
      R"({"requests": 20000, "rate_per_second": 50, "models": {"fast": 3, "slow": 1},
          "prompt_tokens": 400, "output_tokens": 100, "output_sigma": 0, "stream": false,
          "deadline_ms": 1500})");
  ASSERT_EQ(traffic.rows.size(), 20'000U);
  EXPECT_NEAR(to_seconds(traffic.rows.back().at), 400, 12);
  EXPECT_EQ(traffic.models, (std::vector<std::string>{"fast", "slow"}));
  const auto fast = std::count_if(traffic.rows.begin(), traffic.rows.end(),
                                  [](const TrafficRow& row) { return row.model == 0; });
  EXPECT_NEAR(static_cast<double>(fast), 15'000, 300);
  std::vector<double> prompts;
  for (const TrafficRow& row : traffic.rows) {
    prompts.push_back(row.prompt_tokens);
    EXPECT_EQ(row.output_tokens, 100);
  }
  EXPECT_NEAR(percentile_of(prompts, 0.5), 400, 12);
  EXPECT_FALSE(traffic.stream);
  EXPECT_EQ(traffic.deadline, Duration(milliseconds(1'500)));
}

TEST(Traffic, FollowsTheDay) {
  const Traffic traffic =
      traffic_of(R"({"requests": 80000, "rate_per_second": 1, "day_profile": [0.5, 1.5]})");
  const auto noon = std::find_if(traffic.rows.begin(), traffic.rows.end(),
                                 [](const TrafficRow& r) { return r.at >= seconds(43'200); });
  EXPECT_NEAR(static_cast<double>(noon - traffic.rows.begin()), 21'600, 600);
}

TEST(Traffic, RepeatsItself) {
  const char* const json = R"({"requests": 100})";
  const auto times = [&](std::uint64_t seed) {
    std::vector<Duration> out;
    for (const TrafficRow& row : traffic_of(json, seed).rows) out.push_back(row.at);
    return out;
  };
  EXPECT_EQ(times(1), times(1));
  EXPECT_NE(times(1), times(2));
  const auto sorted = times(1);
  EXPECT_TRUE(std::is_sorted(sorted.begin(), sorted.end()));
}

TEST(Traffic, SaysWhatIsWrong) {
  for (const char* json : {R"({"requests": 0})", R"({"rate": 5})", R"({"rate_per_second": 0})",
                           R"({"arrivals": "bursty"})", R"({"models": {"a": 0}})", "[]", "{"}) {
    const auto traffic = make_traffic(json, 1);
    ASSERT_FALSE(traffic) << json;
    EXPECT_EQ(traffic.error().kind, ErrorKind::config) << json;
  }
}

}  // namespace
}  // namespace llmroute::sim
