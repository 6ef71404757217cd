#include "llmroute/engine/verdict.h"

#include <algorithm>
#include <string>

#include "llmroute/engine/route.h"

namespace llmroute::engine {

Failure attempts_failed(const Decision& decision, std::string_view note) {
  std::size_t count = 0;
  const Failure* found = nullptr;  // a cancelled attempt has none
  for (const AttemptRecord& attempt : decision.attempts) {
    if (!attempt.outcome.failure) continue;
    ++count;
    found = &*attempt.outcome.failure;
  }
  const Failure& last = *found;
  if (count == 1 && note.empty()) return last;
  Failure all = last;
  all.kind = ErrorKind::all_attempts_failed;
  all.message = count == 1 ? "1 attempt failed" : std::to_string(count) + " attempts failed";
  if (!note.empty()) all.message.append("; ").append(note);
  all.message.append("; the last one: ").append(slug(last.kind));
  if (!last.message.empty()) all.message += ": " + last.message;
  return all;
}

Failure no_candidate(const Decision& decision, const Standing& standing, Instant now) {
  constexpr std::size_t kMaxMessage = 600;  // a group may hold thousands
  Failure failure = make_failure(
      ErrorKind::no_candidate, "no deployment of \"" + decision.group + "\" can take this request");
  Instant earliest = kNever;
  bool room = true;
  bool full = !decision.candidates.empty();  // nothing but limits in the way
  for (const CandidateRecord& candidate : decision.candidates) {
    full = full && candidate.reason == Reason::limit_reached;
    if (is_temporary(candidate.reason)) {
      earliest = std::min(earliest, standing.next_change(candidate.deployment));
    }
    if (!room) continue;
    failure.message +=
        "; " + standing.deployment(candidate.deployment).name + ": " + describe(candidate);
    room = failure.message.size() <= kMaxMessage;
    if (!room) failure.message += "; ...";
  }
  if (full) failure.kind = ErrorKind::capacity;
  if (earliest != kNever) failure.retry_after = earliest - now;
  return failure;
}

}  // namespace llmroute::engine
