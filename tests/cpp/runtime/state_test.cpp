#include "llmroute/runtime/state.h"

#include <filesystem>

#include "fake_store.h"
#include "llmroute/model/defaults.h"
#include "support/temporary_folder.h"

namespace llmroute::runtime {
namespace {

using test::FakeStore;
using test::Watched;
using Seen = FakeStore::Seen;
using Grants = std::vector<Result<store::Grant>>;

store::LeaseWish wish(std::int64_t want) { return {"k", 100, want, 0, WallTime(seconds(1'000))}; }

struct Fixture {
  explicit Fixture(std::shared_ptr<FakeStore> the_store = std::make_shared<FakeStore>())
      : store(std::move(the_store)), state(*State::open({}, store, notices)) {}

  void ask(std::int64_t want, bool heard = true) {
    state->lease(wish(want), [this, heard](const Result<store::Grant>& grant) {
      grants.change([&grant](Grants& list) { list.push_back(grant); });
      return heard;
    });
  }
  [[nodiscard]] bool answered(std::size_t count) {
    return grants.wait([count](const Grants& list) { return list.size() >= count; });
  }

  std::shared_ptr<FakeStore> store;
  Notices notices;
  Watched<Grants> grants;
  std::unique_ptr<State> state;
};

TEST(State, InMemoryAnswersBeforeTheCallReturns) {
  Notices notices;
  const auto state = *State::open({}, nullptr, notices);
  std::vector<std::int64_t> granted;
  for (int i = 0; i < 3; ++i) {
    state->lease(wish(40), [&granted](const Result<store::Grant>& grant) {
      granted.push_back(grant->granted);
      return true;
    });
  }
  EXPECT_EQ(granted, (std::vector<std::int64_t>{40, 40, 20}));
  EXPECT_EQ(state->path(), "");
  EXPECT_TRUE(notices.take().empty());
}

TEST(State, AFileIsCalledOnAThreadAndKept) {
  const test::TemporaryFolder folder;
  StateSpec spec;
  spec.path = folder / "state.db";
  for (int round = 1; round <= 2; ++round) {
    Notices notices;
    const auto state = *State::open(spec, nullptr, notices);
    Watched<Result<store::Grant>> got(store::Grant{});
    std::atomic<std::thread::id> thread{};
    state->lease(wish(40), [&](const Result<store::Grant>& grant) {
      thread = std::this_thread::get_id();
      got.change([&grant](Result<store::Grant>& out) { out = grant; });
      return true;
    });
    ASSERT_TRUE(got.wait([](const auto& grant) { return grant->taken != 0; }));
    EXPECT_EQ(got.get()->taken, 40 * round);
    EXPECT_NE(thread.load(), std::this_thread::get_id());
    state->stop(test::kPatience);
    EXPECT_FALSE(std::filesystem::exists(spec.path + "-wal"));  // closed
    EXPECT_EQ(state->store(), nullptr);
    EXPECT_TRUE(notices.take().empty());
  }
}

TEST(State, SaysThatADamagedFileWasMoved) {
  const test::TemporaryFolder folder;
  StateSpec spec;
  spec.path = folder / "state.db";
  folder.write("state.db", std::string(2'000, 'x'));
  Notices notices;
  ASSERT_TRUE(State::open(spec, nullptr, notices).has_value());
  const auto said = notices.take();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_NE(said[0].find(spec.path + ".corrupt-1"), std::string::npos) << said[0];
}

TEST(State, APathThatCannotBeUsedIsAnError) {
  const test::TemporaryFolder folder;
  StateSpec spec;
  spec.path = folder / "none/state.db";
  Notices notices;
  const auto refused = State::open(spec, nullptr, notices);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::config);
  EXPECT_EQ(refused.error().path, "state.path");
}

TEST(State, SaysOnceThatTheStoreFailsAndOnceThatItWorks) {
  Fixture f;
  f.store->set_failing(true);
  for (int i = 0; i < 3; ++i) f.ask(10);
  ASSERT_TRUE(f.answered(3));
  for (const auto& grant : f.grants.get()) EXPECT_EQ(grant.error().kind, ErrorKind::capacity);
  auto said = f.notices.take();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_NE(said[0].find("the disk is on fire"), std::string::npos) << said[0];
  f.store->set_failing(false);
  for (int i = 0; i < 3; ++i) f.ask(10);
  ASSERT_TRUE(f.answered(6));
  EXPECT_EQ(f.grants.get().back()->taken, 30);
  EXPECT_EQ(f.notices.take(), std::vector<std::string>{"the state store works again"});
}

TEST(State, ARefusedArgumentIsAnAnswer) {
  Fixture f;
  f.state->heard(Result<void>(make_error(ErrorKind::invalid_argument, "negative")));
  EXPECT_TRUE(f.notices.take().empty());
}

TEST(State, WhatNobodyHearsIsGivenBack) {
  Fixture f;
  f.ask(60, false);
  f.ask(100);
  ASSERT_TRUE(f.answered(2));
  EXPECT_EQ(f.grants.get()[0]->granted, 60);
  EXPECT_EQ(f.grants.get()[1]->granted, 100);
}

TEST(State, TooManyThatWaitAreRefusedAtOnce) {
  Fixture f;
  f.store->set_open(false);
  f.ask(0);
  ASSERT_TRUE(f.store->seen.wait([](const Seen& s) { return s.waiting == 1; }));
  for (std::size_t i = 0; i < defaults::kMaxStoreJobs; ++i) f.ask(0);
  EXPECT_TRUE(f.grants.get().empty());
  f.ask(0);
  ASSERT_EQ(f.grants.get().size(), 1U);
  EXPECT_EQ(f.grants.get()[0].error().kind, ErrorKind::capacity);
  EXPECT_EQ(f.notices.take().size(), 1U);
  f.store->set_open(true);
  ASSERT_TRUE(f.answered(defaults::kMaxStoreJobs + 2));
  EXPECT_EQ(f.notices.take().size(), 1U);  // it works again
}

TEST(State, GivesBackUntilTheFirstFailure) {
  Fixture f;
  f.ask(90);
  ASSERT_TRUE(f.answered(1));
  f.state->give_back({});
  f.state->give_back({{"k", 30}, {"other", 5}});
  f.ask(100);
  ASSERT_TRUE(f.answered(2));
  EXPECT_EQ(f.grants.get()[1]->granted, 40);
  EXPECT_EQ(f.store->seen.get().calls, 4);
  f.store->set_failing(true);
  f.state->give_back({{"k", 1}, {"k", 1}, {"k", 1}});
  f.state->stop(test::kPatience);
  EXPECT_EQ(f.store->seen.get().calls, 5);
}

TEST(State, ForgetsWhatHasExpired) {
  Fixture f;
  f.state->expire(WallTime(seconds(77)));
  f.state->stop(test::kPatience);
  EXPECT_EQ(f.store->seen.get().expired, std::vector<WallTime>{WallTime(seconds(77))});
}

TEST(State, AfterStoppingNothingIsAskedAnyMore) {
  Fixture f;
  f.state->stop(test::kPatience);
  f.ask(10);
  f.state->give_back({{"k", 1}});
  f.state->expire(WallTime{});
  EXPECT_EQ(f.store->seen.get().calls, 0);
  EXPECT_EQ(f.state->store(), nullptr);
  EXPECT_TRUE(f.notices.take().empty());
}

}  // namespace
}  // namespace llmroute::runtime
