// A connection to SQLite with its prepared statements. Not thread-safe, and not for a process other
// than the one that opened it: SQLite keeps its locks per process (see abandon()).
//
// Return codes are SQLite's; 0 is success. After any failure of a statement a transaction that is
// still open is the caller's to roll back.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "llmroute/base/time.h"

struct sqlite3;
struct sqlite3_stmt;

namespace llmroute::store {

class Statement {
 public:
  // Bound texts are not copied: they have to live until the run has ended. Positions count from 1.
  Statement& bind(int at, std::int64_t value);
  Statement& bind(int at, std::string_view bytes);

  // True: there is a row to read. Otherwise it has ended, code() says how, and it may run again.
  bool next();
  int code() const { return code_; }
  // Runs to its end; rows are passed over.
  int run();
  // Ends it early, with success.
  void stop();

  std::int64_t integer(int column) const;  // columns count from 0
  std::string bytes(int column) const;

  // Forgets it without touching it; see Link::abandon.
  void abandon() { [[maybe_unused]] sqlite3_stmt* left_behind = statement_.release(); }

 private:
  friend class Link;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int code_ = 0;
};

class Link {
 public:
  Link() = default;
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // The file exists. Nothing in it is read yet.
  int open(const std::string& path, Duration busy);
  bool read_only() const;
  // Statements are finalised before.
  void close();
  // Forgets it without touching it: SQLite's rule for a forked child.
  void abandon() { handle_ = nullptr; }
  // Closing leaves all files as they are.
  void leave_as_is();

  int run(const char* sql);
  int prepare(const char* sql, Statement& statement);
  // The first column of the first row; `value` stays where there is none.
  int read(const char* sql, std::int64_t& value);
  int read(const char* sql, std::string& value);

  bool in_transaction() const;
  std::int64_t changes() const;  // rows, of the last statement that changed some

 private:
  sqlite3* handle_ = nullptr;
};

}  // namespace llmroute::store
