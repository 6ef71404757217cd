#include "llmroute/net/transport.h"

#include <curl/curl.h>

#include <boost/asio/post.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "llmroute/net/ca_ladder.h"
#include "llmroute/net/exchange.h"
#include "llmroute/net/idle_times.h"
#include "llmroute/net/multi_driver.h"
#include "llmroute/net/stream_gate.h"

namespace llmroute::net {

namespace {

// Idle handles kept with their buffers; a burst beyond it gives the memory back.
constexpr std::size_t kMaxIdleHandles = 256;
// An id is sequence and slot in one number: a look-up needs no map.
constexpr unsigned kSlotBits = 24;
constexpr std::uint64_t kSlotMask = (1ULL << kSlotBits) - 1;

void init_curl_once() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

}  // namespace

class Transport::Impl : public std::enable_shared_from_this<Transport::Impl> {
 public:
  explicit Impl(Loop& loop)
      : loop_(loop),
        driver_(loop.context(), [this] { progress(); }),
        ca_probe_(system_ca_probe()) {}

  ~Impl() {
    for (auto& slot : slots_) {
      if (slot.exchange) remove_from_multi(*slot.exchange);
    }
  }

  ExchangeId start(wire::Request request, const ExchangeOptions& options, ExchangeSink& sink) {
    Exchange& exchange = acquire();
    const ExchangeId id = exchange.id();
    const Exchange::Context context{loop_.clock(), idle_times_, ca_for(options.ca_file)};
    if (auto error = exchange.prepare(std::move(request), options, sink, context)) {
      fail_later(id, std::move(*error));
    } else {
      const std::string origin = exchange.shared_origin();
      if (origin.empty() || gate_.enter(origin, id, exchange.pass())) go(exchange);
    }
    return id;
  }

  void cancel(ExchangeId id) {
    Exchange* exchange = find(id);
    if (exchange == nullptr || exchange->sink() == nullptr) return;
    exchange->abandon();
    if (driver_.inside_curl()) {
      queued_cancels_.push_back(id);
    } else {
      retire(*exchange);
      let_through();
    }
  }

  void resume(ExchangeId id) {
    if (find(id) == nullptr) return;
    queued_resumes_.push_back(id);
    if (queued_resumes_.size() > 1) return;
    boost::asio::post(loop_.context(), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->run_resumes();
    });
  }

  std::size_t in_flight() const { return slots_.size() - free_.size(); }

 private:
  struct Slot {
    std::unique_ptr<Exchange> exchange;
    ExchangeId id = 0;  // zero: free
  };

  static Exchange& of(CURL* easy) {
    char* exchange = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &exchange);
    return *reinterpret_cast<Exchange*>(exchange);
  }

  Exchange* find(ExchangeId id) {
    const std::uint64_t slot = id & kSlotMask;
    if (id == 0 || slot >= slots_.size() || slots_[slot].id != id) return nullptr;
    return slots_[slot].exchange.get();
  }

  Exchange& acquire() {
    if (free_.empty()) {
      free_.push_back(slots_.size());
      slots_.emplace_back();
    }
    Slot& slot = slots_[free_.back()];
    slot.id = (next_sequence_++ << kSlotBits) | free_.back();
    free_.pop_back();
    if (idle_.empty()) {
      slot.exchange = std::make_unique<Exchange>(driver_);
    } else {
      slot.exchange = std::move(idle_.back());
      idle_.pop_back();
    }
    slot.exchange->assign(slot.id);
    return *slot.exchange;
  }

  void retire(Exchange& exchange) {
    remove_from_multi(exchange);
    const std::size_t index = exchange.id() & kSlotMask;
    Slot& slot = slots_[index];
    slot.id = 0;
    free_.push_back(index);
    std::unique_ptr<Exchange> done = std::move(slot.exchange);
    done->recycle();
    if (idle_.size() < kMaxIdleHandles) idle_.push_back(std::move(done));
  }

  void go(Exchange& exchange) {
    if (driver_.inside_curl()) {
      queued_starts_.push_back(exchange.id());
    } else {
      add_to_multi(exchange);
    }
  }

  // Whoever waited for the room that others have left or made.
  void let_through() {
    while (const auto id = gate_.next()) {
      if (Exchange* exchange = find(*id)) go(*exchange);
    }
  }

  void add_to_multi(Exchange& exchange) {
    exchange.in_multi = true;
    curl_multi_add_handle(driver_.multi(), exchange.easy());
  }

  void remove_from_multi(Exchange& exchange) {
    if (!exchange.in_multi) return;
    exchange.in_multi = false;
    driver_.run_inside([&] { curl_multi_remove_handle(driver_.multi(), exchange.easy()); });
  }

  void progress() {
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(driver_.multi(), &left)) {
      if (message->msg == CURLMSG_DONE) finish(of(message->easy_handle), message->data.result);
    }
    run_queued();
  }

  void finish(Exchange& exchange, CURLcode code) {
    const auto error = exchange.outcome(code);
    const ExchangeTimes times = exchange.times();
    ExchangeSink* sink = exchange.sink();
    retire(exchange);  // first: the sink may start the next exchange on this very handle
    if (sink != nullptr) sink->on_done(error, times);
  }

  // What callbacks asked for while curl was on the stack.
  void run_queued() {
    for (std::size_t i = 0; i < queued_cancels_.size(); ++i) {
      if (Exchange* exchange = find(queued_cancels_[i])) retire(*exchange);
    }
    queued_cancels_.clear();
    for (std::size_t i = 0; i < queued_starts_.size(); ++i) {
      if (Exchange* exchange = find(queued_starts_[i])) add_to_multi(*exchange);
    }
    queued_starts_.clear();
    let_through();
  }

  void run_resumes() {
    resuming_.swap(queued_resumes_);
    for (const ExchangeId id : resuming_) {
      Exchange* exchange = find(id);
      if (exchange == nullptr || !exchange->unpause()) continue;
      driver_.run_inside([&] { curl_easy_pause(exchange->easy(), CURLPAUSE_CONT); });
    }
    resuming_.clear();
    progress();
  }

  void fail_later(ExchangeId id, TransportError error) {
    boost::asio::post(loop_.context(), [weak = weak_from_this(), id, error = std::move(error)] {
      const auto self = weak.lock();
      Exchange* exchange = self ? self->find(id) : nullptr;
      if (exchange == nullptr || exchange->sink() == nullptr) return;
      ExchangeSink* sink = exchange->sink();
      self->retire(*exchange);
      sink->on_done(error, {});
    });
  }

  // What was found is not looked for again: the file system is no part of a request's path.
  const CaSource& ca_for(const std::string& explicit_file) {
    CaSource& source = ca_sources_[explicit_file];
    if (!source.found()) source = find_ca(explicit_file, ca_probe_);
    return source;
  }

  Loop& loop_;
  IdleTimes idle_times_;
  StreamGate gate_;
  MultiDriver driver_;
  CaProbe ca_probe_;
  std::map<std::string, CaSource> ca_sources_;
  std::vector<Slot> slots_;
  std::vector<std::size_t> free_;
  std::vector<ExchangeId> queued_starts_;
  std::vector<ExchangeId> queued_cancels_;
  std::vector<ExchangeId> queued_resumes_;
  std::vector<ExchangeId> resuming_;
  std::uint64_t next_sequence_ = 1;
  std::vector<std::unique_ptr<Exchange>> idle_;
};

Transport::Transport(Loop& loop) {
  init_curl_once();
  impl_ = std::make_shared<Impl>(loop);
}

Transport::~Transport() = default;

ExchangeId Transport::start(wire::Request request, const ExchangeOptions& options,
                            ExchangeSink& sink) {
  return impl_->start(std::move(request), options, sink);
}

void Transport::cancel(ExchangeId id) { impl_->cancel(id); }

void Transport::resume(ExchangeId id) { impl_->resume(id); }

std::size_t Transport::in_flight() const { return impl_->in_flight(); }

}  // namespace llmroute::net
