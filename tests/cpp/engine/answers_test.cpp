#include "llmroute/engine/answers.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/drive.h"

namespace llmroute::engine {
namespace {

Decision decision_of(const InventoryPtr& inventory, const std::string& id,
                     std::optional<DeploymentIndex> chosen) {
  Decision decision;
  decision.request_id = id;
  decision.inventory = inventory;
  decision.chosen = chosen;
  for (DeploymentIndex d = 0; d < inventory->deployments.size(); ++d) {
    CandidateRecord& candidate = decision.candidates.emplace_back();
    candidate.deployment = d;
  }
  decision.facts.prompt_tokens = Tokens{42};
  return decision;
}

InventoryPtr shared(Inventory inventory) {
  return std::make_shared<const Inventory>(std::move(inventory));
}

TEST(Answers, RememberWhoAnsweredWhat) {
  Answers answers;
  const auto inventory = shared(make_inventory({"a", "b"}));
  answers.remember(decision_of(inventory, "x", 1), *inventory);
  answers.remember(decision_of(inventory, "y", std::nullopt), *inventory);
  const Answers::Memo* memo = answers.find("x");
  ASSERT_NE(memo, nullptr);
  EXPECT_TRUE(memo->answered);
  EXPECT_EQ(memo->deployment, 1U);
  EXPECT_EQ(memo->group, 0U);
  EXPECT_EQ(memo->request.prompt_tokens.count, 42);
  EXPECT_EQ(memo->score, std::nullopt);
  EXPECT_FALSE(answers.find("y")->answered);
  EXPECT_EQ(answers.find("z"), nullptr);
}

TEST(Answers, ForgetTheOldestFirst) {
  Answers answers(3);
  const auto inventory = shared(make_inventory({"a"}));
  for (int i = 0; i < 8; ++i) {
    answers.remember(decision_of(inventory, std::to_string(i), 0), *inventory);
    EXPECT_LE(answers.size(), 3U);
  }
  EXPECT_EQ(answers.find("4"), nullptr);
  for (const char* id : {"5", "6", "7"}) EXPECT_NE(answers.find(id), nullptr) << id;
}

TEST(Answers, OfRoomForNoneNothingIsKept) {
  Answers answers(0);
  const auto inventory = shared(make_inventory({"a"}));
  answers.remember(decision_of(inventory, "x", 0), *inventory);
  EXPECT_EQ(answers.size(), 0U);
  EXPECT_EQ(answers.find("x"), nullptr);
}

TEST(Answers, TheSameIdTwiceIsTheLaterOne) {
  Answers answers(2);
  const auto inventory = shared(make_inventory({"a", "b"}));
  answers.remember(decision_of(inventory, "x", 0), *inventory);
  answers.remember(decision_of(inventory, "x", 1), *inventory);
  EXPECT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers.find("x")->deployment, 1U);
  answers.remember(decision_of(inventory, "y", 0), *inventory);
  answers.remember(decision_of(inventory, "z", 0), *inventory);
  EXPECT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers.find("x"), nullptr);
}

Experiment experiment_of(const std::string& name, const std::vector<std::string>& arms) {
  Experiment out;
  out.name = name;
  for (const std::string& arm : arms) out.arms.push_back({arm, 0.5, std::nullopt});
  return out;
}

TEST(Answers, MoveWithTheConfiguration) {
  Inventory first = make_inventory({"a", "b"});
  first.experiments = {experiment_of("e", {"x", "y"}), experiment_of("gone", {"x"})};
  const auto before = shared(std::move(first));
  Decision decision = decision_of(before, "1", 1);
  decision.experiments = {{0, 1, 0.5}, {1, 0, 1}};
  Answers answers;
  answers.remember(decision, *before);
  answers.remember(decision_of(before, "2", 0), *before);

  Inventory second = make_inventory({"b", "c"});
  second.experiments = {experiment_of("new", {"x"}), experiment_of("e", {"y", "x"})};
  const auto after = shared(std::move(second));
  answers.move(*before, *after);
  const Answers::Memo& memo = *answers.find("1");
  EXPECT_EQ(memo.deployment, 0U);
  EXPECT_EQ(memo.group, 0U);
  ASSERT_EQ(memo.experiments.size(), 1U);
  EXPECT_EQ(memo.experiments[0].experiment, 1U);
  EXPECT_EQ(memo.experiments[0].arm, 0U);
  EXPECT_EQ(answers.find("2")->deployment, std::nullopt) << "it is gone";
  EXPECT_TRUE(answers.find("2")->answered);

  answers.remember(decision_of(before, "3", 1), *after);
  EXPECT_EQ(answers.find("3")->deployment, 0U) << "began under the earlier one";
}

// --- feedback, through a dispatcher ------------------------------------------------------------------

Inventory learning(const std::map<std::string, double>& options) {
  Inventory inventory = make_inventory({"a", "b"}, "thompson");
  inventory.groups[0].policy.options = options;
  return inventory;
}

std::string refused(Drive& drive, const std::string& id, double score) {
  const auto done = drive.dispatcher().feedback(id, score);
  return done ? "" : done.error().message;
}

TEST(Feedback, SaysWhatIsWrongAndWhatToDo) {
  Drive drive(learning({}));
  drive.submit();
  EXPECT_NE(refused(drive, "r1", 0.5).find("unknown"), std::string::npos) << "it has not ended";
  drive.ok();
  EXPECT_EQ(refused(drive, "r1", 0), "");
  EXPECT_EQ(refused(drive, "r1", 1), "") << "once more";
  for (const double score : {-0.1, 1.1, std::nan("")}) {
    EXPECT_NE(refused(drive, "r1", score).find("from 0 to 1"), std::string::npos) << score;
  }
  const std::string unknown = refused(drive, "nobody", 1);
  EXPECT_NE(unknown.find("request \"nobody\" is unknown"), std::string::npos);
  EXPECT_NE(unknown.find("65536"), std::string::npos);
  EXPECT_NE(unknown.find("answered_by"), std::string::npos);
  drive.submit();
  drive.cancel();
  EXPECT_NE(refused(drive, "r2", 1).find("was not answered"), std::string::npos);
  EXPECT_EQ(drive.dispatcher().feedback("nobody", 1).error().kind, ErrorKind::invalid_argument);
}

// The share of requests that go to `a` first.
double share_of_a(Drive& drive, int requests) {
  int there = 0;
  for (int i = 0; i < requests; ++i) {
    there += drive.submit().find("start a") != std::string::npos ? 1 : 0;
    drive.ok();
  }
  return static_cast<double>(there) / requests;
}

TEST(Feedback, TeachesThePolicy) {
  Drive drive(learning({{"feedback", 1}, {"success", 0}}));
  for (int i = 1; i <= 150; ++i) {
    const bool a = drive.submit().find("start a") != std::string::npos;
    drive.ok();
    EXPECT_EQ(refused(drive, "r" + std::to_string(i), a ? 0.2 : 0.8), "");
  }
  EXPECT_LT(share_of_a(drive, 100), 0.1);
}

TEST(Feedback, OutlivesAReload) {
  Drive drive(learning({{"feedback", 1}, {"success", 0}}));
  std::map<std::string, bool> went;
  for (int i = 1; i <= 60; ++i) {
    went["r" + std::to_string(i)] = drive.submit().find("start a") != std::string::npos;
    drive.ok();
  }
  Inventory next = learning({{"feedback", 1}, {"success", 0}, {"half_life", 500}});
  ASSERT_TRUE(drive.dispatcher().configure(shared(std::move(next))));
  for (const auto& [id, a] : went) EXPECT_EQ(refused(drive, id, a ? 0.9 : 0.1), "");
  EXPECT_GT(share_of_a(drive, 100), 0.9);
}

TEST(Learning, FollowsHowAttemptsEnd) {
  Drive drive(learning({}));
  for (int i = 0; i < 60; ++i) {
    std::string seen = drive.submit();
    while (seen.find("start a") != std::string::npos) seen = drive.fail(ErrorKind::rate_limit);
    if (seen.find("start b") != std::string::npos) drive.ok();
    drive.pass(seconds(120));
  }
  EXPECT_LT(share_of_a(drive, 50), 0.2);
}

TEST(Learning, NothingIsLearnedFromExplaining) {
  Drive drive(learning({}));
  ChatRequest request;
  request.options.model = "main";
  request.id = "explained";
  drive.dispatcher().explain(request, drive.now(), WallTime{});
  EXPECT_NE(refused(drive, "explained", 1).find("unknown"), std::string::npos);
}

TEST(Terms, AreInTheDecisionWithThoseOfALaterGroup) {
  Inventory inventory = make_inventory({"a", "b"}, "score");
  const GroupIndex wide = split_off(inventory, "wide", {"b"});
  inventory.groups[wide].policy.name = "quality";
  inventory.groups[0].on_context_too_long = {wide};
  Drive drive(std::move(inventory));
  drive.submit();
  drive.fail(ErrorKind::context_length);
  drive.ok();
  const Decision& decision = drive.decision();
  ASSERT_EQ(decision.terms.size(), 3U);
  EXPECT_EQ(decision.terms[0].candidate, 0U);
  EXPECT_EQ(decision.terms[2].term, Term::quality);
  EXPECT_EQ(decision.terms[2].candidate, 1U);
}

}  // namespace
}  // namespace llmroute::engine
