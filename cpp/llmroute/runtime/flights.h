// Identical requests under way at the same time: one is sent, the others follow it.
//
// A follower is a request of its own for its caller: it has its own decision, deadline and cancel,
// and ends exactly once. It gets what its leader's stream has given so far and then what comes, or
// the whole reply; its reader may be as slow as it likes and pauses nobody. Where the leader comes to
// nothing, the first follower is sent in its place and the others follow that one; after a second
// failure each goes by itself, so that an outage is not waited for in single file. Where the request
// itself was to blame, all share the failure. Answers that end well go into the cache.
//
// With a persistent cache, a request that memory has no answer for asks the store before it is sent,
// for as long as kStorePatience; identical ones follow it meanwhile. Whatever goes wrong there is a
// miss. What was found fills memory.
//
// Loop thread only. The driver asks here before it sends, and tells what happened.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "llmroute/cache/single_flight.h"
#include "llmroute/net/loop.h"
#include "llmroute/runtime/submission.h"
#include "llmroute/store/store.h"

namespace llmroute::runtime {

// What flights need of whoever sends requests.
class FlightHost {
 public:
  virtual ~FlightHost() = default;
  virtual void send(Submission submission) = 0;
  // As if it came now: it may follow another one.
  virtual void submit(Submission submission) = 0;
  // Runs the job where a store may be waited for, and never after the host is gone. False: it does
  // not run. A job says how the store's call ended.
  using StoreJob = std::function<Result<void>(store::StateStore&)>;
  virtual bool ask_store(StoreJob job) = 0;
};

class Flights {
 public:
  // Longer than a healthy file takes, shorter than what a call costs.
  static constexpr Duration kStorePatience = milliseconds(100);

  // `in_flight` counts requests that have not ended; those that wait here are among them.
  Flights(net::Loop& loop, ReplyCache& cache, std::atomic<std::int64_t>& in_flight,
          FlightHost& host)
      : loop_(loop), cache_(cache), in_flight_(in_flight), host_(host) {}

  // send: nobody has its answer. follow: it waits for another one, or for the store. answered: it is
  // over. `current`: the inventory it would be sent with.
  enum class Way : std::uint8_t { send, follow, answered };
  Way admit(Submission& submission, const InventoryPtr& current);

  // Of requests that were sent:
  void on_deltas(Ticket ticket, const std::vector<Delta>& deltas);
  void on_restart(Ticket ticket);
  // Its end; says in the decision what is to be said of the cache. Gives back what must be submitted
  // now, in order.
  std::vector<Submission> on_finish(Completion& last);
  // True where others read along: it must not be paused for its own reader alone.
  bool followed(Ticket ticket) const { return !flights_.followers(ticket).empty(); }

  // Of those that wait here: false for others.
  bool cancel(Ticket ticket);
  std::optional<Ticket> leader_of(Ticket ticket) const;
  // Ends all that wait with kind closed; from now on nobody does.
  void close();

 private:
  struct Sent {
    Submission submission;
    cache::Recorder recorder;
    Instant started;
  };
  struct Waiting {
    Submission submission;
    Ticket leader = 0;  // 0: it waits for the store
    std::uint64_t timer = 0;
    bool has_content = false;
  };

  bool may_follow(Ticket leader, const Submission& submission) const;
  Waiting& wait(Submission submission, Ticket leader, Instant at_most);
  void follow(Ticket leader, Submission submission);
  bool answer_at_once(Submission& submission);
  void lead(const Submission& submission);
  bool ask_store(Submission& submission);
  void on_stored(Ticket ticket, const std::optional<cache::Stored>& stored);
  void leave(Ticket ticket, Ticket leader);
  void send(Submission& submission);
  void note(Sent& sent, Completion& last) const;
  void keep(const Sent& sent, const Completion& last);
  cache::EntryPtr whole_entry(const Completion& last, cache::Entry like, std::size_t largest) const;
  std::vector<Submission> hand_over(const std::vector<Ticket>& followers, const Decision& decision);
  void take_over(const std::vector<Ticket>& followers, std::vector<Submission>& next);
  void give(Waiting& follower, std::vector<Delta> deltas);
  bool begin_anew(Ticket ticket);
  void on_timer(Ticket ticket);
  void end(Ticket ticket, DecisionStatus status, std::optional<Failure> failure,
           const Completion* leaders = nullptr);

  net::Loop& loop_;
  ReplyCache& cache_;
  std::atomic<std::int64_t>& in_flight_;
  FlightHost& host_;
  cache::SingleFlight flights_;
  std::unordered_map<Ticket, Sent> sent_;  // that may use the cache
  std::unordered_map<Ticket, Waiting> waiting_;
  bool closing_ = false;
};

}  // namespace llmroute::runtime
