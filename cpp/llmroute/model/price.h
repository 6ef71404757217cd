// What tokens and time cost, and what a request's usage comes to.
//
// Values without behaviour beyond arithmetic; no clock: the time of day is passed in.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llmroute/base/time.h"
#include "llmroute/model/usage.h"

namespace llmroute {

// How a provider was asked to serve a request (`service_tier` of the body); dearer or cheaper than
// `standard`. `other`: a word that is not known here.
LLMROUTE_ENUM(ServiceTier, standard, flex, priority, batch, scale, performance, reserved, other);

// Of a request's word for it: auto, default and the like are `standard`.
ServiceTier service_tier_of(std::string_view word);

// USD per million tokens of one kind. Absent: unknown, never free; priced as the comment says, which
// makes the cost an estimate where such tokens occur (reasoning and images in prompts excepted:
// no provider that counts them apart prices them apart without saying so).
struct Rates {
  std::optional<double> input_usd_per_million{};
  std::optional<double> output_usd_per_million{};
  std::optional<double> cached_input_usd_per_million{};      // as input
  std::optional<double> cache_write_usd_per_million{};       // as input
  std::optional<double> cache_write_hour_usd_per_million{};  // as cache_write
  std::optional<double> reasoning_usd_per_million{};         // as output
  std::optional<double> audio_input_usd_per_million{};       // as input
  std::optional<double> audio_output_usd_per_million{};      // as output
  std::optional<double> image_input_usd_per_million{};       // as input
  std::optional<double> image_output_usd_per_million{};      // as output
  friend bool operator==(const Rates&, const Rates&) = default;
};

// Every rate with its key in a configuration.
using RateField = std::optional<double> Rates::*;
inline constexpr std::array<std::pair<std::string_view, RateField>, 10> kRateFields = {{
    {"input_usd_per_million", &Rates::input_usd_per_million},
    {"output_usd_per_million", &Rates::output_usd_per_million},
    {"cached_input_usd_per_million", &Rates::cached_input_usd_per_million},
    {"cache_write_usd_per_million", &Rates::cache_write_usd_per_million},
    {"cache_write_hour_usd_per_million", &Rates::cache_write_hour_usd_per_million},
    {"reasoning_usd_per_million", &Rates::reasoning_usd_per_million},
    {"audio_input_usd_per_million", &Rates::audio_input_usd_per_million},
    {"audio_output_usd_per_million", &Rates::audio_output_usd_per_million},
    {"image_input_usd_per_million", &Rates::image_input_usd_per_million},
    {"image_output_usd_per_million", &Rates::image_output_usd_per_million},
}};

// Takes the place of other rates: what it states replaces, all else is multiplied by the factor.
struct PriceChange {
  Rates rates{};
  double factor = 1.0;
  friend bool operator==(const PriceChange&, const PriceChange&) = default;
};

// Of a request whose prompt is longer than this: for all its tokens.
struct PriceTier {
  Tokens above{};
  PriceChange change{};
  friend bool operator==(const PriceTier&, const PriceTier&) = default;
};

// Every day between two minutes of it, UTC; `to` is not included, before `from`: past midnight.
struct PriceWindow {
  int from_minute = 0;
  int to_minute = 0;
  PriceChange change{};
  bool holds(int utc_minute) const {
    return from_minute < to_minute ? utc_minute >= from_minute && utc_minute < to_minute
                                   : utc_minute >= from_minute || utc_minute < to_minute;
  }
  friend bool operator==(const PriceWindow&, const PriceWindow&) = default;
};

struct ServicePrice {
  ServiceTier tier = ServiceTier::standard;
  PriceChange change{};
  friend bool operator==(const ServicePrice&, const ServicePrice&) = default;
};

// Changes apply in this order: the tier of the prompt's size, the service tier, the first window that
// holds. A deployment is priced by token or by the hour.
struct Price : Rates {
  std::string date{};              // when it was looked up, as 2026-11-01; empty: unknown
  std::vector<PriceTier> tiers{};  // by `above`, rising
  std::vector<ServicePrice> service_tiers{};
  std::vector<PriceWindow> windows{};
  std::optional<double> usd_per_hour{};  // of a server of one's own, busy or not

  bool by_token() const { return input_usd_per_million && output_usd_per_million; }
  bool known() const { return by_token() || usd_per_hour; }
  // Input and output rates are all there is to know of an estimate.
  bool plain() const {
    return !usd_per_hour && tiers.empty() && service_tiers.empty() && windows.empty();
  }
  friend bool operator==(const Price&, const Price&) = default;
};

// What a price may depend on beside the usage.
struct Charge {
  static constexpr int kSomeTime = -1;
  ServiceTier tier = ServiceTier::standard;
  int utc_minute = kSomeTime;  // of the day
  // The request's share of the time during which its deployment was busy: at each moment one part of
  // as many as are in flight there. Absent: unknown.
  std::optional<double> busy_hours{};
};

// The rates that hold for a prompt of that size.
Rates rates_of(const Price& price, Tokens input, const Charge& charge);

// The highest of each rate over sizes of prompts and times of day, at the standard service tier.
Rates highest_rates(const Price& price);

// unknown: without a price, or by the hour without a share; estimated: the usage was not reported, the
// price is by the hour, tokens of a kind occur that has no rate of its own, the service tier is
// one that the price does not state, or there are windows and the time is unknown; else exact.
Cost cost_of(const Usage& usage, const Price& price, const Charge& charge = {});

// 0 to 1,439.
int utc_minute_of(WallTime time);

}  // namespace llmroute
