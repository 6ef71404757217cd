// Reading and writing JSON on the request path without building a tree.
//
// JsonView is a checked window on text that validate_json has accepted: members and elements are
// windows again, strings are unescaped only when asked for, and what is passed on is copied as it
// came. A view owns nothing; the text must outlive it. Nothing here recurses on input depth beyond
// the bound. Thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "llmroute/base/error.h"

namespace llmroute::wire {

// One pass: grammar (RFC 8259), UTF-8, depth (containers) at most `max_depth`, nothing but white
// space after the value. Error kind `protocol`, message with byte offset, never the text itself.
Result<void> validate_json(std::string_view text, int max_depth = 64);

class JsonView {
 public:
  enum class Type : std::uint8_t { missing, null, boolean, number, string, array, object };

  JsonView() = default;
  // `validated`: exactly one JSON value, white space around it allowed, validated before.
  explicit JsonView(std::string_view validated);

  Type type() const;
  bool missing() const { return text_.empty(); }
  bool is_object() const { return type() == Type::object; }
  bool is_array() const { return type() == Type::array; }
  bool is_string() const { return type() == Type::string; }
  bool is_null() const { return type() == Type::null; }
  std::string_view raw() const { return text_; }  // the value's own text

  // First member with that (unescaped) key; a missing view if absent or not an object.
  JsonView operator[](std::string_view key) const;
  // Walks keys in turn.
  template <class... Keys>
  JsonView at(std::string_view first, Keys... rest) const {
    if constexpr (sizeof...(rest) == 0) {
      return (*this)[first];
    } else {
      return (*this)[first].at(rest...);
    }
  }

  // Unescaped text; empty for anything but a string.
  std::string string() const;
  // Appends the unescaped text; false for anything but a string.
  bool append_string(std::string& out) const;
  // The same for at most `max_bytes` of it, cut between two characters; no more of it is read.
  bool append_string(std::string& out, std::size_t max_bytes) const;
  // True without allocating where the string equals `text`.
  bool equals(std::string_view text) const;
  std::optional<std::int64_t> integer() const;  // numbers with an integral value in range
  std::optional<double> number() const;
  std::optional<bool> boolean() const;

  // Iteration: for (auto m = v.first_member(); m; m = m.next()) m.key(), m.value().
  class Member;
  class Element;
  Member first_member() const;  // empty for anything but an object
  // `known`: the text of a member's value, a window of this text whose end is known already; it is
  // not read again while members are walked.
  Member first_member(std::string_view known) const;
  Element first_element() const;  // empty for anything but an array

 private:
  std::string_view text_;
};

class JsonView::Member {
 public:
  explicit operator bool() const { return !key_.empty(); }
  JsonView key_view() const { return JsonView(key_); }
  bool key_is(std::string_view text) const { return key_view().equals(text); }
  JsonView value() const { return JsonView(value_); }
  Member next() const;

 private:
  friend class JsonView;
  std::string_view key_, value_, rest_, known_;
};

class JsonView::Element {
 public:
  explicit operator bool() const { return !value_.empty(); }
  JsonView value() const { return JsonView(value_); }
  Element next() const;

 private:
  friend class JsonView;
  std::string_view value_, rest_;
};

// Appends JSON to a string the caller owns; commas are kept right by the writer. Nesting is the
// caller's to keep balanced.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}
  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);        // escaped
  JsonWriter& string(std::string_view text);     // escaped; text must be UTF-8
  JsonWriter& quoted(std::string_view escaped);  // in quotes as it came: escaped already
  JsonWriter& raw(std::string_view json);        // one value as it came
  JsonWriter& integer(std::int64_t value);
  JsonWriter& number(double value);  // shortest form; not-a-number and infinities: null
  JsonWriter& boolean(bool value);
  JsonWriter& null();

 private:
  void separate();
  std::string& out_;
  bool need_comma_ = false;
};

// Appends `text` escaped, without quotes.
void append_escaped(std::string& out, std::string_view text);

}  // namespace llmroute::wire
