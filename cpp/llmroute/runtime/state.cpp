#include "llmroute/runtime/state.h"

#include "llmroute/model/defaults.h"

namespace llmroute::runtime {

Result<std::unique_ptr<State>> State::open(const StateSpec& spec,
                                           std::shared_ptr<store::StateStore> given,
                                           Notices& notices) {
  StoreCalls calls = StoreCalls::on_own_thread;
  std::shared_ptr<store::StateStore> store = std::move(given);
  if (!store && spec.path.empty()) {
    store = store::make_memory_store();
    calls = StoreCalls::on_callers_thread;
  } else if (!store) {
    std::string moved_to;
    store::SqliteOptions options;
    options.path = spec.path;
    options.busy = spec.busy;
    options.moved_to = &moved_to;
    auto opened = store::open_sqlite_store(options);
    if (!opened) return opened.error();
    store = std::move(*opened);
    if (!moved_to.empty()) {
      notices.add("the state file " + spec.path + " was damaged: it was moved to " + moved_to +
                  ", and what was spent and cached is counted anew");
    }
  }
  return std::unique_ptr<State>(new State(spec.path, store, calls, notices));
}

State::State(std::string path, const std::shared_ptr<store::StateStore>& store, StoreCalls calls,
             Notices& notices)
    : path_(std::move(path)),
      notices_(notices),
      store_(store),
      worker_(store, calls, defaults::kMaxStoreJobs) {}

void State::lease(store::LeaseWish wish, Answer answer) {
  auto job = [this, wish = std::move(wish), answer](store::StateStore& store) {
    const Result<store::Grant> grant = store.lease(wish);
    heard(grant);
    if (answer(grant) || !grant || grant->granted == 0) return;
    // Best effort: where it fails, this much of the limit is lost, never spent twice.
    (void)store.give_back(wish.key, grant->granted);
  };
  if (worker_.post(std::move(job)) || stopped_.load()) return;
  const Error error = make_error(ErrorKind::capacity,
                                 std::to_string(defaults::kMaxStoreJobs) +
                                     " calls wait for the state file already; look at its disk and "
                                     "at what else holds it");
  failed(error);
  answer(error);
}

void State::give_back(std::vector<std::pair<std::string, std::int64_t>> amounts) {
  if (amounts.empty()) return;
  worker_.post([this, amounts = std::move(amounts)](store::StateStore& store) {
    for (const auto& [key, amount] : amounts) {
      const auto done = store.give_back(key, amount);
      heard(done);
      if (!done) return;  // each further one would wait as long
    }
  });
}

void State::expire(WallTime now) {
  worker_.post([this, now](store::StateStore& store) {
    const auto done = store.expire(now);
    heard(done);
  });
}

void State::remember(engine::Switched switched) {
  notices_.add(std::move(switched.notice));
  worker_.post([this, key = std::string(kExperiments) + switched.experiment,
                state = std::move(switched.state)](store::StateStore& store) {
    const auto done = store.put(key, state, WallTime::max());
    heard(done);
  });
}

void State::answered() {
  if (silent_.load(std::memory_order_relaxed) && silent_.exchange(false)) {
    notices_.add("the state store works again");
  }
}

void State::failed(const Error& error) {
  if (error.kind == ErrorKind::invalid_argument) return answered();
  if (silent_.exchange(true)) return;
  notices_.add("the state store does not answer: " + error.message +
               "; until then what was granted before is spent, and nothing else");
}

void State::stop(Duration patience) {
  stopped_.store(true);
  worker_.stop(patience);
  const std::lock_guard lock(mutex_);
  store_.reset();
}

std::shared_ptr<store::StateStore> State::store() const {
  const std::lock_guard lock(mutex_);
  return store_;
}

}  // namespace llmroute::runtime
