#include "llmroute/model/document.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "llmroute/base/text.h"
#include "llmroute/model/defaults.h"

namespace llmroute {

namespace {

constexpr std::size_t kMaxDocumentBytes = 64U << 20;
constexpr std::size_t kMaxShownKeyBytes = 200;

// Builds the tree while nlohmann reads; stops at the first thing that a strict document must not
// have, which a finished tree could no longer show.
class TreeBuilder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::optional<Error> error;
  Value root;

  bool null() override { return put(Value::empty(Value::Type::null)); }
  bool boolean(bool value) override { return put(Value::of(value)); }
  bool number_integer(number_integer_t value) override {
    return put(Value::of(static_cast<double>(value)));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return put(Value::of(static_cast<double>(value)));
  }
  bool number_float(number_float_t value, const string_t&) override {
    return put(Value::of(value));
  }
  bool string(string_t& value) override { return put(Value::of(std::string_view(value))); }
  bool binary(binary_t&) override { return false; }  // no such thing in JSON text
  bool start_object(std::size_t) override { return open(Value::Type::table); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Value::Type::list); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    Level& level = levels_.back();
    level.key = name;
    if (level.keys.insert(name).second) return true;
    error = config_error(child_path(level.path, name), "is given twice; keep one of them");
    return false;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    error = config_error({}, "is not valid JSON at byte " + std::to_string(position));
    return false;
  }

 private:
  struct Level {
    Value value;
    std::string path;
    std::string key;
    std::set<std::string> keys;
  };

  bool open(Value::Type type) {
    if (levels_.size() >= static_cast<std::size_t>(defaults::kMaxJsonDepth)) {
      error = config_error(
          {}, "is nested deeper than " + std::to_string(defaults::kMaxJsonDepth) + " levels");
      return false;
    }
    levels_.push_back(Level{Value::empty(type), next_path(), {}, {}});
    return true;
  }

  bool close() {
    Value done = std::move(levels_.back().value);
    levels_.pop_back();
    return put(std::move(done));
  }

  bool put(Value value) {
    if (levels_.empty()) {
      root = std::move(value);
      return true;
    }
    Level& level = levels_.back();
    if (level.value.type == Value::Type::table) {
      level.value.table.emplace_back(std::move(level.key), std::move(value));
    } else {
      level.value.list.push_back(std::move(value));
    }
    return true;
  }

  std::string next_path() const {
    if (levels_.empty()) return {};
    const Level& level = levels_.back();
    return level.value.type == Value::Type::table ? child_path(level.path, level.key)
                                                  : child_path(level.path, level.value.list.size());
  }

  std::vector<Level> levels_;
};

template <class Table>
auto find_entry(Table& table, std::string_view key) -> decltype(&table.front().second) {
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const auto& entry) { return entry.first == key; });
  return found == table.end() ? nullptr : &found->second;
}

}  // namespace

Value Value::of(bool value) {
  Value out = empty(Type::boolean);
  out.boolean = value;
  return out;
}

Value Value::of(double value) {
  Value out = empty(Type::number);
  out.number = value;
  return out;
}

Value Value::of(std::string_view value) {
  Value out = empty(Type::text);
  out.text = std::string(value);
  return out;
}

Value Value::empty(Type type) {
  Value out;
  out.type = type;
  return out;
}

const Value* Value::find(std::string_view key) const { return find_entry(table, key); }
Value* Value::find(std::string_view key) { return find_entry(table, key); }

std::string_view type_name(Value::Type type) {
  static constexpr std::array<std::string_view, 6> kNames = {
      "null", "true or false", "a number", "a string", "a list", "a table"};
  return kNames.at(static_cast<std::size_t>(type));
}

Result<Value> parse_document(std::string_view json, std::string_view what) {
  if (json.size() > kMaxDocumentBytes) {
    return config_error({}, std::string(what) + " is larger than 64 MiB");
  }
  TreeBuilder builder;
  const bool good = nlohmann::json::sax_parse(json.begin(), json.end(), &builder);
  if (good && !builder.error) return std::move(builder.root);
  Error error = builder.error.value_or(config_error({}, "is not valid JSON"));
  if (error.path.empty()) error.message = std::string(what) + " " + error.message;
  return error;
}

namespace {

nlohmann::json as_json(const Value& value) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  switch (value.type) {
    case Value::Type::null: return nullptr;
    case Value::Type::boolean: return value.boolean;
    case Value::Type::text: return value.text;
    case Value::Type::number:
      if (std::abs(value.number) < kExact && std::floor(value.number) == value.number) {
        return static_cast<std::int64_t>(value.number);
      }
      return value.number;
    case Value::Type::list: {
      nlohmann::json out = nlohmann::json::array();
      for (const Value& item : value.list) out.push_back(as_json(item));
      return out;
    }
    case Value::Type::table: break;
  }
  nlohmann::json out = nlohmann::json::object();
  for (const auto& [key, item] : value.table) out[key] = as_json(item);
  return out;
}

}  // namespace

std::string to_json(const Value& value) {
  return as_json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string child_path(std::string_view path, std::string_view key) {
  std::string out(path);
  if (!out.empty()) out += '.';
  const std::string shown = ellipsize(key, kMaxShownKeyBytes);
  const bool plain = !shown.empty() && std::all_of(shown.begin(), shown.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > ' ' && byte < 0x7F &&
           std::string_view(".[]\"\\").find(c) == std::string_view::npos;
  });
  if (plain) return out + shown;
  using Json = nlohmann::json;
  return out + Json(shown).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string child_path(std::string_view path, std::size_t index) {
  return std::string(path) + "[" + std::to_string(index) + "]";
}

}  // namespace llmroute
