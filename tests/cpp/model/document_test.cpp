#include "llmroute/model/document.h"

#include <gtest/gtest.h>

#include <string>

namespace llmroute {
namespace {

TEST(ParseDocument, KeepsOrderAndTypes) {
  const auto document =
      parse_document(R"({"b": 1, "a": [true, null, "x", 2.5, -3, {"c": {}}]})", "the text");
  ASSERT_TRUE(document.has_value());
  ASSERT_EQ(document->table.size(), 2U);
  EXPECT_EQ(document->table[0].first, "b");
  EXPECT_EQ(document->find("b")->number, 1);
  const Value& list = *document->find("a");
  ASSERT_EQ(list.list.size(), 6U);
  EXPECT_TRUE(list.list[0].boolean);
  EXPECT_EQ(list.list[1].type, Value::Type::null);
  EXPECT_EQ(list.list[2].text, "x");
  EXPECT_EQ(list.list[3].number, 2.5);
  EXPECT_EQ(list.list[4].number, -3);
  EXPECT_EQ(list.list[5].find("c")->type, Value::Type::table);
  EXPECT_EQ(document->find("c"), nullptr);
}

TEST(ParseDocument, ASingleValueIsADocument) {
  EXPECT_EQ(parse_document("7", "it")->number, 7);
  EXPECT_EQ(parse_document("18446744073709551615", "it")->number, 18446744073709551615.0);
}

TEST(ParseDocument, RefusesWhatAStrictDocumentMustNotHave) {
  const std::string deep = std::string(65, '[') + std::string(65, ']');
  struct Case {
    std::string json;
    const char* path;
    const char* message;
  };
  const Case cases[] = {
      {"", "", "the text is not valid JSON at byte"},
      {"{", "", "the text is not valid JSON at byte"},
      {R"({"a": 1,})", "", "not valid JSON at byte 9"},
      {R"({"a": NaN})", "", "not valid JSON"},
      {"{} x", "", "not valid JSON"},
      {"[1e999]", "", "not valid JSON"},
      {"\"\xFF\"", "", "not valid JSON"},
      {deep, "", "the text is nested deeper than 64 levels"},
      {std::string(100'000, '['), "", "nested deeper"},
      {R"({"a": {"b": 1, "b": 2}})", "a.b", "is given twice"},
      {R"({"a": [{}, {"x.y": 1, "x.y": 2}]})", "a[1].\"x.y\"", "is given twice"},
  };
  for (const Case& c : cases) {
    const auto document = parse_document(c.json, "the text");
    ASSERT_TRUE(document.has_error()) << c.json.substr(0, 40);
    EXPECT_EQ(document.error().kind, ErrorKind::config);
    EXPECT_EQ(document.error().path, c.path);
    EXPECT_NE(document.error().message.find(c.message), std::string::npos)
        << document.error().message;
  }
}

TEST(ParseDocument, DepthAtTheBoundIsFine) {
  const std::string deep = std::string(64, '[') + std::string(64, ']');
  EXPECT_TRUE(parse_document(deep, "it").has_value());
}

TEST(ParseDocument, ErrorsNeverShowTheText) {
  const auto document = parse_document(R"({"api_key": "sk-very-secret)", "the text");
  ASSERT_TRUE(document.has_error());
  EXPECT_EQ(document.error().message.find("sk-very"), std::string::npos);
}

TEST(ParseDocument, IsBounded) {
  const auto document = parse_document(std::string((64U << 20) + 1, ' '), "the text");
  ASSERT_TRUE(document.has_error());
  EXPECT_EQ(document.error().message, "the text is larger than 64 MiB");
}

TEST(ChildPath, QuotesWhatWouldBeRead) {
  struct Case {
    const char* parent;
    const char* key;
    const char* path;
  };
  const Case cases[] = {
      {"", "groups", "groups"},
      {"groups", "fast", "groups.fast"},
      {"deployments", "openai/gpt-4o", "deployments.openai/gpt-4o"},
      {"deployments", "gpt-4.1", "deployments.\"gpt-4.1\""},
      {"a", "", "a.\"\""},
      {"a", "b c", "a.\"b c\""},
      {"a", "x[0]", "a.\"x[0]\""},
      {"a", "say \"hi\"", "a.\"say \\\"hi\\\"\""},
      {"a",
       "Gr\xC3\xBC"
       "n",
       "a.\"Gr\xC3\xBC"
       "n\""},
      {"a", "\n", "a.\"\\n\""},
  };
  for (const Case& c : cases) EXPECT_EQ(child_path(c.parent, c.key), c.path);
  EXPECT_EQ(child_path("groups.fast.deployments", std::size_t{3}), "groups.fast.deployments[3]");
  EXPECT_LT(child_path("a", std::string(10'000, 'k')).size(), 250U);
}

TEST(TypeName, ReadsInASentence) {
  EXPECT_EQ(type_name(Value::Type::table), "a table");
  EXPECT_EQ(type_name(Value::Type::boolean), "true or false");
}

}  // namespace
}  // namespace llmroute
