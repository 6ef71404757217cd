// The simulated providers over real sockets, spoken to by the project's own HTTP client.
#include "llmroute/serve/sim_provider.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "support/exchange_probe.h"
#include "support/manual_clock.h"
#include "support/on_loop.h"
#include "support/raw_socket.h"

namespace llmroute::serve {
namespace {

using Json = nlohmann::json;
using test::Client;
using test::ExchangeProbe;
using test::Seen;

// A provider on its own loop, and a client on another.
class Sim {
 public:
  explicit Sim(const std::string& options, const Clock& clock = system_clock())
      : loop_(clock, "test-sim"), anthropic_(options.find("anthropic") != std::string::npos) {
    auto parsed = parse_sim_options(options);
    EXPECT_TRUE(parsed.has_value()) << options;
    auto started = SimProvider::start(loop_, *parsed);
    EXPECT_TRUE(started.has_value());
    provider_ = std::move(*started);
  }

  SimProvider& operator*() { return *provider_; }
  SimProvider* operator->() { return provider_.get(); }
  net::Loop& loop() { return loop_; }

  wire::Request request(const std::string& more = "", bool stream = false,
                        const std::string& said = "Hello there") const {
    wire::Request out;
    out.url = provider_->url() + (anthropic_ ? "/messages" : "/chat/completions");
    out.headers.add("content-type", "application/json");
    if (anthropic_) out.headers.add("anthropic-version", "2023-06-01");
    out.body = R"({"model": "m", "max_tokens": 500, "stream": )" +
               std::string(stream ? "true" : "false") + more +
               R"(, "messages": [{"role": "user", "content": ")" + said + "\"}]}";
    return out;
  }

 private:
  net::Loop loop_;
  bool anthropic_;
  std::unique_ptr<SimProvider> provider_;
};

std::string with_fault(const std::string& fault, const char* dialect = "openai") {
  return std::string(R"({"ttft_ms": 0, "dialect": ")") + dialect + R"(", "faults": [)" + fault +
         "]}";
}

// Data of each event of a stream; "event: x" lines as "x|".
std::vector<std::string> events(const std::string& body) {
  std::vector<std::string> out;
  std::istringstream lines(body);
  std::string type;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("event: ", 0) == 0) type = line.substr(7) + "|";
    if (line.rfind("data: ", 0) == 0) out.push_back(std::exchange(type, "") + line.substr(6));
  }
  return out;
}

TEST(SimProvider, OpenAiWholeReply) {
  Sim sim(R"({"ttft_ms": 0, "output_tokens": 9})");
  Client client;
  const Seen seen = client.run(sim.request());
  ASSERT_FALSE(seen.error);
  EXPECT_EQ(seen.head.status, 200);
  EXPECT_EQ(seen.head.headers.find("content-type"), "application/json");
  EXPECT_TRUE(seen.head.headers.find("x-request-id"));
  EXPECT_EQ(seen.head.headers.find("x-ratelimit-remaining-requests"), "9999");
  const Json json = Json::parse(seen.body);
  EXPECT_EQ(json["object"], "chat.completion");
  const Json& choice = json["choices"][0];
  EXPECT_EQ(choice["message"]["content"].get<std::string>().rfind("m heard: Hello there", 0), 0U);
  EXPECT_EQ(choice["finish_reason"], "stop");
  EXPECT_EQ(json["usage"]["completion_tokens"], 9);
  EXPECT_EQ(json["usage"]["total_tokens"], 9 + json["usage"]["prompt_tokens"].get<int>());
}

TEST(SimProvider, AnthropicWholeReply) {
  Sim sim(R"({"dialect": "anthropic", "ttft_ms": 0, "output_tokens": 9})");
  Client client;
  const Seen seen = client.run(sim.request());
  ASSERT_FALSE(seen.error);
  EXPECT_EQ(seen.head.status, 200);
  EXPECT_TRUE(seen.head.headers.find("request-id"));
  EXPECT_TRUE(seen.head.headers.find("anthropic-ratelimit-requests-reset"));
  const Json json = Json::parse(seen.body);
  EXPECT_EQ(json["type"], "message");
  EXPECT_EQ(json["role"], "assistant");
  EXPECT_EQ(json["content"][0]["type"], "text");
  EXPECT_EQ(json["stop_reason"], "end_turn");
  EXPECT_EQ(json["usage"]["output_tokens"], 9);
}

TEST(SimProvider, OpenAiStream) {
  Sim sim(R"({"ttft_ms": 0, "output_tokens": 6})");
  Client client;
  const Seen seen = client.run(sim.request(R"(, "stream_options": {"include_usage": true})", true));
  ASSERT_FALSE(seen.error);
  EXPECT_EQ(seen.head.headers.find("content-type"), "text/event-stream; charset=utf-8");
  const auto data = events(seen.body);
  ASSERT_EQ(data.size(), 1 + 6 + 1 + 1 + 1U);  // role, pieces, finish, usage, [DONE]
  EXPECT_EQ(data.back(), "[DONE]");
  EXPECT_EQ(Json::parse(data[0])["choices"][0]["delta"]["role"], "assistant");
  std::string text;
  for (std::size_t i = 1; i <= 6; ++i) {
    const Json chunk = Json::parse(data[i]);
    EXPECT_EQ(chunk["object"], "chat.completion.chunk");
    EXPECT_TRUE(chunk["usage"].is_null());
    text += chunk["choices"][0]["delta"]["content"].get<std::string>();
  }
  EXPECT_EQ(text.rfind("m heard: Hello there", 0), 0U) << text;
  EXPECT_EQ(Json::parse(data[7])["choices"][0]["finish_reason"], "stop");
  EXPECT_TRUE(Json::parse(data[8])["choices"].empty());
  EXPECT_EQ(Json::parse(data[8])["usage"]["completion_tokens"], 6);
}

TEST(SimProvider, AnthropicStream) {
  Sim sim(R"({"dialect": "anthropic", "ttft_ms": 0, "output_tokens": 5})");
  Client client;
  const Seen seen = client.run(sim.request("", true));
  ASSERT_FALSE(seen.error);
  const auto data = events(seen.body);
  std::string types;
  for (const std::string& event : data) {
    const std::string type = event.substr(0, event.find('|'));
    EXPECT_EQ(Json::parse(event.substr(type.size() + 1))["type"], type);
    types += type + " ";
  }
  EXPECT_EQ(types,
            "message_start content_block_start ping content_block_delta content_block_delta "
            "content_block_delta content_block_delta content_block_delta content_block_stop "
            "message_delta message_stop ");
}

TEST(SimProvider, ToolCallsInBothDialects) {
  const char* openai_tools =
      R"(, "tools": [{"type": "function", "function": {"name": "find", "parameters": {}}}])";
  const char* anthropic_tools = R"(, "tools": [{"name": "find", "input_schema": {}}])";
  Client client;
  Sim openai(R"({"ttft_ms": 0})");
  Json json = Json::parse(client.run(openai.request(openai_tools, false, "use a tool")).body);
  const Json& call = json["choices"][0]["message"]["tool_calls"][0];
  EXPECT_EQ(json["choices"][0]["finish_reason"], "tool_calls");
  EXPECT_EQ(call["function"]["name"], "find");
  EXPECT_EQ(Json::parse(call["function"]["arguments"].get<std::string>())["echo"], "use a tool");

  Sim anthropic(R"({"dialect": "anthropic", "ttft_ms": 0})");
  json = Json::parse(client.run(anthropic.request(anthropic_tools, false, "use a tool")).body);
  EXPECT_EQ(json["stop_reason"], "tool_use");
  EXPECT_EQ(json["content"][0]["input"]["echo"], "use a tool");

  std::string arguments;
  for (const auto& event :
       events(client.run(openai.request(openai_tools, true, "use a tool")).body)) {
    if (event == "[DONE]") continue;
    const Json delta = Json::parse(event)["choices"][0]["delta"];
    if (delta.contains("tool_calls")) {
      arguments += delta["tool_calls"][0]["function"]["arguments"].get<std::string>();
    }
  }
  EXPECT_EQ(Json::parse(arguments)["echo"], "use a tool");
}

TEST(SimProvider, FaultsThatAnswerInstead) {
  struct Case {
    const char* dialect;
    const char* fault;
    int status;
    const char* part;
  };
  const Case cases[] = {
      {"openai", R"({"kind": "rate_limit", "retry_after_s": 7})", 429, "rate_limit_exceeded"},
      {"anthropic", R"({"kind": "rate_limit", "retry_after_s": 7})", 429, "rate_limit_error"},
      {"openai", R"({"kind": "server_error"})", 500, "server_error"},
      {"openai", R"({"kind": "server_error", "status": 502})", 502, "server_error"},
      {"anthropic", R"({"kind": "server_error"})", 500, "api_error"},
      {"openai", R"({"kind": "overloaded"})", 503, "service_unavailable"},
      {"anthropic", R"({"kind": "overloaded"})", 529, "overloaded_error"},
      {"openai", R"({"kind": "auth"})", 401, "invalid_api_key"},
      {"anthropic", R"({"kind": "auth"})", 401, "authentication_error"},
      {"openai", R"({"kind": "quota"})", 429, "insufficient_quota"},
      {"anthropic", R"({"kind": "quota"})", 402, "billing_error"},
      {"openai", R"({"kind": "html"})", 200, "<!DOCTYPE html>"},
      {"openai", R"({"kind": "html", "status": 502})", 502, "<!DOCTYPE html>"},
      {"anthropic", R"({"kind": "not_json"})", 200, "upstream said no"},
      {"openai", R"({"kind": "error_in_200"})", 200, "\"error\":"},
      {"anthropic", R"({"kind": "error_in_200"})", 200, "\"type\":\"error\""},
  };
  Client client;
  for (const Case& c : cases) {
    Sim sim(with_fault(c.fault, c.dialect));
    for (const bool stream : {false, true}) {
      const Seen seen = client.run(sim.request("", stream));
      ASSERT_FALSE(seen.error) << c.fault;
      EXPECT_EQ(seen.head.status, c.status) << c.fault;
      EXPECT_NE(seen.body.find(c.part), std::string::npos) << seen.body;
      const bool limited = std::string(c.fault).find("rate_limit") != std::string::npos;
      if (limited) {
        EXPECT_EQ(seen.head.headers.find("retry-after"), "7");
      }
    }
  }
}

TEST(SimProvider, FaultsInMidStream) {
  struct Case {
    const char* dialect;
    const char* fault;
    bool whole;        // the HTTP response itself is complete
    const char* last;  // part of the last event
  };
  const Case cases[] = {
      {"openai", R"({"kind": "cut", "after_chunks": 3})", false, "\"content\":"},
      {"anthropic", R"({"kind": "cut", "after_chunks": 3})", false, "text_delta"},
      {"openai", R"({"kind": "no_terminator"})", true, "\"finish_reason\":\"stop\""},
      {"anthropic", R"({"kind": "no_terminator"})", true, "message_delta"},
      {"openai", R"({"kind": "malformed_chunk"})", true, "chatcmpl-broken"},
      {"anthropic", R"({"kind": "malformed_chunk"})", true, "content_block_delta|"},
      {"openai", R"({"kind": "error_event"})", true, "{\"error\":"},
      {"anthropic", R"({"kind": "error_event"})", true, "error|{\"type\":\"error\""},
  };
  Client client;
  for (const Case& c : cases) {
    Sim sim(with_fault(c.fault, c.dialect));
    const Seen seen = client.run(sim.request("", true));
    EXPECT_EQ(seen.head.status, 200);
    EXPECT_EQ(!seen.error, c.whole) << c.fault << c.dialect;
    if (!c.whole) {
      EXPECT_EQ(seen.error->kind, ErrorKind::stream_interrupted);
    }
    const auto data = events(seen.body);
    ASSERT_FALSE(data.empty()) << c.fault;
    EXPECT_NE(data.back().find(c.last), std::string::npos) << c.fault << '\n' << data.back();
  }
}

TEST(SimProvider, AfterChunksCountsPieces) {
  Client client;
  for (const int pieces : {0, 1, 4, 1'000}) {
    Sim sim(R"({"ttft_ms": 0, "output_tokens": 8, "faults": [{"kind": "cut", "after_chunks": )" +
            std::to_string(pieces) + "}]}");
    const Seen seen = client.run(sim.request("", true));
    EXPECT_TRUE(seen.error);
    EXPECT_EQ(events(seen.body).size(), 1U + static_cast<std::size_t>(std::min(pieces, 8)));
  }
}

TEST(SimProvider, FaultsOfWholeReplies) {
  Client client;
  Sim cut(with_fault(R"({"kind": "cut"})"));
  EXPECT_TRUE(client.run(cut.request()).error);
  Sim malformed(with_fault(R"({"kind": "malformed_chunk"})"));
  const Seen seen = client.run(malformed.request());
  EXPECT_FALSE(seen.error);
  EXPECT_FALSE(Json::accept(seen.body));
}

TEST(SimProvider, ResetsAndStalls) {
  Client client;
  Sim sim(with_fault(R"({"kind": "reset"})"));
  const Seen seen = client.run(sim.request());
  ASSERT_TRUE(seen.error);
  EXPECT_EQ(seen.heads, 0);

  Sim stalled(with_fault(R"({"kind": "stall"})"));
  ExchangeProbe probe;
  const auto id = client.start(stalled.request(), probe);
  const auto until = [&](auto&& predicate) {
    const auto deadline = std::chrono::steady_clock::now() + test::kPatience;
    while (!predicate(stalled->stats()) && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    return predicate(stalled->stats());
  };
  EXPECT_TRUE(until([](const SimStats& s) { return s.in_flight == 1; }));
  client.cancel(id);
  EXPECT_TRUE(until([](const SimStats& s) { return s.aborted_by_client == 1; }));
  EXPECT_EQ(stalled->stats().in_flight, 0U);
  EXPECT_EQ(probe.seen.get().heads, 0);
}

TEST(SimProvider, ChecksKeysModelsAndPaths) {
  Sim sim(R"({"ttft_ms": 0, "api_keys": ["good"], "models": ["m"]})");
  Client client;
  EXPECT_EQ(client.run(sim.request()).head.status, 401);
  wire::Request request = sim.request();
  request.headers.add("authorization", "Bearer good");
  EXPECT_EQ(client.run(request).head.status, 200);
  request.body = R"({"model": "other", "messages": [{"role": "user", "content": "x"}]})";
  EXPECT_EQ(client.run(request).head.status, 404);
  EXPECT_EQ(client.get(sim->url() + "/elsewhere").head.status, 404);
  const Seen models = client.get(sim->url() + "/models");
  EXPECT_EQ(Json::parse(models.body)["data"][0]["id"], "m");

  Sim claude(R"({"dialect": "anthropic", "ttft_ms": 0, "api_keys": ["good"]})");
  request = claude.request();
  request.headers.add("x-api-key", "good");
  EXPECT_EQ(client.run(request).head.status, 200);
  wire::Request bare;
  bare.url = request.url;
  bare.body = request.body;
  bare.headers.add("x-api-key", "good");
  EXPECT_EQ(client.run(bare).head.status, 400);
}

TEST(SimProvider, LimitsRequestsPerMinute) {
  Sim sim(R"({"ttft_ms": 0, "requests_per_minute": 2})");
  Client client;
  EXPECT_EQ(client.run(sim.request()).head.headers.find("x-ratelimit-remaining-requests"), "1");
  EXPECT_EQ(client.run(sim.request()).head.headers.find("x-ratelimit-remaining-requests"), "0");
  const Seen third = client.run(sim.request());
  EXPECT_EQ(third.head.status, 429);
  EXPECT_TRUE(third.head.headers.find("retry-after"));
}

TEST(SimProvider, TheSameSeedSaysTheSame) {
  const std::string options =
      R"({"ttft_ms": 0, "seed": 5, "faults": [{"kind": "server_error", "chance": 0.5}]})";
  Client client;
  const auto history = [&] {
    Sim sim(options);
    std::string out;
    for (int i = 0; i < 12; ++i) {
      const Seen seen = client.run(sim.request());
      const Json json = Json::parse(seen.body);
      out += std::to_string(seen.head.status) +
             json.value("/choices/0/message/content"_json_pointer, "");
    }
    return out;
  };
  const std::string first = history();
  EXPECT_EQ(first, history());
  EXPECT_NE(first.find("500"), std::string::npos);
  EXPECT_NE(first.find("200"), std::string::npos);
}

TEST(SimProvider, KilledAndRevivedOnTheSamePort) {
  Sim sim(with_fault(R"({"kind": "stall", "to_request": 1})"));
  Client client;
  ExchangeProbe stalled;
  client.start(sim.request(), stalled);
  const auto deadline = std::chrono::steady_clock::now() + test::kPatience;
  while (sim->stats().in_flight == 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  const std::uint16_t port = sim->port();
  sim->kill();
  sim->kill();
  EXPECT_TRUE(stalled.wait().error);
  EXPECT_EQ(sim->stats().aborted_by_kill, 1U);
  const Seen refused = client.run(sim.request());
  ASSERT_TRUE(refused.error);
  EXPECT_EQ(refused.error->kind, ErrorKind::connect);
  ASSERT_TRUE(sim->revive().has_value());
  ASSERT_TRUE(sim->revive().has_value());
  EXPECT_EQ(sim->port(), port);
  EXPECT_EQ(client.run(sim.request()).head.status, 200);
}

TEST(SimProvider, FaultsCanBeReplaced) {
  Sim sim(R"({"ttft_ms": 0})");
  Client client;
  EXPECT_EQ(client.run(sim.request()).head.status, 200);
  sim->set_faults(*parse_faults(R"([{"kind": "overloaded", "to_request": 1}])"));
  EXPECT_EQ(client.run(sim.request()).head.status, 503);  // its windows count from now
  EXPECT_EQ(client.run(sim.request()).head.status, 200);
  sim->set_faults({});
  const Json stats = Json::parse(sim->stats_json());
  EXPECT_EQ(stats["requests"], 3);
  EXPECT_EQ(stats["by_status"], Json({{"200", 2}, {"503", 1}}));
  EXPECT_EQ(stats["faults"], Json({{"overloaded", 1}}));
  EXPECT_TRUE(stats["cost_usd"].is_null());
}

TEST(SimProvider, ReportsWhatItWouldBill) {
  Sim sim(R"({"ttft_ms": 0, "output_tokens": 10,
              "price": {"input_usd_per_million": 0, "output_usd_per_million": 1000000}})");
  Client client;
  client.run(sim.request());
  client.run(sim.request("", true));
  EXPECT_DOUBLE_EQ(Json::parse(sim->stats_json())["cost_usd"].get<double>(), 20);
  EXPECT_EQ(sim->stats().usage.output, Tokens{20});
}

TEST(SimProvider, TimeMovesOnlyWithTheClock) {
  test::ManualClock clock;
  Sim sim(R"({"ttft_ms": 1000, "tokens_per_second": 10, "output_tokens": 3})", clock);
  Client client;
  ExchangeProbe probe;
  client.start(sim.request("", true), probe);
  const auto deadline = std::chrono::steady_clock::now() + test::kPatience;
  while (sim->stats().in_flight == 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  // Counted before it is answered: whatever is queued behind it runs once its times are set.
  test::on_loop(sim.loop(), [] {});
  const auto contents = [&](const Seen& seen) {
    std::size_t count = 0;
    for (const auto& event : events(seen.body))
      count += event.find("\"content\":\"") != std::string::npos;
    return count;
  };
  const auto move = [&](int ms) {
    clock.advance(milliseconds(ms));
    sim.loop().poke();
  };
  EXPECT_EQ(probe.seen.get().heads, 0);
  move(1'000);  // role and first piece
  EXPECT_TRUE(probe.seen.wait([&](const Seen& s) { return contents(s) == 2; }));
  move(100);
  EXPECT_TRUE(probe.seen.wait([&](const Seen& s) { return contents(s) == 3; }));
  EXPECT_EQ(probe.seen.get().dones, 0);
  move(100);
  EXPECT_FALSE(probe.wait().error);
}

TEST(SimProvider, ManyAtOnce) {
  Sim sim(R"({"ttft_ms": 1, "ttft_sigma": 1, "tokens_per_second": 5000, "output_tokens": 20})");
  Client client;
  std::vector<std::unique_ptr<ExchangeProbe>> probes;
  for (int i = 0; i < 200; ++i) {
    probes.push_back(std::make_unique<ExchangeProbe>());
    client.start(sim.request("", i % 2 == 0), *probes.back());
  }
  for (const auto& probe : probes) {
    const Seen seen = probe->wait();
    EXPECT_FALSE(seen.error);
    EXPECT_EQ(seen.head.status, 200);
  }
  EXPECT_EQ(sim->stats().requests, 200U);
  // The client may have all of an answer before the server has put its request away.
  const auto deadline = std::chrono::steady_clock::now() + test::kPatience;
  while (sim->stats().in_flight != 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_EQ(sim->stats().in_flight, 0U);
}

TEST(SimProvider, APortThatIsTakenIsAnError) {
  Sim sim("{}");
  net::Loop loop(system_clock(), "test-other");
  SimOptions options;
  options.port = sim->port();
  const auto second = SimProvider::start(loop, options);
  ASSERT_TRUE(second.has_error());
  EXPECT_EQ(second.error().kind, ErrorKind::connect);
}

}  // namespace
}  // namespace llmroute::serve
