#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "llmroute/model/document.h"
#include "llmroute/sim/report.h"

namespace llmroute::sim {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// Forty requests, all answered by "d" in 10 ms.
Report answered() {
  Report report;
  report.deployments = {"d"};
  Columns& c = report.columns;
  c.resize(40);
  for (std::size_t i = 0; i < c.size(); ++i) {
    c.ok[i] = c.first_ok[i] = 1;
    c.deployment[i] = c.first[i] = 0;
    c.attempts[i] = 1;
    c.total_ms[i] = 10;
    c.cost_usd[i] = 0.5;
    c.carbon_g[i] = 2;
    c.input_tokens[i] = 60;
    c.output_tokens[i] = 40;
  }
  return report;
}

Value summary_of(const Report& report) {
  auto document = parse_document(summary_json(report), "the summary");
  EXPECT_TRUE(document) << document.error().message;
  return std::move(*document);
}

double number(const Value& table, std::string_view key) {
  const Value* found = table.find(key);
  return found == nullptr || found->type != Value::Type::number ? kUnknown : found->number;
}

TEST(Summary, WhatIsUnknownIsNotZero) {
  Report report = answered();
  report.columns.quality[3] = 0.6;
  report.columns.quality[4] = 0.8;
  Value summary = summary_of(report);
  EXPECT_DOUBLE_EQ(number(summary, "carbon_g"), 80);
  EXPECT_DOUBLE_EQ(number(summary, "quality"), 0.7);
  EXPECT_EQ(number(summary, "known_quality"), 2);
  report.columns.carbon_g[0] = kUnknown;
  report.columns.quality.assign(40, kUnknown);
  summary = summary_of(report);
  EXPECT_TRUE(std::isnan(number(summary, "carbon_g")));
  EXPECT_DOUBLE_EQ(number(summary, "known_carbon_g"), 78);
  EXPECT_EQ(number(summary, "unknown_carbon"), 1);
  EXPECT_TRUE(std::isnan(number(summary, "quality")));
  const Value& first = summary.find("batches")->list[0];
  EXPECT_TRUE(std::isnan(number(first, "carbon_g")));
  EXPECT_TRUE(std::isnan(number(first, "quality_mean")));
  EXPECT_DOUBLE_EQ(number(summary.find("batches")->list[1], "carbon_g"), 4);
}

TEST(Summary, TenantsShareTheTokensThatWereAnswered) {
  Report report = answered();
  Columns& c = report.columns;
  report.tenants = {"small", "big"};
  for (std::size_t i = 0; i < 40; ++i) c.tenant[i] = i < 10 ? 0 : i < 30 ? 1 : -1;
  c.ok[10] = 0;
  c.total_ms[0] = 99;
  const Value summary = summary_of(report);
  const Value& tenants = *summary.find("tenants");
  ASSERT_EQ(tenants.table.size(), 2U);
  const Value &small = *tenants.find("small"), &big = *tenants.find("big");
  EXPECT_EQ(number(small, "requests"), 10);
  EXPECT_EQ(number(small, "tokens"), 1'000);
  EXPECT_DOUBLE_EQ(number(small, "share"), 1'000.0 / 2'900);
  EXPECT_EQ(number(small, "total_ms_p95"), 99);
  EXPECT_EQ(number(big, "requests"), 20);
  EXPECT_EQ(number(big, "answered"), 19);
  EXPECT_EQ(number(summary, "more_tenants"), 0);
}

TEST(Summary, OfManyTenantsTheLargestAreNamed) {
  Report report;
  const std::size_t many = kMostTenants + 20;
  report.columns.resize(many);
  for (std::size_t i = 0; i < many; ++i) {
    report.tenants.push_back("t" + std::to_string(i));
    report.columns.tenant[i] = static_cast<std::int32_t>(i);
    report.columns.ok[i] = 1;
    report.columns.output_tokens[i] = static_cast<std::int32_t>(i + 1);
  }
  const Value summary = summary_of(report);
  const Value& tenants = *summary.find("tenants");
  ASSERT_EQ(tenants.table.size(), kMostTenants);
  EXPECT_EQ(tenants.table.front().first, "t20");
  EXPECT_EQ(tenants.table.back().first, "t119");
  EXPECT_EQ(number(summary, "more_tenants"), 20);
}

TEST(Summary, PrioritiesAndLinesAreThere) {
  Report report = answered();
  report.columns.priority[0] = kBatch;
  report.columns.priority[1] = 7;
  report.columns.queued_ms[0] = 30;
  report.columns.queued_ms[1] = 50;
  report.left_in_flight = 3;
  const Value summary = summary_of(report);
  const Value& priorities = *summary.find("priorities");
  ASSERT_EQ(priorities.table.size(), 3U);
  EXPECT_EQ(priorities.table[0].first, "standard");
  EXPECT_EQ(number(*priorities.find("7"), "requests"), 1);
  EXPECT_EQ(number(*priorities.find("batch"), "requests"), 1);
  EXPECT_EQ(number(*summary.find("queued_ms"), "requests"), 2);
  EXPECT_EQ(number(*summary.find("queued_ms"), "mean"), 40);
  EXPECT_EQ(number(summary, "left_in_flight"), 3);
  EXPECT_EQ(number(summary, "left_waiting"), 0);
}

}  // namespace
}  // namespace llmroute::sim
