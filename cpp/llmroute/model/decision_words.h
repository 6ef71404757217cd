// The words and names of a decision's parts; internal to this layer.
#pragma once

#include <string>
#include <string_view>

#include "llmroute/model/decision.h"

namespace llmroute::words {

// "212 ms", "4.1 s", "3 min", "2.5 h": as a person would say it.
std::string duration(double ms);
// 20800 -> "20,800".
std::string count(double value);
// 1 -> "1st".
std::string ordinal(int value);

// Names of a reason's two numbers in JSON; empty where it has none.
struct NumberNames {
  std::string_view a, b;
};
NumberNames number_names(Reason reason);

// "overloaded (529)", "rate_limit, daily_quota (429)".
std::string failure(const Failure& failure);

// The limit of limit_reached, and the table under [limits] that sets it; empty: the deployment's own.
struct LimitNames {
  std::string_view limit;
  std::string rule;
};
LimitNames limit_names(const CandidateRecord& record, const Inventory* inventory);
// Of a reason whose `a` is one; its place where the inventory is missing or shorter: "budgets[2]".
std::string budget_name(std::uint32_t rule, const Inventory* inventory);

// Of a reason that a constraint gave: its name, "us-east, needs eu-*", and a sentence's end: "runs in
// us-east; the constraint \"x\" allows eu-* only". Placeholders where the inventory is missing.
bool by_constraint(Reason reason);
std::string constraint_name(const CandidateRecord& record, const Inventory* inventory);
std::string constraint_detail(const CandidateRecord& record, const Inventory* inventory);
std::string constraint_clause(const CandidateRecord& record, const Inventory* inventory);

// Names by index; "unknown" where the inventory is missing or shorter.
std::string_view deployment_name(const Decision& decision, DeploymentIndex index);
std::string_view group_name(const Decision& decision, GroupIndex index);

}  // namespace llmroute::words
