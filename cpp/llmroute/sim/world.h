// What the simulator believes of providers: how long they take, how much they take at once, and what
// goes wrong when. Data only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/base/enum.h"
#include "llmroute/base/error.h"
#include "llmroute/base/time.h"

namespace llmroute {

LLMROUTE_ENUM(Spread, log_normal, exponential);

LLMROUTE_ENUM(Trouble,
              slow,          // everything takes `factor` times as long
              hang,          // the attempt is taken and never answered
              connect,       // nobody answers the door
              rate_limit,    // 429
              overloaded,    // 503 or 529
              server_error,  // 500
              cut);          // the stream breaks off half way

}  // namespace llmroute

namespace llmroute::sim {

struct TroubleSpec {
  Trouble kind = Trouble::server_error;
  Duration from = Duration::zero();     // since the start of the simulation
  std::optional<Duration> to;           // not after this; absent: to the end
  double chance = 1.0;                  // that it strikes an attempt
  double factor = 10.0;                 // of slow
  std::optional<Duration> after;        // until a failure shows; absent: the model's error_ms
  std::optional<Duration> retry_after;  // what rate_limit and overloaded ask to wait
};

struct PriceChange {
  Duration at = Duration::zero();
  double input_usd_per_million = 0, output_usd_per_million = 0;
};

// One provider's end of a deployment.
struct ProviderModel {
  Spread spread = Spread::log_normal;
  double ttft_ms = 300;          // log_normal: median; exponential: mean
  double ttft_sigma = 0;         // of the logarithm; 0: always the median
  double tokens_per_second = 0;  // after the first token; 0: all at once
  double straggler_share = 0;    // of the answers that take straggler_factor times as long
  double straggler_factor = 20;
  double error_rate = 0;  // server errors by chance
  Duration error_after = milliseconds(50);
  std::uint32_t in_flight = 0;            // served at once; more wait in line; 0: any number
  std::uint32_t queue = 1'000;            // longest line; more are overloaded
  std::uint32_t requests_per_minute = 0;  // more are answered with 429; 0: any number
  std::vector<TroubleSpec> troubles;      // the first that strikes counts
  std::vector<PriceChange> prices;
  std::optional<double> quality;                            // of an answer, 0..1
  std::map<std::string, double, std::less<>> task_quality;  // by metadata.task, instead
  std::optional<double> grams_co2_per_1k_tokens;            // of prompt and answer

  // Nothing where it is not known.
  std::optional<double> quality_of(std::string_view task) const;
};

struct World {
  std::map<std::string, ProviderModel> deployments;
  ProviderModel usual;  // of deployments that have none of their own
  Duration store;       // until the state store has answered
  const ProviderModel& of(const std::string& deployment) const;
};

// {"default": {...}, "deployments": {name: {...}}}; docs/simulation.md lists the keys. ErrorKind::config
// with path and nearest for what is wrong, also for a name that `known` does not hold.
Result<World> parse_world(std::string_view json, const std::vector<std::string_view>& known);

}  // namespace llmroute::sim
