#include <array>
#include <cmath>

#include "llmroute/base/text.h"
#include "llmroute/base/units.h"
#include "llmroute/model/config_build.h"

namespace llmroute::config {

namespace {

constexpr std::int32_t kMaxAheadSeconds = 14 * 3'600;  // nowhere on earth is it more

struct UnitKey {
  std::string_view key;
  BudgetUnit unit;
};
constexpr std::array<UnitKey, 3> kUnitKeys = {{{"limit_usd", BudgetUnit::usd},
                                               {"limit_tokens", BudgetUnit::tokens},
                                               {"limit_requests", BudgetUnit::requests}}};

Result<void> read_limit(const Value& table, const std::string& path, BudgetRule& rule) {
  std::string_view found;
  for (const auto& [key, unit] : kUnitKeys) {
    const Value* value = table.find(key);
    if (value == nullptr) continue;
    if (!found.empty()) {
      return config_error(child_path(path, key),
                          "stands beside " + std::string(found) +
                              "; keep one of the two, and make a budget of its own for the other");
    }
    found = key;
    rule.unit = unit;
    rule.limit = unit == BudgetUnit::usd ? usd(value->number).pico
                                         : static_cast<std::int64_t>(value->number);
  }
  if (!found.empty()) return {};
  return config_error(path, "has no limit; give limit_usd, limit_tokens or limit_requests");
}

// "+02:00", "-05:30" in seconds; nothing for other texts.
std::optional<std::int32_t> fixed_offset(std::string_view text) {
  if (text.size() != 6 || text[3] != ':') return {};
  std::array<int, 6> digits{};
  for (const std::size_t i : {1U, 2U, 4U, 5U}) {
    if (text[i] < '0' || text[i] > '9') return {};
    digits[i] = text[i] - '0';
  }
  const std::int32_t minutes = digits[4] * 10 + digits[5];
  const std::int32_t seconds = (digits[1] * 10 + digits[2]) * 3'600 + minutes * 60;
  if (minutes > 59 || seconds > kMaxAheadSeconds) return {};
  return text[0] == '-' ? -seconds : seconds;
}

Result<std::vector<ZoneOffset>> read_offsets(const Value& list, const std::string& path) {
  std::vector<ZoneOffset> zone;
  for (std::size_t i = 0; i < list.list.size(); ++i) {
    const std::vector<Value>& pair = list.list[i].list;
    const auto from = static_cast<std::int64_t>(pair[0].number);
    if (!zone.empty() && from <= zone.back().from_s) {
      return config_error(child_path(path, i), "is not later than the one before it");
    }
    if (std::abs(pair[1].number) > 86'400) {
      return config_error(child_path(path, i), "is more than a day ahead or behind");
    }
    zone.push_back({from, static_cast<std::int32_t>(pair[1].number)});
  }
  return zone;
}

Result<void> read_groups_of(const Value& table, const std::string& path, const Inventory& inventory,
                            BudgetRule& rule) {
  const Value* groups = table.find("groups");
  if (groups == nullptr) return {};
  for (std::size_t i = 0; i < groups->list.size(); ++i) {
    const std::string& name = groups->list[i].text;
    const std::string at = child_path(child_path(path, "groups"), i);
    if (name == "*") {
      rule.every_group = true;
      continue;
    }
    const auto group = resolve_group(name, at, inventory);
    if (!group) return group.error();
    rule.groups.push_back(*group);
  }
  if (rule.every_group && !rule.groups.empty()) {
    return config_error(child_path(path, "groups"),
                        "names groups beside \"*\", which is all of "
                        "them; keep one of the two");
  }
  return {};
}

Result<void> read_steps(const Value& table, const std::string& path, const Inventory& inventory,
                        BudgetRule& rule) {
  const Value* steps = table.find("at");
  if (steps == nullptr) return {};
  for (std::size_t i = 0; i < steps->list.size(); ++i) {
    const Value& step = steps->list[i];
    const std::string at = child_path(child_path(path, "at"), i);
    const double share = step.find("share")->number;
    if (!rule.at.empty() && share <= rule.at.back().share) {
      return config_error(child_path(at, "share"),
                          "is not above the step before it; put the steps in rising order");
    }
    const auto group = resolve_group(step.find("group")->text, child_path(at, "group"), inventory);
    if (!group) return group.error();
    rule.at.push_back({share, *group});
  }
  return {};
}

Result<BudgetRule> read_budget(const std::string& name, const Value& table, const std::string& path,
                               const Inventory& inventory) {
  BudgetRule rule;
  rule.name = name;
  if (auto read = read_limit(table, path, rule); !read) return read.error();
  rule.per = *from_slug<BudgetPeriod>(table.find("per")->text);
  rule.timezone = table.find("timezone")->text;
  auto zone = read_zone(table, path);
  if (!zone) return zone.error();
  rule.zone = std::move(*zone);
  auto by = read_counted_by(table, "by", path, false);
  if (!by) return by.error();
  rule.by = std::move(*by);
  auto only = read_only(table, rule.by, path);
  if (!only) return only.error();
  rule.only = std::move(*only);
  if (auto read = read_groups_of(table, path, inventory, rule); !read) return read.error();
  if (auto read = read_steps(table, path, inventory, rule); !read) return read.error();
  rule.on_exhausted = *from_slug<BudgetEnd>(table.find("on_exhausted")->text);
  return rule;
}

}  // namespace

Result<std::vector<ZoneOffset>> read_zone(const Value& table, const std::string& path) {
  const std::string& name = table.find("timezone")->text;
  if (name == "UTC") return std::vector<ZoneOffset>{};
  const std::string at = child_path(path, "timezone");
  if (name.front() == '+' || name.front() == '-') {
    const auto ahead = fixed_offset(name);
    if (ahead) return std::vector<ZoneOffset>{{0, *ahead}};
    return config_error(at, "is not an offset from -14:00 to +14:00, as in \"+02:00\"");
  }
  const Value* offsets = table.find("timezone_offsets");
  if (offsets != nullptr) return read_offsets(*offsets, child_path(path, "timezone_offsets"));
  return config_error(at, "\"" + ellipsize(name, 60) +
                              "\" is a zone's name, which the Python face turns into offsets; here "
                              "give \"UTC\" or an offset, as in \"+02:00\"");
}

std::vector<Reference> references_of_budgets(const Value& budgets) {
  std::vector<Reference> out;
  for (const auto& [name, table] : budgets.table) {
    const std::string path = child_path("budgets", name);
    if (const Value* groups = table.find("groups")) {
      for (std::size_t i = 0; i < groups->list.size(); ++i) {
        out.push_back({child_path(child_path(path, "groups"), i), groups->list[i].text});
      }
    }
    const Value* steps = table.find("at");
    if (steps == nullptr) continue;
    for (std::size_t i = 0; i < steps->list.size(); ++i) {
      const std::string at = child_path(child_path(path, "at"), i);
      out.push_back({child_path(at, "group"), steps->list[i].find("group")->text});
    }
  }
  return out;
}

Result<void> read_budgets(const Value& budgets, Inventory& inventory) {
  for (const auto& [name, table] : budgets.table) {
    auto rule = read_budget(name, table, child_path("budgets", name), inventory);
    if (!rule) return rule.error();
    inventory.budgets.push_back(std::move(*rule));
  }
  return {};
}

}  // namespace llmroute::config
