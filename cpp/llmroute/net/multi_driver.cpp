#include "llmroute/net/multi_driver.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "llmroute/net/stream_gate.h"

namespace llmroute::net {

namespace asio = boost::asio;

namespace {

// Idle connections kept for reuse. Below this curl would close connections that a burst of some
// thousand requests needs again a moment later.
constexpr long kMaxIdleConnections = 4096;

}  // namespace

// One generation of one descriptor. Queued completions hold the Watch they were started for, so an
// event of a closed socket can never be taken for one of the next socket with the same number.
struct MultiDriver::Watch : std::enable_shared_from_this<MultiDriver::Watch> {
  Watch(MultiDriver& the_driver, curl_socket_t the_fd)
      : driver(&the_driver), descriptor(the_driver.context_, the_fd), fd(the_fd) {}
  ~Watch() { detach(); }

  void detach() {
    driver = nullptr;
    if (descriptor.is_open()) descriptor.release();
  }

  // Waits once for each wanted direction that is not waited for already.
  void arm() {
    if ((wanted & CURL_CSELECT_IN) != 0 && !reading) {
      reading = true;
      descriptor.async_wait(descriptor.wait_read, [self = shared_from_this()](const auto& error) {
        self->reading = false;
        self->ready(CURL_CSELECT_IN, error);
      });
    }
    if ((wanted & CURL_CSELECT_OUT) != 0 && !writing) {
      writing = true;
      descriptor.async_wait(descriptor.wait_write, [self = shared_from_this()](const auto& error) {
        self->writing = false;
        self->ready(CURL_CSELECT_OUT, error);
      });
    }
  }

  void ready(int mask, const boost::system::error_code& error) {
    // An event nobody waits for any more is not lost: the next arm() looks at the socket again.
    if (driver == nullptr || (wanted & mask) == 0) return;
    driver->act(fd, error ? mask | CURL_CSELECT_ERR : mask);
    if (driver != nullptr) arm();
  }

  MultiDriver* driver;
  asio::posix::stream_descriptor descriptor;
  curl_socket_t fd;
  int wanted = 0;
  bool opened_here = false;  // curl will say when it closes this one
  bool reading = false;
  bool writing = false;
};

struct MultiDriver::Callbacks {
  static int on_socket(CURL*, curl_socket_t fd, int what, void* user, void*) {
    auto& driver = *static_cast<MultiDriver*>(user);
    switch (what) {
      case CURL_POLL_IN: driver.want(fd, CURL_CSELECT_IN); break;
      case CURL_POLL_OUT: driver.want(fd, CURL_CSELECT_OUT); break;
      case CURL_POLL_INOUT: driver.want(fd, CURL_CSELECT_IN | CURL_CSELECT_OUT); break;
      default: driver.want(fd, 0); break;
    }
    return 0;
  }

  static int on_timer(CURLM*, long timeout_ms, void* user) {
    static_cast<MultiDriver*>(user)->schedule(timeout_ms);
    return 0;
  }

  static curl_socket_t on_open(void* user, curlsocktype, curl_sockaddr* address) {
    int type = address->socktype;
#ifdef SOCK_CLOEXEC
    type |= SOCK_CLOEXEC;  // a program started meanwhile must not keep the connection open
#endif
    const curl_socket_t fd = ::socket(address->family, type, address->protocol);
    if (fd < 0) return CURL_SOCKET_BAD;
    auto& driver = *static_cast<MultiDriver*>(user);
    driver.forget(fd);
    driver.watch(fd).opened_here = true;
    return fd;
  }

  static int on_close(void* user, curl_socket_t fd) {
    static_cast<MultiDriver*>(user)->forget(fd);
    return ::close(fd);
  }
};

MultiDriver::MultiDriver(asio::io_context& context, std::function<void()> on_progress)
    : context_(context),
      on_progress_(std::move(on_progress)),
      multi_(curl_multi_init()),
      alarm_(context),
      self_(std::make_shared<MultiDriver*>(this)) {
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Callbacks::on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Callbacks::on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kMaxIdleConnections);
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX));
  curl_multi_setopt(multi_, CURLMOPT_MAX_CONCURRENT_STREAMS,
                    static_cast<long>(StreamGate::kStreamsPerConnection));
}

MultiDriver::~MultiDriver() {
  *self_ = nullptr;
  curl_multi_cleanup(multi_);
  for (auto& entry : watches_) {
    if (entry) entry->detach();
  }
}

void MultiDriver::adopt(CURL* easy) {
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &Callbacks::on_open);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &Callbacks::on_close);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, this);
}

MultiDriver::Watch& MultiDriver::watch(curl_socket_t fd) {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= watches_.size()) watches_.resize(std::max(index + 1, watches_.size() * 2));
  auto& entry = watches_[index];
  if (!entry) entry = std::make_shared<Watch>(*this, fd);
  return *entry;
}

void MultiDriver::forget(curl_socket_t fd) {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= watches_.size() || !watches_[index]) return;
  watches_[index]->detach();
  watches_[index].reset();
}

void MultiDriver::want(curl_socket_t fd, int mask) {
  if (mask == 0) {
    const auto index = static_cast<std::size_t>(fd);
    if (index >= watches_.size() || !watches_[index]) return;
    Watch& entry = *watches_[index];
    entry.wanted = 0;
    // The resolver's own descriptors are closed without a word.
    if (!entry.opened_here) forget(fd);
    return;
  }
  Watch& entry = watch(fd);
  entry.wanted = mask;
  entry.arm();
}

void MultiDriver::act(curl_socket_t fd, int mask) {
  int running = 0;
  run_inside([&] { curl_multi_socket_action(multi_, fd, mask, &running); });
  on_progress_();
}

void MultiDriver::schedule(long timeout_ms) {
  if (timeout_ms < 0) {
    due_ = kNever;  // the alarm may go off once for nothing: cheaper than resetting it
    return;
  }
  if (timeout_ms > 0) {
    const Instant now = system_clock().now();
    due_ = now + milliseconds(timeout_ms);
    if (due_ < armed_) set_alarm(now, due_);
    return;
  }
  due_ = kNever;
  if (kick_queued_) return;
  kick_queued_ = true;
  asio::post(context_, [self = self_] {
    if (*self != nullptr) (*self)->kick();
  });
}

void MultiDriver::kick() {
  kick_queued_ = false;
  act(CURL_SOCKET_TIMEOUT, 0);
}

void MultiDriver::set_alarm(Instant now, Instant when) {
  armed_ = when;
  alarm_.expires_after(when - now);
  alarm_.async_wait([self = self_](const boost::system::error_code& error) {
    if (error || *self == nullptr) return;
    MultiDriver& driver = **self;
    driver.armed_ = kNever;
    const Instant woken = system_clock().now();
    if (driver.due_ <= woken) {
      driver.due_ = kNever;
      driver.act(CURL_SOCKET_TIMEOUT, 0);
    } else if (driver.due_ != kNever) {
      driver.set_alarm(woken, driver.due_);
    }
  });
}

}  // namespace llmroute::net
