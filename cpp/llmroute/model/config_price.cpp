#include <algorithm>

#include "llmroute/model/config_build.h"

namespace llmroute::config {

namespace {

void read_rates(const Value& table, Rates& target) {
  for (const auto& [key, field] : kRateFields) {
    if (const Value* value = table.find(key)) target.*field = value->number;
  }
}

PriceChange read_change(const Value& table) {
  PriceChange change;
  read_rates(table, change.rates);
  if (const Value* factor = table.find("factor")) change.factor = factor->number;
  return change;
}

Result<void> check_change(const PriceChange& change, const std::string& path) {
  if (change != PriceChange{}) return {};
  return config_error(path, "changes nothing; give a factor or prices");
}

// "16:30" -> 990, as checked.
int minute_of(std::string_view clock) {
  const auto two = [clock](std::size_t at) {
    return (clock[at] - '0') * 10 + (clock[at + 1] - '0');
  };
  return two(0) * 60 + two(3);
}

Result<void> read_tiers(const Value& list, const std::string& path, Price& target) {
  for (std::size_t i = 0; i < list.list.size(); ++i) {
    const Value& table = list.list[i];
    const std::string here = child_path(path, i);
    PriceTier tier;
    tier.above.count = static_cast<std::int64_t>(table.find("above_tokens")->number);
    tier.change = read_change(table);
    if (auto changes = check_change(tier.change, here); !changes) return changes;
    if (!target.tiers.empty() && tier.above <= target.tiers.back().above) {
      return config_error(child_path(here, "above_tokens"), "is not above that of the tier before");
    }
    target.tiers.push_back(std::move(tier));
  }
  return {};
}

Result<void> read_windows(const Value& list, const std::string& path, Price& target) {
  for (std::size_t i = 0; i < list.list.size(); ++i) {
    const Value& table = list.list[i];
    const std::string here = child_path(path, i);
    PriceWindow window;
    window.from_minute = minute_of(table.find("from")->text);
    window.to_minute = minute_of(table.find("to")->text);
    window.change = read_change(table);
    if (auto changes = check_change(window.change, here); !changes) return changes;
    if (window.from_minute == window.to_minute) {
      return config_error(child_path(here, "to"), "is the same time as from: the window is empty");
    }
    target.windows.push_back(std::move(window));
  }
  return {};
}

Result<void> read_service_tiers(const Value& tiers, const std::string& path, Price& target) {
  for (const auto& [word, table] : tiers.table) {
    ServicePrice service{*from_slug<ServiceTier>(word), read_change(table)};
    if (auto changes = check_change(service.change, child_path(path, word)); !changes) {
      return changes;
    }
    target.service_tiers.push_back(std::move(service));
  }
  return {};
}

// By the hour and nothing else, or input and output; `embeds`: there is no output.
Result<void> check_whole(const Value& table, const std::string& path, bool embeds) {
  if (table.find("usd_per_hour") == nullptr) {
    for (const char* key : {"input_usd_per_million", "output_usd_per_million"}) {
      if (table.find(key) != nullptr || (embeds && key[0] == 'o')) continue;
      return config_error(child_path(path, key), "is missing; or give usd_per_hour");
    }
    return {};
  }
  for (const auto& [key, value] : table.table) {
    if (key == "usd_per_hour" || key == "date") continue;
    return config_error(child_path(path, key),
                        "cannot stand beside usd_per_hour: a deployment is priced by token or by "
                        "the hour");
  }
  return {};
}

}  // namespace

Result<void> read_price(const Value& table, const std::string& path, bool embeds, Price& target) {
  target = {};
  if (auto whole = check_whole(table, path, embeds); !whole) return whole;
  read_rates(table, target);
  if (const Value* hour = table.find("usd_per_hour")) target.usd_per_hour = hour->number;
  read_text(table, "date", target.date);
  if (const Value* tiers = table.find("tiers")) {
    if (auto read = read_tiers(*tiers, child_path(path, "tiers"), target); !read) return read;
  }
  if (const Value* tiers = table.find("service_tiers")) {
    auto read = read_service_tiers(*tiers, child_path(path, "service_tiers"), target);
    if (!read) return read;
  }
  if (const Value* windows = table.find("windows")) {
    return read_windows(*windows, child_path(path, "windows"), target);
  }
  return {};
}

KnownModels read_known_models(const Value& models) {
  KnownModels out;
  for (const auto& [name, table] : models.table) out.emplace(name, &table);
  return out;
}

Result<void> fill_from_catalogue(const Value& known, const std::string& name,
                                 const DeploymentGaps& gaps, Deployment& target) {
  const std::string path = child_path("models", name);
  if (const Value* price = known.find("price"); price != nullptr && gaps.price) {
    if (auto read = read_price(*price, child_path(path, "price"), false, target.price); !read)
      return read;
    target.price_listed = true;
  }
  read_abilities(known, gaps, target);
  return {};
}

}  // namespace llmroute::config
