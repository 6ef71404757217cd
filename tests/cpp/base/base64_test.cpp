#include "llmroute/base/base64.h"

#include <gtest/gtest.h>

#include "llmroute/base/random.h"

namespace llmroute {
namespace {

// The examples of RFC 4648, section 10.
TEST(Base64, GivesTheKnownAnswers) {
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"},
                                                       {"\xFB\xFF", "+/8="}};
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
}

TEST(Base64, AnyBytesComeBack) {
  Random random(6);
  for (std::size_t size = 0; size < 200; ++size) {
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(random.below(256));
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
  }
}

TEST(Base64, WhatIsNotExactlyBase64IsNothing) {
  for (const char* text : {"Z", "Zg", "Zg=", "Zg==\n", " Zg==", "Zm9v=", "Z===", "====", "=Zg=",
                           "Zg==Zg==", "Zm-_", "Zm9\xC3", "Z m8="}) {
    EXPECT_FALSE(from_base64(text)) << text;
  }
}

}  // namespace
}  // namespace llmroute
