// The golden cases of a dialect as material: fuzzing that begins with well-formed documents reaches
// behind the first check.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace llmroute::fuzz {

inline nlohmann::ordered_json golden_file(const std::string& dialect, const std::string& file) {
  std::ifstream in(std::string(LLMROUTE_GOLDEN_DIR) + "/" + dialect + "/" + file);
  MUST_HOLD(in.good());
  return nlohmann::ordered_json::parse(in);
}

// The member of that name of every case, as text.
inline std::vector<std::string> golden_texts(const std::string& dialect, const std::string& file,
                                             const std::string& member) {
  std::vector<std::string> out;
  for (const auto& test : golden_file(dialect, file)) {
    if (!test.contains(member)) continue;
    const auto& value = test[member];
    out.push_back(value.is_string() ? value.get<std::string>() : value.dump());
  }
  MUST_HOLD(!out.empty());
  return out;
}

}  // namespace llmroute::fuzz
