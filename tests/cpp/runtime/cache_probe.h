// A router with an exact cache in front of a server that answers when the test says so.
#pragma once

#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "router_probe.h"
#include "support/manual_clock.h"

namespace llmroute::test {

// The inventory of a configuration, with a cache.
inline InventoryPtr cached(const std::string& config, ExactCacheSpec spec = {}) {
  Inventory inventory = *inventory_of(config);
  inventory.cache.exact = std::move(spec);
  return std::make_shared<const Inventory>(std::move(inventory));
}

inline std::shared_ptr<ChatRequest> chat(const std::string& content, bool stream = false,
                                         const std::string& more = "") {
  auto request = chat_request(stream);
  request->id = "r-" + content;
  request->body = R"({"messages":[{"role":"user","content":")" + content + "\"}]" + more + "}";
  request->facts = *analysis::read_facts(request->body);
  return request;
}

// Answers at once, and counts.
class CountingServer {
 public:
  explicit CountingServer(std::string text = "hi", int status = 200)
      : server_([this, text = std::move(text), status](net::ServerRequest request,
                                                       net::Responder responder) {
          requests.change([](int& n) { ++n; });
          if (request.body.find(R"("stream":true)") == std::string::npos) {
            responder.respond(status, {}, status == 200 ? whole_reply(text) : "{}");
            return;
          }
          responder.begin(200, event_stream());
          responder.write(chunk_of(text));
          responder.write(kFinishChunk + kDone);
          responder.end();
        }) {}
  std::string url() const { return server_.url(""); }
  Watched<int> requests{0};

 private:
  HttpServer server_;
};

// Keeps what comes until it is told.
class HoldingServer {
 public:
  HoldingServer()
      : server_([this](net::ServerRequest, net::Responder responder) {
          const std::size_t number = arrived_;
          responder.on_close(
              [this, number] { gone.change([&](auto& n) { n.push_back(number); }); });
          ++arrived_;
          held.change([&](auto& all) { all.push_back(responder); });
        }) {}
  std::string url() const { return server_.url(""); }
  bool wait_for(std::size_t requests) {
    return held.wait([&](const auto& all) { return all.size() >= requests; });
  }
  // What the test wants of the request of that number, 0 first; on the server's thread.
  void answer(std::size_t number, const std::function<void(net::Responder&)>& how) {
    net::Responder responder = held.get().at(number);
    on_loop(server_.loop(), [&] { how(responder); });
  }
  void reply(std::size_t number, const std::string& text) {
    answer(number, [&](net::Responder& r) { r.respond(200, {}, whole_reply(text)); });
  }
  void fail(std::size_t number, int status, const std::string& body = "{}") {
    answer(number, [&](net::Responder& r) { r.respond(status, {}, body); });
  }
  void begin(std::size_t number, const std::string& text) {
    answer(number, [&](net::Responder& r) {
      r.begin(200, event_stream());
      r.write(chunk_of(text));
    });
  }
  void write(std::size_t number, const std::string& text) {
    answer(number, [&](net::Responder& r) { r.write(chunk_of(text)); });
  }
  void finish(std::size_t number) {
    answer(number, [&](net::Responder& r) {
      r.write(kFinishChunk + kDone);
      r.end();
    });
  }
  void cut(std::size_t number) {
    answer(number, [&](net::Responder& r) { r.close(); });
  }
  Watched<std::vector<net::Responder>> held;
  Watched<std::vector<std::size_t>> gone;  // whose client went away

 private:
  std::size_t arrived_ = 0;  // server's thread
  HttpServer server_;
};

class CacheProbe : public RouterProbe {
 public:
  using RouterProbe::RouterProbe;

  bool ok(const std::shared_ptr<ChatRequest>& request) {
    return run(request).last.decision->status == DecisionStatus::ok;
  }
  CacheStatus status(const std::shared_ptr<ChatRequest>& request) {
    return run(request).last.decision->cache.status;
  }

  // Until so many have joined another one.
  testing::AssertionResult wait_joined(std::uint64_t count) {
    const Instant give_up = system_clock().now() + kPatience;
    while (router->cache_stats().joined < count) {
      if (system_clock().now() > give_up) return testing::AssertionFailure() << "nobody joined";
      std::this_thread::yield();
    }
    return testing::AssertionSuccess();
  }

  // What has come so far, by ticket; waits until `enough` says so.
  using All = std::map<runtime::Ticket, Gathered>;
  template <class P>
  testing::AssertionResult collect(P&& enough) {
    const Instant give_up = system_clock().now() + kPatience;
    while (!enough(all)) {
      if (system_clock().now() > give_up) return testing::AssertionFailure() << "never came";
      queue->wait(seconds(1));
      for (runtime::Completion& completion : queue->take()) take(std::move(completion));
    }
    return testing::AssertionSuccess();
  }
  testing::AssertionResult collect_ended(std::size_t count) {
    return collect([&](const All&) { return ended >= count; });
  }
  All all;
  std::size_t ended = 0;

 private:
  void take(runtime::Completion completion) {
    Gathered& gathered = all[completion.ticket];
    for (Delta& delta : completion.deltas) gathered.deltas.push_back(std::move(delta));
    if (!completion.last) return;
    EXPECT_FALSE(gathered.last.decision) << "ended twice";
    gathered.last = std::move(completion);
    ++ended;
  }
};

}  // namespace llmroute::test
