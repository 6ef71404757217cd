// A router and its store: opened, asked, reported on, closed.
#include <filesystem>

#include "fake_store.h"
#include "llmroute/runtime/router.h"
#include "router_probe.h"
#include "support/manual_clock.h"
#include "support/temporary_folder.h"

namespace llmroute::runtime {
namespace {

using test::FakeStore;
using Seen = FakeStore::Seen;

InventoryPtr with_state(const std::string& path, const std::string& url = "http://127.0.0.1:9") {
  Inventory inventory = *test::inventory_of(test::config_for({{"a", url}}));
  inventory.state.path = path;
  return std::make_shared<const Inventory>(std::move(inventory));
}

TEST(RouterState, OpensItsFileAndClosesIt) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "state.db";
  const auto router = *Router::create(with_state(path), {});
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_NE(router->store(), nullptr);
  EXPECT_TRUE(router->take_notices().empty());
  router->close();
  EXPECT_EQ(router->store(), nullptr);
  EXPECT_FALSE(std::filesystem::exists(path + "-wal"));
  router->close();
}

TEST(RouterState, APathThatCannotBeUsedMakesNoRouter) {
  const test::TemporaryFolder folder;
  const auto refused = Router::create(with_state(folder / "none/state.db"), {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::config);
  EXPECT_EQ(refused.error().path, "state.path");
}

TEST(RouterState, AConfigurationThatIsRefusedMakesNoFile) {
  const test::TemporaryFolder folder;
  Inventory inventory = *with_state(folder / "state.db");
  inventory.groups.at(0).policy.name = "nonsense";
  EXPECT_FALSE(
      Router::create(std::make_shared<const Inventory>(std::move(inventory)), {}).has_value());
  EXPECT_FALSE(std::filesystem::exists(folder / "state.db"));
}

TEST(RouterState, StaysWithItsFile) {
  const test::TemporaryFolder folder;
  const auto router = *Router::create(with_state(folder / "state.db"), {});
  EXPECT_TRUE(router->configure(with_state(folder / "state.db")).has_value());
  for (const std::string& other : {folder / "other.db", std::string()}) {
    const auto refused = router->configure(with_state(other));
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().kind, ErrorKind::config);
    EXPECT_EQ(refused.error().path, "state.path");
    EXPECT_NE(refused.error().message.find("make a new one"), std::string::npos);
  }
  EXPECT_EQ(router->inventory()->state.path, folder / "state.db");
}

TEST(RouterState, SaysThatADamagedFileWasMoved) {
  const test::TemporaryFolder folder;
  folder.write("state.db", std::string(2'000, 'x'));
  const auto router = *Router::create(with_state(folder / "state.db"), {});
  router->close();
  const auto said = router->take_notices();  // also after closing
  ASSERT_EQ(said.size(), 1U);
  EXPECT_NE(said[0].find("state.db.corrupt-1"), std::string::npos) << said[0];
  EXPECT_TRUE(router->take_notices().empty());
}

TEST(RouterState, ForgetsWhatHasExpiredAtFirstAndEveryHour) {
  test::ManualClock clock;
  const auto store = std::make_shared<FakeStore>();
  RouterOptions options;
  options.clock = &clock;
  options.store = store;
  const auto router = *Router::create(with_state(""), options);
  const auto looks = [&](std::size_t count) {
    return store->seen.wait([count](const Seen& s) { return s.expired.size() == count; });
  };
  ASSERT_TRUE(looks(1));
  for (std::size_t hour = 1; hour <= 3; ++hour) {
    clock.advance(std::chrono::minutes(30));
    router->poke();
    clock.advance(std::chrono::minutes(30));
    router->poke();
    ASSERT_TRUE(looks(hour + 1));
    EXPECT_EQ(store->seen.get().expired.back(),
              WallTime(std::chrono::hours(static_cast<std::int64_t>(hour))));
  }
}

TEST(RouterState, AStoreThatFailsIsSaidOnceAndServesOn) {
  const auto server = test::HttpServer::fixed(200, test::whole_reply("hi"));
  const auto store = std::make_shared<FakeStore>();
  store->set_failing(true);
  RouterOptions options;
  options.store = store;
  test::RouterProbe probe(test::config_for({{"a", server.url("")}}), options);
  EXPECT_TRUE(probe.run(test::chat_request()).last.reply);
  probe.router->close();
  const auto said = probe.router->take_notices();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_NE(said[0].find("does not answer"), std::string::npos) << said[0];
}

TEST(RouterState, AStoreThatHangsHoldsUpNobody) {
  const auto server = test::HttpServer::fixed(200, test::whole_reply("hi"));
  const auto store = std::make_shared<FakeStore>();
  store->set_open(false);
  RouterOptions options;
  options.store = store;
  test::RouterProbe probe(test::config_for({{"a", server.url("")}}), options);
  ASSERT_TRUE(store->seen.wait([](const Seen& s) { return s.waiting == 1; }));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(probe.run(test::chat_request()).last.reply);
  store->set_open(true);
  probe.router->close();
  EXPECT_TRUE(probe.router->take_notices().empty());
}

}  // namespace
}  // namespace llmroute::runtime
