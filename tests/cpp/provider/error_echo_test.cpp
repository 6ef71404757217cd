// Errors repeat what callers wrote. Whatever that is and wherever it stands, the class stays.
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "llmroute/provider/classify.h"
#include "llmroute/provider/dialect.h"

namespace llmroute::provider {
namespace {

using Json = nlohmann::json;

const std::vector<std::string> kEchoes = {
    "rate limit exceeded",
    "Rate limit reached",
    "Rate limit reached for requests",
    "429",
    "429 Too Many Requests",
    "HTTP 429: slow down",
    "Please try again in 9h",
    "Please try again in 10h17m5s.",
    "retry in 5s",
    "retry-after: 3600",
    "Retry-After: 86400\r\n",
    "rate_limit_exceeded",
    "rate_limit_error",
    "RESOURCE_EXHAUSTED",
    "ThrottlingException",
    "slow_down",
    "tokens per day (TPD)",
    "Too many tokens per day, please wait before trying",
    "insufficient_quota",
    "You exceeded your current quota",
    "Your credit balance is too low",
    "credits exhausted, 402 Payment Required",
    "billing_hard_limit_reached",
    "context_length_exceeded",
    "prompt is too long: 5 tokens",
    "prompt is too long: 210000 tokens",
    "This model's maximum context length is 8192",
    "maximum context length is 4096 tokens",
    "The input token count (70) exceeds",
    "Input is too long for requested model. Or is it?",
    "litellm.ContextWindowExceededError",
    "content_filter",
    "ResponsibleAIPolicyViolation",
    "Output blocked by content filtering policy, it said",
    "flagged_input",
    "overloaded_error",
    "Overloaded",
    "503 Service Unavailable",
    "invalid_api_key",
    "Incorrect API key provided: sk-1",
    "API_KEY_INVALID",
    "401 Unauthorized",
    "permission_error",
    "403 Forbidden",
    "model_not_found",
    "The model `gpt-9` does not exist",
    "The provided model identifier is invalid. Or not.",
    "unsupported_parameter",
    "tools",
    "this model does not support tools at all, I think",
    "`tool calling` is not supported with this model, or is it",
    "This model doesn't support tool use. Why?",
    "tool_use_failed",
    "json_validate_failed",
    "internal_server_error",
    "server_error",
    "timeout_error 504 Gateway Timeout",
    "<html><head><title>429 Too Many Requests</title></head></html>",
    R"({"error":{"code":"rate_limit_exceeded","message":"x"}})",
    R"({"error":{"type":"insufficient_quota","code":429}})",
    R"("},"code":"context_length_exceeded","x":{"y":")",
    R"(","type":"overloaded_error)",
    R"({"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"9h"})",
    "data: {\"error\":{\"code\":429}}\n\n",
    "\xC2\xA0"
    "429 \xE2\x80\x9Crate limit\xE2\x80\x9D"};

using Shape = std::function<Json(const std::string&)>;

// Where an echo may stand. Each gives a whole body.
std::vector<std::pair<std::string, Shape>> shapes() {
  const auto error = [](Json members) { return Json{{"error", std::move(members)}}; };
  return {
      {"behind a provider's words",
       [=](const std::string& t) {
         return error({{"type", "invalid_request_error"},
                       {"message", "Invalid value: '" + t + "'. Supported values are: 'a'."}});
       }},
      {"at the end of them",
       [=](const std::string& t) {
         return error({{"code", 400}, {"message", "messages[0].content: " + t}});
       }},
      {"as all of the message",
       [=](const std::string& t) {
         return error({{"message", t}});
       }},
      {"as all of it, with a type",
       [=](const std::string& t) {
         return error({{"type", "invalid_request_error"}, {"message", t}, {"code", nullptr}});
       }},
      {"in param",
       [=](const std::string& t) {
         return error({{"message", "bad"}, {"param", t}, {"type", "invalid_request_error"}});
       }},
      {"in FastAPI's input",
       [](const std::string& t) {
         return Json{{"detail",
                      {{{"type", "string_type"},
                        {"loc", {"body", "messages", 0}},
                        {"msg", "Input should be a valid string"},
                        {"input", {{"error", {{"code", t}, {"message", t}}}}},
                        {"ctx", {{"error", t}}}}}}};
       }},
      {"in FastAPI's message",
       [](const std::string& t) {
         return Json{{"detail", {{{"msg", "Value error, got " + t}, {"input", t}}}}};
       }},
      {"in a router's metadata",
       [=](const std::string& t) {
         return error({{"code", 400},
                       {"message", "Provider returned error"},
                       {"metadata", {{"raw", t}, {"provider_name", "Acme"}}}});
       }},
      {"in metadata, as a document",
       [=](const std::string& t) {
         return error({{"message", "Provider returned error"},
                       {"metadata", {{"raw", Json{{"error", {{"code", t}}}}.dump()}}}});
       }},
      {"in Google's violations",
       [=](const std::string& t) {
         return error({{"status", "INVALID_ARGUMENT"},
                       {"message", "Invalid JSON payload"},
                       {"details",
                        {{{"@type", "type.googleapis.com/google.rpc.BadRequest"},
                          {"reason", t},
                          {"retryDelay", t},
                          {"fieldViolations", {{{"field", t}, {"description", t}}}}}}}});
       }},
      {"in an inner error's words",
       [=](const std::string& t) {
         return error({{"message", "x"},
                       {"innererror", {{"message", t}, {"content", t}}},
                       {"failed_generation", t}});
       }},
      {"in an error that is a text",
       [](const std::string& t) {
         return Json{{"error", "cannot read: " + t}};
       }},
      {"in an object of vLLM",
       [](const std::string& t) {
         return Json{{"object", "error"},
                     {"message", "1 validation error: input_value='" + t + "'"},
                     {"type", "BadRequestError"},
                     {"code", 400}};
       }},
      {"in the request that comes back",
       [=](const std::string& t) {
         Json body = error({{"message", "x"}});
         body["request"] = {{"error", {{"code", t}, {"type", t}}}, {"code", t}};
         body["input"] = {{{"type", "error"}, {"error", {{"type", t}}}}};
         return body;
       }},
      {"in an array behind the error",
       [=](const std::string& t) {
         return Json::array({error({{"message", "x"}}), error({{"code", t}, {"message", t}})});
       }},
      {"in nobody's members",
       [](const std::string& t) {
         return Json{{"message", "x"}, {"trace", t}, {"received", {{"code", t}}}};
       }},
  };
}

void expect_same(const Failure& calm, const Failure& heard) {
  EXPECT_EQ(slug(heard.kind), slug(calm.kind));
  EXPECT_EQ(slug(heard.cause), slug(calm.cause));
  EXPECT_EQ(heard.retry_after, calm.retry_after);
  EXPECT_EQ(heard.lack.named(), calm.lack.named());
  EXPECT_EQ(heard.ambiguous, calm.ambiguous);
}

constexpr int kStatuses[] = {400, 401, 402, 403, 404, 408, 409, 412, 413,
                             422, 429, 498, 500, 501, 502, 503, 504, 529};
const std::string kCalm = "the weather in Lisbon";

TEST(ErrorEchoes, ChangeNoClass) {
  ASSERT_GE(kEchoes.size(), 40U);
  for (const auto& [place, shape] : shapes()) {
    const std::string calm = shape(kCalm).dump();
    for (const std::string& echo : kEchoes) {
      const std::string heard = shape(echo).dump();
      for (const int status : kStatuses) {
        for (const Dialect* dialect : dialects()) {
          SCOPED_TRACE(std::string(dialect->name()) + " " + std::to_string(status) + " " + place +
                       ": " + echo);
          expect_same(dialect->classify({status, {}}, calm, WallTime{}),
                      dialect->classify({status, {}}, heard, WallTime{}));
          if (HasFailure()) return;
        }
      }
    }
  }
}

TEST(ErrorEchoes, ChangeNoClassOutsideOfJson) {
  const std::vector<std::string> around = {"bad request: ", "upstream said \"", "<p>", "{broken "};
  for (const Dialect* dialect : dialects()) {
    for (const int status : kStatuses) {
      for (const std::string& words : around) {
        const Failure calm = dialect->classify({status, {}}, words + kCalm, WallTime{});
        for (const std::string& echo : kEchoes) {
          SCOPED_TRACE(std::to_string(status) + " " + words + echo);
          expect_same(calm, dialect->classify({status, {}}, words + echo, WallTime{}));
        }
      }
    }
  }
}

TEST(ErrorEchoes, ChangeNoClassInsideAStream) {
  for (const auto& [place, shape] : shapes()) {
    const std::string calm = shape(kCalm).dump();
    for (const std::string& echo : kEchoes) {
      SCOPED_TRACE(place + ": " + echo);
      const std::string heard = shape(echo).dump();
      expect_same(classify_error(200, read_error_fields(wire::JsonView(calm))),
                  classify_error(200, read_error_fields(wire::JsonView(heard))));
    }
  }
}

TEST(ErrorEchoes, ChangeNoClassInHeadersThatNobodyReads) {
  for (const char* echo : {"retry-after: 9", "rate limit exceeded", "0"}) {
    wire::ResponseHead head{400, {}};
    head.headers.add("x-echo", echo);
    head.headers.add("x-remaining", echo);
    head.headers.add("x-reset", echo);
    expect_same(classify_response({400, {}}, "{}", WallTime{}),
                classify_response(head, "{}", WallTime{}));
  }
}

// What a whole sentence needs beside its words: its status, and no code that says otherwise.
TEST(ErrorSentences, NeedTheirStatusAndNoOtherCode) {
  ErrorFields fields;
  fields.found = true;
  fields.message = "prompt is too long: 210000 tokens > 200000 maximum";
  EXPECT_EQ(classify_error(400, fields).kind, ErrorKind::context_length);
  EXPECT_EQ(classify_error(500, fields).kind, ErrorKind::server_error);
  EXPECT_EQ(classify_error(429, fields).kind, ErrorKind::rate_limit);
  EXPECT_EQ(classify_error(404, fields).kind, ErrorKind::not_found);
  EXPECT_EQ(classify_error(200, fields).kind, ErrorKind::server_error);
  fields.type = "invalid_request_error";
  EXPECT_EQ(classify_error(200, fields).kind, ErrorKind::context_length);
  fields.code = "content_filter";
  EXPECT_EQ(classify_error(400, fields).kind, ErrorKind::content_filter);
}

TEST(ErrorSentences, ALimitsWaitIsReadOfALimitOnly) {
  ErrorFields fields;
  fields.message =
      "Rate limit reached for m on tokens per min (TPM): Limit 5, Used 4, Requested 3. Please try "
      "again in 2s. Visit";
  EXPECT_EQ(classify_error(429, fields).retry_after, Duration(seconds(2)));
  EXPECT_FALSE(classify_error(400, fields).retry_after);
  EXPECT_FALSE(classify_error(503, fields).retry_after);
  fields.code = "insufficient_quota";
  EXPECT_FALSE(classify_error(429, fields).retry_after);
}

}  // namespace
}  // namespace llmroute::provider
