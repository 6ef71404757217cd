#include "llmroute/wire/prometheus.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "llmroute/base/random.h"

namespace llmroute::wire {
namespace {

// "name{labels}=value" of every sample, and how many lines were skipped.
std::string read(std::string_view text) {
  PrometheusReader reader(text);
  std::string out;
  while (const auto sample = reader.next()) {
    if (!out.empty()) out += " ";
    out.append(sample->name).append("{").append(sample->labels).append("}=");
    std::string value = std::to_string(sample->value);
    value.erase(value.find('.') + 3);
    out += std::isfinite(sample->value) ? value
           : std::isnan(sample->value)  ? "nan"
           : sample->value > 0          ? "inf"
                                        : "-inf";
  }
  if (reader.skipped() > 0) out += " skipped " + std::to_string(reader.skipped());
  return out;
}

TEST(PrometheusReader, ReadsSamples) {
  struct Case {
    const char* text;
    const char* expected;
  };
  const Case cases[] = {
      {"", ""},
      {"\n\n", ""},
      {"# HELP a b\n# TYPE a gauge\na 1\n", "a{}=1.00"},
      {"a 1", "a{}=1.00"},
      {"a 1\r\nb 2\r\n", "a{}=1.00 b{}=2.00"},
      {"a\t 2.5 1395066363000\n", "a{}=2.50"},
      {"  a   3  \n", "a{}=3.00"},
      {"vllm:num_requests_running{model_name=\"m\"} 7.0\n",
       "vllm:num_requests_running{model_name=\"m\"}=7.00"},
      {"a{b=\"1\", c=\"2\",} 3", "a{b=\"1\", c=\"2\",}=3.00"},
      {"a{} 3", "a{}=3.00"},
      {"a { b = \"x\" } 3", "a{b = \"x\"}=3.00"},
      {"a{b=\"}\"} 3", "a{b=\"}\"}=3.00"},
      {"a{b=\"q\\\"}\\\\\"} 3", "a{b=\"q\\\"}\\\\\"}=3.00"},
      {"a +Inf\nb -Inf\nc NaN\nd +4\ne -1e-1\nf 1E3",
       "a{}=inf b{}=-inf c{}=nan d{}=4.00 "
       "e{}=-0.10 f{}=1000.00"},
      {"a_bucket{le=\"1\"} 3 # {trace_id=\"x\"} 0.5 1.0\n# EOF\n", "a_bucket{le=\"1\"}=3.00"},
  };
  for (const Case& c : cases) EXPECT_EQ(read(c.text), c.expected) << c.text;
}

TEST(PrometheusReader, SkipsWhatItDoesNotUnderstand) {
  for (const char* line :
       {"1a 3", "a", "a x", "a{b} 3", "a{b=} 3", "a{b=\"1\" 3", "a{b=\"1} 3", "a{b=\"1\"c=\"2\"} 3",
        "a{=\"1\"} 3", "{\"quoted.name\"} 3", "<html>", "\xff\xfe", "a 0x10", "a{b=\"\\"}) {
    EXPECT_EQ(read(std::string(line) + "\nb 2"), "b{}=2.00 skipped 1") << line;
  }
}

TEST(PrometheusReader, SurvivesAnything) {
  Random random(11);
  constexpr std::string_view kBytes = "ab:_{}=\"\\,# \t\n\r019.+-eNI\xff";
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (std::size_t i = random.below(60); i > 0; --i) text += kBytes[random.below(kBytes.size())];
    PrometheusReader reader(text);
    std::size_t samples = 0;
    while (const auto sample = reader.next()) {
      ++samples;
      EXPECT_FALSE(sample->name.empty());
      label_of(sample->labels, "a");
    }
    EXPECT_LE(samples, text.size());
    read_selector(text);
  }
}

TEST(LabelOf, ResolvesEscapes) {
  const std::string_view labels = "a=\"1\", b = \"x\\\"\\\\\\n,}\",c=\"\"";
  EXPECT_EQ(label_of(labels, "a"), "1");
  EXPECT_EQ(label_of(labels, "b"), "x\"\\\n,}");
  EXPECT_EQ(label_of(labels, "c"), "");
  EXPECT_EQ(label_of(labels, "d"), std::nullopt);
  EXPECT_EQ(label_of("", "a"), std::nullopt);
  EXPECT_EQ(label_of("broken", "a"), std::nullopt);
}

TEST(MetricSelector, MatchesNameAndLabels) {
  const auto plain = read_selector(" a:b ");
  ASSERT_TRUE(plain);
  EXPECT_TRUE(plain->matches({"a:b", "x=\"1\"", 0}));
  EXPECT_FALSE(plain->matches({"a", "", 0}));
  const auto picky = read_selector("a{x=\"1\",y=\"q\\\"\"}");
  ASSERT_TRUE(picky);
  EXPECT_TRUE(picky->matches({"a", "z=\"0\",y=\"q\\\"\",x=\"1\"", 0}));
  EXPECT_FALSE(picky->matches({"a", "x=\"1\"", 0}));
  EXPECT_FALSE(picky->matches({"a", "x=\"2\",y=\"q\\\"\"", 0}));
  for (const char* bad : {"", "1a", "a{", "a{x}", "a{x=\"1\"} 3", "a b", "{x=\"1\"}"}) {
    EXPECT_FALSE(read_selector(bad)) << bad;
  }
}

}  // namespace
}  // namespace llmroute::wire
