#include <limits>
#include <vector>

#include "llmroute/base/text.h"
#include "llmroute/model/schema.h"
#include "llmroute/model/schema_texts.h"

namespace llmroute::schema {

namespace {

std::vector<std::string_view> keys_of(const Value& table) {
  std::vector<std::string_view> keys;
  keys.reserve(table.table.size());
  for (const Value::Entry& entry : table.table) keys.emplace_back(entry.first);
  return keys;
}

Error unknown_policy(const std::string& path, std::string_view name, const Value& policies) {
  const std::vector<std::string_view> names = keys_of(policies);
  return config_error(path,
                      "unknown policy \"" + ellipsize(name, 60) + "\"; known: " + joined(names),
                      nearest_name(name, names));
}

double bound(const Value& option, std::string_view key, double otherwise) {
  const Value* found = option.find(key);
  return found != nullptr && found->type == Value::Type::number ? found->number : otherwise;
}

Result<void> check_option(const Value& option, const Value& value, const std::string& path) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Shape shape;
  shape.kind = Kind::number;
  shape.min = bound(option, "min", -kInfinity);
  shape.max = bound(option, "max", kInfinity);
  Value copy = value;
  return check(shape, copy, path, Value{});
}

Result<void> check_options(Value& value, const std::string& path, const Value& options) {
  for (const auto& [key, given] : value.table) {
    if (key == "name") continue;
    const std::string at = child_path(path, key);
    const Value* option = options.find(key);
    if (option == nullptr) {
      const std::vector<std::string_view> names = keys_of(options);
      return config_error(at, "is an unknown option of this policy; known: " + joined(names),
                          nearest_name(key, names));
    }
    if (auto checked = check_option(*option, given, at); !checked) return checked;
  }
  for (const auto& [key, option] : options.table) {
    if (value.find(key) != nullptr) continue;
    value.table.emplace_back(key, Value::of(bound(option, "default", 0)));
  }
  return {};
}

// The form that the face writes for a Python callable: {name = LABEL, python = true, stand_in}.
Result<void> check_python_policy(Value& value, const std::string& path, const Value& policies) {
  static constexpr Shape kLabel{};
  static constexpr Shape kFlag{Kind::boolean};
  static constexpr Field kFields[] = {
      {"name", &kLabel, "label of the policy", {}, {}, true},
      {"python", &kFlag, "made by a callable", {}, {}, true},
      {"stand_in", &kLabel, "runs when it fails", std::string_view("weighted")},
  };
  Shape shape;
  shape.kind = Kind::table;
  shape.fields = kFields;
  if (auto checked = check(shape, value, path, policies); !checked) return checked;
  const std::string& stand_in = value.find("stand_in")->text;
  if (policies.find(stand_in) == nullptr) {
    return unknown_policy(child_path(path, "stand_in"), stand_in, policies);
  }
  return {};
}

}  // namespace

Result<void> check_policy(Value& value, const std::string& path, const Value& policies) {
  if (value.type == Value::Type::text) {
    Value table = Value::empty(Value::Type::table);
    table.table.emplace_back("name", std::move(value));
    value = std::move(table);
    const std::string& name = value.find("name")->text;
    const Value* entry = policies.find(name);
    if (entry == nullptr) return unknown_policy(path, name, policies);
    const Value* options = entry->find("options");
    return options != nullptr ? check_options(value, path, *options) : Result<void>{};
  }
  if (value.type != Value::Type::table) {
    return config_error(path,
                        "must be a string or a table, not " + std::string(type_name(value.type)));
  }
  if (const Value* python = value.find("python");
      python != nullptr && python->type == Value::Type::boolean && python->boolean) {
    return check_python_policy(value, path, policies);
  }
  const Value* name = value.find("name");
  if (name == nullptr) {
    return config_error(child_path(path, "name"), "is missing: the policy's name");
  }
  if (name->type != Value::Type::text) {
    return config_error(child_path(path, "name"),
                        "must be a string, not " + std::string(type_name(name->type)));
  }
  const Value* entry = policies.find(name->text);
  if (entry == nullptr) return unknown_policy(child_path(path, "name"), name->text, policies);
  const Value* options = entry->find("options");
  return check_options(value, path, options != nullptr ? *options : Value{});
}

}  // namespace llmroute::schema
