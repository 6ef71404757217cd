#include "llmroute/model/treatment.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "llmroute/model/defaults.h"

namespace llmroute {
namespace {

TEST(TreatmentOf, GivesEachKindItsReaction) {
  const std::map<std::string, Reaction> table = {
      {"connect", Reaction::move_on},
      {"protocol", Reaction::move_on},
      {"attempt_timeout", Reaction::move_on},
      {"rate_limit", Reaction::next_key},
      {"overloaded", Reaction::move_on},
      {"server_error", Reaction::move_on},
      {"stream_interrupted", Reaction::move_on},
      {"permission_denied", Reaction::other_key},
      {"not_found", Reaction::leave},
      {"capability_mismatch", Reaction::leave},
      {"authentication", Reaction::other_key},
      {"quota_exhausted", Reaction::other_key},
      {"context_length", Reaction::larger_window},
      {"content_filter", Reaction::other_filter},
  };
  for (const std::string_view name : slugs<ErrorKind>()) {
    const auto found = table.find(std::string(name));
    // Whatever is not listed is nothing that another attempt would mend.
    const Reaction expected = found == table.end() ? Reaction::end : found->second;
    EXPECT_EQ(treatment_of(*from_slug<ErrorKind>(name)).reaction, expected) << name;
  }
  EXPECT_EQ(treatment_of(static_cast<ErrorKind>(250)).reaction, Reaction::end);
}

TEST(TreatmentOf, LetsACauseChangeOnlyItsOwnKind) {
  const std::map<Cause, ErrorKind> owner = {{Cause::ramp, ErrorKind::rate_limit},
                                            {Cause::daily_quota, ErrorKind::rate_limit},
                                            {Cause::beyond_credit, ErrorKind::quota_exhausted},
                                            {Cause::key_refused, ErrorKind::permission_denied},
                                            {Cause::before_provider, ErrorKind::permission_denied},
                                            {Cause::tool_generation, ErrorKind::server_error}};
  ASSERT_EQ(owner.size() + 1, slugs<Cause>().size());
  for (const auto& [cause, own] : owner) {
    for (std::size_t k = 0; k < slugs<ErrorKind>().size(); ++k) {
      const auto kind = static_cast<ErrorKind>(k);
      const Treatment finer = treatment_of(kind, cause);
      const Treatment plain = treatment_of(kind);
      const bool same = finer.reaction == plain.reaction && finer.fault == plain.fault &&
                        finer.cools == plain.cools && finer.cooling == plain.cooling;
      EXPECT_EQ(same, kind != own) << slug(kind) << " " << slug(cause);
    }
  }
}

TEST(TreatmentOf, NeverTriesAMoneyOrKeyFailureWithTheSameKeyAgain) {
  for (const ErrorKind kind : {ErrorKind::quota_exhausted, ErrorKind::authentication}) {
    const Treatment treatment = treatment_of(kind);
    EXPECT_EQ(treatment.cools, Cools::account);
    EXPECT_GE(treatment.cooling, Duration(std::chrono::hours(1)));
    EXPECT_FALSE(treatment.believed) << "a Retry-After brings no credit";
  }
}

TEST(TreatmentOf, ARequestsOwnFaultCoolsNothing) {
  for (std::size_t k = 0; k < slugs<ErrorKind>().size(); ++k) {
    const Treatment treatment = treatment_of(static_cast<ErrorKind>(k));
    if (treatment.fault == Fault::deployment || treatment.fault == Fault::key) continue;
    EXPECT_EQ(treatment.cools, Cools::nothing) << slugs<ErrorKind>()[k];
  }
}

TEST(FirstCooling, BelievesWhereWaitingHelps) {
  Failure failure = make_failure(ErrorKind::rate_limit, "");
  EXPECT_EQ(first_cooling(failure), Duration(defaults::kCooldown));
  failure.retry_after = seconds(9);
  EXPECT_EQ(first_cooling(failure), Duration(seconds(9)));
  failure.kind = ErrorKind::quota_exhausted;
  EXPECT_EQ(first_cooling(failure), Duration(defaults::kQuotaPark));
  failure.kind = ErrorKind::authentication;
  EXPECT_EQ(first_cooling(failure), kForever);
  failure.kind = ErrorKind::server_error;
  EXPECT_EQ(first_cooling(failure), Duration::zero());
}

TEST(FaultOf, ABadToolCallIsNobodysFault) {
  Failure failure = make_failure(ErrorKind::server_error, "");
  EXPECT_EQ(fault_of(failure), Fault::deployment);
  failure.cause = Cause::tool_generation;
  EXPECT_EQ(fault_of(failure), Fault::nobody);
}

// --- the page -----------------------------------------------------------------------------------

std::string time_in_words(Duration time) {
  if (time == kForever) return "until the configuration changes";
  const auto ms = static_cast<long long>(to_ms(time));
  if (ms % 3'600'000 == 0) return std::to_string(ms / 3'600'000) + " h";
  if (ms % 60'000 == 0) return std::to_string(ms / 60'000) + " min";
  return ms % 1'000 == 0
             ? std::to_string(ms / 1'000) + " s"
             : std::to_string(ms / 1'000) + "." + std::to_string(ms % 1'000 / 100) + " s";
}

std::string cooling_in_words(const Treatment& treatment) {
  if (treatment.cools == Cools::nothing) return "";
  std::string out = treatment.believed ? "as asked, else " : "";
  out += time_in_words(treatment.cooling);
  return treatment.grows ? out + ", doubling" : out;
}

std::string row(std::string_view kind, std::string_view cause, const Treatment& treatment) {
  std::string out = "| `" + std::string(kind) + "` | ";
  out += cause == "plain" ? "" : "`" + std::string(cause) + "`";
  out += " | `" + std::string(slug(treatment.reaction)) + "` | ";
  out += "`" + std::string(slug(treatment.cools)) + "` | ";
  return out + cooling_in_words(treatment) + " | " + std::string(slug(treatment.fault)) + " |";
}

TEST(ErrorsPage, ShowsThisTable) {
  std::ifstream in(std::string(LLMROUTE_SOURCE_DIR) + "/docs/errors.md");
  std::set<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.insert(line);
  ASSERT_FALSE(lines.empty());
  std::size_t rows = 0;
  for (std::size_t k = 0; k < slugs<ErrorKind>().size(); ++k) {
    const auto kind = static_cast<ErrorKind>(k);
    const Treatment plain = treatment_of(kind);
    for (std::size_t c = 0; c < slugs<Cause>().size(); ++c) {
      const Treatment treatment = treatment_of(kind, static_cast<Cause>(c));
      const bool finer = treatment.reaction != plain.reaction || treatment.cools != plain.cools ||
                         treatment.fault != plain.fault || treatment.cooling != plain.cooling;
      const bool of_attempts = plain.reaction != Reaction::end || kind == ErrorKind::bad_request;
      if (!of_attempts || (c > 0 && !finer)) continue;
      const std::string wanted = row(slugs<ErrorKind>()[k], slugs<Cause>()[c], treatment);
      EXPECT_TRUE(lines.count(wanted)) << wanted;
      ++rows;
    }
  }
  std::size_t written = 0;
  for (const std::string& line : lines) written += line.rfind("| `", 0) == 0 ? 1U : 0U;
  EXPECT_EQ(written, rows) << "a row too many, or none for a class";
}

}  // namespace
}  // namespace llmroute
