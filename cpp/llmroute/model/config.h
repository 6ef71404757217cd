// From configuration text to an Inventory, strictly.
//
// One schema table (schema.cpp) drives checking, error paths, nearest names and the JSON Schema for
// editors. Files are read and turned into JSON by the face (TOML and YAML have good readers there);
// the core sees one JSON document that holds the user's tables and the provider catalogue.
#pragma once

#include <string>
#include <string_view>

#include "llmroute/base/error.h"
#include "llmroute/model/deployment.h"

namespace llmroute {

// `config_json`: the user's configuration (the keys of schema.cpp; beside a budget's `timezone` that is
// a zone's name the face writes `timezone_offsets`: pairs of a second since 1970 and the seconds that
// the zone is ahead of UTC from then on). `catalogue_json`: {"providers": {...}} as shipped in providers.toml; the user's own
// `providers` table adds entries to it or overrides single fields. Policy names and options are checked
// by `policy_schema_json`, given by the caller because the policy layer is above this one:
// JSON {"name": {"summary": "...", "options": {"option": {"default": x, "min": a, "max": b}}}}.
// Errors: ErrorKind::config with `path` ("groups.fast.policy") and `nearest`.
Result<Inventory> parse_config(std::string_view config_json, std::string_view catalogue_json,
                               std::string_view policy_schema_json);

// What a configuration means, for people and tools: {"groups": {name: {deployments, policy,
// fallbacks, ...}}, "deployments": {name: {provider, model, dialect, base_url, keys, price_known}},
// "limits", "budgets", "queue", "cache", "state"}.
// Keys are named by their source; no secret is in it.
std::string inventory_json(const Inventory& inventory);

// JSON Schema (2020-12) of the configuration, generated from the same table.
std::string config_json_schema(std::string_view policy_schema_json);

}  // namespace llmroute
