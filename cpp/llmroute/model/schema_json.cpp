#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "llmroute/model/config.h"
#include "llmroute/model/schema.h"

namespace llmroute {

namespace {

using Json = nlohmann::ordered_json;
using schema::Field;
using schema::Kind;
using schema::Shape;

// Whole numbers without ".0": editors show them to people.
Json number_json(double value) {
  if (std::floor(value) == value && std::abs(value) <= 1e15)
    return static_cast<std::int64_t>(value);
  return value;
}

// Tables that have a name, by it.
using Definitions = std::map<std::string, Json, std::less<>>;

Json shape_json(const Shape& shape, Definitions& named);

Json limits_json(std::string_view type, const Shape& shape) {
  Json out = {{"type", type}};
  out["minimum"] = number_json(shape.min);
  if (std::isfinite(shape.max)) out["maximum"] = number_json(shape.max);
  return out;
}

Json text_json(const Shape& shape) {
  Json out = {{"type", "string"}};
  if (!shape.words.empty()) {
    out["enum"] = Json::array();
    for (const std::string_view word : shape.words) out["enum"].push_back(word);
    return out;
  }
  if (shape.check != nullptr) out["minLength"] = 1;
  if (std::isfinite(shape.max)) out["maxLength"] = number_json(shape.max);
  if (shape.secret) out["writeOnly"] = true;
  return out;
}

Json fallback_json(const Field& field) {
  if (const auto* flag = std::get_if<bool>(&field.fallback)) return *flag;
  if (const auto* number = std::get_if<double>(&field.fallback)) return number_json(*number);
  if (const auto* text = std::get_if<std::string_view>(&field.fallback)) return *text;
  return nullptr;
}

Json table_json(const Shape& shape, Definitions& named) {
  Json out = {{"type", "object"}, {"additionalProperties", false}, {"properties", Json::object()}};
  Json required = Json::array();
  for (const Field& field : shape.fields) {
    if (field.hidden) continue;
    Json property = shape_json(*field.shape, named);
    std::string meaning(field.meaning);
    if (!field.unit.empty()) meaning += " (" + std::string(field.unit) + ")";
    property["description"] = meaning;
    if (Json fallback = fallback_json(field); !fallback.is_null()) property["default"] = fallback;
    out["properties"][std::string(field.key)] = std::move(property);
    if (field.required) required.push_back(field.key);
  }
  if (!required.empty()) out["required"] = std::move(required);
  return out;
}

Json list_json(const Shape& shape, Definitions& named) {
  Json out = {{"type", "array"}, {"items", shape_json(*shape.item, named)}};
  if (shape.min > 0) out["minItems"] = number_json(shape.min);
  if (std::isfinite(shape.max)) out["maxItems"] = number_json(shape.max);
  if (shape.unique) out["uniqueItems"] = true;
  return out;
}

Json definition_json(const Shape& shape, Definitions& named) {
  const bool fresh = named.try_emplace(std::string(shape.name)).second;
  if (fresh) {
    Json table = table_json(shape, named);  // may come here again, and finds its name taken
    named[std::string(shape.name)] = std::move(table);
  }
  return {{"$ref", "#/$defs/" + std::string(shape.name)}};
}

Json shape_json(const Shape& shape, Definitions& named) {
  switch (shape.kind) {
    case Kind::boolean: return {{"type", "boolean"}};
    case Kind::integer: return limits_json("integer", shape);
    case Kind::number: return limits_json("number", shape);
    case Kind::text: return text_json(shape);
    case Kind::list: return list_json(shape, named);
    case Kind::map:
      return {{"type", "object"},
              {"additionalProperties", shape_json(*shape.item, named)},
              {"maxProperties", number_json(shape.max)}};
    case Kind::table:
      return shape.name.empty() ? table_json(shape, named) : definition_json(shape, named);
    case Kind::either:
      return {{"anyOf",
               Json::array({shape_json(*shape.item, named), shape_json(*shape.other, named)})}};
    case Kind::policy: break;
  }
  return {{"$ref", "#/$defs/policy"}};
}

Json option_json(const Value& option) {
  Json out = {{"type", "number"}};
  const auto copy_number = [&](const char* from, const char* to) {
    const Value* value = option.find(from);
    if (value != nullptr && value->type == Value::Type::number)
      out[to] = number_json(value->number);
  };
  copy_number("min", "minimum");
  copy_number("max", "maximum");
  copy_number("default", "default");
  const Value* meaning = option.find("meaning");
  if (meaning != nullptr) out["description"] = meaning->text;
  return out;
}

// One table form per policy, so that an editor offers the options of the one that was named.
Json policy_json(const Value& policies) {
  Json names = Json::array();
  Json forms = Json::array();
  for (const auto& [name, entry] : policies.table) {
    names.push_back(name);
    Json properties = {{"name", {{"const", name}}}};
    if (const Value* options = entry.find("options")) {
      for (const auto& [key, option] : options->table) properties[key] = option_json(option);
    }
    Json form = {{"type", "object"}, {"additionalProperties", false}, {"required", {"name"}}};
    if (const Value* summary = entry.find("summary")) form["description"] = summary->text;
    form["properties"] = std::move(properties);
    forms.push_back(std::move(form));
  }
  Json choices = Json::array({Json{{"type", "string"}, {"enum", std::move(names)}}});
  for (Json& form : forms) choices.push_back(std::move(form));
  return {{"anyOf", std::move(choices)}};
}

}  // namespace

std::string config_json_schema(std::string_view policy_schema_json) {
  const auto policies = parse_document(policy_schema_json, "the schema of policies");
  Json out = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
              {"title", "llmroute configuration"}};
  Definitions named;
  out.update(table_json(schema::configuration(), named));
  for (auto& [name, table] : named) out["$defs"][name] = std::move(table);
  out["$defs"]["policy"] = policy_json(policies ? *policies : Value{});
  return out.dump(2);
}

}  // namespace llmroute
