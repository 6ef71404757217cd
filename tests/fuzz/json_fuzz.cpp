// The checked reader of JSON against nlohmann's: what is accepted, and what is read from it.
#include <cmath>
#include <nlohmann/json.hpp>

#include "llmroute/wire/json.h"
#include "tests/fuzz/fuzz.h"

namespace llmroute::fuzz {
namespace {

using Json = nlohmann::json;
using wire::JsonView;

constexpr int kDepth = 64;

int depth_of(std::string_view text) {
  int depth = 0, most = 0;
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (inside) {
      if (text[i] == '\\')
        ++i;
      else if (text[i] == '"')
        inside = false;
      continue;
    }
    if (text[i] == '"') inside = true;
    if (text[i] == '{' || text[i] == '[') most = std::max(most, ++depth);
    if (text[i] == '}' || text[i] == ']') --depth;
  }
  return most;
}

void same(JsonView ours, const Json& theirs);

void same_object(JsonView ours, const Json& theirs) {
  std::size_t members = 0;
  for (auto m = ours.first_member(); m; m = m.next()) ++members;
  MUST_HOLD(members >= theirs.size());
  if (members != theirs.size()) return;  // a name twice: they keep one of the two
  for (auto m = ours.first_member(); m; m = m.next()) {
    const std::string key = m.key_view().string();
    MUST_HOLD(theirs.contains(key));
    MUST_HOLD(m.key_is(key));
    same(m.value(), theirs[key]);
  }
}

void same_array(JsonView ours, const Json& theirs) {
  std::size_t i = 0;
  for (auto e = ours.first_element(); e; e = e.next()) {
    MUST_HOLD(i < theirs.size());
    same(e.value(), theirs[i++]);
  }
  MUST_HOLD(i == theirs.size());
}

void same_number(JsonView ours, const Json& theirs) {
  const auto number = ours.number();
  const double value = theirs.get<double>();
  MUST_HOLD(number ? *number == value : !std::isfinite(value));
  if (theirs.is_number_integer() && !theirs.is_number_unsigned()) {
    MUST_HOLD(ours.integer() == theirs.get<std::int64_t>());
  }
}

void same(JsonView ours, const Json& theirs) {
  switch (ours.type()) {
    case JsonView::Type::object: return same_object(ours, theirs);
    case JsonView::Type::array: return same_array(ours, theirs);
    case JsonView::Type::string: {
      const std::string text = theirs.get<std::string>();
      MUST_HOLD(ours.string() == text);
      MUST_HOLD(ours.equals(text));
      return;
    }
    case JsonView::Type::number: return same_number(ours, theirs);
    case JsonView::Type::boolean: MUST_HOLD(ours.boolean() == theirs.get<bool>()); return;
    case JsonView::Type::null: MUST_HOLD(theirs.is_null()); return;
    case JsonView::Type::missing: MUST_HOLD(false); return;
  }
}

}  // namespace
}  // namespace llmroute::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llmroute::fuzz;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.find('\0') != text.npos) return 0;  // the end of a text, to them
  const bool accepted = llmroute::wire::validate_json(text, kDepth).has_value();
  const Json theirs = Json::parse(text, nullptr, false);
  // They take a byte order mark, and numbers beyond a double are an error to them.
  if (theirs.is_discarded() != accepted) {
    if (accepted) same(JsonView(text), theirs);
    return 0;
  }
  const bool mark = text.substr(0, 3) == "\xEF\xBB\xBF";
  MUST_HOLD(accepted || mark || depth_of(text) > kDepth || text.find_first_of("eE") != text.npos ||
            size > 300);
  return 0;
}
