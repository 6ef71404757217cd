#include "llmroute/base/secret.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>

namespace llmroute {

namespace {

// No provider's key comes near this; a larger file is the wrong file.
constexpr std::size_t kMaxSecretBytes = 64U << 10;
// Shorter texts would turn ordinary words into "[secret]".
constexpr std::size_t kMinScrubbedBytes = 4;
constexpr std::string_view kMask = "[secret]";

void wipe(std::string& text) {
  // The spare capacity too: a string that shrank or was moved from keeps its bytes there.
  text.resize(text.capacity());
  // volatile, or the compiler drops stores to memory that is about to be freed.
  volatile char* bytes = text.data();
  for (std::size_t i = 0; i < text.size(); ++i) bytes[i] = '\0';
}

Error unusable(const SecretSource& source, std::string_view why) {
  return make_error(ErrorKind::authentication, source.describe() + " " + std::string(why));
}

Result<Secret> from_environment(const SecretSource& source) {
  const char* value = std::getenv(source.where.c_str());
  if (value == nullptr) return unusable(source, "is not set; export that variable");
  if (*value == '\0') return unusable(source, "is empty; export that variable");
  return Secret(value);
}

Result<Secret> from_file(const SecretSource& source) {
  std::ifstream file(source.where, std::ios::binary);
  if (!file) return unusable(source, "cannot be read; check the path and its permissions");
  std::string text(kMaxSecretBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  const auto got = static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0));
  if (got > kMaxSecretBytes) {
    wipe(text);
    return unusable(source, "is larger than 64 KiB, which no key is; check the path");
  }
  std::size_t end = got;
  while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == '\r')) --end;
  Secret secret(text.substr(0, end));
  wipe(text);
  if (secret.empty()) return unusable(source, "holds no key; write the key into that file");
  return secret;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

Secret::~Secret() { wipe(text_); }

std::string SecretSource::describe() const {
  switch (origin) {
    case SecretOrigin::none: return "none";
    case SecretOrigin::literal: return "literal";
    case SecretOrigin::env:
    case SecretOrigin::file:
    case SecretOrigin::callable: break;
  }
  return std::string(slug(origin)) + ":" + where;
}

SecretSource parse_secret(std::string_view text) {
  if (text.empty()) return {};
  SecretSource source;
  if (take_prefix(text, "env:")) {
    source.origin = SecretOrigin::env;
  } else if (take_prefix(text, "file:")) {
    source.origin = SecretOrigin::file;
  } else if (take_prefix(text, "callable:")) {
    source.origin = SecretOrigin::callable;
  } else {
    source.origin = SecretOrigin::literal;
    source.literal = Secret(std::string(text));
    return source;
  }
  source.where = std::string(text);
  return source;
}

Result<Secret> resolve_secret(const SecretSource& source) {
  switch (source.origin) {
    case SecretOrigin::none: return Secret();
    case SecretOrigin::env: return from_environment(source);
    case SecretOrigin::file: return from_file(source);
    case SecretOrigin::callable:
      return unusable(source, "has given no key yet; its owner must hand one in");
    case SecretOrigin::literal: break;
  }
  if (source.literal.empty()) return unusable(source, "key is empty; give one");
  return source.literal;
}

void Scrubber::add(const Secret& secret) {
  const std::string& text = secret.reveal();
  if (text.size() < kMinScrubbedBytes) return;
  const auto same = [&](const Secret& known) { return known.reveal() == text; };
  if (std::any_of(secrets_.begin(), secrets_.end(), same)) return;
  // Longest first: a key that begins another must not leave the other's tail behind.
  const auto place = std::find_if(secrets_.begin(), secrets_.end(), [&](const Secret& known) {
    return known.reveal().size() < text.size();
  });
  secrets_.insert(place, secret);
}

std::string Scrubber::scrub(std::string text) const {
  for (const Secret& secret : secrets_) {
    const std::string& hidden = secret.reveal();
    for (std::size_t at = text.find(hidden); at != std::string::npos;
         at = text.find(hidden, at + kMask.size())) {
      text.replace(at, hidden.size(), kMask);
    }
  }
  return text;
}

}  // namespace llmroute
