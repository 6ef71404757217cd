#include "llmroute/model/limits.h"

namespace llmroute {

namespace {

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kMetadata = "metadata.";

}  // namespace

std::optional<Priority> priority_from(std::string_view word) {
  if (word == "interactive") return kInteractive;
  if (word == "standard") return kStandard;
  if (word == "batch") return kBatch;
  if (word.size() != 1 || kDigits.find(word.front()) == std::string_view::npos) return {};
  return static_cast<Priority>(word.front() - '0');
}

std::string_view priority_word(Priority priority) {
  switch (priority) {
    case kInteractive: return "interactive";
    case kStandard: return "standard";
    case kBatch: return "batch";
    default: return priority < kPriorities ? kDigits.substr(priority, 1) : "invalid";
  }
}

std::optional<CountedBy> counted_by(std::string_view text) {
  if (text.substr(0, kMetadata.size()) == kMetadata && text.size() > kMetadata.size()) {
    return CountedBy{Scope::metadata, std::string(text.substr(kMetadata.size()))};
  }
  const auto scope = from_slug<Scope>(text);
  if (!scope || *scope == Scope::metadata) return std::nullopt;
  return CountedBy{*scope, {}};
}

std::string to_text(const CountedBy& by) {
  if (by.scope == Scope::metadata) return std::string(kMetadata) + by.key;
  return std::string(slug(by.scope));
}

}  // namespace llmroute
