#include "llmroute/wire/lines.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "llmroute/base/random.h"

namespace llmroute::wire {
namespace {

std::string read(LineSplitter& splitter, std::string_view bytes) {
  std::string seen;
  const auto result = splitter.feed(bytes, [&seen](std::string_view line) {
    seen += std::string(line) + ";";
    return true;
  });
  return result ? seen : "error";
}

struct Case {
  const char* name;
  std::string bytes;
  std::string lines;
  std::string held;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> table = {
      {"nothing", "", "", ""},
      {"one line", "{}\n", "{};", ""},
      {"two lines", "a\nb\n", "a;b;", ""},
      {"no end", "a\nb", "a;", "b"},
      {"CRLF", "a\r\nb\r\n", "a;b;", ""},
      {"a CR inside", "a\rb\n", "a\rb;", ""},
      {"a CR that is held", "a\r", "", "a\r"},
      {"empty lines", "\n\na\n\r\n\nb\n\n", "a;b;", ""},
      {"white space is a line", " \n", " ;", ""},
      {"byte order mark", "\xEF\xBB\xBFx\n\xEF\xBB\xBFy\n", "x;\xEF\xBB\xBFy;", ""},
      {"byte order mark and nothing", "\xEF\xBB\xBF\nx\n", "x;", ""},
      {"a NUL", std::string("a\0b\n", 4), std::string("a\0b;", 4), ""},
  };
  return table;
}

TEST(LineSplitter, ReadsWholeInput) {
  for (const Case& c : cases()) {
    LineSplitter splitter(1000);
    EXPECT_EQ(read(splitter, c.bytes), c.lines) << c.name;
    EXPECT_EQ(splitter.held(), c.held) << c.name;
  }
}

TEST(LineSplitter, ReadsByteByByte) {
  for (const Case& c : cases()) {
    LineSplitter splitter(1000);
    std::string seen;
    for (const char byte : c.bytes) seen += read(splitter, {&byte, 1});
    EXPECT_EQ(seen, c.lines) << c.name;
    EXPECT_EQ(splitter.held(), c.held) << c.name;
  }
}

TEST(LineSplitter, AnySplitGivesTheSame) {
  Random random(1);
  std::string text;
  for (const Case& c : cases()) text += c.bytes;
  LineSplitter whole(1000);
  const std::string expected = read(whole, text);
  for (int round = 0; round < 500; ++round) {
    LineSplitter splitter(1000);
    std::string seen;
    std::string_view rest = text;
    while (!rest.empty()) {
      const std::size_t size = std::min<std::size_t>(1 + random.below(9), rest.size());
      seen += read(splitter, rest.substr(0, size));
      rest.remove_prefix(size);
    }
    ASSERT_EQ(seen, expected);
    ASSERT_EQ(splitter.held(), whole.held());
  }
}

TEST(LineSplitter, HoldsABoundedLine) {
  LineSplitter splitter(8);
  EXPECT_EQ(read(splitter, "12345678\n12345678\n"), "12345678;12345678;");
  EXPECT_EQ(read(splitter, "1234"), "");
  EXPECT_EQ(read(splitter, "5678"), "");
  EXPECT_EQ(read(splitter, "9"), "error");
  EXPECT_TRUE(splitter.held().empty());
  EXPECT_EQ(read(splitter, "a\n"), "error") << "it does not recover";
  EXPECT_EQ(read(splitter, ""), "error");
}

TEST(LineSplitter, TheBoundIsTheSameWhereTheLineComesWhole) {
  for (const std::size_t size : {7U, 8U, 9U, 100U}) {
    LineSplitter splitter(8);
    const std::string line(size, 'x');
    EXPECT_EQ(read(splitter, line + "\n"), size <= 8 ? line + ";" : "error") << size;
  }
}

TEST(LineSplitter, GivesTheLinesBeforeOneThatIsTooLong) {
  LineSplitter splitter(4);
  std::string seen;
  const auto result = splitter.feed("a\nb\n12345\nc\n", [&seen](std::string_view line) {
    seen += line;
    return true;
  });
  EXPECT_EQ(seen, "ab");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::protocol);
}

TEST(LineSplitter, StopsWhereItIsTold) {
  LineSplitter splitter(100);
  int lines = 0;
  const auto result =
      splitter.feed("a\nb\nc\n", [&lines](std::string_view) { return ++lines < 2; });
  EXPECT_TRUE(result);
  EXPECT_EQ(lines, 2);
  EXPECT_EQ(read(splitter, "d\n"), "d;") << "nothing of what was dropped is left";
}

}  // namespace
}  // namespace llmroute::wire
