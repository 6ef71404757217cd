// State that outlives a process and is shared by those that open the same file: leases, and blobs by
// key with expiry.
//
// Whoever spends (limits/ledger.h) spends from memory only what a lease has granted before. A lease is
// durable when grant() returns, so neither a crash nor a second process can make more be spent than
// the limit; what a crash leaves unspent of its lease is lost until the period ends, never spent twice.
//
// Implementations are thread-safe and may block on a disk or another process for as long as they were
// told at opening; the network thread never calls them (runtime/store_worker.h). A failure changes
// nothing, is an Error of kind capacity whose message says what to do, and does not stay: the next
// call works when its cause is gone. Negative amounts, empty or oversized keys and oversized values
// are invalid arguments. Sums saturate.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llmroute/base/error.h"
#include "llmroute/base/time.h"

namespace llmroute::store {

// What goes beyond is refused as an invalid argument.
inline constexpr std::size_t kMaxKeyBytes = 512;
inline constexpr std::size_t kMaxValueBytes = 64U << 20;
// Of a whole store. Values get seven eighths of it, so that leases always find room.
inline constexpr std::size_t kMaxStoreBytes = 1U << 30;

// What a lease asks for. Units are the asker's: picodollars, tokens, requests.
struct LeaseWish {
  std::string key;         // of the account and its period: "budget/batch/acme/2026-11-25"
  std::int64_t limit = 0;  // most that all wishes under the key may be granted in sum
  std::int64_t want = 0;   // as much of this as the limit leaves is granted
  std::int64_t owed = 0;   // spent already beyond a lease: taken in any case, even past the limit
  WallTime expires{};      // the key may be forgotten after this
};

struct Grant {
  std::int64_t granted = 0;  // of `want`
  std::int64_t taken =
      0;  // under the key by everyone so far, this grant and what was owed included
};

class StateStore {
 public:
  virtual ~StateStore() = default;

  // Also under a key that has expired, as long as it is not forgotten: the key names its period. A
  // wish that takes nothing leaves no trace. Of several times of expiry the latest holds.
  virtual Result<Grant> lease(const LeaseWish& wish) = 0;
  // Takes back what a lease granted and nobody spent; never below nothing taken.
  virtual Result<void> give_back(std::string_view key, std::int64_t amount) = 0;
  // Taken under the key so far; 0 where nothing was.
  virtual Result<std::int64_t> taken(std::string_view key) = 0;

  // May be lost when the machine loses power, not when the process dies.
  virtual Result<void> put(std::string_view key, std::string_view value, WallTime expires) = 0;
  // The same where nothing is under the key that has not expired; false, and nothing is changed, where
  // something is. Of several writers, in whatever processes, one gets true.
  virtual Result<bool> put_new(std::string_view key, std::string_view value, WallTime expires,
                               WallTime now) = 0;
  // Nothing where there is none, or it has expired.
  virtual Result<std::optional<std::string>> get(std::string_view key, WallTime now) = 0;
  virtual Result<void> erase(std::string_view key) = 0;
  // Up to `most` entries whose key begins with `prefix`, in order of key, without expired ones.
  using Entries = std::vector<std::pair<std::string, std::string>>;
  virtual Result<Entries> scan(std::string_view prefix, WallTime now, std::size_t most) = 0;

  // Forgets what has expired (at `now` or before); how many entries and leases that were.
  virtual Result<std::size_t> expire(WallTime now) = 0;

  // Around a fork() of this process, on the thread that forks: in between no call runs and nothing is
  // open that a child must not inherit. The child neither uses nor destroys the store.
  virtual void before_fork() {}
  virtual void after_fork() {}
};

// For one process and as long as it lives.
std::unique_ptr<StateStore> make_memory_store(std::size_t max_bytes = kMaxStoreBytes);

struct SqliteOptions {
  std::string path;
  Duration busy = milliseconds(1'000);     // longest wait for another process
  std::size_t max_bytes = kMaxStoreBytes;  // of the file, without what SQLite keeps beside it
  // Where a file that is no database was found, it is moved aside and this is told its new name.
  std::string* moved_to = nullptr;
};
// Makes the file, for its owner's eyes only, where there is none. ErrorKind::config (path "state.path")
// where it cannot be used: its folder does not exist, it may not be written, it belongs to another
// program or comes from a newer version; it is left as it was then. In a child that was forked behind
// before_fork()'s back, calls of the inherited store fail with kind closed.
Result<std::unique_ptr<StateStore>> open_sqlite_store(const SqliteOptions& options);

}  // namespace llmroute::store
