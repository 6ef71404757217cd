// The upstream of the benchmarks: a one-thread epoll server that costs next to nothing.
//
// The path says what to do: /m/fixed/..., /m/delay-MS/... (reply after MS milliseconds),
// /m/stream-N-MS/... (N chunks, one each MS milliseconds, 0: as fast as the socket takes them; one
// write each, the usage chunk where the request asks for it).
// Prints its port and serves until its standard input closes.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

double now_ms() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

struct Connection {
  int fd = -1;
  std::uint64_t id = 0;
  std::string in, out;
  std::size_t sent = 0;
  int chunks_left = 0;
  double every_ms = 0;
  bool wants_usage = false;
  bool waiting_out = false;
};

struct Due {
  double at;
  int fd;
  std::uint64_t id;
  bool operator<(const Due& other) const { return at > other.at; }
};

const std::string kText =
    "TCP begins slowly because a sender cannot know how much the path will carry. It doubles its "
    "window each round trip until a loss or a threshold tells it to grow by one segment instead.";
std::string reply() {
  static const std::string body =
      R"({"id":"chatcmpl-1","object":"chat.completion","created":1750000000,"model":"gpt-4o-mini",)"
      R"("choices":[{"index":0,"message":{"role":"assistant","content":")" +
      kText +
      R"(","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":201,)"
      R"("completion_tokens":40,"total_tokens":241,"prompt_tokens_details":{"cached_tokens":0}}})";
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string framed(const std::string& event) {
  char size[32];
  std::snprintf(size, sizeof size, "%zx\r\n", event.size());
  return size + event + "\r\n";
}

const std::string kHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
std::string event(const std::string& rest) {
  return framed(R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1750000000,)"
                R"("model":"gpt-4o-mini","system_fingerprint":"fp_1",)" +
                rest + "}\n\n");
}

// Texts differ from chunk to chunk: litellm takes a hundred equal ones for a model gone mad.
const std::vector<std::string> kChunks = [] {
  std::vector<std::string> chunks;
  for (int i = 0; i < 64; ++i) {
    chunks.push_back(event(R"("choices":[{"index":0,"delta":{"content":" word)" +
                           std::to_string(i) + R"("},"logprobs":null,"finish_reason":null}])"));
  }
  return chunks;
}();
const std::string kStop = event(R"("choices":[{"index":0,"delta":{},"finish_reason":"stop"}])");
const std::string kUsage = event(
    R"("choices":[],"usage":{"prompt_tokens":201,"completion_tokens":200,"total_tokens":401})");
const std::string kDone = framed("data: [DONE]\n\n") + "0\r\n\r\n";

class Upstream {
 public:
  Upstream() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listener_, 4096) != 0) {
      std::perror("listen");
      std::exit(1);
    }
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    std::printf("%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    epoll_ = epoll_create1(0);
    watch(listener_, EPOLLIN, EPOLL_CTL_ADD);
    watch(0, EPOLLIN, EPOLL_CTL_ADD);
  }

  void run() {
    epoll_event events[256];
    while (true) {
      int wait = -1;
      if (!due_.empty()) {
        const double left = due_.top().at - now_ms();
        wait = left <= 0 ? 0 : static_cast<int>(left) + 1;
      }
      const int count = epoll_wait(epoll_, events, 256, wait);
      for (int i = 0; i < count; ++i) {
        const int fd = events[i].data.fd;
        if (fd == 0) return;  // whoever started us has gone
        if (fd == listener_) {
          accept_all();
        } else if (connections_.count(fd) != 0) {
          serve(fd, events[i].events);
        }
      }
      fire();
    }
  }

 private:
  void watch(int fd, std::uint32_t mask, int how) {
    epoll_event event{};
    event.events = mask;
    event.data.fd = fd;
    epoll_ctl(epoll_, how, fd, &event);
  }

  void accept_all() {
    while (true) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
      if (fd < 0) return;
      const int one = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      auto connection = std::make_unique<Connection>();
      connection->fd = fd;
      connection->id = ++ids_;
      connections_[fd] = std::move(connection);
      watch(fd, EPOLLIN, EPOLL_CTL_ADD);
    }
  }

  void drop(int fd) {
    close(fd);
    connections_.erase(fd);
  }

  void serve(int fd, std::uint32_t events) {
    Connection& c = *connections_[fd];
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0U) {
      static char buffer[1 << 18];
      while (true) {
        const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
        if (got > 0) {
          c.in.append(buffer, static_cast<std::size_t>(got));
          if (static_cast<std::size_t>(got) < sizeof buffer) break;
        } else if (got < 0 && errno == EAGAIN) {
          break;
        } else {
          drop(fd);
          return;
        }
      }
      take_request(c);
    }
    flush(c);
  }

  void take_request(Connection& c) {
    const std::size_t end = c.in.find("\r\n\r\n");
    if (end == std::string::npos) return;
    const std::string head = c.in.substr(0, end);
    std::size_t length = 0;
    for (const char* name : {"\r\ncontent-length:", "\r\nContent-Length:"}) {
      const std::size_t at = head.find(name);
      if (at != std::string::npos)
        length = std::strtoul(head.c_str() + at + std::strlen(name), nullptr, 10);
    }
    if (c.in.size() < end + 4 + length) return;
    int chunks = 0;
    int ms = 0;
    if (std::sscanf(head.c_str(), "POST /m/stream-%d-%d/", &chunks, &ms) == 2) {
      c.wants_usage = c.in.find("\"include_usage\"", end) != std::string::npos;
      begin_stream(c, chunks, ms);
    } else if (std::sscanf(head.c_str(), "POST /m/delay-%d/", &ms) == 1) {
      c.chunks_left = -1;
      due_.push({now_ms() + ms, c.fd, c.id});
    } else {
      c.out += reply();
    }
    c.in.erase(0, end + 4 + length);
  }

  void begin_stream(Connection& c, int chunks, int every_ms) {
    c.out += kHead;
    c.chunks_left = chunks;
    c.every_ms = every_ms;
    if (every_ms != 0) {
      due_.push({now_ms() + every_ms, c.fd, c.id});
      return;
    }
    while (c.chunks_left > 0) {  // one write each, as servers that stream do
      next_chunk(c);
      flush(c);
    }
    end_stream(c);
  }

  static void next_chunk(Connection& c) {
    --c.chunks_left;
    c.out += kChunks[static_cast<std::size_t>(c.chunks_left) % kChunks.size()];
  }

  static void end_stream(Connection& c) { c.out += kStop + (c.wants_usage ? kUsage : "") + kDone; }

  void fire() {
    const double now = now_ms();
    while (!due_.empty() && due_.top().at <= now) {
      const Due due = due_.top();
      due_.pop();
      const auto found = connections_.find(due.fd);
      if (found == connections_.end() || found->second->id != due.id) continue;
      Connection& c = *found->second;
      if (c.chunks_left < 0) {
        c.out += reply();
      } else if (c.chunks_left > 0) {
        next_chunk(c);
        due_.push({due.at + c.every_ms, c.fd, c.id});
      } else {
        end_stream(c);
      }
      flush(c);
    }
  }

  void flush(Connection& c) {
    while (c.sent < c.out.size()) {
      const ssize_t put = send(c.fd, c.out.data() + c.sent, c.out.size() - c.sent, MSG_NOSIGNAL);
      if (put < 0) break;
      c.sent += static_cast<std::size_t>(put);
    }
    const bool rest = c.sent < c.out.size();
    if (!rest) {
      c.out.clear();
      c.sent = 0;
    }
    if (rest == c.waiting_out) return;
    c.waiting_out = rest;
    watch(c.fd, rest ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
  }

  int listener_ = -1, epoll_ = -1;
  std::uint64_t ids_ = 0;
  std::unordered_map<int, std::unique_ptr<Connection>> connections_;
  std::priority_queue<Due> due_;
};

}  // namespace

int main() {
  Upstream().run();
  return 0;
}
