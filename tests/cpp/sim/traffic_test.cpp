#include "llmroute/sim/traffic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

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

std::map<std::string, double> shares_of(const Traffic& traffic, std::string_view key) {
  std::map<std::string, double> shares;
  for (const TrafficRow& row : traffic.rows) {
    shares[std::string(find_metadata(traffic.labels.at(row.labels), key))] +=
        1.0 / static_cast<double>(traffic.rows.size());
  }
  return shares;
}

TEST(Traffic, ComesFromTenantsWithTasksAndPriorities) {
  const Traffic traffic = traffic_of(
      R"({"requests": 22000, "tenants": {"small": 1, "big": 10}, "tasks": {"chat": 1, "code": 3},
          "priorities": {"standard": 8, "batch": 2, "0": 1}, "max_output_tokens": 300})");
  auto tenants = shares_of(traffic, "tenant"), tasks = shares_of(traffic, "task");
  EXPECT_NEAR(tenants["big"], 10.0 / 11, 0.01);
  EXPECT_EQ(tenants.size(), 2U);
  EXPECT_NEAR(tasks["code"], 0.75, 0.01);
  std::map<int, int> priorities;
  for (const TrafficRow& row : traffic.rows) {
    ++priorities[row.priority];
    ASSERT_EQ(row.max_output_tokens, 300);
    ASSERT_LE(row.answer_tokens(), 300);
  }
  EXPECT_EQ(priorities.size(), 3U);
  EXPECT_NEAR(priorities[kBatch], 4'000, 200);
}

TEST(Traffic, NamingWhoAsksLeavesTheRestAlone) {
  const Traffic plain = traffic_of(R"({"requests": 500})");
  const Traffic named = traffic_of(
      R"({"requests": 500, "tenants": {"a": 1, "b": 1}, "priorities": {"batch": 1},
          "max_output_tokens": 10})");
  for (std::size_t i = 0; i < 500; ++i) {
    ASSERT_EQ(plain.rows[i].at, named.rows[i].at);
    ASSERT_EQ(plain.rows[i].prompt_tokens, named.rows[i].prompt_tokens);
    ASSERT_EQ(plain.rows[i].output_tokens, named.rows[i].output_tokens);
  }
}

TEST(Traffic, ConversationsGrow) {
  const Traffic traffic = traffic_of(
      R"({"requests": 30000, "rate_per_second": 10, "conversations": 5, "prompt_tokens": 100,
          "prompt_sigma": 0, "output_tokens": 50, "output_sigma": 0, "max_output_tokens": 40,
          "tenants": {"a": 1, "b": 1}, "models": {"x": 1, "y": 1}})");
  std::map<std::uint32_t, const TrafficRow*> last;
  for (const TrafficRow& row : traffic.rows) {
    ASSERT_GT(row.conversation, 0U);
    ASSERT_EQ(row.prompt_tokens, 100 + 140 * (static_cast<std::int32_t>(row.turn) - 1));
    const TrafficRow*& before = last[row.conversation];
    ASSERT_EQ(row.turn, before == nullptr ? 1U : before->turn + 1);
    ASSERT_EQ(row.known_tokens, before == nullptr ? 0 : before->prompt_tokens);
    if (before != nullptr) {
      ASSERT_EQ(row.labels, before->labels);
      ASSERT_EQ(row.model, before->model);
    }
    before = &row;
  }
  EXPECT_NEAR(30'000.0 / static_cast<double>(last.size()), 5.0, 0.4);
}

TEST(Traffic, BeginsWhenItIsSaid) {
  EXPECT_EQ(traffic_of(R"({"requests": 1})").start, kTrafficStart);
  const WallTime march = WallTime(seconds(1'774'742'400));  // 2026-03-29
  struct Case {
    const char* text;
    std::optional<WallTime> start;
  };
  const std::vector<Case> cases = {
      {"2026-01-01", kTrafficStart},
      {"2026-03-29", march},
      {"2026-03-29T01:30", march + seconds(5'400)},
      {"2026-03-29T01:30:05Z", march + seconds(5'405)},
      {"2026-02-30", {}},
      {"2026-3-29", {}},
      {"2026-03-29T24:00", {}},
      {"2026-03-29 01:30", {}},
      {"2026-03-29T01:30:05+01:00", {}},
      {"yesterday", {}},
      {"", {}},
  };
  for (const Case& c : cases) EXPECT_EQ(start_from(c.text), c.start) << c.text;
  EXPECT_EQ(traffic_of(R"({"requests": 1, "start_at": "2026-03-29"})").start, march);
}

TEST(Traffic, SaysWhatIsWrong) {
  for (const char* json :
       {R"({"priorities": {"urgent": 1}})", R"({"start_at": "soon"})", R"({"conversations": 0.5})",
        R"({"tenants": {"a": -1}})", R"({"max_output_tokens": 0})", R"({"requests": 0})",
        R"({"rate": 5})", R"({"rate_per_second": 0})", R"({"arrivals": "bursty"})",
        R"({"models": {"a": 0}})", "[]", "{"}) {
    const auto traffic = make_traffic(json, 1);
    ASSERT_FALSE(traffic) << json;
    EXPECT_EQ(traffic.error().kind, ErrorKind::config) << json;
  }
}

}  // namespace
}  // namespace llmroute::sim
