#include "llmroute/health/lacks.h"

#include <gtest/gtest.h>

#include "llmroute/health/board.h"
#include "llmroute/model/defaults.h"

namespace llmroute::health {
namespace {

const Instant kStart{seconds(100)};

Facts facts(std::initializer_list<Capability> needs, std::initializer_list<Parameter> parameters) {
  Facts out;
  for (const Capability c : needs) out.needs.set(static_cast<std::size_t>(c));
  for (const Parameter p : parameters) out.parameters.set(static_cast<std::size_t>(p));
  return out;
}

Reason against(const Lacks& lacks, Instant now, const Facts& f) {
  float a = 0;
  return lacks.against(now, f, a);
}

TEST(LacksSignal, RemembersWhatTheRequestCarried) {
  Lacks lacks;
  const Facts tools = facts({Capability::tools}, {Parameter::tools, Parameter::seed});
  EXPECT_FALSE(lacks.any());
  lacks.learn(kStart, {Capability::vision, Parameter::stop}, tools);
  EXPECT_FALSE(lacks.any()) << "the request had neither";
  lacks.learn(kStart, {Capability::tools, std::nullopt}, tools);
  EXPECT_EQ(against(lacks, kStart, tools), Reason::tools_not_supported);
  EXPECT_EQ(against(lacks, kStart, facts({Capability::vision}, {})), Reason::kept);
  lacks.learn(kStart, {std::nullopt, Parameter::seed}, tools);
  float index = 0;
  EXPECT_EQ(lacks.against(kStart, facts({}, {Parameter::seed}), index),
            Reason::parameter_not_supported);
  EXPECT_EQ(static_cast<Parameter>(static_cast<int>(index)), Parameter::seed);
}

TEST(LacksSignal, NamesEveryCapability) {
  for (std::size_t i = 0; i < slugs<Capability>().size(); ++i) {
    Lacks lacks;
    const auto capability = static_cast<Capability>(i);
    const Facts f = facts({capability}, {});
    lacks.learn(kStart, {capability, std::nullopt}, f);
    EXPECT_EQ(slug(against(lacks, kStart, f)),
              std::string(slugs<Capability>()[i]) + "_not_supported");
  }
}

TEST(LacksSignal, ForgetsAndNeverLearnsOther) {
  Lacks lacks;
  const Facts f = facts({Capability::tools}, {Parameter::other});
  lacks.learn(kStart, {std::nullopt, Parameter::other}, f);
  EXPECT_FALSE(lacks.any()) << "nobody knows which one that was";
  lacks.learn(kStart, {Capability::tools, std::nullopt}, f);
  const Instant later = kStart + defaults::kLackKept;
  EXPECT_EQ(against(lacks, later - milliseconds(1), f), Reason::tools_not_supported);
  EXPECT_EQ(against(lacks, later, f), Reason::kept);
  const Facts seeing = facts({Capability::vision}, {});
  lacks.learn(later, {Capability::vision, std::nullopt}, seeing);
  EXPECT_EQ(against(lacks, later, f), Reason::kept)
      << "a new lesson does not bring back an old one";
  EXPECT_EQ(against(lacks, later, seeing), Reason::vision_not_supported);
}

TEST(Board, ChecksLacksOnlyWhereSomethingWasLearned) {
  Inventory inventory;
  for (const char* name : {"a", "b"}) {
    Deployment d;
    d.name = name;
    inventory.deployments.push_back(d);
  }
  Board board;
  board.configure(inventory);
  const Facts f = facts({Capability::tools}, {});
  EXPECT_FALSE(board.hot(0).lacking);
  EXPECT_EQ(board.check_lacks(0, kStart, f).reason, Reason::kept);
  board.learn(0, kStart, {Capability::tools, std::nullopt}, f);
  EXPECT_TRUE(board.hot(0).lacking);
  EXPECT_EQ(board.check_lacks(0, kStart, f).reason, Reason::tools_not_supported);
  EXPECT_EQ(board.check_lacks(1, kStart, f).reason, Reason::kept);
  board.configure(inventory);
  EXPECT_EQ(board.check_lacks(0, kStart, f).reason, Reason::tools_not_supported)
      << "the same deployment lacks the same";
}

}  // namespace
}  // namespace llmroute::health
