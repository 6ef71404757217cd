#include "llmroute/model/outcome.h"

#include <gtest/gtest.h>

#include <map>

namespace llmroute {
namespace {

TEST(FaultOf, EveryKindHasItsParty) {
  const std::map<ErrorKind, Fault> expected = {
      {ErrorKind::config, Fault::router},
      {ErrorKind::invalid_argument, Fault::caller},
      {ErrorKind::no_candidate, Fault::router},
      {ErrorKind::policy, Fault::router},
      {ErrorKind::capacity, Fault::router},
      {ErrorKind::budget_exceeded, Fault::router},
      {ErrorKind::connect, Fault::deployment},
      {ErrorKind::protocol, Fault::deployment},
      {ErrorKind::attempt_timeout, Fault::deployment},
      {ErrorKind::bad_request, Fault::caller},
      {ErrorKind::context_length, Fault::caller},
      {ErrorKind::capability_mismatch, Fault::caller},
      {ErrorKind::content_filter, Fault::caller},
      {ErrorKind::authentication, Fault::key},
      {ErrorKind::permission_denied, Fault::key},
      {ErrorKind::not_found, Fault::deployment},
      {ErrorKind::quota_exhausted, Fault::key},
      {ErrorKind::rate_limit, Fault::key},
      {ErrorKind::overloaded, Fault::deployment},
      {ErrorKind::server_error, Fault::deployment},
      {ErrorKind::stream_interrupted, Fault::deployment},
      {ErrorKind::all_attempts_failed, Fault::router},
      {ErrorKind::deadline_exceeded, Fault::nobody},
      {ErrorKind::cancelled, Fault::nobody},
      {ErrorKind::closed, Fault::router},
      {ErrorKind::rejected, Fault::router},
  };
  ASSERT_EQ(expected.size(), slugs<ErrorKind>().size());
  for (const auto& [kind, fault] : expected) EXPECT_EQ(fault_of(kind), fault) << slug(kind);
}

TEST(Outcome, OkMeansNeitherFailedNorCancelled) {
  Outcome outcome;
  EXPECT_TRUE(outcome.ok());
  outcome.cancelled = true;
  EXPECT_FALSE(outcome.ok());
  outcome.cancelled = false;
  outcome.failure = Failure{};
  EXPECT_FALSE(outcome.ok());
}

}  // namespace
}  // namespace llmroute
