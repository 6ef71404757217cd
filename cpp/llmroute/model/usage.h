// Token usage, normalised to inclusive totals, and what it came to.
#pragma once

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

struct Cost {
  Usd usd;
  CostKind kind = CostKind::unknown;  // usd means something unless `unknown`
};

// Sum that is only as good as its worst part.
Cost operator+(const Cost& a, const Cost& b);

}  // namespace llmroute
