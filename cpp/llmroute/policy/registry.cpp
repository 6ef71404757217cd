#include <array>

#include "llmroute/policy/builtin.h"

namespace llmroute::policy {

// An implementation has no header: a policy in a new file declares its maker here.
namespace {

constexpr std::array kLatencyOptions = {OptionSchema{
    "jitter", 0.1, 0.0, 1.0, "share", "random part of the score that parts near-ties"}};

constexpr std::array kPolicies = {
    PolicyEntry{"ordered", 1, "the members in the order of the configuration", {}, make_ordered},
    PolicyEntry{"weighted", 1, "chance, in proportion to the members' weights", {}, make_weighted},
    PolicyEntry{"round_robin", 1, "in turn, smoothly by weight", {}, make_round_robin},
    PolicyEntry{
        "least_in_flight", 1, "where the fewest attempts are under way", {}, make_least_in_flight},
    PolicyEntry{"least_latency", 2, "where the answer is expected soonest", kLatencyOptions,
                make_least_latency},
    PolicyEntry{"least_cost", 1, "the cheapest for this request", {}, make_least_cost},
    PolicyEntry{"power_of_two", 2, "the less loaded of two drawn by chance", {}, make_power_of_two},
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
