#include <algorithm>

#include "llmroute/base/text.h"
#include "llmroute/model/config_build.h"

namespace llmroute::config {

namespace {

struct Parts {
  std::string_view provider, model;
};

// "openrouter/meta-llama/llama-3" -> openrouter, meta-llama/llama-3. Empty where there is no slash.
Parts split_name(std::string_view name) {
  const std::size_t slash = name.find('/');
  if (slash == std::string_view::npos) return {};
  return {name.substr(0, slash), name.substr(slash + 1)};
}

Deployment from_provider(std::string_view name, const Provider& provider) {
  Deployment out;
  out.name = std::string(name);
  out.dialect = provider.dialect;
  out.base_url = provider.base_url;
  out.keys = provider.keys;
  out.headers = provider.headers;
  out.forward_headers = provider.forward_headers;
  out.own_headers_too = provider.own_headers_too;
  out.proxy = provider.proxy;
  out.ca_file = provider.ca_file;
  out.quirks = provider.quirks;
  return out;
}

void read_labels(const Value& table, Deployment& target) {
  read_text(table, "region", target.region);
  read_text(table, "retention", target.retention);
  if (const Value* training = table.find("training")) target.training = training->text == "yes";
  if (const Value* tags = table.find("tags")) {
    for (const Value& tag : tags->list) target.tags.push_back(tag.text);
  }
  if (const Value* energy = table.find("energy_wh_per_thousand_tokens")) {
    target.wh_per_thousand_tokens = energy->number;
  }
  const Value* quality = table.find("quality");
  if (quality == nullptr) return;
  if (quality->type == Value::Type::number) target.quality.emplace("default", quality->number);
  for (const auto& [task, value] : quality->table) target.quality.emplace(task, value.number);
}

void read_load(const Value& table, Deployment& target) {
  const Value* load = table.find("load");
  if (load == nullptr) return;
  LoadSpec& spec = target.load.emplace();
  read_text(*load, "metrics", spec.metrics);
  if (const Value* every = load->find("every_ms")) spec.every = from_ms(every->number);
  for (std::size_t i = 0; i < spec.names.size(); ++i) {
    read_text(*load, slugs<LoadGauge>()[i], spec.names[i]);
  }
}

// All that a table may say of a deployment apart from its provider and model.
Result<void> read_own_fields(const Value& table, const std::string& path, const Timeouts& usual,
                             Deployment& target) {
  read_text(table, "dialect", target.dialect);
  read_base_url(table, target.base_url);
  if (auto keys = read_keys(table, path, target.keys); !keys) return keys;
  read_headers(table, target.headers);
  if (read_forward_headers(table, target.forward_headers)) target.own_headers_too = false;
  read_text(table, "proxy", target.proxy);
  read_text(table, "ca_file", target.ca_file);
  read_quirks(table, target.quirks);
  read_labels(table, target);
  read_abilities(table, {}, target);
  read_text(table, "embedding", target.embedding);
  if (const Value* price = table.find("price")) {
    const bool embeds = !target.embedding.empty();
    auto priced = read_price(*price, child_path(path, "price"), embeds, target.price);
    if (!priced) return priced;
  }
  read_load(table, target);
  if (const Value* limits = table.find("limits")) {
    auto limited = read_limits(*limits, child_path(path, "limits"), target.limits);
    if (!limited) return limited;
  }
  if (table.find("timeouts") != nullptr) {
    target.timeouts = usual;
    read_timeouts(table, *target.timeouts);
  }
  return {};
}

DeploymentGaps gaps_of(const Value& table) {
  const auto lacks = [&table](std::string_view key) { return table.find(key) == nullptr; };
  return {lacks("price"), lacks("context_tokens"), lacks("max_output_tokens"), lacks("lacks")};
}

}  // namespace

void read_abilities(const Value& table, const DeploymentGaps& wanted, Deployment& target) {
  const auto tokens = [&](std::string_view key, bool wants, std::optional<Tokens>& field) {
    const Value* value = table.find(key);
    if (value != nullptr && wants) field = Tokens{static_cast<std::int64_t>(value->number)};
  };
  tokens("context_tokens", wanted.context_tokens, target.context_tokens);
  tokens("max_output_tokens", wanted.max_output_tokens, target.max_output_tokens);
  const Value* lacks = table.find("lacks");
  if (lacks == nullptr || !wanted.lacks) return;
  for (const Value& word : lacks->list) {
    const auto capability = from_slug<Capability>(word.text);
    if (capability) target.lacks.set(static_cast<std::size_t>(*capability));
  }
}

bool DeploymentMaker::can_make(std::string_view name) const {
  const Parts parts = split_name(name);
  return !parts.model.empty() && providers_.find(parts.provider) != providers_.end();
}

Result<const Provider*> DeploymentMaker::provider_of(const std::string& name,
                                                     const std::string& path) const {
  const auto found = providers_.find(name);
  if (found != providers_.end()) return &found->second;
  std::vector<std::string_view> names;
  for (const auto& [known, provider] : providers_) names.emplace_back(known);
  return config_error(path,
                      "unknown provider \"" + ellipsize(name, 60) +
                          "\"; describe it under [providers], or give base_url instead",
                      nearest_name(name, names));
}

DeploymentMaker::Identity DeploymentMaker::identify(const std::string& name,
                                                    const Value& table) const {
  Identity out;
  // A table named "provider/model" needs to say neither again.
  const Parts parts = can_make(name) ? split_name(name) : Parts{};
  out.provider = std::string(parts.provider);
  read_text(table, "provider", out.provider);
  if (out.provider == parts.provider) out.model = std::string(parts.model);
  read_text(table, "model", out.model);
  return out;
}

Result<void> DeploymentMaker::add_table(const std::string& name, const Value& table,
                                        const std::string& path) {
  const Identity identity = identify(name, table);
  Provider anonymous;
  const Provider* base = &anonymous;
  if (!identity.provider.empty()) {
    const auto known = provider_of(identity.provider, child_path(path, "provider"));
    if (!known) return known.error();
    base = *known;
  } else if (table.find("base_url") == nullptr) {
    return config_error(child_path(path, "provider"),
                        "is missing: name a provider, or give a base_url");
  }
  if (identity.model.empty()) {
    return config_error(child_path(path, "model"),
                        "is missing: the provider's own name of the model");
  }
  Deployment deployment = from_provider(name, *base);
  deployment.provider = identity.provider.empty() ? "custom" : identity.provider;
  deployment.model = identity.model;
  auto read = read_own_fields(table, path, inventory_.resilience.timeouts, deployment);
  if (!read) return read;
  if (deployment.base_url.empty()) {
    return config_error(
        child_path(path, "base_url"),
        "is missing: " + deployment.provider + " has another address for each of its customers");
  }
  if (auto filled = look_up(table, path, *base, deployment); !filled) return filled;
  auto stored = store(std::move(deployment), path);
  if (!stored) return stored.error();
  return {};
}

Result<DeploymentIndex> DeploymentMaker::find_or_make(const std::string& name,
                                                      const std::string& path) {
  if (const auto known = inventory_.find_deployment(name)) return *known;
  if (!can_make(name)) return unknown_deployment(name, path);
  const Parts parts = split_name(name);
  const auto provider = provider_of(std::string(parts.provider), path);
  if (!provider) return provider.error();
  if ((*provider)->base_url.empty()) {
    return config_error(path, "\"" + ellipsize(name, 60) +
                                  "\" needs a table under [deployments] with its base_url: "
                                  "this provider has another for each of its customers");
  }
  Deployment deployment = from_provider(name, **provider);
  deployment.provider = std::string(parts.provider);
  deployment.model = std::string(parts.model);
  if (auto filled = look_up({}, path, **provider, deployment); !filled) return filled.error();
  return store(std::move(deployment), path);
}

// By the entry that the table names; else by provider and model, where requests go to the provider
// that the catalogue means: behind another address may be anybody.
Result<void> DeploymentMaker::look_up(const Value& table, const std::string& path,
                                      const Provider& provider, Deployment& deployment) const {
  const Value* named = table.find("catalogue");
  if (named == nullptr && (!provider.listed || deployment.base_url != provider.listed_url)) {
    return {};
  }
  const std::string key =
      named != nullptr ? named->text : deployment.provider + "/" + deployment.model;
  const auto known = models_.find(key);
  if (known != models_.end()) {
    return fill_from_catalogue(*known->second, key, gaps_of(table), deployment);
  }
  if (named == nullptr) return {};
  return config_error(child_path(path, "catalogue"), "names no entry of the model catalogue: \"" +
                                                         ellipsize(key, 60) +
                                                         "\"; see llmroute catalogue show");
}

Result<DeploymentIndex> DeploymentMaker::store(Deployment deployment, const std::string& path) {
  if (inventory_.deployments.size() >= defaults::kMaxDeployments) {
    return config_error(
        path, "is one deployment too many; at most " + std::to_string(defaults::kMaxDeployments));
  }
  const auto index = static_cast<DeploymentIndex>(inventory_.deployments.size());
  inventory_.deployment_index.emplace(deployment.name, index);
  inventory_.deployments.push_back(std::move(deployment));
  return index;
}

Error DeploymentMaker::unknown_deployment(const std::string& name, const std::string& path) const {
  std::vector<std::string_view> names;
  for (const auto& [known, index] : inventory_.deployment_index) names.emplace_back(known);
  const std::string shown = "\"" + ellipsize(name, 60) + "\"";
  std::string_view nearest = nearest_name(name, names);
  const Parts parts = split_name(name);
  if (parts.provider.empty()) {
    return config_error(path,
                        "unknown deployment " + shown +
                            "; name a table under [deployments], "
                            "or write provider/model",
                        nearest);
  }
  if (parts.model.empty()) {
    return config_error(path, shown + " names no model behind its provider", nearest);
  }
  if (!nearest.empty()) return config_error(path, "unknown deployment " + shown, nearest);
  std::vector<std::string_view> providers;
  for (const auto& [known, provider] : providers_) providers.emplace_back(known);
  const std::string_view meant = nearest_name(parts.provider, providers);
  const std::string corrected =
      meant.empty() ? std::string() : std::string(meant) + "/" + std::string(parts.model);
  return config_error(path,
                      "unknown provider \"" + ellipsize(parts.provider, 60) + "\" in " + shown +
                          "; describe it under [providers]",
                      corrected);
}

}  // namespace llmroute::config
