#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "llmroute/base/text.h"
#include "llmroute/model/decision_words.h"

namespace llmroute {

namespace {

using words::deployment_name;
using words::group_name;

// A deployment may be looked at once per group; the record that came nearest to being tried counts.
const CandidateRecord* record_of(const Decision& decision, DeploymentIndex index) {
  const CandidateRecord* best = nullptr;
  for (const CandidateRecord& record : decision.candidates) {
    if (record.deployment != index) continue;
    const bool nearer =
        best == nullptr || (record.rank >= 0 && (best->rank < 0 || record.rank < best->rank));
    if (nearer) best = &record;
  }
  return best;
}

std::string score_words(const CandidateRecord& record) {
  if (std::isnan(record.score)) return {};
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), " (score %.3g)", static_cast<double>(record.score));
  return buffer.data();
}

std::string bound_clause(const Decision& decision) {
  const AffinityRecord& affinity = decision.affinity;
  if (affinity.kind != AffinityKind::bound || !affinity.deployment) {
    return "was dropped because the request continues something that another deployment holds";
  }
  return "was dropped because the request continues something that " +
         std::string(deployment_name(decision, *affinity.deployment)) + " holds";
}

std::string dropped_clause(const Decision& decision, const CandidateRecord& record) {
  const Inventory* inventory = decision.inventory.get();
  switch (record.reason) {
    case Reason::excluded: return "was excluded by the caller";
    case Reason::tools_not_supported:
      return "was dropped because it has no tools, which the request needs";
    case Reason::vision_not_supported:
      return "was dropped because it cannot see images, which the request holds";
    case Reason::json_schema_not_supported:
      return "was dropped because it cannot follow a JSON schema, which the request asks for";
    case Reason::audio_not_supported:
      return "was dropped because it has no audio, which the request needs";
    case Reason::files_not_supported:
      return "was dropped because it takes no files, which the request holds";
    case Reason::embeddings_not_supported:
      return "was dropped because it has no embeddings, which the request asks for";
    case Reason::embedding_model_differs:
      return "was dropped because its vectors are of another model than those of the group asked "
             "for, and cannot be compared with them";
    case Reason::not_in_order: return "was left out of the policy's order";
    case Reason::kept: return "was kept but has no place in the plan";
    case Reason::price_unknown:
      return "was dropped because its price is unknown, so that budget \"" +
             words::budget_name(static_cast<std::uint32_t>(record.a), inventory) +
             "\" cannot count it";
    case Reason::priority_not_served:
      return "was dropped because its group keeps it for other priorities than " +
             std::string(priority_word(static_cast<Priority>(record.a)));
    case Reason::bound_elsewhere: return bound_clause(decision);
    default: break;
  }
  return words::by_constraint(record.reason) ? words::constraint_clause(record, inventory)
                                             : "was dropped: " + describe(record, inventory);
}

// Empty where it was not tried.
std::string tried_clause(const Decision& decision, DeploymentIndex index) {
  const AttemptRecord* last = nullptr;
  int times = 0;
  for (const AttemptRecord& attempt : decision.attempts) {
    if (attempt.deployment != index) continue;
    last = &attempt;
    ++times;
  }
  if (last == nullptr) return {};
  const std::string number = "attempt " + std::to_string(last->number);
  if (!last->finished) return "is being tried now, as " + number;
  const std::string tried =
      times == 1 ? "was tried as " + number
                 : "was tried " + std::to_string(times) + " times, last as " + number;
  const std::string after = " after " + words::duration(to_ms(last->outcome.total));
  if (last->outcome.cancelled) return tried + ", and cancelled" + after;
  if (!last->outcome.failure) return tried + ", and answered" + after;
  return tried + ", and failed: " + words::failure(*last->outcome.failure) + after;
}

std::string place_clause(const Decision& decision, const CandidateRecord& record) {
  const std::string place = words::ordinal(record.rank + 1);
  const std::string policy = " by " + (decision.policy.empty() ? "the policy" : decision.policy);
  const std::string ranked = "was ranked " + place + policy + score_words(record);
  if (decision.status == DecisionStatus::pending) {
    if (record.rank == 0) return "would be tried first" + score_words(record);
    for (const CandidateRecord& first : decision.candidates) {
      if (first.rank != 0) continue;
      return "would be tried " + place + score_words(record) + ", behind " +
             std::string(deployment_name(decision, first.deployment)) + score_words(first);
    }
    return "would be tried " + place;
  }
  if (decision.chosen) {
    return ranked + ", behind " + std::string(deployment_name(decision, *decision.chosen)) +
           ", which answered";
  }
  if (decision.failure) {
    return ranked + "; the request ended in " + std::string(slug(decision.failure->kind)) +
           " before its turn";
  }
  return ranked + "; the request ended before its turn";
}

std::string clause(const Decision& decision, DeploymentIndex index) {
  if (decision.chosen == index && decision.status == DecisionStatus::ok) {
    const std::size_t tried = decision.attempts.size();
    return tried < 2 ? "answered, at the first attempt"
                     : "answered, after " + std::to_string(tried - 1) +
                           (tried == 2 ? " other attempt" : " other attempts");
  }
  const std::string tried = tried_clause(decision, index);
  if (!tried.empty()) return tried;
  const CandidateRecord* record = record_of(decision, index);
  if (record == nullptr) {
    return "was never a candidate: neither group \"" + decision.group +
           "\" nor the groups behind it hold it";
  }
  return record->rank >= 0 ? place_clause(decision, *record) : dropped_clause(decision, *record);
}

std::string why_not_group(const Decision& decision, const Group& group) {
  std::string out;
  for (const Member& member : group.members) {
    const std::string name(deployment_name(decision, member.deployment));
    if (decision.chosen == member.deployment && decision.status == DecisionStatus::ok) {
      return "Its member " + name + " " + clause(decision, member.deployment) + ".";
    }
    out += (out.empty() ? "" : "; ") + name + " " + clause(decision, member.deployment);
  }
  return "No member of group \"" + group.name + "\" answered: " + out + ".";
}

std::string never_heard_of(const Decision& decision, std::string_view name) {
  std::vector<std::string_view> names;
  for (const CandidateRecord& record : decision.candidates) {
    names.push_back(deployment_name(decision, record.deployment));
  }
  if (decision.inventory) {
    for (const Group& group : decision.inventory->groups) names.push_back(group.name);
  }
  const std::string_view nearest = nearest_name(name, names);
  std::string out = "\"" + ellipsize(name, 100) +
                    "\" was never a candidate: no deployment or group has that name";
  if (!nearest.empty()) out += "; the nearest is \"" + std::string(nearest) + "\"";
  return out + ".";
}

}  // namespace

std::string why_not(const Decision& decision, std::string_view deployment) {
  if (!decision.inventory) return never_heard_of(decision, deployment);
  if (const auto index = decision.inventory->find_deployment(deployment)) {
    return std::string(deployment) + " " + clause(decision, *index) + ".";
  }
  if (const auto index = decision.inventory->find_group(deployment)) {
    return why_not_group(decision, decision.inventory->groups[*index]);
  }
  return never_heard_of(decision, deployment);
}

}  // namespace llmroute
