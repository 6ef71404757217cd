#include "llmroute/health/load.h"

#include <algorithm>
#include <string_view>

namespace llmroute::health {

void Load::report(Instant now, const LoadReading& reading, Duration valid,
                  std::uint32_t own_attempts) {
  for (std::size_t i = 0; i < gauges_.size(); ++i) {
    const auto gauge = static_cast<LoadGauge>(i);
    const std::optional<double>& value = reading.values[i];
    if (!value || !plausible(gauge, *value)) continue;
    gauges_[i] = {*value, now, add_saturated(now, valid)};
    if (gauge == LoadGauge::running || gauge == LoadGauge::queue) own_ = own_attempts;
  }
}

std::optional<double> Load::value(LoadGauge gauge, Instant now) const {
  const Gauge& known = gauges_[static_cast<std::size_t>(gauge)];
  if (known.until <= now) return std::nullopt;
  return known.value;
}

LoadView Load::view(Instant now) const {
  constexpr double kFullest = 0.95;  // a pressure of 20 is as good as never
  LoadView out;
  out.until = kNever;
  bool any = false;
  const auto read = [&](LoadGauge gauge) {
    const auto known = value(gauge, now);
    if (known) {
      any = true;
      out.until = std::min(out.until, gauges_[static_cast<std::size_t>(gauge)].until);
    }
    return known;
  };
  const auto queue = read(LoadGauge::queue);
  const auto running = read(LoadGauge::running);
  auto fill = read(LoadGauge::kv_cache);
  if (!queue && !running && !fill) fill = read(LoadGauge::utilisation);
  if (!any) return {};
  out.waiting = static_cast<float>(queue.value_or(0));
  const double there = running.value_or(own_) + queue.value_or(0);
  out.others = queue || running ? static_cast<float>(std::max(there - own_, 0.0)) : 0.0F;
  out.pressure = static_cast<float>(1.0 / (1.0 - std::min(fill.value_or(0), kFullest)));
  return out;
}

void Load::describe(Instant now, NumberSink& sink) const {
  constexpr std::array<std::string_view, slugs<LoadGauge>().size()> kNames = {
      "load_queue", "load_running", "load_kv_cache", "load_utilisation", "load_tokens_per_second"};
  std::optional<Instant> oldest;
  for (std::size_t i = 0; i < gauges_.size(); ++i) {
    const auto known = value(static_cast<LoadGauge>(i), now);
    if (!known) continue;
    sink.number(kNames[i], *known);
    oldest = std::min(oldest.value_or(gauges_[i].at), gauges_[i].at);
  }
  if (oldest) sink.number("load_age_ms", to_ms(now - *oldest));
}

}  // namespace llmroute::health
