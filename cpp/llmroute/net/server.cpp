#include "llmroute/net/server.h"

#include <atomic>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <unordered_set>
#include <utility>
#include <vector>

#include "llmroute/net/server_connection.h"

namespace llmroute::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// --- Responder -------------------------------------------------------------------------------

Responder::Responder(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}

void Responder::respond(int status, const wire::Headers& headers, std::string body) {
  if (auto* connection = connection_->get()) connection->respond(status, headers, std::move(body));
}

void Responder::begin(int status, const wire::Headers& headers) {
  if (auto* connection = connection_->get()) connection->begin(status, headers);
}

void Responder::write(std::string_view bytes) {
  if (auto* connection = connection_->get()) connection->write(bytes);
}

void Responder::write_raw(std::string bytes) {
  if (auto* connection = connection_->get()) connection->write_raw(std::move(bytes));
}

void Responder::end() {
  if (auto* connection = connection_->get()) connection->end();
}

void Responder::close() {
  if (auto* connection = connection_->get()) connection->close_after_flush();
}

void Responder::reset() {
  if (auto* connection = connection_->get()) connection->reset();
}

bool Responder::open() const { return connection_->get() != nullptr; }

void Responder::on_close(std::function<void()> listener) {
  if (auto* connection = connection_->get()) connection->on_close(std::move(listener));
}

std::size_t Responder::unsent_bytes() const {
  const auto* connection = connection_->get();
  return connection == nullptr ? 0 : connection->unsent_bytes();
}

// --- Server ----------------------------------------------------------------------------------

class Server::Impl final : public ServerHub, public std::enable_shared_from_this<Server::Impl> {
 public:
  Impl(Loop& the_loop, const ServerOptions& the_options, Handler handler)
      : ServerHub(the_loop, the_options),
        acceptor_(the_loop.context()),
        handler_(std::move(handler)) {}

  error_code open() {
    error_code error;
    // "localhost" is the one name whose meaning needs no resolver.
    const std::string host = options.host == "localhost" ? "127.0.0.1" : options.host;
    const auto address = asio::ip::make_address(host, error);
    if (error) return error;
    const tcp::endpoint endpoint(address, options.port);
    if (acceptor_.open(endpoint.protocol(), error)) return error;
    if (acceptor_.set_option(tcp::acceptor::reuse_address(true), error)) return error;
    if (acceptor_.bind(endpoint, error)) return error;
    if (acceptor_.listen(tcp::acceptor::max_listen_connections, error)) return error;
    port_ = acceptor_.local_endpoint(error).port();
    return error;
  }

  void accept() {
    if (accepting_ || !acceptor_.is_open() || open_.load() >= options.max_connections) return;
    accepting_ = true;
    acceptor_.async_accept(
        [self = shared_from_this()](const error_code& error, tcp::socket socket) {
          self->accepting_ = false;
          if (!self->acceptor_.is_open()) return;
          if (error) return self->accept_later();
          self->welcome(std::move(socket));
          self->accept();
        });
  }

  void handle(ServerRequest request, Responder responder) override {
    if (handler_) handler_(std::move(request), std::move(responder));
  }

  void closed(ServerConnection& connection) override {
    connections_.erase(&connection);
    --open_;
    accept();
  }

  // Waits until it is done, so that nothing of the handler's is used after it.
  void stop() {
    if (loop.on_loop_thread()) return close_all();
    std::promise<void> done;
    const bool posted = loop.post([&] {
      close_all();
      done.set_value();
    });
    if (!posted) return close_all();  // the loop's thread is gone: nobody else is here
    done.get_future().wait();
  }

  std::uint16_t port() const { return port_; }
  std::size_t open_count() const { return open_.load(); }
  std::uint64_t accepted() const { return accepted_.load(); }

 private:
  void welcome(tcp::socket socket) {
    ++accepted_;
    ++open_;
    const auto connection =
        std::make_shared<ServerConnection>(shared_from_this(), std::move(socket));
    connections_.insert(connection.get());
    connection->start();
  }

  // Out of descriptors or memory; trying at once again would only burn the processor. The next
  // connection that closes tries too.
  void accept_later() {
    loop.call_at(loop.now() + milliseconds(50), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->accept();
    });
  }

  void close_all() {
    stopped = true;
    error_code ignored;
    acceptor_.close(ignored);
    // Dropping one takes it out of the set.
    const std::vector<ServerConnection*> all(connections_.begin(), connections_.end());
    for (ServerConnection* connection : all) connection->drop();
    handler_ = nullptr;
  }

  tcp::acceptor acceptor_;
  Handler handler_;
  std::unordered_set<ServerConnection*> connections_;
  std::uint16_t port_ = 0;
  std::atomic<std::size_t> open_ = 0;
  std::atomic<std::uint64_t> accepted_ = 0;
  bool accepting_ = false;
};

Result<std::unique_ptr<Server>> Server::listen(Loop& loop, const ServerOptions& options,
                                               Handler handler) {
  auto impl = std::make_shared<Impl>(loop, options, std::move(handler));
  if (const error_code error = impl->open()) {
    return make_error(ErrorKind::connect, "cannot listen on " + options.host + ":" +
                                              std::to_string(options.port) + ": " +
                                              error.message());
  }
  loop.post([impl] { impl->accept(); });
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { stop(); }

std::uint16_t Server::port() const { return impl_->port(); }

std::size_t Server::connections() const { return impl_->open_count(); }

std::uint64_t Server::accepted() const { return impl_->accepted(); }

void Server::stop() { impl_->stop(); }

}  // namespace llmroute::net
