// Requests that were answered, so that a word about an answer finds its deployment again.
//
// The last kMost of them; those before are forgotten. Indices are of the current inventory: a memo
// moves with each configuration, and what is gone then is gone. Owned by the dispatcher, used under its
// lock.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "llmroute/model/decision.h"
#include "llmroute/policy/policy.h"

namespace llmroute::engine {

class Answers {
 public:
  static constexpr std::size_t kMost = 65'536;

  struct Memo {
    std::optional<GroupIndex> group;            // in which the deployment was chosen
    std::optional<DeploymentIndex> deployment;  // that answered; nothing: it is gone, or none did
    policy::RequestTraits request;
    std::vector<ExperimentRecord> experiments;
    bool answered = false;
    std::optional<double> score;  // what was said of it last
  };

  // 0: it remembers nothing.
  explicit Answers(std::size_t most = kMost) : most_(most) {}

  // Also requests without an answer, so that they are known as such.
  void remember(const Decision& decision, const Inventory& current);
  // Null where it is not known, or not any more.
  Memo* find(const std::string& request_id);
  void move(const Inventory& from, const Inventory& to);
  std::size_t size() const { return memos_.size(); }
  std::size_t most() const { return most_; }

 private:
  static void move(Memo& memo, const Inventory& from, const Inventory& to);

  std::size_t most_;
  std::unordered_map<std::string, Memo> memos_;  // by request id
  std::vector<const std::string*> ring_;         // their keys, in order from next_ on
  std::size_t next_ = 0;
};

}  // namespace llmroute::engine
