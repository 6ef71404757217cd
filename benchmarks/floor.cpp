// The floor: what libcurl's multi interface on epoll costs with nothing on top.
//
// floor URL IN_FLIGHT REQUESTS WARMUP  -> one JSON line. Handles are reused, bodies are not looked at
// beyond counting "\"choices\":[{", which every reply and every chunk has once. The request body is
// read from standard input.
#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

namespace {

double seconds_of(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}
double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}
double now_seconds() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}
long status_kb(const char* key) {
  FILE* file = std::fopen("/proc/self/status", "r");
  char line[256];
  long value = 0;
  while (file != nullptr && std::fgets(line, sizeof line, file) != nullptr) {
    if (std::strncmp(line, key, std::strlen(key)) == 0)
      value = std::atol(line + std::strlen(key) + 1);
  }
  if (file != nullptr) std::fclose(file);
  return value;
}

struct Handle {
  CURL* easy = nullptr;
  double started = 0;
  long bytes = 0;
  long chunks = 0;
  int matched = 0;
};

class Floor {
 public:
  Floor(const char* url, int in_flight, const std::string& body)
      : handles_(static_cast<std::size_t>(in_flight)) {
    multi_ = curl_multi_init();
    epoll_ = epoll_create1(0);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(in_flight) + 8);
    headers_ = curl_slist_append(headers_, "Content-Type: application/json");
    headers_ = curl_slist_append(headers_, "Authorization: Bearer x");
    headers_ = curl_slist_append(headers_, "Expect:");
    for (Handle& h : handles_) {
      h.easy = curl_easy_init();
      curl_easy_setopt(h.easy, CURLOPT_URL, url);
      curl_easy_setopt(h.easy, CURLOPT_HTTPHEADER, headers_);
      curl_easy_setopt(h.easy, CURLOPT_POSTFIELDS, body.data());
      curl_easy_setopt(h.easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
      curl_easy_setopt(h.easy, CURLOPT_WRITEFUNCTION, on_body);
      curl_easy_setopt(h.easy, CURLOPT_WRITEDATA, &h);
      curl_easy_setopt(h.easy, CURLOPT_PRIVATE, &h);
      curl_easy_setopt(h.easy, CURLOPT_NOSIGNAL, 1L);
    }
  }

  void run(long requests) {
    long started = 0;
    long left = requests;
    latencies.clear();
    chunks = 0;
    for (Handle& h : handles_) {
      if (started < requests) start(h), ++started;
    }
    int running = 0;
    curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
    std::vector<Handle*> done;
    epoll_event events[256];
    while (left > 0) {
      const int count = epoll_wait(epoll_, events, 256, wait_ms());
      if (alarm_ >= 0 && now_seconds() >= alarm_) {
        alarm_ = -1;  // before the call: libcurl sets the next one inside
        curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
      }
      for (int i = 0; i < count; ++i) {
        const int mask = ((events[i].events & EPOLLIN) != 0U ? CURL_CSELECT_IN : 0) |
                         ((events[i].events & EPOLLOUT) != 0U ? CURL_CSELECT_OUT : 0) |
                         ((events[i].events & (EPOLLERR | EPOLLHUP)) != 0U ? CURL_CSELECT_ERR : 0);
        curl_multi_socket_action(multi_, events[i].data.fd, mask, &running);
      }
      done.clear();
      int queued = 0;
      while (CURLMsg* message = curl_multi_info_read(multi_, &queued)) {
        if (message->msg == CURLMSG_DONE) done.push_back(finish(message));
      }
      for (Handle* h : done) {
        curl_multi_remove_handle(multi_, h->easy);
        --left;
        if (started < requests) start(*h), ++started;
      }
    }
  }

  std::vector<double> latencies;
  long chunks = 0, bad = 0;

 private:
  void start(Handle& h) {
    h.started = now_seconds();
    h.bytes = 0;
    curl_multi_add_handle(multi_, h.easy);
  }

  int wait_ms() const {
    if (alarm_ < 0) return 1000;
    const double left = (alarm_ - now_seconds()) * 1e3;
    return left <= 0 ? 0 : left > 1000 ? 1000 : static_cast<int>(left) + 1;
  }

  Handle* finish(CURLMsg* message) {
    char* data = nullptr;
    long status = 0;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &data);
    curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
    auto* h = reinterpret_cast<Handle*>(data);
    if (message->data.result != CURLE_OK || status != 200 || h->bytes == 0) ++bad;
    latencies.push_back(now_seconds() - h->started);
    chunks += h->chunks;
    h->chunks = 0;
    return h;
  }

  static std::size_t on_body(char* p, std::size_t, std::size_t n, void* user) {
    auto* h = static_cast<Handle*>(user);
    static const char kMark[] = "\"choices\":[{";
    h->bytes += static_cast<long>(n);
    for (std::size_t i = 0; i < n; ++i) {
      h->matched = p[i] == kMark[h->matched] ? h->matched + 1 : (p[i] == '"' ? 1 : 0);
      if (kMark[h->matched] == '\0') ++h->chunks, h->matched = 0;
    }
    return n;
  }

  static int on_socket(CURL*, curl_socket_t fd, int what, void* user, void* known) {
    auto* self = static_cast<Floor*>(user);
    epoll_event event{};
    event.data.fd = fd;
    if (what == CURL_POLL_REMOVE) return epoll_ctl(self->epoll_, EPOLL_CTL_DEL, fd, &event), 0;
    event.events =
        ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U);
    epoll_ctl(self->epoll_, known != nullptr ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    if (known == nullptr) curl_multi_assign(self->multi_, fd, self);
    return 0;
  }

  static int on_timer(CURLM*, long ms, void* user) {
    static_cast<Floor*>(user)->alarm_ = ms < 0 ? -1 : now_seconds() + static_cast<double>(ms) / 1e3;
    return 0;
  }

  CURLM* multi_ = nullptr;
  int epoll_ = -1;
  double alarm_ = -1;  // in seconds of the steady clock; negative: none
  curl_slist* headers_ = nullptr;
  std::vector<Handle> handles_;
};

}  // namespace

int main(int count, char** words) {
  if (count < 5) return 2;
  std::string body((std::istreambuf_iterator<char>(std::cin)), std::istreambuf_iterator<char>());
  curl_global_init(CURL_GLOBAL_ALL);
  const int in_flight = std::atoi(words[2]);
  const long requests = std::atol(words[3]);
  const long base_kb = status_kb("VmRSS:");
  Floor floor(words[1], in_flight, body);
  floor.run(std::atol(words[4]));
  const double wall = now_seconds();
  const double cpu = cpu_seconds();
  floor.run(requests);
  const double used = cpu_seconds() - cpu;
  const double passed = now_seconds() - wall;
  std::vector<double>& l = floor.latencies;
  std::sort(l.begin(), l.end());
  const auto stalls =
      std::count_if(l.begin(), l.end(), [](double s) { return s > 0.035 && s < 0.050; });
  std::printf(
      "{\"requests\":%ld,\"bad\":%ld,\"cpu_s\":%.6f,\"wall_s\":%.6f,\"chunks\":%ld,"
      "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"stalls\":%ld,\"kb_in_flight\":%.2f,\"version\":\"%s\"}\n",
      requests, floor.bad, used, passed, floor.chunks, l[l.size() / 2] * 1e3,
      l[l.size() * 99 / 100] * 1e3, static_cast<long>(stalls),
      static_cast<double>(status_kb("VmHWM:") - base_kb) / in_flight, LIBCURL_VERSION);
  return floor.bad == 0 ? 0 : 1;
}
