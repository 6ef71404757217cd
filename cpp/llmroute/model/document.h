// A parsed configuration document: plain values in the order of the text.
//
// Used while a configuration is read and dropped afterwards. Single-threaded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llmroute/base/error.h"

namespace llmroute {

class Value {
 public:
  enum class Type : std::uint8_t { null, boolean, number, text, list, table };
  struct Entry;

  Type type = Type::null;
  bool boolean = false;
  double number = 0;  // integers are exact up to 2^53, far beyond any limit of the schema
  std::string text;
  std::vector<Value> list;
  std::vector<Entry> table;

  static Value of(bool value);
  static Value of(double value);
  static Value of(std::string_view value);
  static Value empty(Type type);

  // The member of that key, or null where there is none (or this is no table).
  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
};

// A struct of its own: a pair may not be named while Value is incomplete.
struct Value::Entry {
  Entry(std::string_view key, Value value) : first(key), second(std::move(value)) {}
  std::string first;
  Value second;
};

// "a string", "a table": what an error message calls the type.
std::string_view type_name(Value::Type type);

// Strict JSON: one value, depth at most defaults::kMaxJsonDepth, no key twice in a table, at most
// 64 MiB. `what` names the text in errors ("the configuration"). ErrorKind::config; the message
// gives a byte offset and never the text itself, which may hold a key.
Result<Value> parse_document(std::string_view json, std::string_view what);

// The value as JSON; whole numbers without a point.
std::string to_json(const Value& value);

// Paths of the form groups.fast.deployments[1].weight; keys that hold a dot, bracket, quote or
// space are quoted: deployments."gpt-4.1".model.
std::string child_path(std::string_view path, std::string_view key);
std::string child_path(std::string_view path, std::size_t index);

inline Error config_error(std::string path, std::string message, std::string_view nearest = {}) {
  return make_error(ErrorKind::config, std::move(message), std::move(path), std::string(nearest));
}

}  // namespace llmroute
