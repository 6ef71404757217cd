#include "llmroute/runtime/key_ring.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace llmroute::runtime {
namespace {

Inventory inventory_with(std::vector<std::vector<std::string>> keys) {
  Inventory inventory;
  for (const auto& pool : keys) {
    Deployment deployment;
    for (const std::string& key : pool) deployment.keys.push_back(parse_secret(key));
    inventory.deployments.push_back(std::move(deployment));
  }
  return inventory;
}

std::string text_of(const Result<Secret>& secret) {
  return secret ? secret->reveal() : "error: " + secret.error().message;
}

class KeyRingTest : public testing::Test {
 protected:
  void TearDown() override { ::unsetenv("LLMROUTE_TEST_KEY"); }
  static void set(const char* value) { ::setenv("LLMROUTE_TEST_KEY", value, 1); }
};

TEST_F(KeyRingTest, LiteralsAreThereAtOnceAndNoKeyIsAnEmptyOne) {
  const KeyRing ring(inventory_with({{"sk-first", "sk-second"}, {}}));
  EXPECT_EQ(text_of(ring.find(0, 0)), "sk-first");
  EXPECT_EQ(text_of(ring.find(0, 1)), "sk-second");
  EXPECT_EQ(text_of(ring.find(1, 0)), "");
  EXPECT_FALSE(ring.find(0, 2).has_value());
}

TEST_F(KeyRingTest, VariablesAreReadLateAndKeptForASecond) {
  set("sk-one");
  KeyRing ring(inventory_with({{"env:LLMROUTE_TEST_KEY"}}));
  EXPECT_FALSE(ring.find(0, 0).has_value());
  Instant now{};
  ring.refresh(now, false);
  EXPECT_EQ(text_of(ring.find(0, 0)), "sk-one");
  set("sk-two");
  now += KeyRing::kKeptFor - Duration(1);
  ring.refresh(now, false);
  EXPECT_EQ(text_of(ring.find(0, 0)), "sk-one");
  now += Duration(1);
  ring.refresh(now, false);
  EXPECT_EQ(text_of(ring.find(0, 0)), "sk-two");
}

TEST_F(KeyRingTest, ARefusedKeyIsReadAgainAtOnce) {
  set("sk-one");
  KeyRing ring(inventory_with({{"env:LLMROUTE_TEST_KEY"}}));
  ring.refresh(Instant{}, false);
  set("sk-two");
  ring.expire();
  ring.refresh(Instant{}, false);
  EXPECT_EQ(text_of(ring.find(0, 0)), "sk-two");
}

TEST_F(KeyRingTest, AMissingVariableIsNamed) {
  KeyRing ring(inventory_with({{"env:LLMROUTE_TEST_KEY"}}));
  ring.refresh(Instant{}, false);
  const auto found = ring.find(0, 0);
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().kind, ErrorKind::authentication);
  EXPECT_NE(found.error().message.find("LLMROUTE_TEST_KEY"), std::string::npos);
}

TEST_F(KeyRingTest, FilesAreReadLate) {
  const std::string path = testing::TempDir() + "llmroute_key_ring_test";
  std::ofstream(path) << "sk-from-file\n";
  KeyRing ring(inventory_with({{"file:" + path}, {"file:" + path}}));
  ring.refresh(Instant{}, false);
  EXPECT_EQ(text_of(ring.find(0, 0)), "sk-from-file");
  EXPECT_EQ(text_of(ring.find(1, 0)), "sk-from-file");
  ASSERT_EQ(std::remove(path.c_str()), 0);
}

std::string names_of(const std::vector<health::PoolKey>& keys) {
  std::string text;
  for (const health::PoolKey& k : keys) {
    text += std::to_string(k.deployment) + "/" + std::to_string(k.key) + " ";
  }
  return text;
}

TEST_F(KeyRingTest, SaysWhichKeysAreOthersNow) {
  KeyRing ring(inventory_with(
      {{"env:LLMROUTE_TEST_KEY"}, {"sk-literal", "env:LLMROUTE_TEST_KEY"}, {"callable:token"}}));
  ring.refresh(Instant{}, true);
  EXPECT_EQ(names_of(ring.refresh(Instant{}, true)), "") << "still missing";
  set("sk-one");
  EXPECT_EQ(names_of(ring.refresh(Instant{}, true)), "0/0 1/1 ");
  EXPECT_EQ(names_of(ring.refresh(Instant{}, true)), "");
  set("sk-two");
  EXPECT_EQ(names_of(ring.refresh(Instant{}, false)), "") << "kept for a second";
  EXPECT_EQ(names_of(ring.refresh(Instant{}, true)), "0/0 1/1 ");
  EXPECT_TRUE(ring.set(2, 0, Secret("sk-given")));
  EXPECT_FALSE(ring.set(2, 0, Secret("sk-given")));
  EXPECT_FALSE(ring.set(1, 0, Secret("sk-given"))) << "no callable stands there";
}

TEST_F(KeyRingTest, CallablesAreHandedIn) {
  KeyRing ring(inventory_with({{"callable:token"}, {"sk-literal"}}));
  ring.refresh(Instant{}, true);
  EXPECT_FALSE(ring.find(0, 0).has_value());
  ring.set(0, 0, Secret("sk-given"));
  EXPECT_EQ(text_of(ring.find(0, 0)), "sk-given");
  ring.set(0, 0, Secret(""));
  EXPECT_NE(text_of(ring.find(0, 0)).find("token"), std::string::npos);
  ring.set(1, 0, Secret("sk-other"));  // no callable stands there
  EXPECT_EQ(text_of(ring.find(1, 0)), "sk-literal");
  ring.set(7, 3, Secret("sk-nowhere"));
}

TEST_F(KeyRingTest, EveryKnownKeyIsScrubbedTheOneBeforeToo) {
  set("sk-one-1111");
  KeyRing ring(inventory_with({{"env:LLMROUTE_TEST_KEY"}, {"sk-literal"}}));
  ring.refresh(Instant{}, true);
  set("sk-two-2222");
  ring.refresh(Instant{}, true);
  const std::string said = ring.scrub("bad keys sk-one-1111, sk-two-2222 and sk-literal");
  EXPECT_EQ(said, "bad keys [secret], [secret] and [secret]");
}

}  // namespace
}  // namespace llmroute::runtime
