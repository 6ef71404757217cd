#include "llmroute/provider/limits.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace llmroute::provider {
namespace {

const WallTime kNow{seconds(784'111'777)};  // Sun, 06 Nov 1994 08:49:37 GMT

double ms(std::optional<Duration> d) { return d ? to_ms(*d) : -1; }

TEST(ReadReset, ReadsEveryForm) {
  const std::vector<std::pair<std::string, double>> cases = {
      {"6m0s", 360'000},
      {"1.5s", 1'500},
      {"20ms", 20},
      {"1h2m3s", 3'723'000},
      {"12", 12'000},
      {"0", 0},
      {" 2 ", 2'000},
      {"0.25", 250},
      {"500us", 0.5},
      {"-1", -1},
      {"", -1},
      {"soon", -1},
      {"5x", -1},
      {"s", -1},
      {"1e9", -1},
      {"259200", -1},
      {"73h", -1},
      {"nan", -1},
      {"inf", -1},
      {"1994-11-06T08:49:47Z", 10'000},
      {"1994-11-06T08:49:47.5+00:00", 10'000},
      {"1994-11-06T09:49:47+01:00", 10'000},
      {"1994-11-06T08:49:00Z", 0},
      {"1994-13-06T08:49:00Z", -1},
      {"1994-11-06 08:49", -1}};
  for (const auto& [text, expected] : cases) {
    EXPECT_NEAR(ms(read_reset(text, kNow)), expected, 1e-6) << text;
  }
}

}  // namespace
}  // namespace llmroute::provider
