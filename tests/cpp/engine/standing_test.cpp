#include "llmroute/engine/standing.h"

#include <gtest/gtest.h>

#include "engine/drive.h"
#include "engine/scene.h"

namespace llmroute::engine {
namespace {

// A board that follows `current`, seen by a request that began with `mine`.
struct Fixture {
  Fixture(Inventory m, Inventory c) : mine(std::move(m)), current(std::move(c)), scene(current) {}
  Standing at(Duration later = {}) { return scene.at(mine, Instant(seconds(100) + later)); }
  void fail(DeploymentIndex index, ErrorKind kind, std::uint16_t key = 0) {
    health::Work work;
    Outcome outcome;
    outcome.failure = make_failure(kind, "");
    Standing standing = at();
    standing.on_start(index, work);
    standing.on_outcome(index, key, outcome, work);
  }
  Inventory mine, current;
  Scene scene;
  health::Board& board = scene.board;
};

Inventory with_keys(Inventory inventory, std::size_t keys) {
  for (Deployment& d : inventory.deployments) d.keys.assign(keys, parse_secret("k"));
  return inventory;
}

TEST(Standing, TranslatesIndicesByName) {
  Fixture f(make_inventory({"a", "b"}), make_inventory({"c", "b", "a"}));
  for (int i = 0; i < 5; ++i) f.fail(0, ErrorKind::server_error);
  EXPECT_EQ(f.board.admit(2, Instant(seconds(100))).reason, Reason::breaker_open);
  EXPECT_EQ(f.at().admit(0, 0, false).reason, Reason::breaker_open);
  EXPECT_EQ(f.at().admit(1, 0, false).reason, Reason::kept);
  EXPECT_FALSE(f.at().trusted(0));
  EXPECT_TRUE(f.at().trusted(1));
  EXPECT_NE(f.at().next_change(0, 0), kNever);
}

TEST(Standing, KnowsNothingOfWhatIsGone) {
  Inventory moved = make_inventory({"a"});
  moved.deployments[0].base_url = "http://127.0.0.1:2/elsewhere";
  for (Inventory current : {make_inventory({"b"}), moved}) {
    Fixture f(make_inventory({"a"}), std::move(current));
    for (int i = 0; i < 5; ++i) f.fail(0, ErrorKind::server_error);
    EXPECT_EQ(f.board.hot(0).in_flight, 0U);
    EXPECT_EQ(f.board.admit(0, Instant(seconds(100))).reason, Reason::kept);
    EXPECT_EQ(f.at().admit(0, 0, false).reason, Reason::kept);
    EXPECT_FALSE(f.at().trusted(0)) << "a retry there is doubtful";
    EXPECT_FALSE(f.at().proven(0));
    EXPECT_EQ(f.at().next_change(0, 0), kNever);
  }
}

TEST(Standing, BlamesNoKeyOfAnotherInventory) {
  const Inventory keyed = with_keys(make_inventory({"a"}), 1);
  Fixture f(keyed, keyed);
  f.fail(0, ErrorKind::authentication);
  EXPECT_EQ(f.at().admit(0, 0, false).reason, Reason::kept) << "the new key may be a good one";
  EXPECT_FALSE(f.at().same()) << "equal, but not the same";
}

TEST(Standing, RotatesKeysByItselfWhereTheBoardHasOthers) {
  Fixture f(with_keys(make_inventory({"a"}), 3), with_keys(make_inventory({"a"}), 1));
  EXPECT_EQ(f.at().pick_key(0, 0), 0);
  EXPECT_EQ(f.at().pick_key(0, 1), 1);
  EXPECT_EQ(f.at().pick_key(0, 2), 2);
  EXPECT_EQ(f.at().pick_key(0, 3), 0) << "never outside the pool";
  Fixture none(make_inventory({"a"}), with_keys(make_inventory({"a"}), 2));
  EXPECT_EQ(none.at().pick_key(0, 5), 0);
}

TEST(Standing, ExpectsTokensAsTheModelCountsThem) {
  const Inventory inventory = make_inventory({"a", "b"});
  Fixture f(inventory, inventory);
  ChatRequest request;
  request.facts.prompt_tokens = Tokens{1'000};
  request.facts.max_output_tokens = Tokens{10};
  ASSERT_TRUE(
      f.scene.claims
          .take(f.scene.ledger, f.scene.budgets, inventory, 0, request, Instant{}, WallTime{})
          .has_value());
  Outcome answer;
  answer.usage.reported = true;
  answer.usage.input = Tokens{1'500};
  for (int i = 0; i < defaults::kTokenRatioAnswers; ++i) {
    health::Work work{Tokens{1'000}, Tokens{1}};
    f.at().on_start(1, work);
    f.at().on_outcome(1, 0, answer, work);
  }
  EXPECT_EQ(f.at().tokens(0), Tokens{1'010});
  EXPECT_EQ(f.at().tokens(1), Tokens{1'510});
}

TEST(Standing, ProofFades) {
  const Inventory inventory = make_inventory({"a", "b"});
  Fixture f(inventory, make_inventory({"a", "b"}));
  health::Work work;
  EXPECT_FALSE(f.at().proven(0)) << "nothing was heard of it";
  f.at().on_start(0, work);
  f.at().on_outcome(0, 0, Outcome{}, work);
  f.at().on_start(1, work);
  f.at().on_first_content(1, milliseconds(5), work);
  for (DeploymentIndex d : {0U, 1U}) {
    EXPECT_TRUE(f.at(defaults::kProofAge).proven(d));
    EXPECT_FALSE(f.at(defaults::kProofAge + milliseconds(1)).proven(d));
  }
  f.fail(0, ErrorKind::server_error);
  EXPECT_TRUE(f.at().proven(0)) << "a failure is no proof against it, that is the breaker's to say";
}

}  // namespace
}  // namespace llmroute::engine
