#include "llmroute/base/error.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace llmroute {
namespace {

Result<int> half(int value) {
  if (value % 2 != 0) return make_error(ErrorKind::invalid_argument, "odd", "value", "2");
  return value / 2;
}

TEST(Error, TravelsAsAValue) {
  const Result<int> good = half(4);
  ASSERT_TRUE(good.has_value());
  EXPECT_EQ(*good, 2);

  const Result<int> bad = half(3);
  ASSERT_TRUE(bad.has_error());
  EXPECT_EQ(bad.error().kind, ErrorKind::invalid_argument);
  EXPECT_EQ(bad.error().message, "odd");
  EXPECT_EQ(bad.error().path, "value");
  EXPECT_EQ(bad.error().nearest, "2");
}

TEST(Error, PathAndNearestMayBeAbsent) {
  const Error error = make_error(ErrorKind::closed, "closed");
  EXPECT_TRUE(error.path.empty());
  EXPECT_TRUE(error.nearest.empty());
}

TEST(Error, ReadingAValueThatIsNotThereIsALogicError) {
  EXPECT_THROW(half(1).value(), std::logic_error);
}

TEST(Error, ResultOfNothing) {
  const Result<void> fine;
  EXPECT_TRUE(fine.has_value());
  const Result<void> broken = make_error(ErrorKind::protocol, "x");
  EXPECT_TRUE(broken.has_error());
}

}  // namespace
}  // namespace llmroute
