#include <array>

#include "llmroute/policy/builtin.h"

namespace llmroute::policy {

// An implementation has no header: a policy in a new file declares its maker here.
namespace {

constexpr std::array kLatencyOptions = {OptionSchema{
    "jitter", 0.1, 0.0, 1.0, "share", "random part of the score that parts near-ties"}};

constexpr std::array kLoadedOptions = {OptionSchema{"queue_weight", 4.0, 1.0, 1'000.0, "requests",
                                                    "running ones that a waiting one counts for"}};

constexpr double kMostWeight = 1'000;
constexpr OptionSchema weight_of(std::string_view term, std::string_view meaning,
                                 double fallback = 0) {
  return {term, fallback, 0.0, kMostWeight, "weight", meaning};
}

constexpr std::array kScoreOptions = {
    weight_of("cost", "estimated US dollars of this request"),
    weight_of("latency", "expected time to the whole answer"),
    weight_of("headroom", "share of limits that is used up"),
    weight_of("carbon", "grams of CO2 of this request, or of the grid"),
    weight_of("quality", "what is missing of quality 1 for the request's task"),
    weight_of("load", "attempts in flight"),
    weight_of("region_latency", "milliseconds from the caller's region"),
};

constexpr std::array kThompsonOptions = {
    weight_of("success", "that an attempt is answered", 1.0),
    weight_of("latency", "that it is answered soon"),
    weight_of("cost", "that it is cheap"),
    weight_of("feedback", "that the answer is liked; see router.feedback"),
    OptionSchema{"latency_half_ms", 2'000.0, 1.0, 3.6e6, "ms",
                 "an answer after this is worth half"},
    OptionSchema{"cost_half_usd", 0.01, 1e-6, 1e6, "USD", "an answer at this cost is worth half"},
    OptionSchema{"half_life", 300.0, 10.0, 1e6, "requests",
                 "after so many what was seen counts half"},
    OptionSchema{"explore", 0.0, 0.0, 1.0, "share",
                 "of requests whose first place is left to chance"},
    OptionSchema{"buckets", 1.0, 0.0, 1.0, "0 or 1",
                 "1: learn apart by prompt length, tools and images"},
};

constexpr std::array kPolicies = {
    PolicyEntry{"ordered", 1, "the members in the order of the configuration", {}, make_ordered},
    PolicyEntry{"weighted", 1, "chance, in proportion to the members' weights", {}, make_weighted},
    PolicyEntry{"round_robin", 1, "in turn, smoothly by weight", {}, make_round_robin},
    PolicyEntry{
        "least_in_flight", 1, "where the fewest attempts are under way", {}, make_least_in_flight},
    PolicyEntry{"least_loaded", 1, "where the least is queued and running, by its own word",
                kLoadedOptions, make_least_loaded},
    PolicyEntry{"least_latency", 3, "where the answer is expected soonest", kLatencyOptions,
                make_least_latency},
    PolicyEntry{"least_cost", 1, "the cheapest for this request", {}, make_least_cost},
    PolicyEntry{"power_of_two", 2, "the less loaded of two drawn by chance", {}, make_power_of_two},
    PolicyEntry{"score", 1, "a weighted sum of cost, latency, headroom, carbon and more",
                kScoreOptions, make_score},
    PolicyEntry{"headroom", 1, "where most is left of the limits", {}, make_headroom},
    PolicyEntry{"carbon", 1, "where the least CO2 is emitted", {}, make_carbon},
    PolicyEntry{"quality", 1, "the best for the request's task", {}, make_quality},
    PolicyEntry{"region_latency", 1, "nearest to the caller's region", {}, make_region_latency},
    PolicyEntry{"thompson", 1, "learns from outcomes and feedback which is worth most",
                kThompsonOptions, make_thompson},
};

void append_number(std::string& out, std::string_view key, double value) {
  std::string digits = std::to_string(value);
  out.append(",\"").append(key).append("\":").append(digits);
}

}  // namespace

std::span<const PolicyEntry> policies() { return kPolicies; }

const PolicyEntry* find_policy(std::string_view name) {
  for (const PolicyEntry& entry : kPolicies) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

// The table's own words hold nothing that JSON would need escaped; a test parses the result.
std::string policy_schema_json() {
  std::string out = "{";
  for (const PolicyEntry& entry : kPolicies) {
    if (out.size() > 1) out += ',';
    out.append("\"").append(entry.name).append("\":{\"summary\":\"").append(entry.summary);
    out.append("\",\"version\":").append(std::to_string(entry.version)).append(",\"options\":{");
    for (const OptionSchema& option : entry.options) {
      if (out.back() != '{') out += ',';
      out.append("\"").append(option.name).append("\":{\"unit\":\"").append(option.unit);
      out.append("\",\"meaning\":\"").append(option.meaning).append("\"");
      append_number(out, "default", option.fallback);
      append_number(out, "min", option.min);
      append_number(out, "max", option.max);
      out += '}';
    }
    out += "}}";
  }
  return out + "}";
}

}  // namespace llmroute::policy
