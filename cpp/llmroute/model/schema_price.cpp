#include "llmroute/model/schema_price.h"

#include <array>

#include "llmroute/model/price.h"
#include "llmroute/model/schema_texts.h"
#include "llmroute/model/shapes.h"

namespace llmroute::schema {

namespace {

constexpr double kMaxPrice = 1e6;  // USD per million tokens: a dollar a token; or an hour
constexpr Shape kPerMillion = number_of(Kind::number, 0, kMaxPrice);
constexpr Shape kFactor = number_of(Kind::number, 0, 100);
constexpr Shape kSize = number_of(Kind::integer, 1, 1e9);
constexpr Shape kClock = text_of(check_clock);
constexpr Shape kDate = text_of(check_plain);

template <std::size_t A, std::size_t B>
constexpr std::array<Field, A + B> joined_fields(const std::array<Field, A>& a,
                                                 const std::array<Field, B>& b) {
  std::array<Field, A + B> out{};
  for (std::size_t i = 0; i < A; ++i) out[i] = a[i];
  for (std::size_t i = 0; i < B; ++i) out[A + i] = b[i];
  return out;
}

constexpr Field rate(std::size_t index, std::string_view meaning) {
  return Field{kRateFields[index].first, &kPerMillion, meaning, {}, "USD"};
}

constexpr std::array kRates = {
    rate(0, "a million prompt tokens"),
    rate(1, "a million answer tokens"),
    rate(2, "a million prompt tokens read from the cache; default: as input"),
    rate(3, "a million prompt tokens written to the cache; default: as input"),
    rate(4, "a million written to be kept for an hour; default: as cache_write"),
    rate(5, "a million tokens of thought; default: as output"),
    rate(6, "a million tokens of sound in prompts; default: as input"),
    rate(7, "a million tokens of sound in answers; default: as output"),
    rate(8, "a million tokens of images in prompts; default: as input"),
    rate(9, "a million tokens of images in answers; default: as output"),
};
static_assert(kRates.size() == kRateFields.size());

constexpr std::array kFactorField = {
    Field{"factor", &kFactor, "of all that is not stated here; default: 1"},
};
constexpr auto kChangeFields = joined_fields(kFactorField, kRates);
constexpr Shape kChange = [] {
  Shape shape = table_of(kChangeFields);
  shape.name = "changed_price";
  return shape;
}();

constexpr std::array kAboveField = {
    Field{"above_tokens",
          &kSize,
          "for prompts longer than this, and then for all tokens",
          {},
          "tokens",
          true},
};
constexpr auto kTierFields = joined_fields(kAboveField, kChangeFields);
constexpr Shape kTier = table_of(kTierFields);
constexpr Shape kTiers = series_of(kTier, 1, 16);

constexpr std::array kClockFields = {
    Field{"from", &kClock, "time of day in UTC, as 16:30, included", {}, {}, true},
    Field{"to", &kClock, "in UTC, not included; before from: past midnight", {}, {}, true},
};
constexpr auto kWindowFields = joined_fields(kClockFields, kChangeFields);
constexpr Shape kWindow = table_of(kWindowFields);
constexpr Shape kWindows = series_of(kWindow, 1, 16);

constexpr std::array kServiceFields = {
    Field{"flex", &kChange, "slower and cheaper"},
    Field{"priority", &kChange, "quicker and dearer"},
    Field{"batch", &kChange, "whenever there is room"},
    Field{"scale", &kChange, "from capacity bought ahead"},
    Field{"performance", &kChange, "the quickest"},
    Field{"reserved", &kChange, "from capacity bought ahead"},
};
constexpr Shape kServices = table_of(kServiceFields);

constexpr std::array kOtherFields = {
    Field{"usd_per_hour",
          &kPerMillion,
          "of a server of your own; instead of prices by token, its busy time is shared out",
          {},
          "USD"},
    Field{"tiers", &kTiers, "other prices for long prompts"},
    Field{"service_tiers", &kServices, "other prices by the request's service_tier"},
    Field{"windows", &kWindows, "other prices at some times of day; the first that holds"},
    Field{"date", &kDate, "when it was looked up, as 2026-11-01"},
};
constexpr auto kPriceFields = joined_fields(kRates, kOtherFields);

}  // namespace

constexpr Shape kPrice = table_of(kPriceFields);

}  // namespace llmroute::schema
