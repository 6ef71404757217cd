#include "llmroute/wire/sse.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "llmroute/base/random.h"

namespace llmroute::wire {
namespace {

std::string read(SseParser& parser, std::string_view bytes) {
  std::string seen;
  const auto result = parser.feed(bytes, [&seen](const SseParser::Event& event) {
    seen += std::string(event.type) + "|" + std::string(event.data) + ";";
    return true;
  });
  return result ? seen : "error";
}

struct Case {
  const char* name;
  std::string bytes;
  std::string events;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> table = {
      {"one event", "data: a\n\n", "message|a;"},
      {"CR ends lines", "data: a\r\rdata: b\r\r", "message|a;message|b;"},
      {"CRLF ends lines", "data: a\r\n\r\ndata: b\r\n\r\n", "message|a;message|b;"},
      {"mixed ends", "data: a\r\n\ndata: b\n\rdata: c\r\r\n", "message|a;message|b;message|c;"},
      {"named", "event: ping\ndata: {}\n\n", "ping|{};"},
      {"name forgotten after the event", "event: x\ndata: 1\n\ndata: 2\n\n", "x|1;message|2;"},
      {"name without data is no event", "event: x\n\ndata: 1\n\n", "message|1;"},
      {"several data lines", "data: a\ndata:\ndata: b\n\n", "message|a\n\nb;"},
      {"comments", ": hi\n:\ndata: a\n: x\n\n", "message|a;"},
      {"one leading space only", "data:  a\n\ndata:b\n\n", "message| a;message|b;"},
      {"unknown fields", "id: 7\nretry: 10\nfoo\ndata: a\n\n", "message|a;"},
      {"empty data", "data\n\n", "message|;"},
      {"byte order mark",
       "\xEF\xBB\xBF"
       "data: a\n\n",
       "message|a;"},
      {"unfinished event is not given", "data: a\n\ndata: b\n", "message|a;"},
      {"colon in data", "data: a: b\n\n", "message|a: b;"},
  };
  return table;
}

TEST(SseParser, ReadsWholeInput) {
  for (const Case& c : cases()) {
    SseParser parser(1000);
    EXPECT_EQ(read(parser, c.bytes), c.events) << c.name;
  }
}

TEST(SseParser, ReadsByteByByte) {
  for (const Case& c : cases()) {
    SseParser parser(1000);
    std::string seen;
    for (char byte : c.bytes) seen += read(parser, {&byte, 1});
    EXPECT_EQ(seen, c.events) << c.name;
  }
}

TEST(SseParser, ReadsAnySplit) {
  Random random(5);
  std::string all, expected;
  for (const Case& c : cases()) {
    if (c.bytes.back() != '\n' || c.bytes[0] == '\xEF' || c.events == "message|a;") continue;
    all += c.bytes;
    expected += c.events;
  }
  for (int round = 0; round < 300; ++round) {
    SseParser parser(1000);
    std::string seen;
    std::string_view rest = all;
    while (!rest.empty()) {
      const auto size = static_cast<std::size_t>(1 + random.below(9));
      seen += read(parser, rest.substr(0, size));
      rest.remove_prefix(std::min(size, rest.size()));
    }
    EXPECT_EQ(seen, expected);
  }
}

TEST(SseParser, KnowsWhetherAnEventIsCut) {
  SseParser parser(1000);
  EXPECT_FALSE(parser.mid_event());
  read(parser, "da");
  EXPECT_TRUE(parser.mid_event());
  read(parser, "ta: a\n");
  EXPECT_TRUE(parser.mid_event());
  read(parser, "\n");
  EXPECT_FALSE(parser.mid_event());
}

TEST(SseParser, BoundsAnEventForGood) {
  for (const char* piece : {"data: aaaaaaaaaaaaaaaa\n", "aaaaaaaaaaaaaaaaaaaaa"}) {
    SseParser parser(100);
    std::string last;
    for (int i = 0; i < 10; ++i) last = read(parser, piece);
    EXPECT_EQ(last, "error");
    EXPECT_EQ(read(parser, "x"), "error");
  }
}

TEST(SseParser, HasNoBoundOnManyEvents) {
  SseParser parser(100);
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "data: a\n\n";
  EXPECT_EQ(read(parser, many).size(), 1000 * std::string("message|a;").size());
}

TEST(SseParser, StopsWhenTold) {
  SseParser parser(100);
  int seen = 0;
  const auto result = parser.feed("data: a\n\ndata: b\n\n", [&seen](const SseParser::Event&) {
    ++seen;
    return false;
  });
  EXPECT_TRUE(result);
  EXPECT_EQ(seen, 1);
}

}  // namespace
}  // namespace llmroute::wire
