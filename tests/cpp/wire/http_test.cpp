#include "llmroute/wire/http.h"

#include <gtest/gtest.h>

#include <string>

namespace llmroute::wire {
namespace {

TEST(Headers, FindWithoutCaseTheFirst) {
  Headers headers;
  headers.add("Retry-After", "1");
  headers.add("retry-after", "2");
  EXPECT_EQ(headers.find("RETRY-AFTER"), "1");
  EXPECT_FALSE(headers.find("retry"));
  headers.clear();
  EXPECT_FALSE(headers.find("retry-after"));
}

TEST(CheckHeader, RefusesWhatCouldSmuggle) {
  EXPECT_TRUE(check_header("X-Team", "a b\tc"));
  EXPECT_TRUE(check_header("x", ""));
  EXPECT_TRUE(check_header("x", "\xC3\xA9"));
  const std::string nul("a\0b", 3);
  for (const std::string& value : {std::string("a\r\nEvil: 1"), std::string("a\nb"),
                                   std::string("a\rb"), nul, std::string("a\x7F")}) {
    const auto result = check_header("authorization", value);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::invalid_argument);
    EXPECT_NE(result.error().message.find("authorization"), std::string::npos);
    EXPECT_EQ(result.error().message.find("Evil"), std::string::npos) << "a value may be a secret";
  }
  for (const char* name : {"", "a b", "a:b", "a\n", "\xC3\xA9"}) {
    EXPECT_FALSE(check_header(name, "x")) << name;
  }
}

}  // namespace
}  // namespace llmroute::wire
