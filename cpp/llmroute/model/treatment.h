// What follows from a failure: one table for the engine (what the request does next) and for the
// health board (what is left alone, and how long). docs/errors.md shows it; a test compares the two.
#pragma once

#include "llmroute/base/enum.h"
#include "llmroute/base/time.h"
#include "llmroute/model/outcome.h"

namespace llmroute {

// What the request does.
LLMROUTE_ENUM(Reaction,
              move_on,        // the next candidate; this one again in a later round
              stay,           // once more here, at once; then as move_on
              leave,          // the next candidate; this one never again in this request
              next_key,       // another usable key of the pool, not charged; with none, move_on
              other_key,      // another key of the pool, not charged; with none left, leave
              larger_window,  // known larger windows, then where the group sends too long prompts
              other_filter,   // only where the group sends filtered prompts
              end);           // no attempt would help: the failure is the caller's

// What is left alone for a while, for all requests.
LLMROUTE_ENUM(Cools,
              nothing,     // the request alone is concerned
              key,         // this key at this deployment; the deployment where it has no other key
              deployment,  // whatever the key
              account);    // this key at every deployment of the same provider and base URL

struct Treatment {
  Reaction reaction = Reaction::end;
  Fault fault = Fault::nobody;
  Cools cools = Cools::nothing;
  // How long: what the provider asked for where it is `believed`, else this. kForever: until the
  // configuration changes.
  Duration cooling{};
  bool believed = false;
  bool grows = false;  // doubles with every time in a row, up to kCooldownMax
};

inline constexpr Duration kForever = Duration::max();

// `cause` counts where the table knows it for that kind; else the kind alone does.
Treatment treatment_of(ErrorKind kind, Cause cause = Cause::plain);
inline Treatment treatment_of(const Failure& failure) {
  return treatment_of(failure.kind, failure.cause);
}

// The first time, without what came before it. Zero: nothing is left alone.
Duration first_cooling(const Failure& failure);

}  // namespace llmroute
