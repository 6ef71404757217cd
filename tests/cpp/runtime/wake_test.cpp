#include "llmroute/runtime/wake.h"

#include <gtest/gtest.h>

#include <thread>

namespace llmroute::runtime {
namespace {

TEST(Wake, IsReadableFromSignalToClear) {
  Wake wake;
  EXPECT_FALSE(wake.wait(Duration::zero()));
  wake.signal();
  EXPECT_TRUE(wake.wait(Duration::zero()));
  EXPECT_TRUE(wake.wait(Duration::zero()));
  wake.clear();
  EXPECT_FALSE(wake.wait(Duration::zero()));
}

TEST(Wake, ManySignalsAreOneWake) {
  Wake wake;
  for (int i = 0; i < 100; ++i) wake.signal();
  wake.clear();
  EXPECT_FALSE(wake.wait(Duration::zero()));
}

TEST(Wake, EndsAWaitOnAnotherThread) {
  Wake wake;
  std::thread other([&] { wake.signal(); });
  EXPECT_TRUE(wake.wait(seconds(60)));
  other.join();
}

}  // namespace
}  // namespace llmroute::runtime
