#include "llmroute/model/price.h"

#include <algorithm>
#include <chrono>

namespace llmroute {

namespace {

void change(Rates& rates, const PriceChange& by) {
  for (const auto& [key, field] : kRateFields) {
    if (by.rates.*field) {
      rates.*field = by.rates.*field;
    } else if (rates.*field) {
      *(rates.*field) *= by.factor;
    }
  }
}

void raise(Rates& rates, const Rates& other) {
  for (const auto& [key, field] : kRateFields) {
    if (other.*field && (!(rates.*field) || *(other.*field) > *(rates.*field))) {
      rates.*field = other.*field;
    }
  }
}

// Adds up shares of a total, none of which may take more than is left of it: some providers report
// more cached tokens than input, and the rest must not become a credit.
class Bill {
 public:
  explicit Bill(Tokens total) : left_(total) {}

  void share(Tokens tokens, const std::optional<double>& rate, double otherwise, bool sure) {
    tokens = std::clamp(tokens, Tokens{}, left_);
    left_ = left_ - tokens;
    guessed_ = guessed_ || (tokens.count > 0 && !rate && !sure);
    add(tokens, rate.value_or(otherwise));
  }
  void rest(double rate) { add(left_, rate); }

  Usd usd() const { return usd_; }
  bool guessed() const { return guessed_; }

 private:
  void add(Tokens tokens, double usd_per_million) {
    usd_ = usd_ + llmroute::usd(static_cast<double>(tokens.count) * usd_per_million / 1e6);
  }

  Tokens left_;
  Usd usd_{};
  bool guessed_ = false;
};

Bill bill_input(const Usage& usage, const Rates& rates) {
  const double usual = *rates.input_usd_per_million;
  const double write = rates.cache_write_usd_per_million.value_or(usual);
  const Tokens hour = std::clamp(usage.cache_write_hour, Tokens{}, usage.cache_write);
  Bill bill(usage.input);
  bill.share(usage.cached_input, rates.cached_input_usd_per_million, usual, false);
  bill.share(hour, rates.cache_write_hour_usd_per_million, write, false);
  bill.share(usage.cache_write - hour, rates.cache_write_usd_per_million, usual, false);
  bill.share(usage.audio_input, rates.audio_input_usd_per_million, usual, false);
  bill.share(usage.image_input, rates.image_input_usd_per_million, usual, true);
  bill.rest(usual);
  return bill;
}

Bill bill_output(const Usage& usage, const Rates& rates) {
  const double usual = rates.output_usd_per_million.value_or(0);
  Bill bill(usage.output);
  bill.share(usage.reasoning, rates.reasoning_usd_per_million, usual, true);
  bill.share(usage.audio_output, rates.audio_output_usd_per_million, usual, false);
  bill.share(usage.image_output, rates.image_output_usd_per_million, usual, false);
  bill.rest(usual);
  return bill;
}

const ServicePrice* find_service(const Price& price, ServiceTier tier) {
  const auto found = std::find_if(price.service_tiers.begin(), price.service_tiers.end(),
                                  [tier](const ServicePrice& s) { return s.tier == tier; });
  return found == price.service_tiers.end() ? nullptr : &*found;
}

const PriceWindow* find_window(const Price& price, int utc_minute) {
  if (utc_minute == Charge::kSomeTime) return nullptr;
  const auto found =
      std::find_if(price.windows.begin(), price.windows.end(),
                   [utc_minute](const PriceWindow& window) { return window.holds(utc_minute); });
  return found == price.windows.end() ? nullptr : &*found;
}

// Something that the price depends on is not known.
bool doubtful(const Price& price, const Charge& charge) {
  if (charge.tier != ServiceTier::standard && find_service(price, charge.tier) == nullptr) {
    return true;
  }
  return !price.windows.empty() && charge.utc_minute == Charge::kSomeTime;
}

}  // namespace

ServiceTier service_tier_of(std::string_view word) {
  // OpenAI's auto and default, Anthropic's standard_only, Groq's on_demand.
  static constexpr std::array<std::string_view, 4> kUsual = {"auto", "default", "standard_only",
                                                             "on_demand"};
  if (std::find(kUsual.begin(), kUsual.end(), word) != kUsual.end()) return ServiceTier::standard;
  return from_slug<ServiceTier>(word).value_or(ServiceTier::other);
}

Rates rates_of(const Price& price, Tokens input, const Charge& charge) {
  Rates rates = price;
  const PriceTier* tier = nullptr;
  for (const PriceTier& each : price.tiers) {
    if (input > each.above) tier = &each;
  }
  if (tier != nullptr) change(rates, tier->change);
  if (const auto* service = find_service(price, charge.tier)) change(rates, service->change);
  if (const auto* window = find_window(price, charge.utc_minute)) change(rates, window->change);
  return rates;
}

Rates highest_rates(const Price& price) {
  Rates highest = price;
  const auto look_at = [&](const PriceTier* tier, const PriceWindow* window) {
    Rates rates = price;
    if (tier != nullptr) change(rates, tier->change);
    if (window != nullptr) change(rates, window->change);
    raise(highest, rates);
  };
  for (const PriceWindow& window : price.windows) look_at(nullptr, &window);
  for (const PriceTier& tier : price.tiers) {
    look_at(&tier, nullptr);
    for (const PriceWindow& window : price.windows) look_at(&tier, &window);
  }
  return highest;
}

Cost cost_of(const Usage& usage, const Price& price, const Charge& charge) {
  if (price.usd_per_hour) {
    if (!charge.busy_hours) return {};
    return {usd(*price.usd_per_hour * *charge.busy_hours), CostKind::estimated};
  }
  // Embeddings have no output, so nobody names a price of it.
  if (!price.input_usd_per_million) return {};
  if (!price.output_usd_per_million && usage.output.count > 0) return {};
  const Rates rates = rates_of(price, usage.input, charge);
  const Bill input = bill_input(usage, rates);
  const Bill output = bill_output(usage, rates);
  const bool exact =
      usage.reported && !input.guessed() && !output.guessed() && !doubtful(price, charge);
  return {input.usd() + output.usd(), exact ? CostKind::exact : CostKind::estimated};
}

int utc_minute_of(WallTime time) {
  using namespace std::chrono;
  const auto since = floor<minutes>(time.time_since_epoch());
  return static_cast<int>((since - floor<days>(since)).count());
}

}  // namespace llmroute
