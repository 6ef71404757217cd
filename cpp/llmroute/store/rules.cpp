#include "llmroute/store/rules.h"

#include <algorithm>
#include <limits>

namespace llmroute::store {

namespace {

Error refuse(std::string message) {
  return make_error(ErrorKind::invalid_argument, std::move(message));
}

std::int64_t add(std::int64_t a, std::int64_t b) {
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  return a > most - b ? most : a + b;
}

}  // namespace

Result<void> check_prefix(std::string_view prefix) {
  if (prefix.size() <= kMaxKeyBytes) return {};
  return refuse("a key of the state store has " + std::to_string(prefix.size()) +
                " bytes; use at most " + std::to_string(kMaxKeyBytes));
}

Result<void> check_key(std::string_view key) {
  if (key.empty()) return refuse("a key of the state store is empty; give it a name");
  return check_prefix(key);
}

Result<void> check_entry(std::string_view key, std::string_view value) {
  if (value.size() <= kMaxValueBytes) return check_key(key);
  return refuse("the value of " + std::string(key.substr(0, kMaxKeyBytes)) + " has " +
                std::to_string(value.size()) + " bytes; the state store takes at most " +
                std::to_string(kMaxValueBytes));
}

Result<void> check_amount(std::string_view key, std::int64_t amount) {
  if (auto done = check_key(key); !done) return done;
  if (amount >= 0) return {};
  return refuse("the amount " + std::to_string(amount) + " of " + std::string(key) +
                " is negative; use 0 or more");
}

Result<void> check_wish(const LeaseWish& wish) {
  for (const std::int64_t amount : {wish.limit, wish.want, wish.owed}) {
    if (auto done = check_amount(wish.key, amount); !done) return done;
  }
  return {};
}

Grant decide(std::int64_t taken, const LeaseWish& wish) {
  const std::int64_t before = add(taken, wish.owed);
  const std::int64_t left = std::max<std::int64_t>(0, wish.limit - before);
  Grant grant;
  grant.granted = std::min(wish.want, left);
  grant.taken = add(before, grant.granted);
  return grant;
}

std::string behind(std::string_view prefix) {
  std::string key(prefix);
  while (!key.empty() && key.back() == '\xff') key.pop_back();
  if (!key.empty()) key.back() = static_cast<char>(static_cast<unsigned char>(key.back()) + 1);
  return key;
}

}  // namespace llmroute::store
