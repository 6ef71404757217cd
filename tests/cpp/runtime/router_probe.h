// A router in front of test servers, with what came back.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "llmroute/analysis/facts.h"
#include "llmroute/model/config.h"
#include "llmroute/policy/policy.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/runtime/router.h"
#include "support/http_server.h"
#include "support/on_loop.h"

namespace llmroute::test {

inline InventoryPtr inventory_of(const std::string& config) {
  const std::string catalogue =
      R"({"providers":{"test":{"dialect":"openai","base_url":"http://127.0.0.1:9"}}})";
  auto parsed = parse_config(config, catalogue, policy::policy_schema_json());
  EXPECT_TRUE(parsed.has_value()) << (parsed ? "" : parsed.error().path + parsed.error().message);
  if (!parsed) return std::make_shared<const Inventory>();
  Inventory inventory = std::move(*parsed);
  EXPECT_TRUE(provider::resolve_dialects(inventory).has_value());
  return std::make_shared<const Inventory>(std::move(inventory));
}

// {"name": {"provider": "test", ...}} of servers, in a group "all" that tries them in order.
// `more` is added to each deployment, `resilience` to the whole.
inline std::string config_for(const std::vector<std::pair<std::string, std::string>>& servers,
                              const std::string& resilience = R"("attempts":3)",
                              const std::string& more = "") {
  std::string deployments, names;
  for (const auto& [name, url] : servers) {
    const std::string comma = deployments.empty() ? "" : ",";
    deployments += comma + "\"" + name + R"(":{"provider":"test","model":"m","base_url":")" + url +
                   "\"" + more + "}";
    names += comma + "\"" + name + "\"";
  }
  return R"({"deployments":{)" + deployments + R"(},"groups":{"all":{"deployments":[)" + names +
         R"(],"policy":"ordered"}},"resilience":{)" + resilience + "}}";
}

inline std::shared_ptr<ChatRequest> chat_request(bool stream = false) {
  auto request = std::make_shared<ChatRequest>();
  request->id = "test-1";
  request->body = R"({"messages":[{"role":"user","content":"hello"}]})";
  request->options.model = "all";
  request->options.stream = stream;
  request->facts = *analysis::read_facts(request->body);
  return request;
}

inline std::string whole_reply(const std::string& text) {
  return R"({"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":)"
         R"({"role":"assistant","content":")" +
         text + R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":7}})";
}

inline std::string chunk_of(const std::string& text) {
  return R"(data: {"choices":[{"index":0,"delta":{"content":")" + text + "\"}}]}\n\n";
}
inline const std::string kFinishChunk =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
inline const std::string kDone = "data: [DONE]\n\n";

inline wire::Headers event_stream() {
  wire::Headers headers;
  headers.add("content-type", "text/event-stream");
  return headers;
}

// Everything one request gave.
struct Gathered {
  std::vector<Delta> deltas;
  runtime::Completion last;
  std::string text() const {
    std::string out;
    for (const Delta& delta : deltas) {
      if (delta.kind == DeltaKind::text) out += delta.text;
      if (delta.kind == DeltaKind::restart) out.clear();
    }
    return out;
  }
  ErrorKind failure() const {
    return last.decision->failure ? last.decision->failure->kind : ErrorKind::config;
  }
};

class RouterProbe {
 public:
  explicit RouterProbe(const std::string& config, runtime::RouterOptions options = {})
      : RouterProbe(inventory_of(config), options) {}
  explicit RouterProbe(InventoryPtr inventory, runtime::RouterOptions options = {})
      : queue(std::make_shared<runtime::CompletionQueue>()) {
    options.seed = 7;
    auto made = runtime::Router::create(std::move(inventory), options);
    EXPECT_TRUE(made.has_value());
    if (made) router = std::move(*made);
  }

  runtime::Ticket submit(std::shared_ptr<const ChatRequest> request) {
    return router->submit(std::move(request), queue);
  }

  // Collects until the last completion of `ticket`; what belongs to others is dropped.
  Gathered gather(runtime::Ticket ticket) {
    Gathered out;
    while (!step(ticket, out)) {
      if (patience_left() <= Duration::zero()) {
        ADD_FAILURE() << "the request never ended";
        out.last.decision = std::make_shared<Decision>();
        return out;
      }
    }
    return out;
  }
  // Collects until there is at least one delta.
  void gather_some(runtime::Ticket ticket, Gathered& out) {
    while (out.deltas.empty() && !step(ticket, out) && patience_left() > Duration::zero()) {
    }
  }
  Gathered run(std::shared_ptr<const ChatRequest> request) {
    return gather(submit(std::move(request)));
  }

  std::unique_ptr<runtime::Router> router;
  std::shared_ptr<runtime::CompletionQueue> queue;

 private:
  bool step(runtime::Ticket ticket, Gathered& out) {
    queue->wait(seconds(1));
    bool ended = false;
    for (runtime::Completion& completion : queue->take()) {
      if (completion.ticket != ticket) continue;
      for (Delta& delta : completion.deltas) out.deltas.push_back(std::move(delta));
      if (!completion.last) continue;
      out.last = std::move(completion);
      ended = true;
    }
    return ended;
  }
  Duration patience_left() const { return give_up_ - system_clock().now(); }

  const Instant give_up_ = system_clock().now() + kPatience;
};

}  // namespace llmroute::test
