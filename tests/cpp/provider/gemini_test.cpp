#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "llmroute/provider/dialect.h"
#include "llmroute/provider/gemini_parts.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {
namespace {

using wire::JsonView;

const Dialect& gemini() { return *find_dialect("gemini"); }

Deployment deployment(const std::string& model,
                      const std::string& base_url = "https://api.test/v1") {
  Deployment d;
  d.name = "d";
  d.model = model;
  d.base_url = base_url;
  return d;
}
const std::string kVertex = "https://v.test/v1/projects/p/locations/l/publishers/google";

ChatRequest request(const std::string& body) {
  ChatRequest out;
  out.body = body;
  return out;
}

// --- models and addresses ---------------------------------------------------------------------------

TEST(Gemini, ReadsTheVersionInAModelsName) {
  const std::vector<std::pair<std::string, ModelVersion>> cases = {
      {"gemini-2.5-flash", {2, 5}},
      {"gemini-2.0-flash-001", {2, 0}},
      {"gemini-3-pro-preview", {3, 0}},
      {"models/gemini-3.1-flash-lite", {3, 1}},
      {"google/gemini-10.12", {10, 12}},
      {"gemini-3.", {3, 0}},
      {"gemini-3.x", {3, 0}},
      {"gemini-3", {3, 0}},
      {"gemini-flash-latest", {0, 0}},
      {"gemini-", {0, 0}},
      {"gemini--3", {0, 0}},
      {"gemini-99999999999999999999", {0, 0}},
      {"gemma-3-27b", {0, 0}},
      {"", {0, 0}}};
  for (const auto& [name, version] : cases) {
    EXPECT_EQ(gemini_version(name).major, version.major) << name;
    EXPECT_EQ(gemini_version(name).minor, version.minor) << name;
  }
}

TEST(Gemini, PutsTheModelIntoThePath) {
  EXPECT_EQ(gemini_model_path("gemini-2.5-flash_x~"), "/models/gemini-2.5-flash_x~");
  EXPECT_EQ(gemini_model_path("a/../b"), "/models/a%2F..%2Fb");
  EXPECT_EQ(gemini_model_path("a?key=x#y"), "/models/a%3Fkey%3Dx%23y");
  EXPECT_EQ(gemini_model_path("models/a"), "/models/a");
  EXPECT_EQ(gemini_model_path("tunedModels/a b"), "/tunedModels/a%20b");
}

TEST(Gemini, SendsNoKeyWhereThereIsNone) {
  const auto body = R"({"messages":[{"role":"user","content":"hi"}]})";
  const auto encoded = gemini().encode(request(body), deployment("m"), Secret());
  ASSERT_TRUE(encoded);
  EXPECT_FALSE(encoded->http.headers.find("x-goog-api-key"));
  EXPECT_FALSE(encoded->http.headers.find("authorization"));
  EXPECT_EQ(encoded->http.url.find("key="), std::string::npos);
}

TEST(Gemini, CarriesALargeImageWithoutTouchingItsBytes) {
  const std::string image(4'000'000, 'A');
  const auto encoded = gemini().encode(
      request(R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":)"
              R"({"url":"data:image\/jpeg;base64,)" +
              image + R"("}}]}]})"),
      deployment("m"), Secret());
  ASSERT_TRUE(encoded);
  ASSERT_TRUE(wire::validate_json(encoded->http.body));
  EXPECT_NE(encoded->http.body.find("\"data\":\"" + image + "\""), std::string::npos);
}

TEST(Gemini, KeepsTheBytesOfArgumentsAndResults) {
  const auto encoded = gemini().encode(
      request(R"({"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[)"
              R"({"id":"t","function":{"name":"f","arguments":"{\"a\" : 1.50, \"a\":2}"}}]},)"
              R"({"role":"tool","tool_call_id":"t","content":" {\"b\" : 1e3} "}]})"),
      deployment("m"), Secret());
  ASSERT_TRUE(encoded);
  EXPECT_NE(encoded->http.body.find(R"("args":{"a" : 1.50, "a":2})"), std::string::npos);
  EXPECT_NE(encoded->http.body.find(R"("response":{"b" : 1e3})"), std::string::npos);
}

// A result may be as deep as it likes: what would break the document goes as text.
TEST(Gemini, TakesADeepResultAsText) {
  std::string deep = "1";
  for (int i = 0; i < 60; ++i) deep = R"({\"a\":)" + deep + "}";
  const auto encoded = gemini().encode(
      request(R"({"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[)"
              R"({"id":"t","function":{"name":"f","arguments":"{}"}}]},)"
              R"({"role":"tool","tool_call_id":"t","content":")" +
              deep + R"("}]})"),
      deployment("m"), Secret());
  ASSERT_TRUE(encoded);
  EXPECT_TRUE(wire::validate_json(encoded->http.body));
  EXPECT_NE(encoded->http.body.find(R"("response":{"output":")"), std::string::npos);
}

// What a reply gave comes back as it was: calls with their signatures, the text's signature, pictures.
TEST(Gemini, TakesBackWhatItGave) {
  const std::string reply =
      R"({"candidates":[{"content":{"parts":[{"text":"a","thoughtSignature":"dGV4dA=="},)"
      R"({"inlineData":{"mimeType":"image/png","data":"iVBO"},"thoughtSignature":"cGlj"},)"
      R"({"functionCall":{"name":"f","args":{"x":1}},"thoughtSignature":"Y2FsbA=="}]},)"
      R"("finishReason":"STOP"}],"responseId":"r"})";
  const auto turned = gemini().to_openai(reply, "gemini-3-pro-preview");
  ASSERT_TRUE(turned);
  const JsonView message = JsonView(*turned)["choices"].first_element().value()["message"];
  const std::string again = R"({"messages":[{"role":"user","content":"q"},)" +
                            std::string(message.raw()) +
                            R"(,{"role":"tool","tool_call_id":"call_r_0","content":"ok"}]})";
  const auto encoded =
      gemini().encode(request(again), deployment("gemini-3-pro-preview"), Secret());
  ASSERT_TRUE(encoded) << encoded.error().message;
  EXPECT_TRUE(encoded->dropped_parameters.empty());
  EXPECT_NE(
      encoded->http.body.find(
          R"({"role":"model","parts":[{"text":"a","thoughtSignature":"dGV4dA=="},)"
          R"({"inlineData":{"mimeType":"image/png","data":"iVBO"},"thoughtSignature":"cGlj"},)"
          R"({"functionCall":{"id":"call_r_0","name":"f","args":{"x":1}},)"
          R"("thoughtSignature":"Y2FsbA=="}]})"),
      std::string::npos)
      << encoded->http.body;
}

// --- replies ----------------------------------------------------------------------------------------

TEST(Gemini, KeepsTheWordsOfABlockedPrompt) {
  const auto read = gemini().read_reply(
      R"({"promptFeedback":{"blockReason":"MODEL_ARMOR","blockReasonMessage":"against the rules"}})");
  const auto* failure = std::get_if<Failure>(&read);
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(failure->kind, ErrorKind::content_filter);
  EXPECT_EQ(failure->provider_code, "MODEL_ARMOR");
  EXPECT_EQ(failure->message, "against the rules");
}

TEST(Gemini, TellsTheRawFinishReason) {
  const auto read = gemini().read_reply(R"({"candidates":[{"finishReason":"SPII"}]})");
  const auto& summary = std::get<ReplySummary>(read);
  EXPECT_EQ(summary.finish_reason, "content_filter");
  EXPECT_EQ(summary.raw_finish_reason, "SPII");
}

TEST(Gemini, CountsInclusively) {
  const Usage usage = read_gemini_usage(JsonView(
      R"({"promptTokenCount":100,"toolUsePromptTokenCount":20,"candidatesTokenCount":30,)"
      R"("thoughtsTokenCount":40,"cachedContentTokenCount":50,"totalTokenCount":190,)"
      R"("promptTokensDetails":[{"modality":"AUDIO","tokenCount":7},{"modality":"VIDEO",)"
      R"("tokenCount":9}],"toolUsePromptTokensDetails":[{"modality":"IMAGE","tokenCount":3}],)"
      R"("candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":11}]})"));
  EXPECT_TRUE(usage.reported);
  EXPECT_EQ(usage.input.count, 120);
  EXPECT_EQ(usage.output.count, 70);
  EXPECT_EQ(usage.reasoning.count, 40);
  EXPECT_EQ(usage.cached_input.count, 50);
  EXPECT_EQ(usage.audio_input.count, 7);
  EXPECT_EQ(usage.image_input.count, 3);
  EXPECT_EQ(usage.image_output.count, 11);
  EXPECT_EQ(usage.audio_output.count, 0);
  EXPECT_EQ(read_gemini_usage(JsonView(R"({"trafficType":"ON_DEMAND"})")), Usage{});
}

TEST(Gemini, MakesIdsThatAreUniqueAndStayTheSame) {
  EXPECT_EQ(gemini_call_id("r", 0, 0), "call_r_0");
  EXPECT_EQ(gemini_call_id("r", 0, 10), "call_r_10");
  EXPECT_EQ(gemini_call_id("r", 1, 0), "call_r_1_0");
  EXPECT_EQ(gemini_call_id("", 0, 3), "call_3");
  EXPECT_EQ(gemini_call_id(std::string(1000, 'x'), 0, 3), "call_3");
}

// --- streams ----------------------------------------------------------------------------------------

struct Heard {
  std::vector<Delta> deltas;
  std::optional<Failure> failure;
  ReplySummary summary;
};

Heard listen(const std::string& text) {
  const auto decoder = gemini().stream_decoder(Deployment());
  Heard out;
  out.failure = decoder->feed(text, out.deltas);
  if (!out.failure) out.failure = decoder->finish(out.deltas);
  out.summary = decoder->summary();
  return out;
}

constexpr const char* kEnd = R"(data: {"candidates":[{"finishReason":"STOP"}]})"
                             "\n\n";

TEST(Gemini, AReasonInEveryChunkIsToldOnce) {
  const std::string chunk = R"(data: {"candidates":[{"content":{"parts":[{"text":"a"}]},)"
                            R"("finishReason":"STOP"}]})"
                            "\r\n\r\n";
  const Heard heard = listen(chunk + chunk);
  EXPECT_FALSE(heard.failure);
  ASSERT_EQ(heard.deltas.size(), 3U);
  EXPECT_EQ(heard.deltas[1].kind, DeltaKind::finish);
  EXPECT_EQ(heard.deltas[1].extra, "STOP");
  EXPECT_EQ(heard.deltas[2].text, "a");
  EXPECT_EQ(heard.summary.raw_finish_reason, "STOP");
}

TEST(Gemini, UsageMayComeAfterTheEnd) {
  const Heard heard =
      listen(kEnd + std::string(R"(data: {"usageMetadata":{"promptTokenCount":3}})") + "\n\n");
  EXPECT_FALSE(heard.failure);
  ASSERT_EQ(heard.deltas.size(), 2U);
  EXPECT_EQ(heard.deltas[1].usage.input.count, 3);
}

TEST(Gemini, ACutStreamStillKnowsWhatItCost) {
  const Heard heard = listen(R"(data: {"candidates":[{"content":{"parts":[{"text":"a"}]}}],)"
                             R"("usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":1}})"
                             "\n\n");
  ASSERT_TRUE(heard.failure);
  EXPECT_EQ(heard.failure->kind, ErrorKind::stream_interrupted);
  EXPECT_EQ(heard.summary.usage.input.count, 3);
  for (const Delta& delta : heard.deltas) EXPECT_NE(delta.kind, DeltaKind::usage);
}

TEST(Gemini, ASignedCallHasItsSignatureBeside) {
  const Heard heard =
      listen(R"(data: {"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}},)"
             R"("thoughtSignature":"a\/b"}]}}]})"
             "\n\n");
  ASSERT_FALSE(heard.deltas.empty());
  EXPECT_EQ(heard.deltas[0].extra, R"({"google":{"thought_signature":"a\/b"}})");
}

// The quirk speaks of terminators, and this dialect has none to ask for.
TEST(Gemini, NeedsNoTerminator) {
  for (const bool requires_terminator : {true, false}) {
    Deployment d;
    d.quirks.requires_terminator = requires_terminator;
    const auto decoder = gemini().stream_decoder(d);
    std::vector<Delta> out;
    EXPECT_FALSE(decoder->feed(kEnd, out));
    EXPECT_FALSE(decoder->terminated());
    EXPECT_FALSE(decoder->finish(out));
    EXPECT_TRUE(decoder->terminated());
  }
}

TEST(Gemini, TooManyCallsAreNoReply) {
  std::string parts;
  for (int i = 0; i < 5000; ++i) parts += R"({"functionCall":{"name":"f"}},)";
  const Heard heard = listen(R"(data: {"candidates":[{"content":{"parts":[)" + parts +
                             R"({"text":"a"}]}}]})" + "\n\n");
  ASSERT_TRUE(heard.failure);
  EXPECT_EQ(heard.failure->kind, ErrorKind::protocol);
}

// --- embeddings -------------------------------------------------------------------------------------

struct EmbeddingCase {
  std::string model, base_url, request, path, body;  // body empty: refused, at `path`
  bool drop = false;
};

TEST(Gemini, AsksForVectors) {
  const std::string base = "https://api.test/v1";
  const std::string first = "gemini-embedding-001", second = "gemini-embedding-2";
  const std::vector<EmbeddingCase> cases = {
      {first, base, R"({"input":"a\n","model":"x","user":null,"encoding_format":"float"})",
       "/models/gemini-embedding-001:batchEmbedContents",
       R"({"requests":[{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"a\n"}]}}]})"},
      {first, base, R"({"input":["a","b"],"dimensions":768,"input_type":"query"})",
       "/models/gemini-embedding-001:batchEmbedContents",
       R"({"requests":[{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"a"}]},)"
       R"("taskType":"RETRIEVAL_QUERY","outputDimensionality":768},)"
       R"({"model":"models/gemini-embedding-001","content":{"parts":[{"text":"b"}]},)"
       R"("taskType":"RETRIEVAL_QUERY","outputDimensionality":768}]})"},
      {first, base, R"({"input":"a","input_type":"FACT_VERIFICATION"})",
       "/models/gemini-embedding-001:batchEmbedContents",
       R"({"requests":[{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"a"}]},)"
       R"("taskType":"FACT_VERIFICATION"}]})"},
      {first, kVertex, R"({"input":["a","b"],"dimensions":5,"input_type":"search_document"})",
       "/models/gemini-embedding-001:predict",
       R"({"instances":[{"content":"a","task_type":"RETRIEVAL_DOCUMENT"},)"
       R"({"content":"b","task_type":"RETRIEVAL_DOCUMENT"}],)"
       R"("parameters":{"outputDimensionality":5}})"},
      {second, kVertex, R"({"input":["a"],"dimensions":5})",
       "/models/gemini-embedding-2:embedContent",
       R"({"content":{"parts":[{"text":"a"}]},"outputDimensionality":5})"},
      {second, base, R"({"input":"a","input_type":"query","encoding_format":"base64","user":"u"})",
       "/models/gemini-embedding-2:batchEmbedContents",
       R"({"requests":[{"model":"models/gemini-embedding-2","content":{"parts":[{"text":"a"}]}}]})",
       true},
      {second, kVertex, R"({"input":["a","b"]})", "input", ""},
      {second, base, R"({"input":"a","input_type":"query"})", "input_type", ""},
      {first, base, R"({"input":"a","input_type":"poem"})", "input_type", ""},
      {first, base, R"({"input":"a","encoding_format":"base64"})", "encoding_format", ""},
      {first, base, R"({"input":"a","user":"u"})", "user", ""},
      {first, base, R"({"input":[1,2]})", "input", ""},
      {first, base, R"({"input":[]})", "input", ""},
      {first, base, R"({})", "input", ""},
      {first, base, R"({"input":"a","dimensions":"many"})", "dimensions", ""}};
  for (const EmbeddingCase& test : cases) {
    SCOPED_TRACE(test.request);
    ChatRequest asked = request(test.request);
    asked.operation = Operation::embeddings;
    asked.options.drop_unsupported = test.drop;
    const auto encoded =
        gemini().encode_embeddings(asked, deployment(test.model, test.base_url), Secret("k"));
    ASSERT_EQ(encoded.has_value(), !test.body.empty());
    if (!encoded) {
      EXPECT_EQ(encoded.error().path, test.path);
      continue;
    }
    EXPECT_EQ(encoded->http.url, test.base_url + test.path);
    EXPECT_EQ(encoded->http.body, test.body);
    EXPECT_EQ(encoded->http.headers.find("x-goog-api-key"), "k");
    EXPECT_EQ(encoded->dropped_parameters.size(), test.drop ? 3U : 0U);
  }
}

TEST(Gemini, ReadsVectorsOfEveryMethod) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"embeddings":[{"values":[1,-2.5e-3]},{"values":[3]}]})",
       R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[1,-2.5e-3]},)"
       R"({"object":"embedding","index":1,"embedding":[3]}],"model":"m"})"},
      {R"({"embedding":{"values":[1]},"usageMetadata":{"promptTokenCount":4}})",
       R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[1]}],"model":"m",)"
       R"("usage":{"prompt_tokens":4,"total_tokens":4}})"},
      {R"({"predictions":[{"embeddings":{"statistics":{"token_count":2},"values":[1]}},)"
       R"({"embeddings":{"statistics":{"token_count":3},"values":[2]}}]})",
       R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[1]},)"
       R"({"object":"embedding","index":1,"embedding":[2]}],"model":"m",)"
       R"("usage":{"prompt_tokens":5,"total_tokens":5}})"},
      {R"({"predictions":[{"embeddings":{"statistics":{"token_count":2},"values":[1]}},)"
       R"({"embeddings":{"values":[2]}}]})",
       R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[1]},)"
       R"({"object":"embedding","index":1,"embedding":[2]}],"model":"m"})"}};
  for (const auto& [reply, expected] : cases) {
    ASSERT_TRUE(std::holds_alternative<ReplySummary>(gemini().read_embeddings(reply))) << reply;
    const auto turned = gemini().embeddings_to_openai(reply, "m");
    ASSERT_TRUE(turned);
    EXPECT_EQ(*turned, expected);
  }
}

TEST(Gemini, VectorsThatAreNoneAreFailures) {
  const std::vector<std::pair<std::string, ErrorKind>> cases = {
      {"", ErrorKind::protocol},
      {"[]", ErrorKind::protocol},
      {R"({"embeddings":[]})", ErrorKind::protocol},
      {R"({"embeddings":[{"values":[1]},{}]})", ErrorKind::protocol},
      {R"({"predictions":[7]})", ErrorKind::protocol},
      {R"({"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}})", ErrorKind::rate_limit}};
  for (const auto& [reply, kind] : cases) {
    const auto read = gemini().read_embeddings(reply);
    ASSERT_TRUE(std::holds_alternative<Failure>(read)) << reply;
    EXPECT_EQ(std::get<Failure>(read).kind, kind) << reply;
    EXPECT_FALSE(gemini().embeddings_to_openai(reply, "m"));
  }
}

}  // namespace
}  // namespace llmroute::provider
