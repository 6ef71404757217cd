// A policy as a configuration names it.
#pragma once

#include <map>
#include <string>

namespace llmroute {

struct PolicySpec {
  std::string name = "weighted";
  std::map<std::string, double> options;  // checked against the policy's own schema
  bool python = false;  // a Python policy; `name` is its label, `stand_in` runs when it fails
  std::string stand_in = "weighted";
};

}  // namespace llmroute
