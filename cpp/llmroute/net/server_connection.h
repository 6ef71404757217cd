// One client of the HTTP server: reads requests, hands them over, writes the answers.
//
// Loop thread only. Reading and writing never wait: what a client does not take is queued and
// counted. While an answer is pending the socket is still watched, so a client that goes away is
// noticed at once.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/net/request_reader.h"
#include "llmroute/net/server.h"

namespace llmroute::net {

class ServerConnection;

// What connections need of their server.
struct ServerHub {
  ServerHub(Loop& the_loop, ServerOptions the_options) : loop(the_loop), options(the_options) {}
  virtual ~ServerHub() = default;
  virtual void handle(ServerRequest request, Responder responder) = 0;
  virtual void closed(ServerConnection& connection) = 0;

  Loop& loop;
  const ServerOptions options;
  bool stopped = false;
  // One read buffer for all: nothing stays in it between two events.
  std::vector<char> scratch = std::vector<char>(64 * 1024);
};

class ServerConnection : public std::enable_shared_from_this<ServerConnection> {
 public:
  ServerConnection(std::shared_ptr<ServerHub> hub, boost::asio::ip::tcp::socket socket);
  ~ServerConnection();
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;

  void start();
  void drop();  // closes at once, tells no listener

  // What Responder does, for the answer of that number.
  bool answering(std::uint64_t number) const;
  void respond(int status, const wire::Headers& headers, std::string body);
  void begin(int status, const wire::Headers& headers);
  void write(std::string_view bytes);
  void write_raw(std::string bytes);
  void end();
  void close_after_flush();
  void reset();
  void on_close(std::function<void()> listener) { listener_ = std::move(listener); }
  std::size_t unsent_bytes() const { return unsent_; }

 private:
  enum class Phase {
    reading,   // waiting for a request or in the middle of one
    replying,  // a Responder is out
    flushing,  // the answer has ended, its bytes have not all left
    draining,  // nothing more is sent; reads until the client closes, so that it sees the answer
    closed,
  };

  void wait_readable();
  void on_readable();
  void take(std::string_view bytes);
  void parse();
  void hand_over();
  void refuse(int status);
  std::string head(int status, const wire::Headers& headers, bool whole, std::size_t body_size);
  void queue(std::string bytes);
  void flush();
  void wait_writable();
  void after_flush();
  void answer_ended();
  void drain();
  void client_gone();
  void shut();
  void set_deadline(Instant when);
  void on_deadline();

  std::shared_ptr<ServerHub> hub_;
  boost::asio::ip::tcp::socket socket_;
  RequestReader reader_;
  std::string inbox_;  // read, not parsed yet
  std::deque<std::string> out_;
  std::size_t out_offset_ = 0;  // sent of out_.front()
  std::size_t unsent_ = 0;
  std::size_t drained_ = 0;
  std::function<void()> listener_;
  std::uint64_t answer_ = 0;  // number of the current or last answer
  Instant deadline_ = kNever;
  Instant timer_at_ = kNever;
  std::uint64_t timer_ = 0;
  Phase phase_ = Phase::reading;
  bool read_waiting_ = false;
  bool write_waiting_ = false;
  bool parsing_ = false;
  bool request_timed_ = false;
  bool begun_ = false;
  bool raw_ = false;
  bool chunked_ = false;
  bool head_only_ = false;  // HEAD: the answer has no body
  bool http_1_0_ = false;
  bool keep_alive_ = true;
};

// A Responder's shared state: when the last copy goes, an unfinished answer is cut.
class Responder::Connection {
 public:
  Connection(std::shared_ptr<ServerConnection> link, std::uint64_t number)
      : link_(std::move(link)), number_(number) {}
  ~Connection() {
    if (ServerConnection* connection = get()) connection->close_after_flush();
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Null once the answer has ended or the client is gone.
  ServerConnection* get() const { return link_->answering(number_) ? link_.get() : nullptr; }

 private:
  std::shared_ptr<ServerConnection> link_;
  std::uint64_t number_;
};

}  // namespace llmroute::net
