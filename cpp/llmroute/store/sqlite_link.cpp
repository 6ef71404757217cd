#include "llmroute/store/sqlite_link.h"

#include <sqlite3.h>

#include <algorithm>

namespace llmroute::store {

// --- Statement ------------------------------------------------------------------------------------

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement& Statement::bind(int at, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), at, value);
  return *this;
}

Statement& Statement::bind(int at, std::string_view bytes) {
  // A null pointer would bind NULL, which is not the same as nothing.
  const char* data = bytes.empty() ? "" : bytes.data();
  sqlite3_bind_blob64(statement_.get(), at, data, bytes.size(), SQLITE_STATIC);
  return *this;
}

bool Statement::next() {
  code_ = sqlite3_step(statement_.get());
  if (code_ == SQLITE_ROW) return true;
  code_ = sqlite3_reset(statement_.get());  // says it more precisely than the step
  return false;
}

int Statement::run() {
  while (next()) {
  }
  return code_;
}

void Statement::stop() { code_ = sqlite3_reset(statement_.get()); }

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (data == nullptr || size <= 0) return {};
  return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

// --- Link -----------------------------------------------------------------------------------------

Link::~Link() { close(); }

int Link::open(const std::string& path, Duration busy) {
  // Serialised by whoever owns the link, so SQLite needs no mutex of its own.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &handle_, flags, nullptr);
  if (code != SQLITE_OK) {
    close();  // a handle is there even where opening failed
    return code;
  }
  sqlite3_extended_result_codes(handle_, 1);
  const auto wait = std::chrono::duration_cast<milliseconds>(busy).count();
  sqlite3_busy_timeout(handle_, static_cast<int>(std::clamp<std::int64_t>(wait, 0, 3'600'000)));
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return SQLITE_OK;
}

bool Link::read_only() const { return sqlite3_db_readonly(handle_, "main") == 1; }

void Link::close() {
  if (handle_ != nullptr) sqlite3_close_v2(handle_);
  handle_ = nullptr;
}

void Link::leave_as_is() {
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

int Link::run(const char* sql) { return sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr); }

int Link::prepare(const char* sql, Statement& statement) {
  sqlite3_stmt* made = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr);
  statement.statement_.reset(made);
  return code;
}

int Link::read(const char* sql, std::int64_t& value) {
  Statement statement;
  if (const int code = prepare(sql, statement); code != SQLITE_OK) return code;
  if (statement.next()) {
    value = statement.integer(0);
    statement.stop();
  }
  return statement.code();
}

int Link::read(const char* sql, std::string& value) {
  Statement statement;
  if (const int code = prepare(sql, statement); code != SQLITE_OK) return code;
  if (statement.next()) {
    value = statement.bytes(0);
    statement.stop();
  }
  return statement.code();
}

bool Link::in_transaction() const {
  return handle_ != nullptr && sqlite3_get_autocommit(handle_) == 0;
}

std::int64_t Link::changes() const { return sqlite3_changes64(handle_); }

}  // namespace llmroute::store
