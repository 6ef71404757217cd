// Every golden case of every dialect, both directions; the format is in tests/golden/README.md.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "llmroute/base/random.h"
#include "llmroute/provider/dialect.h"
#include "support/event_frames.h"

namespace llmroute::provider {
namespace {

using Json = nlohmann::json;
using Ordered = nlohmann::ordered_json;  // keeps the members of a case in their order

Ordered load(const std::string& dialect, const std::string& file) {
  std::ifstream in(std::string(LLMROUTE_GOLDEN_DIR) + "/" + dialect + "/" + file);
  EXPECT_TRUE(in.good()) << dialect << "/" << file;
  return Ordered::parse(in);
}

// Values compare without the order of members.
Json plain(const Ordered& value) { return Json::parse(value.dump()); }

std::vector<std::string> names_of_dialects() {
  std::vector<std::string> names;
  for (const Dialect* dialect : dialects()) names.emplace_back(dialect->name());
  return names;
}
const std::vector<std::string> kDialects = names_of_dialects();

Deployment deployment_of(const Ordered& test, const std::string& dialect) {
  Inventory inventory;
  Deployment& d = inventory.deployments.emplace_back();
  d.name = "d";
  d.model = "m-1";
  d.dialect = dialect;
  d.base_url = "http://127.0.0.1:1/v1";
  const Ordered options = test.value("deployment", Ordered::object());
  d.model = options.value("model", d.model);
  d.quirks.stream_usage = options.value("stream_usage", true);
  d.quirks.developer_role = options.value("developer_role", true);
  d.quirks.requires_terminator = options.value("requires_terminator", true);
  d.quirks.key_header = options.value("key_header", "");
  d.base_url = options.value("base_url", d.base_url);
  d.quirks.max_tokens_field = options.value("max_tokens_field", "");
  d.quirks.reasoning_summary = options.value("reasoning_summary", "");
  d.quirks.keeps = options.value("keeps", d.quirks.keeps);
  d.quirks.extras = options.value("extras", d.quirks.extras);
  const Ordered rename = options.value("rename", Ordered::object());
  for (const auto& [parameter, name] : rename.items()) {
    d.quirks.rename.emplace_back(parameter, name.get<std::string>());
  }
  d.quirks.unsupported = options.value("unsupported", std::vector<std::string>());
  if (options.contains("max_output_tokens")) {
    d.max_output_tokens = Tokens{options["max_output_tokens"].get<std::int64_t>()};
  }
  EXPECT_TRUE(resolve_dialects(inventory));
  return d;
}

void expect_wire(const wire::Request& http, const Ordered& wire) {
  EXPECT_EQ(http.method, wire["method"].get<std::string>());
  const std::string path = wire.value("path", "");
  EXPECT_EQ(http.url, wire.value("url", "http://127.0.0.1:1/v1" + path));
  for (const auto& [name, value] : wire["headers"].items()) {
    EXPECT_EQ(http.headers.find(name), value.get<std::string>()) << name;
  }
}

TEST(Golden, RequestsAreWrittenAsTheProviderReadsThem) {
  for (const std::string& dialect : kDialects) {
    for (const Ordered& test : load(dialect, "requests.json")) {
      SCOPED_TRACE(dialect + ": " + test["name"].get<std::string>());
      ChatRequest request;
      request.body = test["request"].dump();
      const Ordered options = test.value("options", Ordered::object());
      request.facts.shape = from_slug<Shape>(options.value("shape", "chat")).value();
      if (options.contains("native")) request.native = options["native"].dump();
      request.options.stream = options.value("stream", false);
      request.options.drop_unsupported = options.value("drop_unsupported", false);
      const auto encoded =
          find_dialect(dialect)->encode(request, deployment_of(test, dialect), Secret("sk-golden"));
      if (test.contains("error")) {
        ASSERT_FALSE(encoded);
        EXPECT_EQ(slug(encoded.error().kind), test["error"]["kind"].get<std::string>());
        EXPECT_EQ(encoded.error().path, test["error"]["path"].get<std::string>());
        continue;
      }
      ASSERT_TRUE(encoded) << encoded.error().message;
      EXPECT_EQ(Json::parse(encoded->http.body), plain(test["body"]));
      EXPECT_EQ(encoded->dropped_parameters, test.value("dropped", std::vector<std::string>()));
      if (test.contains("wire")) expect_wire(encoded->http, test["wire"]);
    }
  }
}

TEST(Golden, ASecondEncodingGivesTheSameBytes) {
  for (const std::string& dialect : kDialects) {
    for (const Ordered& test : load(dialect, "requests.json")) {
      ChatRequest request;
      request.body = test["request"].dump(2);  // white space must not matter
      const Deployment d = deployment_of(test, dialect);
      const auto first = find_dialect(dialect)->encode(request, d, Secret());
      const auto second = find_dialect(dialect)->encode(request, d, Secret());
      ASSERT_EQ(first.has_value(), second.has_value());
      if (first) {
        EXPECT_EQ(first->http.body, second->http.body);
        EXPECT_FALSE(first->http.headers.find("authorization"));
        EXPECT_FALSE(first->http.headers.find("x-api-key"));
      }
    }
  }
}

void expect_usage(const Usage& usage, const Ordered& expected) {
  EXPECT_EQ(usage.reported, !expected.is_null());
  if (expected.is_null()) return;
  EXPECT_EQ(usage.input.count, expected[0].get<std::int64_t>());
  EXPECT_EQ(usage.output.count, expected[1].get<std::int64_t>());
  EXPECT_EQ(usage.cached_input.count, expected[2].get<std::int64_t>());
  EXPECT_EQ(usage.reasoning.count, expected[3].get<std::int64_t>());
}

TEST(Golden, RepliesAreReadAndTurnedAround) {
  for (const std::string& dialect : kDialects) {
    for (const Ordered& test : load(dialect, "replies.json")) {
      SCOPED_TRACE(dialect + ": " + test["name"].get<std::string>());
      const std::string body = test["reply"].dump();
      const auto read = find_dialect(dialect)->read_reply(body);
      if (test.contains("error")) {
        ASSERT_TRUE(std::holds_alternative<Failure>(read));
        EXPECT_EQ(slug(std::get<Failure>(read).kind), test["error"].get<std::string>());
        continue;
      }
      ASSERT_TRUE(std::holds_alternative<ReplySummary>(read));
      const auto& summary = std::get<ReplySummary>(read);
      EXPECT_EQ(summary.finish_reason, test["finish_reason"].get<std::string>());
      expect_usage(summary.usage, test["usage"]);
      const auto turned = find_dialect(dialect)->to_openai(body);
      ASSERT_TRUE(turned);
      EXPECT_EQ(Json::parse(*turned),
                plain(test["openai"] == "same" ? test["reply"] : test["openai"]));
    }
  }
}

Json delta_parts(const Delta& d) {
  switch (d.kind) {
    case DeltaKind::tool_call: return {"tool_call", d.tool_index, d.tool_id, d.tool_name, d.text};
    case DeltaKind::finish: return {"finish", d.finish_reason};
    case DeltaKind::usage:
      return {"usage", d.usage.input.count, d.usage.output.count, d.usage.cached_input.count,
              d.usage.reasoning.count};
    default: return {std::string(slug(d.kind)), d.text};
  }
}

Json delta_json(const Delta& d) {
  Json parts = delta_parts(d);
  if (d.choice != 0) parts.push_back(d.choice);
  return parts;
}

struct Heard {
  Json deltas = Json::array();
  std::string error;
};

// Reads a stream cut into pieces of the sizes that `next_size` gives.
template <class NextSize>
Heard listen(const Ordered& test, const std::string& dialect, std::string_view bytes,
             NextSize next_size) {
  const auto decoder = find_dialect(dialect)->stream_decoder(deployment_of(test, dialect));
  Heard heard;
  std::vector<Delta> deltas;
  std::optional<Failure> failure;
  while (!bytes.empty() && !failure) {
    const std::size_t size = std::min<std::size_t>(next_size(), bytes.size());
    failure = decoder->feed(bytes.substr(0, size), deltas);
    bytes.remove_prefix(size);
  }
  if (!failure) failure = decoder->finish(deltas);
  EXPECT_EQ(decoder->terminated(), !failure);
  for (const Delta& d : deltas) heard.deltas.push_back(delta_json(d));
  if (failure) heard.error = slug(failure->kind);
  return heard;
}

// One event as it stands on the wire: a binary frame where it has headers, else lines of text.
std::string event_bytes(const Ordered& event) {
  if (event.is_string()) return event.get<std::string>() + "\n\n";
  std::vector<std::pair<std::string, std::string>> headers;
  for (const auto& [name, value] : event["headers"].items()) {
    headers.emplace_back(name, value.get<std::string>());
  }
  const Ordered& payload = event["payload"];
  return event_frame(headers, payload.is_string() ? payload.get<std::string>() : payload.dump());
}

std::string stream_text(const Ordered& test) {
  std::string text;
  for (const Ordered& event : test["events"]) text += event_bytes(event);
  return text;
}

TEST(Golden, StreamsAreReadWholeAndInAnySplit) {
  Random random(3);
  for (const std::string& dialect : kDialects) {
    for (const Ordered& test : load(dialect, "streams.json")) {
      SCOPED_TRACE(dialect + ": " + test["name"].get<std::string>());
      const std::string text = stream_text(test);
      const auto check = [&](const Heard& heard) {
        EXPECT_EQ(heard.deltas, plain(test["deltas"]));
        EXPECT_EQ(heard.error, test.value("error", ""));
      };
      check(listen(test, dialect, text, [] { return SIZE_MAX; }));
      check(listen(test, dialect, text, [] { return std::size_t{1}; }));
      for (int round = 0; round < 20; ++round) {
        check(listen(test, dialect, text, [&] { return 1 + random.below(40); }));
      }
    }
  }
}

// Exactly: complete from the last byte of the terminator itself on, whose line ends may be missing;
// of a binary frame no byte may be.
TEST(Golden, ACutStreamIsNeverReportedComplete) {
  const std::map<std::string, std::string> terminators = {{"openai", "data: [DONE]"},
                                                          {"anthropic", "\"message_stop\"}"},
                                                          {"gemini", "}\n\n"},
                                                          {"bedrock", ""},
                                                          {"cohere", "\"message-end\"}"},
                                                          {"ollama", "\"done\":true}"},
                                                          {"responses", "\"sequence_number\":99}"}};
  for (const std::string& dialect : kDialects) {
    for (const Ordered& test : load(dialect, "streams.json")) {
      if (test.contains("error") || test.contains("deployment")) continue;
      const std::string text = stream_text(test);
      const std::string& terminator = terminators.at(dialect);
      const std::size_t complete = text.rfind(terminator) + terminator.size();
      ASSERT_NE(text.find(terminator), std::string::npos) << test["name"];
      for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        const Heard heard = listen(test, dialect, text.substr(0, cut), [] { return SIZE_MAX; });
        const bool whole = cut >= complete;
        EXPECT_EQ(heard.error, whole ? "" : "stream_interrupted") << test["name"] << " at " << cut;
        if (whole) {
          EXPECT_EQ(heard.deltas, plain(test["deltas"]));
        }
      }
    }
  }
}

TEST(Golden, ErrorsGetTheirClass) {
  for (const std::string& dialect : kDialects) {
    for (const Ordered& test : load(dialect, "errors.json")) {
      SCOPED_TRACE(dialect + ": " + test["name"].get<std::string>());
      wire::ResponseHead head;
      head.status = test["status"].get<int>();
      const Ordered headers = test.value("headers", Ordered::object());
      for (const auto& [name, value] : headers.items()) {
        head.headers.add(name, value.get<std::string>());
      }
      const Ordered& body = test["body"];
      const std::string text = body.is_string() ? body.get<std::string>() : body.dump();
      const Failure failure = find_dialect(dialect)->classify(head, text, WallTime{});
      EXPECT_EQ(slug(failure.kind), test["kind"].get<std::string>());
      EXPECT_EQ(failure.status, head.status);
      if (test.contains("code")) {
        EXPECT_EQ(failure.provider_code, test["code"].get<std::string>());
      }
      const double expected = test.value("retry_after_ms", -1.0);
      EXPECT_EQ(failure.retry_after ? to_ms(*failure.retry_after) : -1.0, expected);
    }
  }
}

TEST(Golden, WordsOfThePromptNeverSteerTheClass) {
  const std::vector<std::string> echoes = {"rate limit exceeded",     "429 too many requests",
                                           "context_length_exceeded", "insufficient_quota",
                                           "overloaded_error",        "content_filter",
                                           "invalid_api_key"};
  for (const std::string& dialect : kDialects) {
    for (int status : {400, 422, 500, 502}) {
      for (const std::string& echo : echoes) {
        wire::ResponseHead head;
        head.status = status;
        const Json body = {{"error", {{"type", "x"}, {"message", "your text: " + echo}}}};
        const Json calm = {{"error", {{"type", "x"}, {"message", "your text: hello"}}}};
        const auto* d = find_dialect(dialect);
        EXPECT_EQ(d->classify(head, body.dump(), {}).kind, d->classify(head, calm.dump(), {}).kind)
            << dialect << " " << status << " " << echo;
      }
    }
  }
}

TEST(Golden, DamagedRepliesNeverCrash) {
  Random random(9);
  for (const std::string& dialect : kDialects) {
    for (const char* file : {"replies.json", "errors.json"}) {
      for (const Ordered& test : load(dialect, file)) {
        std::string body = (test.contains("reply") ? test["reply"] : test["body"]).dump();
        for (int round = 0; round < 50 && !body.empty(); ++round) {
          std::string damaged = body;
          damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
          const auto* d = find_dialect(dialect);
          const auto read = d->read_reply(damaged);
          if (std::holds_alternative<ReplySummary>(read)) {
            EXPECT_TRUE(d->to_openai(damaged));
          }
          d->classify({400, {}}, damaged, {});
        }
      }
    }
    const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
    EXPECT_TRUE(std::holds_alternative<Failure>(find_dialect(dialect)->read_reply(deep)));
  }
}

}  // namespace
}  // namespace llmroute::provider
