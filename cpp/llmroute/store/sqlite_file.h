// The state file as SQLite keeps it: found or made, checked, and opened with the settings that leases
// rely on. Not thread-safe.
//
// A file that is no database, or a damaged one, is moved aside with what SQLite keeps beside it, never
// deleted; one of another program or of a newer version is left alone.
#pragma once

#include <sys/types.h>

#include <string>

#include "llmroute/store/sqlite_link.h"
#include "llmroute/store/store.h"

namespace llmroute::store {

class SqliteFile {
 public:
  explicit SqliteFile(const SqliteOptions& options);

  // ErrorKind::config where the path cannot be used, capacity where it may work later. A damaged file
  // is moved aside where `may_move`, and its new name put into `moved_to`; else it is an error.
  Result<void> open(bool may_move, std::string& moved_to);
  void close() { link_.close(); }

  Link& link() { return link_; }
  // What was opened is still what the path names: nobody deleted or replaced it.
  bool in_place() const;
  // What a return code means to whoever uses the router; kind capacity.
  Error failure(int code) const;
  // After it only a new connection can be trusted.
  static bool is_grave(int code);

 private:
  struct Identity {
    dev_t device = 0;
    ino_t inode = 0;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  enum class Find { usable, damaged };

  Result<void> locate();
  Result<void> make();
  Result<Find> inspect();
  Result<Find> check_owner();
  Result<Find> judge(int code) const;
  Result<void> set_up();
  int use_wal();
  int make_tables();
  Result<std::string> move_aside();
  static bool identify(const std::string& path, Identity& identity);
  Error unusable(const std::string& why) const;

  const std::string named_;  // as in the configuration
  const Duration busy_;
  const std::size_t max_bytes_;
  std::string path_;  // without links, from the root
  Identity identity_;
  Link link_;
};

}  // namespace llmroute::store
