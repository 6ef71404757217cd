// The one table of what a configuration may hold.
//
// It drives checking with exact paths, filling in of defaults, and the JSON Schema for editors, so
// that the three cannot differ. A shape is a small declarative tree with static storage; nothing
// here owns memory. Thread-safe after start: all of it is constant.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "llmroute/base/error.h"
#include "llmroute/model/document.h"

namespace llmroute::schema {

enum class Kind : std::uint8_t {
  boolean,
  integer,
  number,
  text,
  list,    // of `item`
  map,     // any key -> `item`
  table,   // `fields` only
  either,  // `item` or `other`; told apart by their types
  policy,  // a policy's name, or a table {name, options...}, by the policies' own schema
};

struct Field;

struct Shape {
  Kind kind = Kind::text;
  // number, integer: the value; list, map: the count; text: its bytes. Both ends included.
  double min = 0;
  double max = std::numeric_limits<double>::infinity();
  const Shape* item = nullptr;
  const Shape* other = nullptr;
  std::span<const Field> fields{};
  std::span<const std::string_view> words{};             // text: the allowed ones; empty: any
  std::string (*check)(std::string_view) = nullptr;      // text: what is wrong with it, or ""
  std::string (*check_key)(std::string_view) = nullptr;  // map: the same for its keys
  bool unique = false;                                   // list: no text twice
  std::string_view
      name{};           // table: where it may hold itself, or is long: its name in the JSON Schema
  bool secret = false;  // text: its JSON Schema asks not to store it
};

// Default of a field: nothing, a value, or (empty table) the defaults of the table's own fields.
struct Defaults {};
struct Items {};  // an empty list
using Fallback = std::variant<std::monostate, bool, double, std::string_view, Defaults, Items>;

struct Field {
  std::string_view key;
  const Shape* shape;
  std::string_view meaning;  // one phrase, for people
  Fallback fallback{};
  std::string_view unit{};
  bool required = false;
  bool hidden = false;  // written by the face, never by people: in no JSON Schema
};

const Shape& configuration();       // the user's document
const Shape& provider_catalogue();  // {"providers": {...}}

// Checks `value` against `shape` and fills in missing fields that have a default. `policies` is the
// parsed schema of the policies (see policy_schema_json()). The first fault in the document's order
// is the Error: kind config, exact path, nearest valid name. No message quotes a value that could
// be a secret.
Result<void> check(const Shape& shape, Value& value, const std::string& path,
                   const Value& policies);

// Text of an error for a key that is not known in this table; says so where the key belongs to a
// part that this version does not have.
Error unknown_key(std::span<const Field> fields, std::string_view key, const std::string& path);

// Checks a policy given by name or as a table; the result has `name`, and every option of that
// policy filled in.
Result<void> check_policy(Value& value, const std::string& path, const Value& policies);

}  // namespace llmroute::schema
