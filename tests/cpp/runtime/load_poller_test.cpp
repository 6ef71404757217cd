// Looking at metrics pages: again and again, one look at a time, and through all that can go wrong.
#include "llmroute/runtime/load_poller.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "support/http_server.h"
#include "support/manual_clock.h"
#include "support/on_loop.h"

namespace llmroute::runtime {
namespace {

using test::HttpServer;
using test::kPatience;
using test::on_loop;
using test::Watched;

struct Told {
  std::string deployment;
  LoadReading reading;
  Duration valid{};
};

// A poller on a loop of its own, whose time stands still until a test moves it.
class PollerProbe {
 public:
  PollerProbe() : loop_(clock_, "test-poller") {
    on_loop(loop_, [this] {
      transport_.emplace(loop_);
      poller_.emplace(
          loop_, *transport_,
          [this](const Deployment& d, const LoadReading& reading, Duration valid) {
            told.change([&](std::vector<Told>& all) { all.push_back({d.name, reading, valid}); });
          });
    });
  }
  ~PollerProbe() {
    on_loop(loop_, [this] {
      poller_.reset();
      transport_.reset();
    });
    loop_.stop();
  }
  PollerProbe(const PollerProbe&) = delete;
  PollerProbe& operator=(const PollerProbe&) = delete;

  void watch(const std::vector<std::pair<std::string, std::string>>& pages) {
    auto inventory = std::make_shared<Inventory>();
    for (const auto& [name, url] : pages) {
      Deployment& d = inventory->deployments.emplace_back();
      d.name = name;
      d.model = "m";
      if (!url.empty()) d.load.emplace().metrics = url;
    }
    on_loop(loop_, [&] { poller_->configure(inventory); });
  }
  void advance(Duration by) {
    clock_.advance(by);
    loop_.poke();
  }
  std::size_t size() {
    std::size_t size = 0;
    on_loop(loop_, [&] { size = poller_->size(); });
    return size;
  }
  std::size_t under_way() {
    std::size_t count = 0;
    on_loop(loop_, [&] { count = transport_->in_flight(); });
    return count;
  }
  void stop() {
    on_loop(loop_, [this] { poller_->stop(); });
  }

  Watched<std::vector<Told>> told;

 private:
  test::ManualClock clock_;
  net::Loop loop_;
  std::optional<net::Transport> transport_;
  std::optional<LoadPoller> poller_;
};

auto at_least(std::size_t n) {
  return [n](const std::vector<Told>& all) { return all.size() >= n; };
}

TEST(LoadPoller, LooksAgainAndAgain) {
  Watched<int> looks;
  HttpServer server([&looks](net::ServerRequest request, net::Responder responder) {
    EXPECT_EQ(request.method, "GET");
    int n = 0;
    looks.change([&n](int& count) { n = ++count; });
    responder.respond(200, {}, "vllm:num_requests_waiting " + std::to_string(n) + "\n");
  });
  PollerProbe probe;
  probe.watch({{"silent", ""}, {"a", server.url("/metrics?x=1")}});
  EXPECT_EQ(probe.size(), 1U) << "only those that have a page";
  ASSERT_TRUE(probe.told.wait(at_least(1))) << "at once";
  probe.advance(seconds(1));
  ASSERT_TRUE(probe.told.wait(at_least(2)));
  probe.advance(seconds(1));
  ASSERT_TRUE(probe.told.wait(at_least(3)));
  const auto told = probe.told.get();
  EXPECT_EQ(told[2].deployment, "a");
  EXPECT_EQ(told[2].reading[LoadGauge::queue], 3);
  EXPECT_EQ(told[2].reading[LoadGauge::running], std::nullopt);
  EXPECT_EQ(told[2].valid, seconds(5)) << "three misses of 1 s, the last of which takes 2 s";
}

TEST(LoadPoller, AFailureSaysNothingAndIsNotTheEnd) {
  Watched<int> looks;
  HttpServer server([&looks](net::ServerRequest, net::Responder responder) {
    int n = 0;
    looks.change([&n](int& count) { n = ++count; });
    switch (n) {
      case 1: responder.respond(503, {}, "vllm:num_requests_waiting 1\n"); break;
      case 2: responder.respond(200, {}, "<html>not found</html>"); break;
      case 3: responder.reset(); break;
      case 4: responder.respond(200, {}, std::string(defaults::kMaxMetricsBytes + 1, '#')); break;
      default: responder.respond(200, {}, "vllm:num_requests_waiting 9\n");
    }
  });
  PollerProbe probe;
  probe.watch({{"a", server.url("/metrics")}});
  for (int n = 1; n < 5; ++n) {
    ASSERT_TRUE(looks.wait([n](int count) { return count >= n; }));
    // The answer may still be on its way: time moves until the next look has begun.
    while (looks.get() == n) {
      probe.advance(milliseconds(100));
      probe.under_way();
    }
  }
  ASSERT_TRUE(probe.told.wait(at_least(1)));
  EXPECT_EQ(probe.told.get().front().reading[LoadGauge::queue], 9);
}

TEST(LoadPoller, NobodyIsAskedTwiceAtOnce) {
  Watched<std::vector<net::Responder>> waiting;
  HttpServer server([&waiting](net::ServerRequest, net::Responder responder) {
    waiting.change([&](std::vector<net::Responder>& all) { all.push_back(responder); });
  });
  PollerProbe probe;
  probe.watch({{"a", server.url("/metrics")}});
  const auto asked = [](std::size_t n) {
    return [n](const std::vector<net::Responder>& all) { return all.size() >= n; };
  };
  ASSERT_TRUE(waiting.wait(asked(1)));
  probe.advance(milliseconds(1'900));
  EXPECT_EQ(probe.under_way(), 1U) << "its period is over, its time is not";
  probe.advance(milliseconds(200));
  ASSERT_TRUE(waiting.wait(asked(2))) << "given up, and asked again";
  EXPECT_EQ(probe.under_way(), 1U);
  net::Responder second = waiting.get()[1];
  test::on_loop(server.loop(),
                [second]() mutable { second.respond(200, {}, "llamacpp:requests_deferred 2\n"); });
  ASSERT_TRUE(probe.told.wait(at_least(1)));
  EXPECT_EQ(probe.told.get()[0].reading[LoadGauge::queue], 2);
  test::on_loop(server.loop(), [&waiting] {
    waiting.change([](std::vector<net::Responder>& all) { all.clear(); });
  });
}

TEST(LoadPoller, FollowsTheConfigurationAndStops) {
  const auto one = HttpServer::fixed(200, "tgi_queue_size 1\n");
  const auto two = HttpServer::fixed(200, "tgi_queue_size 2\n");
  PollerProbe probe;
  probe.watch({{"a", one.url("/metrics")}});
  ASSERT_TRUE(probe.told.wait(at_least(1)));
  probe.watch({{"b", two.url("/metrics")}});
  ASSERT_TRUE(probe.told.wait(at_least(2)));
  EXPECT_EQ(probe.told.get()[1].deployment, "b");
  probe.stop();
  EXPECT_EQ(probe.size(), 0U);
  EXPECT_EQ(probe.under_way(), 0U);
  probe.advance(seconds(60));
  EXPECT_EQ(probe.under_way(), 0U) << "no timer is left";
}

}  // namespace
}  // namespace llmroute::runtime
