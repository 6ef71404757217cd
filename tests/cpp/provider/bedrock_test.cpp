#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "llmroute/base/base64.h"
#include "llmroute/base/random.h"
#include "llmroute/base/text.h"
#include "llmroute/provider/bedrock_parts.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/wire/json.h"
#include "support/event_frames.h"

namespace llmroute::provider {
namespace {

using wire::JsonView;

const Dialect& bedrock() { return *find_dialect("bedrock"); }

ChatRequest hello() {
  ChatRequest request;
  request.body = R"({"messages":[{"role":"user","content":"hi"}]})";
  return request;
}

Deployment deployment_at(const std::string& base_url, const std::string& region = "") {
  Deployment d;
  d.name = "d";
  d.model = "us.amazon.nova-lite-v1:0";
  d.base_url = base_url;
  d.region = region;
  return d;
}

constexpr const char* kHost = "https://bedrock-runtime.us-east-1.amazonaws.com";
constexpr WallTime kMoment{seconds(1'440'938'160)};

std::string authorization(const Result<Encoded>& encoded) {
  if (!encoded) return "error " + std::string(slug(encoded.error().kind));
  return std::string(encoded->http.headers.find("authorization").value_or("none"));
}

// --- keys -----------------------------------------------------------------------------------------

TEST(Bedrock, AKeyIsAPairOrABearerToken) {
  const std::string pair = "AKIDEXAMPLEEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
  const std::string credential =
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLEEXAMPLE/20150830/us-east-1/bedrock/aws4_request, "
      "SignedHeaders=content-type;host;x-amz-date";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {pair, credential},
      {pair + ":TOKEN/+==", credential + ";x-amz-security-token"},
      {"ABSKQmVkcm9jaw==", "Bearer ABSKQmVkcm9jaw=="},
      {"bedrock-api-key-a:b", "Bearer bedrock-api-key-a:b"},
      {"a.b-c/d+e=", "Bearer a.b-c/d+e="},
      {"", "none"},
      {"AKIAIOSFODNN7EXAMPLE", "error authentication"},
      {"ASIAIOSFODNN7EXAMPLE", "error authentication"},
      {"AKIAIOSFODNN7EXAMPLE:", "error authentication"},
      {":secret", "error authentication"},
      {"AKIAIOSFODNN7EXAMPLE:secret:", "error authentication"},
      {"AKIAIOSFODNN7EXAMPLE::token", "error authentication"},
      {"AKIAIOSFODNN7EXAMPLE:secret:token:more", "error authentication"},
      {"ASIAIOSFODNN7EXAMPLE:secret", "error authentication"},
      {"an id with spaces:secret", "error authentication"},
      {"https://x.test", "error authentication"},
      {"short:secret", "error authentication"}};
  for (const auto& [key, expected] : cases) {
    const auto encoded = bedrock().encode(hello(), deployment_at(kHost), Secret(key), kMoment);
    const std::string seen = authorization(encoded);
    EXPECT_EQ(seen.substr(0, seen.find(", Signature=")), expected) << key;
    if (encoded) continue;
    EXPECT_EQ(encoded.error().path, "api_key");
    for (const char* secret : {"secret", "token", "EXAMPLE", "x.test"}) {
      if (key.find(secret) == std::string::npos || std::string(secret) == "token") continue;
      EXPECT_EQ(encoded.error().message.find(":" + std::string(secret)), std::string::npos);
      EXPECT_EQ(encoded.error().message.find(key), std::string::npos);
    }
  }
}

// Against botocore 1.44.8 for the same request.
TEST(Bedrock, TheSignatureIsThatOfTheWholeRequest) {
  const Deployment d = deployment_at(kHost);
  const Secret key("AKIDEXAMPLEEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
  const auto encoded = bedrock().encode(hello(), d, key, kMoment);
  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->http.body, R"({"messages":[{"role":"user","content":[{"text":"hi"}]}]})");
  EXPECT_EQ(encoded->http.headers.find("x-amz-date"), "20150830T123600Z");
  const std::string text = authorization(encoded);
  EXPECT_EQ(text.substr(text.find("Signature=")),
            "Signature=2c721b94382626b0f7623a020665715045007e9055e7eb5a8b344396ddc9cc1f");
  const auto later = bedrock().encode(hello(), d, key, kMoment + seconds(1));
  EXPECT_NE(authorization(later), text);
}

TEST(Bedrock, TheRegionIsTheHostsElseTheDeployments) {
  const std::vector<std::vector<std::string>> cases = {
      {"https://bedrock-runtime.eu-central-1.amazonaws.com", "", "eu-central-1"},
      {"https://bedrock-runtime.eu-central-1.amazonaws.com:443/", "us-east-1", "eu-central-1"},
      {"https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "", "us-gov-west-1"},
      {"https://bedrock-runtime.cn-north-1.amazonaws.com.cn", "", "cn-north-1"},
      {"https://BEDROCK-RUNTIME.ap-south-1.api.aws", "", "ap-south-1"},
      {"https://vpce-1.bedrock-runtime.sa-east-1.vpce.amazonaws.com", "", "sa-east-1"},
      {"http://127.0.0.1:8080", "eu-west-3", "eu-west-3"},
      {"https://bedrock-runtime.eu-central-1.evil.test", "us-west-2", "us-west-2"},
      {"http://127.0.0.1:8080", "", "error config"},
      {"http://127.0.0.1:8080", "eu", "error config"}};
  const Secret key("AKIDEXAMPLEEXAMPLE:secret");
  for (const auto& c : cases) {
    const auto encoded = bedrock().encode(hello(), deployment_at(c[0], c[1]), key, kMoment);
    const std::string seen = authorization(encoded);
    const std::string region = "/" + c[2] + "/bedrock/aws4_request";
    EXPECT_TRUE(seen == c[2] || seen.find(region) != std::string::npos) << c[0] << ": " << seen;
    if (!encoded) {
      EXPECT_EQ(encoded.error().path, "deployments.d.region");
    }
  }
}

TEST(Bedrock, SignsTheDeploymentsOwnHeadersToo) {
  Deployment d = deployment_at(kHost);
  d.headers = {{"X-Team", "a"}};
  const auto encoded = bedrock().encode(hello(), d, Secret("AKIDEXAMPLEEXAMPLE:secret"), kMoment);
  EXPECT_NE(authorization(encoded).find("content-type;host;x-amz-date;x-team,"), std::string::npos);
}

// --- requests -------------------------------------------------------------------------------------

TEST(Bedrock, KnowsWhoseModelItIs) {
  using Family = BedrockModel::Family;
  const std::vector<std::pair<std::string, Family>> cases = {
      {"us.anthropic.claude-sonnet-4-5-20250929-v1:0", Family::claude},
      {"anthropic.claude-v2:1", Family::claude},
      {"arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-5", Family::claude},
      {"amazon.nova-micro-v1:0", Family::nova},
      {"global.amazon.nova-2-lite-v1:0", Family::nova2},
      {"openai.gpt-oss-20b-1:0", Family::gpt_oss},
      {"qwen.qwen3-32b-v1:0", Family::qwen},
      {"us.meta.llama4-maverick-17b-instruct-v1:0", Family::other},
      {"arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", Family::opaque},
      {"", Family::other}};
  for (const auto& [id, family] : cases) EXPECT_EQ(BedrockModel(id).family, family) << id;
  EXPECT_EQ(BedrockModel("us.anthropic.claude-sonnet-4-20250514-v1:0").version,
            (ModelVersion{4, 0}));
  EXPECT_EQ(BedrockModel("us.anthropic.claude-sonnet-4-6").version, (ModelVersion{4, 6}));
  EXPECT_EQ(BedrockModel("anthropic.claude-v2:1").version, (ModelVersion{0, 0}));
}

TEST(Bedrock, LongIdsOfCallsStayTogether) {
  const auto id_of = [](const std::string& id) {
    ChatRequest request;
    request.body = R"({"messages":[{"role":"assistant","tool_calls":[{"id":")" + id +
                   R"(","type":"function","function":{"name":"f","arguments":"{}"}}]},)"
                   R"({"role":"tool","tool_call_id":")" +
                   id + R"(","content":"x"}]})";
    const auto encoded = bedrock().encode(request, deployment_at(kHost), Secret());
    EXPECT_TRUE(encoded);
    const auto turn = JsonView(encoded->http.body)["messages"].first_element();
    const auto first = [](JsonView message) { return message["content"].first_element().value(); };
    const std::string call = first(turn.value()).at("toolUse", "toolUseId").string();
    EXPECT_EQ(first(turn.next().value()).at("toolResult", "toolUseId").string(), call);
    return call;
  };
  const std::string fits(64, 'a'), longer(65, 'a');
  EXPECT_EQ(id_of(fits), fits);
  EXPECT_LE(id_of(longer).size(), 64U);
  EXPECT_NE(id_of(longer), id_of(longer + "a"));
}

TEST(Bedrock, CarriesALargeImageWithoutTouchingItsBytes) {
  const std::string image(4'000'000, 'A');
  ChatRequest request;
  request.body = R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":)"
                 R"({"url":"data:image\/jpeg;base64,)" +
                 image + R"("}}]}]})";
  const auto encoded = bedrock().encode(request, deployment_at(kHost), Secret());
  ASSERT_TRUE(encoded);
  EXPECT_TRUE(wire::validate_json(encoded->http.body));
  EXPECT_NE(encoded->http.body.find("\"bytes\":\"" + image + "\""), std::string::npos);
}

TEST(Bedrock, AtMostSixteenLabels) {
  std::string labels;
  for (int i = 0; i < 20; ++i) {
    labels += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + R"(":"v")";
  }
  ChatRequest request;
  request.body = R"({"messages":[{"role":"user","content":"hi"}],"metadata":{)" + labels + "}}";
  const auto encoded = bedrock().encode(request, deployment_at(kHost), Secret());
  ASSERT_TRUE(encoded);
  int written = 0;
  const JsonView sent = JsonView(encoded->http.body)["requestMetadata"];
  for (auto m = sent.first_member(); m; m = m.next()) ++written;
  EXPECT_EQ(written, 16);
  EXPECT_EQ(encoded->dropped_parameters, std::vector<std::string>{"metadata"});
}

// --- replies --------------------------------------------------------------------------------------

TEST(Bedrock, TellsWhatIsKeptForAnHour) {
  const std::string usage =
      R"({"inputTokens":1,"outputTokens":2,"cacheReadInputTokens":3,"cacheWriteInputTokens":60,)"
      R"("cacheDetails":[{"ttl":"5m","inputTokens":20},{"ttl":"1h","inputTokens":40},7,null]})";
  const Usage read = read_bedrock_usage(JsonView(usage));
  EXPECT_TRUE(read.reported);
  EXPECT_EQ(read.input.count, 64);
  EXPECT_EQ(read.output.count, 2);
  EXPECT_EQ(read.cached_input.count, 3);
  EXPECT_EQ(read.cache_write.count, 60);
  EXPECT_EQ(read.cache_write_hour.count, 40);
}

TEST(Bedrock, HiddenThinkingComesBackAsItCame) {
  Random random(2);
  for (int round = 0; round < 200; ++round) {
    std::string bytes(1 + random.below(40), '\0');
    for (char& c : bytes) c = static_cast<char>(random.below(256));
    for (const std::string& blob : {to_base64(bytes), to_base64(to_base64(bytes))}) {
      const std::string block = redacted_thinking(from_base64(blob).value_or(""));
      EXPECT_EQ(redacted_blob(JsonView(block)["data"].string()), blob);
    }
  }
}

// --- streams --------------------------------------------------------------------------------------

std::string event(const std::string& type, const std::string& payload) {
  return event_frame({{":message-type", "event"}, {":event-type", type}}, payload);
}

std::optional<Failure> hear(const std::string& bytes, std::vector<Delta>& out) {
  const auto decoder = bedrock().stream_decoder(Deployment());
  auto failure = decoder->feed(bytes, out);
  return failure ? failure : decoder->finish(out);
}

TEST(Bedrock, NoChangedByteOfAStreamIsMissed) {
  const std::string good =
      event("contentBlockDelta", R"({"contentBlockIndex":0,"delta":{"text":"hello"}})") +
      event("messageStop", R"({"stopReason":"end_turn"})") +
      event("metadata", R"({"usage":{"inputTokens":1,"outputTokens":2}})");
  std::vector<Delta> out;
  EXPECT_FALSE(hear(good, out));
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const unsigned mask : {1U, 0x40U, 0xFFU}) {
      std::string bad = good;
      bad[at] = static_cast<char>(static_cast<unsigned char>(bad[at]) ^ mask);
      out.clear();
      const auto failure = hear(bad, out);
      ASSERT_TRUE(failure) << at;
      EXPECT_EQ(failure->kind, ErrorKind::protocol) << at;
      for (const Delta& delta : out) EXPECT_TRUE(delta.text.empty() || delta.text == "hello");
    }
  }
}

TEST(Bedrock, ABrokenStreamCannotMakeUsHoldEverything) {
  const std::string start =
      event("contentBlockStart", R"({"start":{"toolUse":{"toolUseId":"t","name":"f"}}})");
  std::string calls;
  for (int i = 0; i < 5000; ++i) calls += start;
  std::vector<Delta> out;
  auto failure = hear(calls, out);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, ErrorKind::protocol);
  EXPECT_EQ(out.size(), 4096U);

  const std::string piece =
      event("contentBlockDelta", R"({"contentBlockIndex":0,"delta":{"reasoningContent":{"text":")" +
                                     std::string(1'000'000, 'x') + R"("}}})");
  const auto decoder = bedrock().stream_decoder(Deployment());
  failure.reset();
  int pieces = 0;
  for (; pieces < 100 && !failure; ++pieces) {
    out.clear();
    failure = decoder->feed(piece, out);
  }
  ASSERT_TRUE(failure);
  EXPECT_LT(pieces, 20);
}

TEST(Bedrock, HostilePayloadsFailOrSayNothing) {
  for (const char* payload :
       {"", "null", "[]", "7", "{}", "{\"delta\":7}", "{\"start\":[]}", "{\"delta\":{\"text\":{}}}",
        "{\"stopReason\":7}", "{\"usage\":[]}", "{\"delta\":{\"reasoningContent\":7}}",
        "{\"delta\":{\"reasoningContent\":{\"redactedContent\":\"?\"}}}",
        "{\"start\":{\"toolUse\":7}}", "{\"message\":{\"a\":1}}"}) {
    for (const char* type : {"messageStart", "contentBlockStart", "contentBlockDelta",
                             "contentBlockStop", "messageStop", "metadata", ""}) {
      std::vector<Delta> out;
      EXPECT_TRUE(hear(event(type, payload), out)) << type << payload;
      for (const Delta& delta : out) EXPECT_TRUE(delta.text.empty()) << type << payload;
    }
    std::vector<Delta> out;
    const auto failure =
        hear(event_frame({{":message-type", "exception"}, {":exception-type", "x"}}, payload), out);
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->kind, ErrorKind::server_error);
    EXPECT_TRUE(is_utf8(failure->message));
  }
}

TEST(Bedrock, WhatComesAfterTheEndIsNotRead) {
  const auto decoder = bedrock().stream_decoder(Deployment());
  std::vector<Delta> out;
  EXPECT_FALSE(decoder->feed(event("messageStop", R"({"stopReason":"end_turn"})") +
                                 event("metadata", "{}") + event("contentBlockDelta", "broken"),
                             out));
  EXPECT_TRUE(decoder->terminated());
  EXPECT_FALSE(decoder->feed("garbage", out));
  EXPECT_FALSE(decoder->finish(out));
  EXPECT_EQ(out.size(), 1U);
  EXPECT_EQ(decoder->summary().raw_finish_reason, "end_turn");
}

// Found by fuzzing: headers are no text until they were looked at.
TEST(Bedrock, HeadersOfErrorsMayHoldAnyBytes) {
  wire::ResponseHead head;
  head.status = 429;
  head.headers.add("x-amzn-errortype", "\xAC\xFF");
  const Failure failure = bedrock().classify(head, "{}", {});
  EXPECT_EQ(failure.kind, ErrorKind::rate_limit);
  EXPECT_TRUE(is_utf8(failure.provider_code));
  const auto decoder = bedrock().stream_decoder(Deployment());
  std::vector<Delta> out;
  const auto failed = decoder->feed(
      event_frame(
          {{":message-type", "error"}, {":error-code", "\xFF"}, {":error-message", "a\xFE"}}, ""),
      out);
  ASSERT_TRUE(failed);
  EXPECT_TRUE(is_utf8(failed->provider_code));
  EXPECT_TRUE(is_utf8(failed->message));
}

// --- embeddings -----------------------------------------------------------------------------------

struct EmbeddingCase {
  const char* model;
  const char* body;
  const char* sent;  // or "kind path"
};

TEST(Bedrock, AsksForEmbeddingsAsTheModelsMakerDoes) {
  const std::vector<EmbeddingCase> cases = {
      {"amazon.titan-embed-text-v2:0", R"({"model":"x","input":"a"})", R"({"inputText":"a"})"},
      {"amazon.titan-embed-text-v2:0", R"({"input":["a"],"dimensions":256,"user":null})",
       R"({"inputText":"a","dimensions":256})"},
      {"amazon.titan-embed-text-v2:0", R"({"input":["a","b"]})", "invalid_argument input"},
      {"amazon.titan-embed-text-v1", R"({"input":"a","dimensions":256})", "bad_request dimensions"},
      {"cohere.embed-english-v3", R"({"input":["a","b"],"encoding_format":"float"})",
       R"({"texts":["a","b"],"input_type":"search_document"})"},
      {"cohere.embed-english-v3", R"({"input":"a","input_type":"query"})",
       R"({"texts":["a"],"input_type":"search_query"})"},
      {"cohere.embed-english-v3", R"({"input":"a","dimensions":256})", "bad_request dimensions"},
      {"us.cohere.embed-v4:0", R"({"input":"a","dimensions":256,"input_type":"clustering"})",
       R"({"texts":["a"],"input_type":"clustering","output_dimension":256})"},
      {"amazon.nova-2-multimodal-embeddings-v1:0", R"({"input":"a","input_type":"query"})",
       R"({"taskType":"SINGLE_EMBEDDING","singleEmbeddingParams":{"embeddingPurpose":)"
       R"("GENERIC_RETRIEVAL","text":{"truncationMode":"NONE","value":"a"}}})"},
      {"cohere.embed-v4:0", R"({"input":"a","encoding_format":"base64"})",
       "bad_request encoding_format"},
      {"cohere.embed-v4:0", R"({"input":"a","input_type":"ghost"})", "bad_request input_type"},
      {"cohere.embed-v4:0", R"({"input":"a","weather":1})", "bad_request weather"},
      {"cohere.embed-v4:0", R"({"input":[1,2]})", "bad_request input"},
      {"cohere.embed-v4:0", R"({"input":[]})", "invalid_argument input"},
      {"cohere.embed-v4:0", R"({})", "invalid_argument input"},
      {"cohere.embed-v4:0", R"({"input":"a","dimensions":-1})", "invalid_argument dimensions"},
      {"some.other-model", R"({"input":"a"})", "bad_request model"}};
  EXPECT_TRUE(bedrock().has_embeddings());
  for (const EmbeddingCase& c : cases) {
    ChatRequest request;
    request.operation = Operation::embeddings;
    request.body = c.body;
    Deployment d = deployment_at(kHost);
    d.model = c.model;
    const auto encoded = bedrock().encode_embeddings(request, d, Secret("token"));
    if (!encoded) {
      EXPECT_EQ(std::string(slug(encoded.error().kind)) + " " + encoded.error().path, c.sent);
      continue;
    }
    EXPECT_EQ(encoded->http.body, c.sent) << c.model;
    EXPECT_EQ(encoded->http.url, kHost + bedrock_path(c.model, "invoke"));
    EXPECT_EQ(authorization(encoded), "Bearer token");
    EXPECT_EQ(encoded->http.headers.find("accept"), "application/json");
  }
}

TEST(Bedrock, ReadsEmbeddingsInEachShape) {
  const std::string head = R"({"object":"list","data":[)";
  const auto vector = [](int index, const std::string& numbers) {
    return R"({"object":"embedding","index":)" + std::to_string(index) + R"(,"embedding":)" +
           numbers + "}";
  };
  const std::string tail = R"(],"model":"m"})";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"embedding":[0.10,-2e-3],"embeddingsByType":{"float":[1]},"inputTextTokenCount":5})",
       head + vector(0, "[0.10,-2e-3]") +
           R"(],"model":"m","usage":{"prompt_tokens":5,"total_tokens":5}})"},
      {R"({"embeddings":[[1],[2]],"texts":["a","b"]})",
       head + vector(0, "[1]") + "," + vector(1, "[2]") + tail},
      {R"({"embeddings":{"float":[[1],[2]]}})",
       head + vector(0, "[1]") + "," + vector(1, "[2]") + tail},
      {R"({"embeddings":[{"embeddingType":"TEXT","embedding":[3]}]})",
       head + vector(0, "[3]") + tail},
  };
  for (const auto& [reply, openai] : cases) {
    const auto turned = bedrock().embeddings_to_openai(reply, "m");
    ASSERT_TRUE(turned) << reply;
    EXPECT_EQ(*turned, openai);
  }
}

TEST(Bedrock, RepliesWithoutEmbeddingsAreFailures) {
  const std::vector<std::pair<std::string, ErrorKind>> cases = {
      {R"({"message":"no","__type":"ThrottlingException"})", ErrorKind::rate_limit},
      {R"({"embeddings":[]})", ErrorKind::protocol},
      {R"({"embeddings":{"int8":[[1]]}})", ErrorKind::protocol},
      {R"({"embedding":7})", ErrorKind::protocol},
      {"[]", ErrorKind::protocol},
      {"<html>", ErrorKind::protocol},
      {"", ErrorKind::protocol}};
  for (const auto& [reply, kind] : cases) {
    const auto read = bedrock().read_embeddings(reply);
    ASSERT_TRUE(std::holds_alternative<Failure>(read)) << reply;
    EXPECT_EQ(std::get<Failure>(read).kind, kind) << reply;
    EXPECT_FALSE(bedrock().embeddings_to_openai(reply));
  }
}

TEST(Bedrock, AnnouncesNoLimits) {
  wire::Headers headers;
  headers.add("x-ratelimit-remaining-requests", "5");
  EXPECT_FALSE(bedrock().read_limits(headers, WallTime{}).any());
}

}  // namespace
}  // namespace llmroute::provider
