#include "llmroute/engine/reaction.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace llmroute::engine {
namespace {

TEST(Reaction, IsWhatThePagesSay) {
  const std::map<std::string, Reaction> table = {
      {"connect", Reaction::move_on},
      {"protocol", Reaction::move_on},
      {"attempt_timeout", Reaction::move_on},
      {"rate_limit", Reaction::move_on},
      {"overloaded", Reaction::move_on},
      {"server_error", Reaction::move_on},
      {"stream_interrupted", Reaction::move_on},
      {"permission_denied", Reaction::leave},
      {"not_found", Reaction::leave},
      {"authentication", Reaction::other_key},
      {"quota_exhausted", Reaction::other_key},
      {"context_length", Reaction::larger_window},
      {"content_filter", Reaction::other_filter},
  };
  for (const std::string_view name : slugs<ErrorKind>()) {
    const auto found = table.find(std::string(name));
    // Whatever is not listed is nothing that another attempt would mend.
    const Reaction expected = found == table.end() ? Reaction::end : found->second;
    EXPECT_EQ(reaction_to(*from_slug<ErrorKind>(name)), expected) << name;
  }
  EXPECT_EQ(reaction_to(static_cast<ErrorKind>(250)), Reaction::end);
}

}  // namespace
}  // namespace llmroute::engine
