// Time of one attempt's way through the ledger: look, reserve, settle, for a deployment with five limits, a
// tenant with two and a budget of money whose lease is there. Threads take turns under one lock, as in the
// dispatcher; no store is asked.
//
// Prints a JSON array of {threads, us}: wall time by the number of such ways.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

#include "bench.h"
#include "llmroute/limits/budgets.h"
#include "llmroute/limits/ledger.h"

namespace {

using namespace llmroute;

constexpr int kWays = 200'000;  // of all threads together
constexpr int kTenants = 64;

struct Desk {
  Desk() {
    Inventory inventory;
    Deployment& deployment = inventory.deployments.emplace_back();
    deployment.name = "a";
    deployment.limits = {
        1'000'000'000, 1'000'000'000'000, 1'000'000'000'000, 1'000'000'000'000'000, 1'000, {}};
    inventory.groups.emplace_back().name = "g";
    LimitRule tenants;
    tenants.name = "tenants";
    tenants.by = {Scope::metadata, "tenant"};
    tenants.limits.requests_per_minute = 1'000'000'000;
    tenants.limits.in_flight = 1'000;
    inventory.limits.push_back(tenants);
    BudgetRule money;
    money.name = "money";
    money.limit = usd(1'000'000).pico;
    money.every_group = true;
    inventory.budgets.push_back(money);
    ledger.configure(inventory);
    budgets.configure(inventory);
    for (int i = 0; i < kTenants; ++i) metadata.push_back({{"tenant", std::to_string(i)}});
    purse = budgets.hold(0, {}, now, WallTime{}).value().at(0);
    budgets.ready(purse, now);
    grant();
  }
  void grant() {
    for (const limits::Budgets::Ask& ask : budgets.take_asks()) {
      budgets.on_lease(ask.number, store::Grant{ask.wish.want, 1}, now);
    }
  }
  void way(int i) {
    const limits::AccountIds own =
        ledger.hold(metadata[static_cast<std::size_t>(i % kTenants)], now);
    if (ledger.shortage(0, 0, now, kTokens) || ledger.shortage(own, now, kTokens)) std::abort();
    const limits::AccountIds place = ledger.of_place(0, 0, 0);
    ledger.reserve(place, now, kTokens);
    ledger.reserve(own, now, kTokens);
    const limits::Reservation money = budgets.reserve(purse, 1'000'000, now);
    budgets.settle(money, 900'000, now);
    ledger.settle(place, now, kTokens, Tokens{400});
    ledger.settle(own, now, kTokens, Tokens{400});
    ledger.release(own);
    now += microseconds(1);
    if (budgets.has_asks()) grant();
  }
  using microseconds = std::chrono::microseconds;
  static constexpr Tokens kTokens{500};
  std::mutex mutex;
  limits::Ledger ledger;
  limits::Budgets budgets;
  limits::PurseId purse = 0;
  std::vector<Metadata> metadata;
  Instant now{seconds(1'000)};
};

double measure(int threads) {
  Desk desk;
  std::vector<std::thread> running;
  const auto begin = std::chrono::steady_clock::now();
  for (int t = 0; t < threads; ++t) {
    running.emplace_back([&desk, threads] {
      for (int i = 0; i < kWays / threads; ++i) {
        const std::lock_guard lock(desk.mutex);
        desk.way(i);
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  const auto took = std::chrono::steady_clock::now() - begin;
  return std::chrono::duration<double, std::micro>(took).count() / kWays;
}

}  // namespace

int bench_ledger() {
  bool first = true;
  for (const int threads : {1, 16}) {
    double best = measure(threads);
    for (int repeat = 0; repeat < 4; ++repeat) best = std::min(best, measure(threads));
    std::printf("%s{\"threads\":%d,\"us\":%.4f}", first ? "[" : ",\n", threads, best);
    first = false;
  }
  std::printf("]\n");
  return 0;
}
