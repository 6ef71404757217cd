// The shapes of rules, constraints and experiments: schema.cpp places them in the document.
#pragma once

#include "llmroute/model/schema.h"

namespace llmroute::schema {

extern const Shape kCondition;     // of rules and constraints; holds itself
extern const Shape kRules;         // [[rules]]
extern const Shape kConstraints;   // [[constraints]]
extern const Shape kExperiments;   // [experiments]
extern const Shape kRuleMode;      // rules_mode
extern const Shape kRegions;       // [regions]
extern const Shape kHuman;         // [human]
extern const Shape kRoutingTests;  // [[routing_tests]]

}  // namespace llmroute::schema
