#include "llmroute/sim/traffic.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "llmroute/base/random.h"
#include "llmroute/model/shapes.h"

namespace llmroute::sim {

namespace {

using namespace schema;

constexpr double kMostRequests = 20e6;
constexpr double kMostTokens = 100e6;
constexpr Shape kRequests = number_of(Kind::integer, 1, kMostRequests);
constexpr Shape kRate = number_of(Kind::number, 1e-6, 1e6);
constexpr Shape kTokens = number_of(Kind::number, 1, kMostTokens);
constexpr Shape kSigma = number_of(Kind::number, 0, 5);
constexpr Shape kWeight = number_of(Kind::number, 0.001, 1e6);
constexpr Shape kMs = number_of(Kind::number, 1, 86'400'000);
constexpr Shape kFlag = number_of(Kind::boolean, 0, 1);
constexpr Shape kArrivals = words_of(slugs<Arrivals>());
constexpr Shape kText = text_of(nullptr);
constexpr Shape kMix = map_of(kWeight, 1'000, nullptr);
constexpr Shape kMultiple = number_of(Kind::number, 0.001, 1'000);
constexpr Shape kProfile = series_of(kMultiple, 1, 1'440);

constexpr std::array kFields = {
    Field{"requests", &kRequests, "how many", 10'000.0},
    Field{"rate_per_second", &kRate, "on average", 100.0},
    Field{"arrivals", &kArrivals, "how they come", std::string_view("poisson")},
    Field{"day_profile", &kProfile, "equal parts of a day, each with its multiple of the rate"},
    Field{"model", &kText, "group or deployment asked for; default: the only group"},
    Field{"models", &kMix, "the same by weight, instead of `model`"},
    Field{"prompt_tokens", &kTokens, "median", 500.0, "tokens"},
    Field{"prompt_sigma", &kSigma, "spread of its logarithm", 0.8},
    Field{"output_tokens", &kTokens, "median", 150.0, "tokens"},
    Field{"output_sigma", &kSigma, "spread of its logarithm", 0.8},
    Field{"stream", &kFlag, "answers are streamed", true},
    Field{"deadline_ms", &kMs, "of every request; default: the configuration's", {}, "ms"},
};
constexpr Shape kTraffic = table_of(kFields);

double number(const Value& table, std::string_view key) { return table.find(key)->number; }

// Names in the order of the text, with the sums of their weights.
struct Mix {
  std::vector<std::string> names;
  std::vector<double> sums;

  std::uint32_t draw(Random& random) const {
    const double mark = random.unit() * sums.back();
    const auto found = std::upper_bound(sums.begin(), sums.end(), mark);
    const auto index = std::min<std::ptrdiff_t>(found - sums.begin(),
                                                static_cast<std::ptrdiff_t>(sums.size()) - 1);
    return static_cast<std::uint32_t>(index);
  }
};

Mix read_mix(const Value& table) {
  Mix mix;
  if (const Value* models = table.find("models")) {
    double sum = 0;
    for (const auto& [name, weight] : models->table) {
      sum += weight.number;
      mix.names.push_back(name);
      mix.sums.push_back(sum);
    }
  }
  if (mix.names.empty()) {
    const Value* model = table.find("model");
    mix.names.push_back(model == nullptr ? std::string() : model->text);
    mix.sums.push_back(1.0);
  }
  return mix;
}

// The multiple of the rate at this time; 1 without a profile.
double multiple_at(const Value* profile, double seconds) {
  constexpr double kDay = 86'400;
  if (profile == nullptr) return 1.0;
  const double share = std::fmod(seconds, kDay) / kDay;
  const auto parts = profile->list.size();
  const auto index =
      std::min(static_cast<std::size_t>(share * static_cast<double>(parts)), parts - 1);
  return profile->list[index].number;
}

// Log-normal.
struct TokenCount {
  double median, sigma;

  std::int32_t draw(Random& random) const {
    const double drawn = sigma > 0 ? median * std::exp(sigma * random.normal()) : median;
    return static_cast<std::int32_t>(std::clamp(std::round(drawn), 1.0, kMostTokens));
  }
};

}  // namespace

Result<Traffic> make_traffic(std::string_view json, std::uint64_t seed) {
  Result<Value> document = parse_document(json, "the traffic");
  if (!document) return document.error();
  const Value& table = *document;
  if (const auto checked = check(kTraffic, *document, "traffic", Value{}); !checked) {
    return checked.error();
  }
  Random random(mix64(seed ^ 0x7261'6666'6963ULL));
  Traffic traffic;
  const Mix mix = read_mix(table);
  traffic.models = mix.names;
  traffic.stream = table.find("stream")->boolean;
  if (const Value* limit = table.find("deadline_ms")) traffic.deadline = from_ms(limit->number);
  const auto arrivals = from_slug<Arrivals>(table.find("arrivals")->text);
  const TokenCount prompt{number(table, "prompt_tokens"), number(table, "prompt_sigma")};
  const TokenCount output{number(table, "output_tokens"), number(table, "output_sigma")};
  const Value* profile = table.find("day_profile");
  const double gap_s = 1.0 / number(table, "rate_per_second");
  const auto total = static_cast<std::size_t>(number(table, "requests"));
  double at_s = 0;
  traffic.rows.reserve(total);
  for (std::size_t i = 0; i < total; ++i) {
    TrafficRow row;
    row.at = from_ms(at_s * 1000);
    row.model = mix.draw(random);
    row.prompt_tokens = prompt.draw(random);
    row.output_tokens = output.draw(random);
    traffic.rows.push_back(row);
    const double mean = gap_s / multiple_at(profile, at_s);
    at_s += arrivals == Arrivals::constant ? mean : random.exponential(mean);
  }
  return traffic;
}

}  // namespace llmroute::sim
