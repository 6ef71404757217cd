#include "llmroute/serve/sim_provider.h"

#include <algorithm>
#include <future>
#include <mutex>
#include <utility>

#include "llmroute/base/random.h"
#include "llmroute/net/server.h"
#include "llmroute/serve/port_holder.h"
#include "llmroute/serve/sim_exchange.h"
#include "llmroute/serve/sim_plan.h"
#include "llmroute/serve/sim_request.h"
#include "llmroute/serve/sim_voice.h"
#include "llmroute/wire/json.h"

namespace llmroute::serve {

namespace {

constexpr std::int64_t kAnnouncedRequests = 10'000;  // per minute, where none are configured
constexpr std::int64_t kAnnouncedTokens = 10'000'000;
constexpr Duration kWindow = seconds(60);

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace

// Answers on the loop's thread; `mutex_` guards what other threads may look at or replace.
class SimProvider::Impl final : public SimHub {
 public:
  Impl(net::Loop& loop, SimOptions options)
      : loop_(loop), options_(std::move(options)), faults_set_(loop.now()) {
    if (options_.price.known()) stats_.cost.kind = CostKind::exact;
  }

  // --- any thread but the loop's ---------------------------------------------------------------
  Result<void> listen(std::uint16_t port) {
    const std::lock_guard control(control_);
    if (server_) return {};
    net::ServerOptions server_options;
    server_options.port = port;
    auto server = net::Server::listen(loop_, server_options,
                                      [this](net::ServerRequest request, net::Responder responder) {
                                        handle(std::move(request), std::move(responder));
                                      });
    if (!server) return server.error();
    holder_.release();
    server_ = std::move(*server);
    port_ = server_->port();
    return {};
  }

  void kill(bool for_good) {
    const std::lock_guard control(control_);
    if (server_) {
      on_loop([this] { abort_all(); });
      server_.reset();
      // Requests that came between the two.
      on_loop([this] { abort_all(); });
      holder_.hold(port_);
    }
    if (for_good) holder_.release();
  }

  void set_faults(std::vector<Fault> faults) {
    const std::lock_guard lock(mutex_);
    options_.faults = std::move(faults);
    faults_set_ = loop_.now();
    since_set_ = 0;
  }

  SimStats stats() const {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

  std::uint16_t port() const { return port_; }

  // --- SimHub ----------------------------------------------------------------------------------
  net::Loop& loop() override { return loop_; }
  const SimVoice& voice() const override { return voice_of(options_.dialect); }
  double tokens_per_second() const override { return options_.tokens_per_second; }

  void add_headers(std::string_view id, wire::Headers& headers) const override {
    SimLimits limits;
    limits.requests_limit = options_.requests_per_minute.value_or(kAnnouncedRequests);
    limits.requests_remaining = std::max<std::int64_t>(
        limits.requests_limit - (options_.requests_per_minute ? in_window_ : 1), 0);
    limits.tokens_limit = kAnnouncedTokens;
    limits.tokens_remaining = kAnnouncedTokens;
    limits.reset = options_.requests_per_minute ? window_end_ - loop_.now() : milliseconds(6);
    limits.now = loop_.clock().wall_now();
    voice().headers(id, limits, headers);
  }

  void on_status(int status) override {
    const std::lock_guard lock(mutex_);
    ++stats_.by_status[status];
  }

  void on_answer(const Usage& usage) override {
    const std::lock_guard lock(mutex_);
    stats_.usage.input = stats_.usage.input + usage.input;
    stats_.usage.output = stats_.usage.output + usage.output;
    stats_.cost = stats_.cost + cost_of(usage, options_.price);
  }

  void on_end(SimExchange& exchange, bool aborted) override {
    {
      const std::lock_guard lock(mutex_);
      --stats_.in_flight;
      if (aborted) ++(dying_ ? stats_.aborted_by_kill : stats_.aborted_by_client);
    }
    const auto same = [&](const auto& open) { return open.get() == &exchange; };
    const auto found = std::find_if(open_.begin(), open_.end(), same);
    if (found == open_.end()) return;
    std::swap(*found, open_.back());
    open_.pop_back();
  }

 private:
  template <class F>
  void on_loop(F&& work) {
    std::promise<void> done;
    const bool posted = loop_.post([&] {
      work();
      done.set_value();
    });
    if (posted) return done.get_future().wait();
    work();  // the loop's thread is gone: nobody else is here
  }

  void abort_all() {
    dying_ = true;
    // A copy: each one takes itself off the list.
    const auto open = open_;
    for (const auto& exchange : open) exchange->abort();
    dying_ = false;
  }

  void handle(net::ServerRequest request, net::Responder responder) {
    const std::string_view path = path_of(request.target);
    if (request.method == "POST" && ends_with(path, voice().path())) {
      return chat(request, std::move(responder));
    }
    wire::Headers headers;
    headers.add("content-type", "application/json");
    if (request.method == "GET" && ends_with(path, "/models")) {
      return responder.respond(200, headers, voice().models(options_));
    }
    const SimError error{SimError::Kind::not_found, "Unknown request URL.", 0};
    responder.respond(404, headers, voice().error(error, {}).body);
  }

  SimPlan next_plan(std::uint64_t& number) {
    const std::lock_guard lock(mutex_);
    number = ++stats_.requests;
    ++stats_.in_flight;
    const Duration elapsed = loop_.now() - faults_set_;
    SimPlan plan = plan_request(options_, options_.faults, number, ++since_set_, elapsed);
    if (plan.fault) ++stats_.faults[std::string(slug(plan.fault->kind))];
    return plan;
  }

  void chat(const net::ServerRequest& request, net::Responder responder) {
    std::uint64_t number = 0;
    SimPlan plan = next_plan(number);
    const std::uint64_t text_seed = plan.text_seed;
    const std::string id = std::to_string(mix64(options_.seed ^ mix64(number)));
    const auto exchange =
        std::make_shared<SimExchange>(*this, std::move(responder), std::move(plan), id);
    open_.push_back(exchange);
    if (exchange->begin()) return;
    if (const auto refusal = refuse_at_the_door(request)) return exchange->refuse(*refusal);
    auto understood = read_sim_request(options_, request.body);
    if (const auto* error = std::get_if<SimError>(&understood)) return exchange->refuse(*error);
    SimAnswer answer =
        answer_to(std::move(std::get<SimRequest>(understood)), options_, number, text_seed);
    answer.created =
        static_cast<std::int64_t>(to_seconds(loop_.clock().wall_now().time_since_epoch()));
    exchange->answer(std::move(answer));
  }

  // What a provider looks at before the body.
  std::optional<SimError> refuse_at_the_door(const net::ServerRequest& request) {
    const auto& keys = options_.api_keys;
    const std::string key(voice().key_of(request.headers));
    if (!keys.empty() && std::find(keys.begin(), keys.end(), key) == keys.end()) {
      return SimError{SimError::Kind::authentication, "Incorrect API key provided.", 0};
    }
    if (options_.dialect == SimDialect::anthropic && !request.headers.find("anthropic-version")) {
      return SimError{SimError::Kind::bad_request, "anthropic-version: header is required", 0};
    }
    const Instant now = loop_.now();
    if (now >= window_end_) {
      window_end_ = add_saturated(now, kWindow);
      in_window_ = 0;
    }
    ++in_window_;
    if (!options_.requests_per_minute || in_window_ <= *options_.requests_per_minute) return {};
    return SimError{SimError::Kind::rate_limit, "Rate limit reached. Please slow down.",
                    to_seconds(window_end_ - now)};
  }

  net::Loop& loop_;
  std::mutex control_;  // of kill, revive and close against each other
  std::unique_ptr<net::Server> server_;
  PortHolder holder_;
  std::uint16_t port_ = 0;

  mutable std::mutex mutex_;
  SimOptions options_;  // `faults` under the mutex, the rest never changes
  Instant faults_set_;
  std::uint64_t since_set_ = 0;
  SimStats stats_;

  // Loop thread only.
  std::vector<std::shared_ptr<SimExchange>> open_;
  Instant window_end_{};
  std::int64_t in_window_ = 0;
  bool dying_ = false;
};

SimProvider::SimProvider(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

SimProvider::~SimProvider() { close(); }

Result<std::unique_ptr<SimProvider>> SimProvider::start(net::Loop& loop, SimOptions options) {
  const std::uint16_t port = options.port;
  auto impl = std::make_shared<Impl>(loop, std::move(options));
  auto listening = impl->listen(port);
  if (!listening) return listening.error();
  return std::unique_ptr<SimProvider>(new SimProvider(std::move(impl)));
}

std::uint16_t SimProvider::port() const { return impl_->port(); }

std::string SimProvider::url() const {
  return "http://127.0.0.1:" + std::to_string(impl_->port()) + "/v1";
}

SimStats SimProvider::stats() const { return impl_->stats(); }

std::string SimProvider::stats_json() const {
  const SimStats stats = impl_->stats();
  std::string out;
  wire::JsonWriter json(out);
  json.begin_object().key("requests").integer(static_cast<std::int64_t>(stats.requests));
  json.key("by_status").begin_object();
  for (const auto& [status, count] : stats.by_status) {
    json.key(std::to_string(status)).integer(static_cast<std::int64_t>(count));
  }
  json.end_object().key("faults").begin_object();
  for (const auto& [kind, count] : stats.faults) {
    json.key(kind).integer(static_cast<std::int64_t>(count));
  }
  json.end_object().key("in_flight").integer(static_cast<std::int64_t>(stats.in_flight));
  json.key("aborted_by_client").integer(static_cast<std::int64_t>(stats.aborted_by_client));
  json.key("aborted_by_kill").integer(static_cast<std::int64_t>(stats.aborted_by_kill));
  json.key("input_tokens").integer(stats.usage.input.count);
  json.key("output_tokens").integer(stats.usage.output.count).key("cost_usd");
  if (stats.cost.kind == CostKind::unknown) {
    json.null();
  } else {
    json.number(stats.cost.usd.value());
  }
  json.end_object();
  return out;
}

void SimProvider::set_faults(std::vector<Fault> faults) { impl_->set_faults(std::move(faults)); }
void SimProvider::kill() { impl_->kill(false); }
Result<void> SimProvider::revive() { return impl_->listen(impl_->port()); }
void SimProvider::close() { impl_->kill(true); }

}  // namespace llmroute::serve
