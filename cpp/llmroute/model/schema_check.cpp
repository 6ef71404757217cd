#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <set>
#include <vector>

#include "llmroute/base/text.h"
#include "llmroute/model/schema.h"
#include "llmroute/model/schema_texts.h"

namespace llmroute::schema {

namespace {

// Words of the configuration that belong to parts still to come: "did you mean" would mislead.
constexpr std::array<std::string_view, 4> kLaterKeys = {"log", "baseline", "intents", "telemetry"};

constexpr double kMaxExactInteger = 9007199254740992.0;  // 2^53

std::string shown(double value) {
  if (std::abs(value) < kMaxExactInteger && std::floor(value) == value) {
    return std::to_string(static_cast<std::int64_t>(value));
  }
  std::array<char, 32> buffer{};
  const int length = std::snprintf(buffer.data(), buffer.size(), "%g", value);
  return std::string(buffer.data(), static_cast<std::size_t>(std::max(length, 0)));
}

Value::Type expected_type(Kind kind) {
  switch (kind) {
    case Kind::boolean: return Value::Type::boolean;
    case Kind::integer:
    case Kind::number: return Value::Type::number;
    case Kind::text: return Value::Type::text;
    case Kind::list: return Value::Type::list;
    case Kind::map:
    case Kind::table:
    case Kind::either:
    case Kind::policy: break;
  }
  return Value::Type::table;
}

Error wrong_type(const std::string& path, std::string_view expected, const Value& value) {
  return config_error(
      path, "must be " + std::string(expected) + ", not " + std::string(type_name(value.type)));
}

Result<void> check_number(const Shape& shape, const Value& value, const std::string& path) {
  const double number = value.number;
  if (shape.kind == Kind::integer && std::floor(number) != number) {
    return config_error(path, "must be a whole number, not " + shown(number));
  }
  if (number >= shape.min && number <= shape.max) return {};
  if (shape.min == shape.max) return config_error(path, "must be " + shown(shape.min));
  return config_error(path, "must be from " + shown(shape.min) + " to " + shown(shape.max) +
                                ", not " + shown(number));
}

Result<void> check_text(const Shape& shape, const Value& value, const std::string& path) {
  if (static_cast<double>(value.text.size()) > shape.max) {
    return config_error(path, "is longer than " + shown(shape.max) + " bytes");
  }
  if (!shape.words.empty()) {
    if (std::find(shape.words.begin(), shape.words.end(), value.text) != shape.words.end()) {
      return {};
    }
    return config_error(
        path, "unknown word \"" + ellipsize(value.text, 60) + "\"; known: " + joined(shape.words),
        nearest_name(value.text, shape.words));
  }
  const std::string fault = shape.check != nullptr ? shape.check(value.text) : std::string();
  if (!fault.empty()) return config_error(path, fault);
  return {};
}

Result<void> check_list(const Shape& shape, Value& value, const std::string& path,
                        const Value& policies) {
  const auto count = static_cast<double>(value.list.size());
  if (count == 0 && shape.min > 0) return config_error(path, "is empty; name at least one");
  if (count < shape.min) {
    return config_error(path, "has " + shown(count) + " entries; at least " + shown(shape.min));
  }
  if (count > shape.max) {
    return config_error(path, "has " + shown(count) + " entries; at most " + shown(shape.max));
  }
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < value.list.size(); ++i) {
    Value& item = value.list[i];
    const std::string at = child_path(path, i);
    if (auto checked = check(*shape.item, item, at, policies); !checked) return checked;
    if (shape.unique && item.type == Value::Type::text && !seen.insert(item.text).second) {
      return config_error(at, "is listed twice; keep one of them");
    }
  }
  return {};
}

Result<void> check_map(const Shape& shape, Value& value, const std::string& path,
                       const Value& policies) {
  const auto count = static_cast<double>(value.table.size());
  if (count > shape.max) {
    return config_error(path, "has " + shown(count) + " entries; at most " + shown(shape.max));
  }
  for (auto& [key, item] : value.table) {
    const std::string at = child_path(path, key);
    const std::string fault = shape.check_key != nullptr ? shape.check_key(key) : std::string();
    if (!fault.empty()) return config_error(at, "its name " + fault);
    if (auto checked = check(*shape.item, item, at, policies); !checked) return checked;
  }
  return {};
}

Value value_of(const Field& field) {
  if (const auto* flag = std::get_if<bool>(&field.fallback)) return Value::of(*flag);
  if (const auto* number = std::get_if<double>(&field.fallback)) return Value::of(*number);
  if (const auto* text = std::get_if<std::string_view>(&field.fallback)) return Value::of(*text);
  const bool list = std::holds_alternative<Items>(field.fallback);
  return Value::empty(list ? Value::Type::list : Value::Type::table);
}

const Field* find_field(std::span<const Field> fields, std::string_view key) {
  const auto found =
      std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.key == key; });
  return found == fields.end() ? nullptr : &*found;
}

Result<void> check_table(const Shape& shape, Value& value, const std::string& path,
                         const Value& policies) {
  for (auto& [key, item] : value.table) {
    const Field* field = find_field(shape.fields, key);
    if (field == nullptr) return unknown_key(shape.fields, key, path);
    if (auto checked = check(*field->shape, item, child_path(path, key), policies); !checked) {
      return checked;
    }
  }
  for (const Field& field : shape.fields) {
    if (value.find(field.key) != nullptr) continue;
    const std::string at = child_path(path, field.key);
    if (field.required) {
      return config_error(at, "is missing: " + std::string(field.meaning));
    }
    if (std::holds_alternative<std::monostate>(field.fallback)) continue;
    Value filled = value_of(field);
    if (auto checked = check(*field.shape, filled, at, policies); !checked) return checked;
    value.table.emplace_back(field.key, std::move(filled));
  }
  return {};
}

bool takes(const Shape& shape, Value::Type type) {
  if (shape.kind == Kind::either) return takes(*shape.item, type) || takes(*shape.other, type);
  if (shape.kind == Kind::policy && type == Value::Type::text) return true;
  return expected_type(shape.kind) == type;
}

std::string types_of(const Shape& shape) {
  if (shape.kind != Kind::either) return std::string(type_name(expected_type(shape.kind)));
  return types_of(*shape.item) + " or " + types_of(*shape.other);
}

Result<void> check_either(const Shape& shape, Value& value, const std::string& path,
                          const Value& policies) {
  for (const Shape* choice : {shape.item, shape.other}) {
    if (takes(*choice, value.type)) return check(*choice, value, path, policies);
  }
  return wrong_type(path, types_of(shape), value);
}

}  // namespace

Error unknown_key(std::span<const Field> fields, std::string_view key, const std::string& path) {
  const std::string at = child_path(path, key);
  if (std::find(kLaterKeys.begin(), kLaterKeys.end(), key) != kLaterKeys.end()) {
    return config_error(at, "is not part of this version of llmroute; remove it");
  }
  std::vector<std::string_view> names;
  names.reserve(fields.size());
  for (const Field& field : fields) {
    if (!field.hidden) names.push_back(field.key);
  }
  const std::string_view nearest = nearest_name(key, names);
  if (!nearest.empty()) return config_error(at, "is an unknown key", nearest);
  // The usual slip: the unit was left out of the name.
  const std::string stem = std::string(key) + "_";
  for (const std::string_view name : names) {
    if (name.substr(0, stem.size()) == stem) return config_error(at, "is an unknown key", name);
  }
  return config_error(at, "is an unknown key; known here: " + joined(names));
}

Result<void> check(const Shape& shape, Value& value, const std::string& path,
                   const Value& policies) {
  if (shape.kind == Kind::policy) return check_policy(value, path, policies);
  if (shape.kind == Kind::either) return check_either(shape, value, path, policies);
  const Value::Type expected = expected_type(shape.kind);
  if (value.type != expected) return wrong_type(path, type_name(expected), value);
  switch (shape.kind) {
    case Kind::integer:
    case Kind::number: return check_number(shape, value, path);
    case Kind::text: return check_text(shape, value, path);
    case Kind::list: return check_list(shape, value, path, policies);
    case Kind::map: return check_map(shape, value, path, policies);
    case Kind::table: return check_table(shape, value, path, policies);
    case Kind::boolean:
    case Kind::either:
    case Kind::policy: break;
  }
  return {};
}

}  // namespace llmroute::schema
