// What providers' own words mean: codes and types, and whole sentences where they have neither.
// Data; for files of this folder only.
#pragma once

#include <optional>
#include <string_view>

#include "llmroute/base/time.h"
#include "llmroute/model/outcome.h"

namespace llmroute::provider {

struct Meaning {
  ErrorKind kind = ErrorKind::server_error;
  Cause cause = Cause::plain;
  Lack lack = {};
  std::optional<Duration> retry_after = {};
};

// A code or type that means one thing whatever the status. Compared whole, with case.
std::optional<Meaning> meaning_of_word(std::string_view word);

// A message that is, from its first byte on, a sentence that its provider is known to say with this
// status. Nothing for anything else, above all where such words stand further inside.
std::optional<Meaning> meaning_of_sentence(int status, std::string_view message);

// A parameter as providers name it: OpenAI's slug, or camel case; nothing for other texts.
std::optional<Parameter> parameter_named(std::string_view name);
// What a model lacks that takes no such parameter.
Lack lack_of(std::optional<Parameter> parameter);

}  // namespace llmroute::provider
