#include "llmroute/engine/view.h"

namespace llmroute::engine {

namespace {

class SignalList final : public health::NumberSink {
 public:
  explicit SignalList(std::vector<std::pair<std::string, double>>& out) : out_(out) {}
  void number(std::string_view name, double value) override { out_.emplace_back(name, value); }

 private:
  std::vector<std::pair<std::string, double>>& out_;
};

double weight_in(const Inventory& inventory, const CandidateRecord& record) {
  for (const Member& member : inventory.groups[record.group].members) {
    if (member.deployment == record.deployment) return member.weight;
  }
  return 1.0;
}

}  // namespace

std::vector<CandidateView> candidate_views(Dispatcher& dispatcher, const ChatRequest& request,
                                           Instant now, WallTime wall) {
  const DecisionPtr decision = dispatcher.explain(request, now, wall);
  std::vector<CandidateView> views;
  for (const CandidateRecord& record : decision->candidates) {
    if (record.rank < 0) continue;
    CandidateView view;
    view.record = record;
    view.weight = weight_in(*decision->inventory, record);
    SignalList sink(view.signals);
    dispatcher.board().describe(record.deployment, now, sink);
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace llmroute::engine
