// The load signal: what is believed, for how long, and what it makes of own attempts.
#include "llmroute/health/load.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <string>

#include "llmroute/health/board.h"

namespace llmroute::health {
namespace {

const Instant kStart{seconds(100)};
constexpr Duration kValid = seconds(10);

using Values = std::map<LoadGauge, double>;

LoadReading reading(const Values& values) {
  LoadReading out;
  for (const auto& [gauge, value] : values) out[gauge] = value;
  return out;
}

struct Numbers final : NumberSink {
  std::map<std::string, double> all;
  void number(std::string_view name, double value) override { all[std::string(name)] = value; }
};

TEST(LoadSignal, MakesAViewOfWhatIsKnown) {
  using G = LoadGauge;
  struct Case {
    const char* what;
    Values told;
    std::uint32_t own;
    float others, waiting, pressure;
  };
  const Case cases[] = {
      {"nothing", {}, 3, 0, 0, 1},
      {"an idle server", {{G::queue, 0}, {G::running, 0}}, 0, 0, 0, 1},
      {"all of it is ours", {{G::queue, 1}, {G::running, 4}}, 5, 0, 1, 1},
      {"some is others'", {{G::queue, 2}, {G::running, 8}}, 3, 7, 2, 1},
      {"ours has not arrived there yet", {{G::running, 1}}, 4, 0, 0, 1},
      {"a queue alone: what runs is taken to be ours", {{G::queue, 6}}, 2, 6, 6, 1},
      {"a cache half full", {{G::kv_cache, 0.5}}, 1, 0, 0, 2},
      {"a full cache is as good as never", {{G::kv_cache, 1}}, 0, 0, 0, 20},
      {"the processor, where that is all", {{G::utilisation, 0.75}}, 0, 0, 0, 4},
      {"a busy processor is nothing beside a short queue",
       {{G::utilisation, 0.99}, {G::queue, 0}},
       0,
       0,
       0,
       1},
      {"speed is shown only", {{G::tokens_per_second, 900}}, 0, 0, 0, 1},
  };
  for (const Case& c : cases) {
    Load load;
    load.report(kStart, reading(c.told), kValid, c.own);
    const LoadView view = load.view(kStart);
    EXPECT_FLOAT_EQ(view.others, c.others) << c.what;
    EXPECT_FLOAT_EQ(view.waiting, c.waiting) << c.what;
    EXPECT_NEAR(view.pressure, c.pressure, 1e-4) << c.what;
  }
}

TEST(LoadSignal, ForgetsWhatIsTooOld) {
  Load load;
  load.report(kStart, reading({{LoadGauge::running, 8}}), seconds(10), 0);
  load.report(kStart + seconds(5), reading({{LoadGauge::kv_cache, 0.5}}), seconds(10), 0);
  EXPECT_EQ(load.value(LoadGauge::running, kStart + seconds(9)), 8);
  EXPECT_EQ(load.value(LoadGauge::running, kStart + seconds(10)), std::nullopt);
  EXPECT_EQ(load.view(kStart + seconds(5)).until, kStart + seconds(10)) << "the first to go";
  const LoadView later = load.view(kStart + seconds(12));
  EXPECT_EQ(later.others, 0);
  EXPECT_FLOAT_EQ(later.pressure, 2) << "what is fresh stays";
  EXPECT_LE(load.view(kStart + seconds(15)).until, kStart);
}

TEST(LoadSignal, KeepsWhatAReportLeavesOut) {
  Load load;
  load.report(kStart, reading({{LoadGauge::running, 8}}), kValid, 0);
  LoadReading next = reading({{LoadGauge::utilisation, 0.5}});
  next[LoadGauge::running] = -1;
  next[LoadGauge::queue] = std::numeric_limits<double>::quiet_NaN();
  next[LoadGauge::kv_cache] = 1.5;
  load.report(kStart, next, kValid, 5);
  EXPECT_EQ(load.value(LoadGauge::running, kStart), 8);
  EXPECT_EQ(load.value(LoadGauge::utilisation, kStart), 0.5);
  EXPECT_EQ(load.value(LoadGauge::queue, kStart), std::nullopt);
  EXPECT_EQ(load.value(LoadGauge::kv_cache, kStart), std::nullopt);
  EXPECT_FLOAT_EQ(load.view(kStart).others, 8) << "counted by the attempts at its own reading";
}

TEST(LoadSignal, DescribesOnlyWhatIsKnown) {
  Load load;
  Numbers none;
  load.describe(kStart, none);
  EXPECT_TRUE(none.all.empty()) << "unknown is not 0";
  load.report(kStart, reading({{LoadGauge::queue, 3}, {LoadGauge::tokens_per_second, 50}}), kValid,
              0);
  load.report(kStart + seconds(2), reading({{LoadGauge::kv_cache, 0.25}}), kValid, 0);
  Numbers some;
  load.describe(kStart + seconds(3), some);
  EXPECT_EQ(some.all, (std::map<std::string, double>{{"load_queue", 3},
                                                     {"load_tokens_per_second", 50},
                                                     {"load_kv_cache", 0.25},
                                                     {"load_age_ms", 3'000}}));
}

TEST(LoadSignal, IsCreditedWithOwnAttemptsByTheBoard) {
  Inventory inventory;
  inventory.deployments.emplace_back().name = "a";
  Board board;
  board.configure(inventory);
  Work work;
  board.on_start(0, kStart, work);
  board.report_load(0, kStart, reading({{LoadGauge::running, 3}}), kValid);
  EXPECT_FLOAT_EQ(board.load(0).others, 2) << "one of the three is ours";
  board.on_start(0, kStart, work);
  EXPECT_FLOAT_EQ(board.load(0).others, 2);
  EXPECT_EQ(board.hot(0).in_flight, 2U) << "added by who reads both";
  board.configure(inventory);
  EXPECT_FLOAT_EQ(board.load(0).others, 2) << "it outlives a change of the configuration";
  inventory.deployments[0].base_url = "http://elsewhere";
  board.configure(inventory);
  EXPECT_LE(board.load(0).until, kStart) << "but not of the server";
}

}  // namespace
}  // namespace llmroute::health
