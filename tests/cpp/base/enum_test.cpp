#include "llmroute/base/enum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "llmroute/base/error.h"
#include "llmroute/base/secret.h"

namespace llmroute {

LLMROUTE_ENUM(Fruit, apple, ripe_pear, fig2);
LLMROUTE_ENUM(Single, alone);
LLMROUTE_ENUM(Wrapped,
              first,    // a comment between two enumerators
              second);  // and one behind the last

namespace {

TEST(Enum, SlugIsTheEnumeratorsName) {
  EXPECT_EQ(slug(Fruit::apple), "apple");
  EXPECT_EQ(slug(Fruit::ripe_pear), "ripe_pear");
  EXPECT_EQ(slug(Fruit::fig2), "fig2");
  EXPECT_EQ(slug(Single::alone), "alone");
  EXPECT_EQ(slug(Wrapped::second), "second");
}

TEST(Enum, TableHasOneEntryPerEnumerator) {
  EXPECT_EQ(slugs<Fruit>().size(), 3U);
  EXPECT_EQ(slugs<Single>().size(), 1U);
  EXPECT_EQ(slugs<Wrapped>().size(), 2U);
}

TEST(Enum, EverySlugComesBack) {
  for (std::size_t i = 0; i < slugs<ErrorKind>().size(); ++i) {
    const auto kind = static_cast<ErrorKind>(i);
    EXPECT_EQ(from_slug<ErrorKind>(slug(kind)), kind) << slug(kind);
  }
  EXPECT_EQ(from_slug<ErrorKind>(slugs<ErrorKind>().back()), ErrorKind::closed);
}

TEST(Enum, UnknownTextIsNothing) {
  for (const char* text : {"", "Apple", "apple ", "ripe", "invalid"}) {
    EXPECT_FALSE(from_slug<Fruit>(text)) << text;
  }
}

TEST(Enum, ValueOutsideTheTableIsInvalid) { EXPECT_EQ(slug(static_cast<Fruit>(3)), "invalid"); }

TEST(Enum, SlugsAreDistinctWords) {
  const auto& names = slugs<ErrorKind>();
  const std::set<std::string_view> distinct(names.begin(), names.end());
  EXPECT_EQ(distinct.size(), names.size());
  for (const std::string_view name : names) {
    EXPECT_TRUE(std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || c == '_';
    })) << name;
  }
}

}  // namespace
}  // namespace llmroute
