// Embeddings of every dialect that has them: what is sent, what is read, what is refused.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "llmroute/base/random.h"
#include "llmroute/provider/dialect.h"

namespace llmroute::provider {
namespace {

using Json = nlohmann::json;

Deployment deployment_of(const std::string& dialect) {
  Deployment d;
  d.name = "d";
  d.model = "m-1";
  d.dialect = dialect;
  d.base_url = "http://127.0.0.1:1/v1";
  return d;
}

Result<Encoded> encode(const std::string& dialect, const Json& body, bool may_drop = false) {
  ChatRequest request;
  request.operation = Operation::embeddings;
  request.body = body.dump();
  request.options.drop_unsupported = may_drop;
  return find_dialect(dialect)->encode_embeddings(request, deployment_of(dialect), Secret("sk-1"));
}

struct RequestCase {
  const char* dialect;
  Json asked;
  Json sent;
  std::vector<std::string> dropped = {};
};

std::vector<RequestCase> request_cases() {
  return {
      {"openai", {{"input", "a"}}, {{"model", "m-1"}, {"input", "a"}}},
      {"openai",
       {{"input", {"a", "b"}}, {"model", "x"}, {"dimensions", 8}, {"user", nullptr}},
       {{"model", "m-1"}, {"input", {"a", "b"}}, {"dimensions", 8}}},
      {"openai",
       {{"input", {1, 2}}, {"encoding_format", "base64"}, {"input_type", "query"}},
       {{"model", "m-1"},
        {"input", {1, 2}},
        {"encoding_format", "base64"},
        {"input_type", "query"}}},
      {"cohere",
       {{"input", "a"}},
       {{"model", "m-1"},
        {"texts", {"a"}},
        {"input_type", "search_document"},
        {"embedding_types", {"float"}},
        {"truncate", "NONE"}}},
      {"cohere",
       {{"input", {"a", "b"}},
        {"dimensions", 256},
        {"input_type", "query"},
        {"user", "u"},
        {"encoding_format", "base64"}},
       {{"model", "m-1"},
        {"texts", {"a", "b"}},
        {"input_type", "search_query"},
        {"embedding_types", {"float"}},
        {"truncate", "NONE"},
        {"output_dimension", 256}},
       {"encoding_format", "user"}},
      {"cohere",
       {{"input", "a"},
        {"input_type", "clustering"},
        {"encoding_format", "float"},
        {"dimensions", nullptr}},
       {{"model", "m-1"},
        {"texts", {"a"}},
        {"input_type", "clustering"},
        {"embedding_types", {"float"}},
        {"truncate", "NONE"}}},
      {"cohere",
       {{"input", "a"}, {"input_type", "classification"}},
       {{"model", "m-1"},
        {"texts", {"a"}},
        {"input_type", "classification"},
        {"embedding_types", {"float"}},
        {"truncate", "NONE"}}},
      {"ollama",
       {{"input", "a"}, {"encoding_format", "float"}},
       {{"model", "m-1"}, {"input", {"a"}}, {"truncate", false}}},
      {"ollama",
       {{"input", {"a", "b"}}, {"dimensions", 64}, {"input_type", "query"}, {"user", "u"}},
       {{"model", "m-1"}, {"input", {"a", "b"}}, {"truncate", false}, {"dimensions", 64}},
       {"user", "input_type"}},
  };
}

TEST(Embeddings, RequestsAreWrittenAsTheProviderReadsThem) {
  for (const RequestCase& test : request_cases()) {
    SCOPED_TRACE(std::string(test.dialect) + " " + test.asked.dump());
    const auto encoded = encode(test.dialect, test.asked);
    ASSERT_TRUE(encoded) << encoded.error().message;
    EXPECT_EQ(Json::parse(encoded->http.body), test.sent);
    EXPECT_EQ(encoded->dropped_parameters, test.dropped);
    EXPECT_EQ(encoded->http.method, "POST");
    EXPECT_EQ(encoded->http.headers.find("accept"), "application/json");
    EXPECT_EQ(encoded->http.headers.find("content-type"), "application/json");
  }
}

TEST(Embeddings, GoToTheirOwnAddressWithTheKey) {
  const std::vector<std::pair<std::string, std::string>> paths = {
      {"openai", "/embeddings"}, {"cohere", "/v2/embed"}, {"ollama", "/api/embed"}};
  for (const auto& [dialect, path] : paths) {
    const auto encoded = encode(dialect, {{"input", "a"}});
    ASSERT_TRUE(encoded);
    EXPECT_EQ(encoded->http.url, "http://127.0.0.1:1/v1" + path);
    EXPECT_EQ(encoded->http.headers.find("authorization"), "Bearer sk-1");
  }
}

TEST(Embeddings, BytesOfTheTextsPassUntouched) {
  ChatRequest request;
  request.body = R"({"input" : [ "a\u00e9\/" ] })";
  for (const char* dialect : {"openai", "cohere", "ollama"}) {
    const auto encoded =
        find_dialect(dialect)->encode_embeddings(request, deployment_of(dialect), Secret());
    ASSERT_TRUE(encoded);
    EXPECT_NE(encoded->http.body.find(R"("a\u00e9\/")"), std::string::npos) << dialect;
    EXPECT_FALSE(encoded->http.headers.find("authorization"));
  }
}

struct RefusalCase {
  const char* dialect;
  Json asked;
  ErrorKind kind;
  std::string path;
};

TEST(Embeddings, WhatCannotBeAskedIsRefusedByName) {
  const std::vector<RefusalCase> cases = {
      {"openai", Json::object(), ErrorKind::invalid_argument, "input"},
      {"openai", {{"input", ""}}, ErrorKind::invalid_argument, "input"},
      {"openai", {{"input", Json::array()}}, ErrorKind::invalid_argument, "input"},
      {"openai", {{"input", nullptr}}, ErrorKind::invalid_argument, "input"},
      {"cohere", Json::object(), ErrorKind::invalid_argument, "input"},
      {"cohere", {{"input", Json::array()}}, ErrorKind::invalid_argument, "input"},
      {"cohere", {{"input", 5}}, ErrorKind::invalid_argument, "input"},
      {"cohere", {{"input", {1, 2}}}, ErrorKind::invalid_argument, "input[0]"},
      {"cohere", {{"input", {"a", {1, 2}}}}, ErrorKind::invalid_argument, "input[1]"},
      {"cohere", {{"input", {"a", Json::object()}}}, ErrorKind::invalid_argument, "input[1]"},
      {"cohere", {{"input", "a"}, {"input_type", "mood"}}, ErrorKind::bad_request, "input_type"},
      {"cohere", {{"input", "a"}, {"frobnicate", 1}}, ErrorKind::bad_request, "frobnicate"},
      {"ollama", {{"input", ""}}, ErrorKind::invalid_argument, "input"},
      {"ollama", {{"input", {{1, 2}}}}, ErrorKind::invalid_argument, "input[0]"},
      {"ollama", {{"input", "a"}, {"frobnicate", 1}}, ErrorKind::bad_request, "frobnicate"}};
  for (const RefusalCase& test : cases) {
    SCOPED_TRACE(std::string(test.dialect) + " " + test.asked.dump());
    const auto encoded = encode(test.dialect, test.asked);
    ASSERT_FALSE(encoded);
    EXPECT_EQ(encoded.error().kind, test.kind);
    EXPECT_EQ(encoded.error().path, test.path);
  }
}

TEST(Embeddings, WhatHasNoPlaceIsDroppedWhereAllowed) {
  const auto encoded =
      encode("cohere", {{"input", "a"}, {"input_type", "mood"}, {"frobnicate", 1}}, true);
  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->dropped_parameters, (std::vector<std::string>{"frobnicate", "input_type"}));
  EXPECT_EQ(Json::parse(encoded->http.body)["input_type"], "search_document");
}

TEST(Embeddings, AProvidersQuirksHold) {
  ChatRequest request;
  request.body = R"({"input":"a","user":"u"})";
  Deployment d = deployment_of("openai");
  d.unsupported.set(static_cast<std::size_t>(Parameter::user));
  const auto* dialect = find_dialect("openai");
  const auto refused = dialect->encode_embeddings(request, d, Secret());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().path, "user");
  request.options.drop_unsupported = true;
  const auto dropped = dialect->encode_embeddings(request, d, Secret());
  ASSERT_TRUE(dropped);
  EXPECT_EQ(dropped->dropped_parameters, std::vector<std::string>{"user"});
  EXPECT_FALSE(Json::parse(dropped->http.body).contains("user"));
}

struct ReplyCase {
  const char* dialect;
  Json reply;
  Json openai;          // null: the same
  std::int64_t tokens;  // -1: not reported
};

Json list_of(const Json& vectors, const Json& usage = nullptr) {
  Json out = {{"object", "list"}, {"data", Json::array()}, {"model", "m-1"}};
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    out["data"].push_back({{"object", "embedding"}, {"index", i}, {"embedding", vectors[i]}});
  }
  if (!usage.is_null()) out["usage"] = usage;
  return out;
}

std::vector<ReplyCase> reply_cases() {
  const Json two = {{"prompt_tokens", 2}, {"total_tokens", 2}};
  return {
      {"openai", list_of({{0.5, -1}}, two), nullptr, 2},
      {"openai", list_of({"AAAAPw=="}, {{"total_tokens", 3}}), nullptr, 3},
      {"openai", list_of({{0.5}}), nullptr, -1},
      {"openai", list_of({{0.5}}, {{"prompt_tokens", -4}}), nullptr, -1},
      {"cohere",
       {{"id", "e"},
        {"embeddings", {{"float", {{0.5, -1}, {0, 1}}}}},
        {"meta", {{"billed_units", {{"input_tokens", 2}}}}}},
       list_of({{0.5, -1}, {0, 1}}, two),
       2},
      {"cohere",
       {{"embeddings", {{"float", {{1}}}}},
        {"meta", {{"billed_units", {{"input_tokens", 1}, {"image_tokens", 1}}}}}},
       list_of({{1}}, two),
       2},
      {"cohere", {{"embeddings", {{"float", {{1}}}}}}, list_of({{1}}), -1},
      {"ollama",
       {{"model", "m-1"}, {"embeddings", {{0.5, -1}, {0, 1}}}, {"prompt_eval_count", 2}},
       list_of({{0.5, -1}, {0, 1}}, two),
       2},
      {"ollama", {{"embeddings", {{1}}}, {"load_duration", 5}}, list_of({{1}}), -1},
  };
}

TEST(Embeddings, RepliesAreReadAndTurnedAround) {
  for (const ReplyCase& test : reply_cases()) {
    SCOPED_TRACE(std::string(test.dialect) + " " + test.reply.dump());
    const auto* dialect = find_dialect(test.dialect);
    const std::string body = test.reply.dump();
    const auto read = dialect->read_embeddings(body);
    ASSERT_TRUE(std::holds_alternative<ReplySummary>(read)) << std::get<Failure>(read).message;
    const Usage& usage = std::get<ReplySummary>(read).usage;
    EXPECT_EQ(usage.reported, test.tokens >= 0);
    EXPECT_EQ(usage.input.count, std::max<std::int64_t>(test.tokens, 0));
    EXPECT_EQ(usage.output.count, 0);
    const auto turned = dialect->embeddings_to_openai(body, "m-1");
    ASSERT_TRUE(turned);
    EXPECT_EQ(Json::parse(*turned), test.openai.is_null() ? test.reply : test.openai);
  }
}

TEST(Embeddings, WhatIsNoReplyIsAFailure) {
  const std::vector<std::pair<Json, ErrorKind>> cases = {
      {Json::object(), ErrorKind::protocol},
      {Json::array(), ErrorKind::protocol},
      {"text", ErrorKind::protocol},
      {{{"data", Json::array()}}, ErrorKind::protocol},
      {{{"data", {{{"embedding", 5}}}}}, ErrorKind::protocol},
      {{{"embeddings", {{"int8", {{1}}}}}}, ErrorKind::protocol},
      {{{"error", {{"message", "x"}, {"type", "rate_limit_error"}}}}, ErrorKind::rate_limit},
      {{{"message", "x"}, {"id", "e"}}, ErrorKind::server_error}};
  for (const char* name : {"openai", "cohere", "ollama"}) {
    for (const auto& [reply, kind] : cases) {
      const auto* dialect = find_dialect(name);
      const auto read = dialect->read_embeddings(reply.dump());
      ASSERT_TRUE(std::holds_alternative<Failure>(read)) << name << " " << reply;
      EXPECT_EQ(std::get<Failure>(read).kind, kind) << name << " " << reply;
    }
    EXPECT_TRUE(std::holds_alternative<Failure>(find_dialect(name)->read_embeddings("<html>")));
  }
}

TEST(Embeddings, OpenAiIsNotToldOfPurposes) {
  ChatRequest request;
  request.body = R"({"input":"a","input_type":"query"})";
  Deployment deployment = deployment_of("openai");
  deployment.quirks.extras = false;
  const auto encoded = find_dialect("openai")->encode_embeddings(request, deployment, Secret());
  ASSERT_TRUE(encoded) << encoded.error().message;
  EXPECT_EQ(Json::parse(encoded->http.body), (Json{{"model", "m-1"}, {"input", "a"}}));
  EXPECT_EQ(encoded->dropped_parameters, std::vector<std::string>{"input_type"});
}

TEST(Embeddings, ADialectWithoutThemSaysSo) {
  const auto* dialect = find_dialect("anthropic");
  EXPECT_FALSE(dialect->has_embeddings());
  const auto encoded = encode("anthropic", {{"input", "a"}});
  ASSERT_FALSE(encoded);
  EXPECT_EQ(encoded.error().kind, ErrorKind::bad_request);
  EXPECT_TRUE(std::holds_alternative<Failure>(dialect->read_embeddings("{}")));
  EXPECT_FALSE(dialect->embeddings_to_openai("{}"));
  for (const Dialect* known : dialects()) {
    // Of Bedrock's the form follows from the model's name (bedrock_test.cpp).
    if (known->has_embeddings() && known->name() != "bedrock") {
      EXPECT_TRUE(encode(std::string(known->name()), {{"input", "a"}})) << known->name();
    }
  }
}

TEST(Embeddings, DamagedRepliesNeverCrash) {
  Random random(7);
  for (const ReplyCase& test : reply_cases()) {
    for (int round = 0; round < 200; ++round) {
      std::string damaged = test.reply.dump();
      damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
      const auto* dialect = find_dialect(test.dialect);
      const auto read = dialect->read_embeddings(damaged);
      if (std::holds_alternative<Failure>(read)) continue;
      const auto turned = dialect->embeddings_to_openai(damaged);
      ASSERT_TRUE(turned);
      EXPECT_TRUE(Json::accept(*turned)) << *turned;
    }
  }
}

}  // namespace
}  // namespace llmroute::provider
