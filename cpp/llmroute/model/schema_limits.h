// The shapes of what is counted, waited for and kept: schema.cpp places them in the document.
#pragma once

#include "llmroute/model/schema.h"

namespace llmroute::schema {

extern const Shape kDeploymentLimits;  // deployments.NAME.limits
extern const Shape kPriority;          // of a request
extern const Shape kPriorityList;      // priorities of a group's member
extern const Shape kExhaustedSteps;    // groups.NAME.on_exhausted
extern const Shape kLimitRules;        // [limits]
extern const Shape kBudgets;           // [budgets]
extern const Shape kQueue;             // [queue]
extern const Shape kCache;             // [cache]
extern const Shape kState;             // [state]

}  // namespace llmroute::schema
