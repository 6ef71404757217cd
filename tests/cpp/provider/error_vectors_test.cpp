// The table of real error shapes: what each is read as, and what follows from it.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "llmroute/model/treatment.h"
#include "llmroute/provider/dialect.h"

namespace llmroute::provider {
namespace {

using Json = nlohmann::json;

const Json& vectors() {
  static const Json all = [] {
    std::ifstream in(std::string(LLMROUTE_GOLDEN_DIR) + "/errors/vectors.json");
    return Json::parse(in);
  }();
  return all;
}

// A dialect that is not built yet reads errors as all do.
const Dialect& dialect_of(const Json& vector) {
  const Dialect* named = find_dialect(vector["dialect"].get<std::string>());
  return named != nullptr ? *named : *find_dialect("openai");
}

wire::ResponseHead head_of(const Json& vector) {
  wire::ResponseHead head;
  head.status = vector["status"].get<int>();
  const Json headers = vector.value("headers", Json::object());
  for (const auto& [name, value] : headers.items()) {
    head.headers.add(name, value.get<std::string>());
  }
  return head;
}

std::string body_of(const Json& vector) {
  const Json& body = vector["body"];
  return body.is_string() ? body.get<std::string>() : body.dump();
}

Failure classified(const Json& vector) {
  return dialect_of(vector).classify(head_of(vector), body_of(vector), WallTime{});
}

std::string title(const Json& vector) {
  return vector["provider"].get<std::string>() + ": " + vector["name"].get<std::string>();
}

TEST(ErrorVectors, GetTheirClass) {
  for (const Json& vector : vectors()) {
    SCOPED_TRACE(title(vector));
    const Failure failure = classified(vector);
    EXPECT_EQ(slug(failure.kind), vector["kind"].get<std::string>()) << failure.message;
    EXPECT_EQ(slug(failure.cause), vector.value("cause", "plain"));
    EXPECT_EQ(failure.status, vector["status"].get<int>());
    EXPECT_EQ(failure.ambiguous, vector.value("ambiguous", false));
    if (vector.contains("code")) {
      EXPECT_EQ(failure.provider_code, vector["code"].get<std::string>());
    }
    EXPECT_NEAR(failure.retry_after ? to_ms(*failure.retry_after) : -1.0,
                vector.value("retry_after_ms", -1.0), 1e-3);
  }
}

TEST(ErrorVectors, SayWhatIsLacking) {
  for (const Json& vector : vectors()) {
    SCOPED_TRACE(title(vector));
    const Failure failure = classified(vector);
    const std::string lacks = vector.value("lacks", "");
    const auto capability = from_slug<Capability>(lacks);
    EXPECT_EQ(failure.lack.named(), !lacks.empty());
    if (capability) {
      EXPECT_EQ(failure.lack.capability, capability);
    } else if (!lacks.empty()) {
      EXPECT_EQ(failure.lack.parameter, from_slug<Parameter>(lacks));
    }
  }
}

TEST(ErrorVectors, BringWhatTheyShould) {
  for (const Json& vector : vectors()) {
    SCOPED_TRACE(title(vector));
    const Failure failure = classified(vector);
    const Treatment treatment = treatment_of(failure);
    EXPECT_EQ(slug(treatment.reaction), vector["reaction"].get<std::string>());
    EXPECT_EQ(slug(treatment.fault), vector["fault"].get<std::string>());
    EXPECT_EQ(slug(treatment.cools), vector["cools"].get<std::string>());
    const Json& time = vector["for_ms"];
    if (time.is_null()) {
      EXPECT_EQ(first_cooling(failure), kForever);
    } else {
      EXPECT_NEAR(to_ms(first_cooling(failure)), time.get<double>(), 1e-3);
    }
  }
}

TEST(ErrorVectors, AreManyAndEveryClassIsAmongThem) {
  EXPECT_GE(vectors().size(), 120U);
  std::set<std::string> names, classes;
  for (const Json& vector : vectors()) {
    EXPECT_TRUE(names.insert(title(vector)).second) << title(vector);
    classes.insert(vector["kind"].get<std::string>() + "/" + vector.value("cause", "plain"));
  }
  for (const char* wanted :
       {"rate_limit/plain", "rate_limit/ramp", "rate_limit/daily_quota", "quota_exhausted/plain",
        "quota_exhausted/beyond_credit", "overloaded/plain", "server_error/plain",
        "server_error/tool_generation", "authentication/plain", "permission_denied/plain",
        "permission_denied/key_refused", "permission_denied/before_provider", "not_found/plain",
        "context_length/plain", "content_filter/plain", "capability_mismatch/plain",
        "bad_request/plain", "protocol/plain"}) {
    EXPECT_TRUE(classes.count(wanted)) << wanted;
  }
}

TEST(ErrorVectors, KeepTheirWordsBounded) {
  for (const Json& vector : vectors()) {
    const Failure failure = classified(vector);
    EXPECT_LE(failure.message.size(), 510U) << title(vector);
    EXPECT_FALSE(failure.message.empty()) << title(vector);
  }
}

}  // namespace
}  // namespace llmroute::provider
