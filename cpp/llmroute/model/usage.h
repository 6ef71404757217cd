// Token usage and prices, normalised to inclusive totals.
#pragma once

#include <optional>
#include <string>

#include "llmroute/base/enum.h"
#include "llmroute/base/units.h"

namespace llmroute {

// Inclusive totals: `input` includes `cached_input`, `cache_write`, `audio_input`, `image_input`;
// `output` includes `reasoning`, `audio_output`, `image_output`.
struct Usage {
  Tokens input;
  Tokens output;
  Tokens cached_input;
  Tokens cache_write;
  Tokens reasoning;
  Tokens cache_write_hour;  // the part of `cache_write` that is kept for an hour
  Tokens audio_input;
  Tokens audio_output;
  Tokens image_input;
  Tokens image_output;
  bool reported = false;  // false: an estimate of ours, the provider said nothing
  friend bool operator==(const Usage&, const Usage&) = default;
};

LLMROUTE_ENUM(CostKind, exact, estimated, unknown);

// USD per million tokens. Absent means unknown, never free.
struct Price {
  std::optional<double> input_usd_per_million;
  std::optional<double> output_usd_per_million;
  std::optional<double> cached_input_usd_per_million;  // absent: billed as input
  std::optional<double> cache_write_usd_per_million;   // absent: billed as input
  std::string date{};  // when it was looked up, as 2026-11-01; empty: unknown
  bool known() const { return input_usd_per_million && output_usd_per_million; }
};

struct Cost {
  Usd usd;
  CostKind kind = CostKind::unknown;  // usd means something unless `unknown`
};

// exact where usage was reported and the price is known; estimated where usage was not reported;
// unknown without a price.
Cost cost_of(const Usage& usage, const Price& price);

// Sum that is only as good as its worst part.
Cost operator+(const Cost& a, const Cost& b);

}  // namespace llmroute
