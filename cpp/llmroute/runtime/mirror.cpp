#include "llmroute/runtime/mirror.h"

#include <utility>

#include "llmroute/base/stable_hash.h"
#include "llmroute/model/ruling.h"
#include "llmroute/runtime/router.h"
#include "llmroute/wire/json.h"

namespace llmroute::runtime {

namespace {

std::shared_ptr<ChatRequest> copy_of(const ChatRequest& request) {
  auto copy = std::make_shared<ChatRequest>(request.ruling ? *request.ruling->asked : request);
  copy->ruling.reset();
  copy->id += "-mirror";
  copy->prefixes.clear();
  copy->previous_reply.clear();
  RequestOptions& options = copy->options;
  options.shadow_of = request.id;
  options.cache = CacheUse::off;
  options.priority = static_cast<Priority>(kPriorities - 1);
  options.conversation.clear();
  options.budget.clear();  // the other configuration may not have it
  options.order.reset();
  options.fallbacks.reset();  // nor these names
  options.policy.reset();
  options.deadline.reset();
  return copy;
}

}  // namespace

void Mirror::Side::add(const Decision& decision) {
  ++requests;
  if (decision.status != DecisionStatus::ok) {
    ++failures;
  } else {
    ++answered;
    ms += to_ms(decision.total);
  }
  if (decision.cost.kind == CostKind::unknown) return;
  ++priced;
  usd += decision.cost.usd.value();
}

void Mirror::on_finish(const ChatRequest& request, const Decision& decision) {
  const bool sent = !decision.attempts.empty() && decision.status != DecisionStatus::cancelled;
  if (!sent || !request.options.shadow_of.empty() || fraction_of(stable_hash(request.id)) >= share_)
    return;
  {
    const std::lock_guard lock(mutex_);
    here_.add(decision);
  }
  other_->submit_unwatched(copy_of(request), [self = shared_from_this()](const Decision& theirs) {
    const std::lock_guard lock(self->mutex_);
    self->there_.add(theirs);
  });
}

std::string Mirror::json() const {
  std::string text;
  wire::JsonWriter out(text);
  const auto write = [&out](const char* key, const Side& side) {
    const auto mean = [&out](const char* name, double sum, std::uint64_t count) {
      out.key(name);
      count > 0 ? out.number(sum / static_cast<double>(count)) : out.null();
    };
    out.key(key).begin_object();
    out.key("requests").integer(static_cast<std::int64_t>(side.requests));
    out.key("failures").integer(static_cast<std::int64_t>(side.failures));
    mean("mean_ms", side.ms, side.answered);
    mean("mean_usd", side.usd, side.priced);
    out.end_object();
  };
  const std::lock_guard lock(mutex_);
  out.begin_object().key("share").number(share_);
  write("here", here_);
  write("there", there_);
  out.end_object();
  return text;
}

}  // namespace llmroute::runtime
