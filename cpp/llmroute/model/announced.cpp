#include "llmroute/model/announced.h"

namespace llmroute {

const AnnouncedWindow* AnnouncedLimits::find(LimitUnit unit,
                                             std::optional<LimitPeriod> period) const {
  for (const AnnouncedWindow& window : windows) {
    if (window.unit == unit && (!period || window.period == *period)) return &window;
  }
  return nullptr;
}

AnnouncedWindow* AnnouncedLimits::add(LimitUnit unit, LimitPeriod period) {
  for (AnnouncedWindow& window : windows) {
    if (window.unit == unit && window.period == period) return &window;
  }
  if (windows.size() >= kMost) return nullptr;
  AnnouncedWindow& window = windows.emplace_back();
  window.unit = unit;
  window.period = period;
  return &window;
}

namespace {

constexpr auto kUnits = static_cast<std::uint16_t>(slugs<LimitUnit>().size());

}  // namespace

std::uint16_t window_code(LimitUnit unit, LimitPeriod period) {
  return static_cast<std::uint16_t>(1 + static_cast<unsigned>(unit) +
                                    kUnits * static_cast<unsigned>(period));
}

std::string window_name(std::uint16_t code) {
  if (code == 0) return {};
  const auto unit = static_cast<LimitUnit>((code - 1) % kUnits);
  const auto period = static_cast<LimitPeriod>((code - 1) / kUnits);
  std::string out(slug(unit));
  if (period == LimitPeriod::unstated) return out;
  return out.append("_per_").append(slug(period));
}

}  // namespace llmroute
