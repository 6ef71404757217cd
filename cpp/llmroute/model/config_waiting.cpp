#include "llmroute/model/config_build.h"

namespace llmroute::config {

namespace {

Result<ExhaustedStep> read_step(const Value& item, const std::string& path,
                                const Inventory& inventory) {
  ExhaustedStep step;
  if (item.type == Value::Type::text) {
    step.action = *from_slug<ExhaustedAction>(item.text);
    return step;
  }
  const Value* wait = item.find("queue_ms");
  const Value* group = item.find("group");
  if (wait != nullptr && group != nullptr) {
    return config_error(child_path(path, "group"),
                        "stands beside queue_ms; make two steps of it, in the order you want");
  }
  if (wait != nullptr) {
    step.action = ExhaustedAction::queue;
    step.wait = from_ms(wait->number);
    return step;
  }
  if (group == nullptr) return config_error(path, "says nothing; give queue_ms or group");
  const auto found = resolve_group(group->text, child_path(path, "group"), inventory);
  if (!found) return found.error();
  step.action = ExhaustedAction::group;
  step.group = *found;
  return step;
}

Result<void> read_queue(const Value& table, QueueSpec& target) {
  target.max_waiting = static_cast<std::size_t>(table.find("max_waiting")->number);
  auto by = read_counted_by(table, "by", "queue", false);
  if (!by) return by.error();
  target.by = std::move(*by);
  if (const Value* weights = table.find("weights")) {
    for (const auto& [name, weight] : weights->table) target.weights.emplace(name, weight.number);
  }
  return {};
}

Duration seconds_of(const Value& value) { return from_ms(value.number * 1e3); }

Result<ExactCacheSpec> read_exact(const Value& table, bool has_file) {
  ExactCacheSpec spec;
  spec.ttl = seconds_of(*table.find("ttl_s"));
  spec.max_bytes = static_cast<std::size_t>(table.find("max_mb")->number) << 20U;
  auto by = read_counted_by(table, "by", "cache.exact", false);
  if (!by) return by.error();
  if (by->scope != Scope::all) spec.by = std::move(*by);
  spec.single_flight = table.find("single_flight")->boolean;
  spec.persistent = table.find("persistent")->boolean;
  if (spec.persistent && !has_file) {
    return config_error("cache.exact.persistent",
                        "needs a file to be kept in; give path under [state]");
  }
  return spec;
}

AffinitySpec read_affinity(const Value& table) {
  AffinitySpec spec;
  spec.conversations = table.find("conversations")->boolean;
  spec.prefixes = table.find("prefixes")->boolean;
  spec.ttl = seconds_of(*table.find("ttl_s"));
  spec.min_prefix = Tokens{static_cast<std::int64_t>(table.find("min_prefix_tokens")->number)};
  return spec;
}

}  // namespace

Result<std::vector<ExhaustedStep>> read_on_exhausted(const Value& list, const std::string& path,
                                                     const Inventory& inventory) {
  std::vector<ExhaustedStep> steps;
  for (std::size_t i = 0; i < list.list.size(); ++i) {
    const std::string at = child_path(path, i);
    if (!steps.empty() && steps.back().action == ExhaustedAction::reject) {
      return config_error(at, "is never reached, for \"reject\" stands before it; put that last");
    }
    auto step = read_step(list.list[i], at, inventory);
    if (!step) return step.error();
    steps.push_back(*step);
  }
  return steps;
}

Result<void> read_waiting_and_keeping(const Value& document, Inventory& inventory) {
  if (const Value* state = document.find("state")) {
    inventory.state.path = state->find("path")->text;
    inventory.state.busy = from_ms(state->find("busy_ms")->number);
  }
  const Value& human = *document.find("human");
  inventory.people.wait = from_ms(human.find("wait_ms")->number);
  inventory.people.keep = from_ms(human.find("keep_hours")->number * 3'600'000);
  if (auto read = read_queue(*document.find("queue"), inventory.queue); !read) return read;
  const Value& cache = *document.find("cache");
  if (const Value* exact = cache.find("exact")) {
    auto spec = read_exact(*exact, !inventory.state.path.empty());
    if (!spec) return spec.error();
    inventory.cache.exact = std::move(*spec);
  }
  if (const Value* affinity = cache.find("affinity")) {
    inventory.cache.affinity = read_affinity(*affinity);
  }
  return {};
}

}  // namespace llmroute::config
