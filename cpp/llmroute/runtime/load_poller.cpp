#include "llmroute/runtime/load_poller.h"

#include <algorithm>
#include <utility>

#include "llmroute/provider/server_metrics.h"

namespace llmroute::runtime {

// One deployment's page.
class LoadPoller::Target final : public net::ExchangeSink {
 public:
  Target(LoadPoller& poller, const Deployment& deployment)
      : poller_(poller), deployment_(deployment) {}
  ~Target() override {
    poller_.loop_.cancel_timer(timer_);
    poller_.transport_.cancel(exchange_);
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  void look() {
    began_ = poller_.loop_.now();
    status_ = 0;
    page_.clear();
    wire::Request request;
    request.method = "GET";
    request.url = deployment_.load->metrics;
    request.headers.add("Accept", "text/plain");
    net::ExchangeOptions options;
    options.connect_timeout = timeout();
    options.proxy = deployment_.proxy;
    options.ca_file = deployment_.ca_file;
    options.max_response_bytes = defaults::kMaxMetricsBytes;
    exchange_ = poller_.transport_.start(std::move(request), options, *this);
    timer_ = poller_.loop_.call_at(add_saturated(began_, timeout()), [this] { give_up(); });
  }

  void on_head(const wire::ResponseHead& head) override { status_ = head.status; }
  bool on_body(std::string_view bytes) override {
    page_.append(bytes);
    return true;
  }
  void on_done(std::optional<net::TransportError> error, const net::ExchangeTimes&) override {
    exchange_ = 0;
    poller_.loop_.cancel_timer(timer_);
    if (!error && status_ == 200) read();
    again();
  }

 private:
  Duration every() const { return deployment_.load->every; }
  Duration timeout() const { return std::max(every(), Duration(defaults::kLoadTimeout)); }

  void give_up() {
    poller_.transport_.cancel(exchange_);
    exchange_ = 0;
    again();
  }

  void again() {
    const Instant next = std::max(add_saturated(began_, every()), poller_.loop_.now());
    timer_ = poller_.loop_.call_at(next, [this] { look(); });
  }

  void read() {
    const LoadReading reading =
        provider::read_server_metrics(page_, *deployment_.load, deployment_.model);
    if (!reading.any()) return;
    // The last miss is known as one when it is given up.
    poller_.tell_(deployment_, reading, defaults::kLoadMisses * every() + timeout());
  }

  LoadPoller& poller_;
  const Deployment& deployment_;  // of the poller's inventory
  net::ExchangeId exchange_ = 0;
  std::uint64_t timer_ = 0;
  Instant began_{};
  int status_ = 0;
  std::string page_;
};

LoadPoller::LoadPoller(net::Loop& loop, net::Transport& transport, Tell tell)
    : loop_(loop), transport_(transport), tell_(std::move(tell)) {}

LoadPoller::~LoadPoller() = default;

void LoadPoller::configure(InventoryPtr inventory) {
  stop();
  inventory_ = std::move(inventory);
  for (const Deployment& deployment : inventory_->deployments) {
    if (!deployment.load || deployment.load->metrics.empty()) continue;
    targets_.push_back(std::make_unique<Target>(*this, deployment));
    targets_.back()->look();
  }
}

void LoadPoller::stop() {
  targets_.clear();
  inventory_.reset();
}

}  // namespace llmroute::runtime
