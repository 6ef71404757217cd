// What every store promises, the same for all of them.
#include "llmroute/store/store.h"

#include <atomic>
#include <limits>
#include <map>
#include <thread>
#include <vector>

#include "any_store.h"
#include "llmroute/base/random.h"

namespace llmroute::store {
namespace {

using test::AnyStore;
using test::at_s;
using test::StoreKind;
using test::wish;

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

class AllStores : public testing::TestWithParam<StoreKind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, AllStores, testing::Values(StoreKind::memory, StoreKind::sqlite),
                         [](const auto& one) {
                           return one.param == StoreKind::memory ? "Memory" : "Sqlite";
                         });

// --- against a model ------------------------------------------------------------------------------

__extension__ using Wide = __int128;

// The promises once more, as plainly as they can be said; in 128 bits nothing overflows.
class Model {
 public:
  Grant lease(const LeaseWish& w) {
    const Wide before = leases_.count(w.key) != 0 ? leases_[w.key].first : 0;
    Wide granted = 0;
    const Wide sum = before + w.owed;
    if (sum < w.limit) granted = w.limit - sum < w.want ? w.limit - sum : Wide{w.want};
    const Wide after = sum + granted > kMost ? Wide{kMost} : sum + granted;
    if (after != before) {
      auto& [taken, end] = leases_[w.key];
      taken = after;
      if (end < w.expires) end = w.expires;
    }
    return {static_cast<std::int64_t>(granted), static_cast<std::int64_t>(after)};
  }
  void give_back(const std::string& key, std::int64_t amount) {
    const auto found = leases_.find(key);
    if (found == leases_.end()) return;
    Wide& taken = found->second.first;
    taken = taken > amount ? taken - amount : Wide{0};
  }
  std::int64_t taken(const std::string& key) const {
    const auto found = leases_.find(key);
    return found == leases_.end() ? 0 : static_cast<std::int64_t>(found->second.first);
  }
  void put(const std::string& key, const std::string& value, WallTime end) {
    entries_[key] = {value, end};
  }
  bool put_new(const std::string& key, const std::string& value, WallTime end, WallTime now) {
    if (get(key, now)) return false;
    put(key, value, end);
    return true;
  }
  void erase(const std::string& key) { entries_.erase(key); }
  std::optional<std::string> get(const std::string& key, WallTime now) const {
    const auto found = entries_.find(key);
    if (found == entries_.end() || !(now < found->second.second)) return std::nullopt;
    return found->second.first;
  }
  StateStore::Entries scan(const std::string& prefix, WallTime now, std::size_t most) const {
    StateStore::Entries out;
    for (const auto& [key, entry] : entries_) {
      if (key.substr(0, prefix.size()) != prefix || !(now < entry.second)) continue;
      if (out.size() < most) out.emplace_back(key, entry.first);
    }
    return out;
  }
  std::size_t expire(WallTime now) {
    std::size_t count = 0;
    for (auto at = leases_.begin(); at != leases_.end();) {
      const bool gone = at->second.second <= now;
      count += gone ? 1 : 0;
      at = gone ? leases_.erase(at) : std::next(at);
    }
    for (auto at = entries_.begin(); at != entries_.end();) {
      const bool gone = at->second.second <= now;
      count += gone ? 1 : 0;
      at = gone ? entries_.erase(at) : std::next(at);
    }
    return count;
  }

 private:
  std::map<std::string, std::pair<Wide, WallTime>> leases_;
  std::map<std::string, std::pair<std::string, WallTime>> entries_;
};

class Walk {
 public:
  Walk(StoreKind kind, std::uint64_t seed) : random_(seed), store_(kind) {}

  void step() {
    now_ += Duration(seconds(below(3)));
    switch (below(18)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4: return lease();
      case 5:
      case 6: return give_back();
      case 7:
      case 8: return put();
      case 9:
      case 10: return get();
      case 11: return erase();
      case 12:
      case 13: return scan();
      case 14: return expire();
      case 15:
      case 16: return put_new();
      default: return store_.again();
    }
  }

 private:
  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(n)));
  }
  template <class T>
  T one_of(std::initializer_list<T> list) {
    return *(list.begin() + below(static_cast<std::int64_t>(list.size())));
  }
  std::string key() {
    using std::string;
    return one_of<string>({"a", "a/b", "a/b/c", "b", string("a\0b", 3), string("a\0", 2), "\xff",
                           "\xff\xff", "\xff\xff\x01", "a\xff", "A"});
  }
  WallTime soon() { return now_ + Duration(seconds(below(40))); }

  void lease() {
    LeaseWish w;
    w.key = key();
    w.limit = one_of<std::int64_t>({0, 1, 100, 10'000, kMost - 1, kMost});
    w.want = one_of<std::int64_t>({0, 1, below(300), kMost});
    w.owed = one_of<std::int64_t>({0, 0, 0, below(50), kMost});
    w.expires = soon();
    const Grant expected = model_.lease(w);
    const auto got = store_->lease(w);
    ASSERT_TRUE(got.has_value()) << got.error().message;
    EXPECT_EQ(got->granted, expected.granted);
    EXPECT_EQ(got->taken, expected.taken);
  }
  void give_back() {
    const std::string k = key();
    const std::int64_t amount = one_of<std::int64_t>({0, 1, below(200), kMost});
    model_.give_back(k, amount);
    ASSERT_TRUE(store_->give_back(k, amount).has_value());
    EXPECT_EQ(*store_->taken(k), model_.taken(k));
  }
  void put() {
    const std::string k = key(), value(static_cast<std::size_t>(below(9'000)), 'v');
    const WallTime end = soon();
    model_.put(k, value, end);
    ASSERT_TRUE(store_->put(k, value, end).has_value());
  }
  void put_new() {
    const std::string k = key(), value(static_cast<std::size_t>(below(9'000)), 'n');
    const WallTime end = soon();
    EXPECT_EQ(*store_->put_new(k, value, end, now_), model_.put_new(k, value, end, now_));
  }
  void get() {
    const std::string k = key();
    EXPECT_EQ(*store_->get(k, now_), model_.get(k, now_));
    EXPECT_EQ(*store_->taken(k), model_.taken(k));
  }
  void erase() {
    const std::string k = key();
    model_.erase(k);
    ASSERT_TRUE(store_->erase(k).has_value());
  }
  void scan() {
    const std::string prefix = below(3) == 0 ? "" : key();
    const auto most = static_cast<std::size_t>(one_of<std::int64_t>({0, 1, 3, 100, kMost}));
    EXPECT_EQ(*store_->scan(prefix, now_, most), model_.scan(prefix, now_, most));
  }
  void expire() { EXPECT_EQ(*store_->expire(now_), model_.expire(now_)); }

  Random random_;
  AnyStore store_;
  Model model_;
  WallTime now_ = at_s(1'000'000);
};

TEST_P(AllStores, DoAsTheModelDoes) {
  const int seeds = GetParam() == StoreKind::memory ? 40 : 6;
  for (int seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Walk walk(GetParam(), static_cast<std::uint64_t>(seed));
    for (int i = 0; i < 300; ++i) {
      SCOPED_TRACE("step " + std::to_string(i));
      walk.step();
      if (testing::Test::HasFailure()) return;
    }
  }
}

// --- leases ---------------------------------------------------------------------------------------

TEST_P(AllStores, GrantWhatTheLimitLeaves) {
  AnyStore store(GetParam());
  struct Case {
    LeaseWish asked;
    Grant got;
  };
  const Case cases[] = {
      {wish("k", 100, 30), {30, 30}},         {wish("k", 100, 60), {60, 90}},
      {wish("k", 100, 60), {10, 100}},        {wish("k", 100, 60), {0, 100}},
      {wish("k", 100, 60, 7), {0, 107}},  // what is owed was spent: past the limit
      {wish("k", 50, 1), {0, 107}},       // a lower limit takes nothing away
      {wish("k", 110, 60, 1), {2, 110}},      {wish("other", 100, 60), {60, 60}},
      {wish("other", 100, 60, 39), {1, 100}},
  };
  for (const auto& [asked, expected] : cases) {
    const auto got = store->lease(asked);
    ASSERT_TRUE(got.has_value());
    EXPECT_EQ(got->granted, expected.granted) << asked.key << " " << expected.taken;
    EXPECT_EQ(got->taken, expected.taken);
  }
  EXPECT_EQ(*store->taken("nobody"), 0);
}

TEST_P(AllStores, AnExpiredLeaseCountsUntilItIsForgotten) {
  AnyStore store(GetParam());
  EXPECT_EQ(store->lease(wish("k", 100, 80, 0, at_s(10)))->granted, 80);
  EXPECT_EQ(store->lease(wish("k", 100, 80, 0, at_s(5)))->granted, 20);
  EXPECT_EQ(*store->expire(at_s(9)), 0U);
  EXPECT_EQ(*store->taken("k"), 100);
  EXPECT_EQ(*store->expire(at_s(10)), 1U);
  EXPECT_EQ(*store->taken("k"), 0);
  EXPECT_EQ(store->lease(wish("k", 100, 80))->granted, 80);
}

TEST_P(AllStores, ThreadsGetTheLimitAndNoMore) {
  AnyStore store(GetParam());
  constexpr std::int64_t kLimit = 2'000;
  std::atomic<std::int64_t> granted{0}, owed{0}, errors{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      for (int turn = 0;; ++turn) {
        const std::int64_t debt = turn % 5 == 4 ? 3 : 0;
        const auto got = store->lease(wish("k", kLimit, 10 + i, debt));
        if (!got) {
          ++errors;
          return;
        }
        granted += got->granted;
        owed += debt;
        if (got->granted == 0) return;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(errors, 0);
  EXPECT_EQ(*store->taken("k"), granted + owed);
  EXPECT_LE(granted, kLimit);
  EXPECT_GE(granted + owed, kLimit);
}

// --- entries ------------------------------------------------------------------------------------------

TEST_P(AllStores, OnlyTheFirstPutsWhatIsNew) {
  AnyStore store(GetParam());
  EXPECT_TRUE(*store->put_new("k", "first", at_s(10), at_s(1)));
  EXPECT_FALSE(*store->put_new("k", "second", at_s(90), at_s(9)));
  EXPECT_EQ(*store->get("k", at_s(9)), "first");
  // What has expired is not there, whether it was forgotten or not.
  EXPECT_TRUE(*store->put_new("k", "third", at_s(90), at_s(10)));
  EXPECT_EQ(*store->get("k", at_s(11)), "third");
  EXPECT_TRUE(store->erase("k").has_value());
  EXPECT_TRUE(*store->put_new("k", "", at_s(90), at_s(11)));
  EXPECT_EQ(*store->get("k", at_s(11)), "");
}

TEST_P(AllStores, ThreadsThatNumberNeverClash) {
  AnyStore store(GetParam());
  constexpr int kThreads = 8, kEach = 25;
  std::atomic<int> errors{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      int number = 0;
      for (int made = 0; made < kEach;) {
        const auto put =
            store->put_new("n/" + std::to_string(1'000 + number++), "v", at_s(50), at_s(1));
        if (!put) ++errors;
        if (put && *put) ++made;
        if (!put) return;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(errors, 0);
  EXPECT_EQ(store->scan("n/", at_s(1), 1'000)->size(), std::size_t{kThreads} * kEach);
}

// --- bounds ---------------------------------------------------------------------------------------

TEST_P(AllStores, RefuseWhatIsOutOfBounds) {
  AnyStore store(GetParam());
  const std::string longest(kMaxKeyBytes, 'k'), longer(kMaxKeyBytes + 1, 'k');
  EXPECT_TRUE(store->lease(wish(longest, 1, 1)).has_value());
  EXPECT_TRUE(store->put(longest, "", at_s(9)).has_value());
  EXPECT_EQ(*store->get(longest, at_s(1)), "");
  const auto kind = [](const auto& result) {
    return result ? ErrorKind::closed : result.error().kind;
  };
  for (const std::string& key : {longer, std::string()}) {
    EXPECT_EQ(kind(store->lease(wish(key, 1, 1))), ErrorKind::invalid_argument);
    EXPECT_EQ(kind(store->give_back(key, 1)), ErrorKind::invalid_argument);
    EXPECT_EQ(kind(store->taken(key)), ErrorKind::invalid_argument);
    EXPECT_EQ(kind(store->put(key, "v", at_s(9))), ErrorKind::invalid_argument);
    EXPECT_EQ(kind(store->put_new(key, "v", at_s(9), at_s(1))), ErrorKind::invalid_argument);
    EXPECT_EQ(kind(store->get(key, at_s(1))), ErrorKind::invalid_argument);
    EXPECT_EQ(kind(store->erase(key)), ErrorKind::invalid_argument);
  }
  EXPECT_EQ(kind(store->scan(longer, at_s(1), 9)), ErrorKind::invalid_argument);
  EXPECT_EQ(kind(store->lease(wish("k", -1, 1))), ErrorKind::invalid_argument);
  EXPECT_EQ(kind(store->lease(wish("k", 1, -1))), ErrorKind::invalid_argument);
  EXPECT_EQ(kind(store->lease(wish("k", 1, 1, -1))), ErrorKind::invalid_argument);
  EXPECT_EQ(kind(store->give_back("k", -1)), ErrorKind::invalid_argument);
  const std::string huge(kMaxValueBytes + 1, 'v');
  const auto refused = store->put("k", huge, at_s(9));
  ASSERT_EQ(kind(refused), ErrorKind::invalid_argument);
  EXPECT_NE(refused.error().message.find("67108864"), std::string::npos);
}

TEST_P(AllStores, ValuesLeaveRoomForLeases) {
  constexpr std::size_t kBound = 1U << 20;
  AnyStore store(GetParam(), kBound);
  const std::string value(16'000, 'v');
  std::size_t kept = 0;
  Result<void> last;
  while (kept < 1'000 && (last = store->put("entry/" + std::to_string(kept), value, at_s(50)))) {
    ++kept;
  }
  ASSERT_FALSE(last.has_value());
  EXPECT_EQ(last.error().kind, ErrorKind::capacity);
  EXPECT_EQ(store->put_new("entry/new", value, at_s(50), at_s(1)).error().kind,
            ErrorKind::capacity);
  EXPECT_GT(kept * value.size(), kBound / 2);
  EXPECT_LT(kept * value.size(), kBound);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(store->lease(wish("account/" + std::to_string(i), 10, 5)).has_value()) << i;
  }
  EXPECT_EQ(*store->expire(at_s(50)), kept);
  EXPECT_TRUE(store->put("entry/0", value, at_s(90)).has_value());
}

TEST_P(AllStores, FullOfLeasesTheyRefuseAndRecover) {
  AnyStore store(GetParam(), 1U << 17);
  int kept = 0;
  Result<Grant> last = Grant{};
  const auto key = [](int i) { return std::string(200, 'k') + std::to_string(i); };
  while (kept < 5'000 && (last = store->lease(wish(key(kept), 10, 5, 0, at_s(50))))) ++kept;
  ASSERT_FALSE(last.has_value());
  EXPECT_EQ(last.error().kind, ErrorKind::capacity);
  EXPECT_NE(last.error().message.find("bound"), std::string::npos) << last.error().message;
  EXPECT_GT(kept, 50);
  EXPECT_EQ(*store->taken(key(kept)), 0);
  EXPECT_EQ(*store->taken(key(kept - 1)), 5);
  // Accounts that are known go on.
  EXPECT_EQ(store->lease(wish(key(0), 10, 5))->taken, 10);
  EXPECT_EQ(*store->expire(at_s(50)), static_cast<std::size_t>(kept - 1));
  EXPECT_EQ(store->lease(wish(key(kept), 10, 5))->granted, 5);
}

}  // namespace
}  // namespace llmroute::store
