#include "llmroute/sim/world.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "llmroute/base/text.h"
#include "llmroute/model/shapes.h"

namespace llmroute::sim {

namespace {

using namespace schema;
using schema::Shape;  // not that of requests

constexpr double kLong = 1e10;  // four months of milliseconds
constexpr Shape kMs = number_of(Kind::number, 0, kLong);
constexpr Shape kSeconds = number_of(Kind::number, 0, kLong / 1000);
constexpr Shape kShare = number_of(Kind::number, 0, 1);
constexpr Shape kFactor = number_of(Kind::number, 0.001, 1e6);
constexpr Shape kGrams = number_of(Kind::number, 0, 1e6);
constexpr Shape kRate = number_of(Kind::number, 0, 1e6);
constexpr Shape kUsd = number_of(Kind::number, 0, 1e6);
constexpr Shape kCount = number_of(Kind::integer, 0, 1e9);
constexpr Shape kSpread = words_of(slugs<Spread>());
constexpr Shape kTroubleKind = words_of(slugs<Trouble>());

constexpr std::array kTroubleFields = {
    Field{"kind", &kTroubleKind, "what goes wrong", {}, {}, true},
    Field{"from_s", &kSeconds, "since the start", 0.0, "s"},
    Field{"to_s", &kSeconds, "not after this; default: to the end", {}, "s"},
    Field{"chance", &kShare, "that it strikes an attempt", 1.0},
    Field{"factor", &kFactor, "of slow: how many times as long all takes", 10.0},
    Field{"after_ms", &kMs, "until the failure shows; default: error_ms", {}, "ms"},
    Field{"retry_after_s", &kSeconds, "what rate_limit and overloaded ask to wait", {}, "s"},
};
constexpr Shape kTrouble = table_of(kTroubleFields);
constexpr Shape kTroubles = series_of(kTrouble, 0, 1'000);

constexpr std::array kPriceFields = {
    Field{"at_s", &kSeconds, "since the start", {}, "s", true},
    Field{"input_usd_per_million", &kUsd, "a million prompt tokens", {}, "USD", true},
    Field{"output_usd_per_million", &kUsd, "a million answer tokens", {}, "USD", true},
};
constexpr Shape kPrice = table_of(kPriceFields);
constexpr Shape kPrices = series_of(kPrice, 0, 1'000);

constexpr Shape kByTask = map_of(kShare, 1'000, nullptr);
constexpr Shape kQuality = [] {
  Shape shape;
  shape.kind = Kind::either;
  shape.item = &kShare;
  shape.other = &kByTask;
  return shape;
}();

constexpr std::array kModelFields = {
    Field{"spread", &kSpread, "of the time to the first token", std::string_view("log_normal")},
    Field{"ttft_ms", &kMs, "log_normal: median; exponential: mean", 300.0, "ms"},
    Field{"ttft_p95_ms", &kMs, "of log_normal; default: no spread", {}, "ms"},
    Field{"tokens_per_second", &kRate, "after the first token; 0: all at once", 0.0},
    Field{"straggler_share", &kShare, "of answers that take straggler_factor as long", 0.0},
    Field{"straggler_factor", &kFactor, "how many times as long", 20.0},
    Field{"error_rate", &kShare, "server errors by chance", 0.0},
    Field{"error_ms", &kMs, "until a failure shows", 50.0, "ms"},
    Field{"in_flight", &kCount, "served at once, more wait in line; 0: any number", 0.0},
    Field{"queue", &kCount, "longest line; more are overloaded", 1000.0},
    Field{"requests_per_minute", &kCount, "more are answered with 429; 0: any number", 0.0},
    Field{"troubles", &kTroubles, "the first that strikes an attempt counts"},
    Field{"prices", &kPrices, "changes of the price, as the router learns them"},
    Field{"quality", &kQuality, "of its answers, or a table by metadata.task; default: unknown"},
    Field{"grams_co2_per_1k_tokens", &kGrams, "of prompt and answer; default: unknown", {}, "g"},
};
constexpr Shape kModel = table_of(kModelFields);
constexpr Shape kModels = map_of(kModel, 100'000, nullptr);
constexpr std::array kWorldFields = {
    Field{"default", &kModel, "of deployments that have none of their own", Defaults{}},
    Field{"deployments", &kModels, "by name"},
    Field{"store_ms", &kMs, "until the state store has granted what a budget asks for", 0.0, "ms"},
};
constexpr Shape kWorld = table_of(kWorldFields);

double number(const Value& table, std::string_view key) { return table.find(key)->number; }

std::uint32_t count(const Value& table, std::string_view key) {
  return static_cast<std::uint32_t>(number(table, key));
}

Duration from_s(double s) { return from_ms(s * 1000); }

TroubleSpec read_trouble(const Value& table) {
  TroubleSpec trouble;
  trouble.kind = from_slug<Trouble>(table.find("kind")->text).value_or(Trouble::server_error);
  trouble.from = from_s(number(table, "from_s"));
  if (const Value* to = table.find("to_s")) trouble.to = from_s(to->number);
  trouble.chance = number(table, "chance");
  trouble.factor = number(table, "factor");
  if (const Value* after = table.find("after_ms")) trouble.after = from_ms(after->number);
  if (const Value* wait = table.find("retry_after_s")) trouble.retry_after = from_s(wait->number);
  return trouble;
}

// The sigma for which 95 % of a log-normal are at most p95: z(0.95) = 1.6449.
double sigma_of(double median, double p95) {
  constexpr double kZ95 = 1.6448536269514722;
  return median > 0 && p95 > median ? std::log(p95 / median) / kZ95 : 0.0;
}

ProviderModel read_model(const Value& table) {
  ProviderModel model;
  model.spread = from_slug<Spread>(table.find("spread")->text).value_or(Spread::log_normal);
  model.ttft_ms = number(table, "ttft_ms");
  if (const Value* p95 = table.find("ttft_p95_ms")) {
    model.ttft_sigma = sigma_of(model.ttft_ms, p95->number);
  }
  model.tokens_per_second = number(table, "tokens_per_second");
  model.straggler_share = number(table, "straggler_share");
  model.straggler_factor = number(table, "straggler_factor");
  model.error_rate = number(table, "error_rate");
  model.error_after = from_ms(number(table, "error_ms"));
  model.in_flight = count(table, "in_flight");
  model.queue = count(table, "queue");
  model.requests_per_minute = count(table, "requests_per_minute");
  if (const Value* troubles = table.find("troubles")) {
    for (const Value& trouble : troubles->list) model.troubles.push_back(read_trouble(trouble));
  }
  if (const Value* prices = table.find("prices")) {
    for (const Value& price : prices->list) {
      model.prices.push_back({from_s(number(price, "at_s")), number(price, "input_usd_per_million"),
                              number(price, "output_usd_per_million")});
    }
  }
  if (const Value* quality = table.find("quality")) {
    if (quality->type == Value::Type::number) model.quality = quality->number;
    for (const auto& [task, value] : quality->table) model.task_quality[task] = value.number;
  }
  if (const Value* grams = table.find("grams_co2_per_1k_tokens")) {
    model.grams_co2_per_1k_tokens = grams->number;
  }
  return model;
}

// A deployment's own table says only what is different.
void inherit(const Value* usual, Value* deployments) {
  if (usual == nullptr || deployments == nullptr) return;
  for (auto& [name, own] : deployments->table) {
    if (own.type != Value::Type::table) continue;  // an error, and found as one
    for (const auto& [key, value] : usual->table) {
      if (own.find(key) == nullptr) own.table.emplace_back(key, value);
    }
  }
}

}  // namespace

std::optional<double> ProviderModel::quality_of(std::string_view task) const {
  if (quality) return quality;
  const auto found = task_quality.find(task);
  return found == task_quality.end() ? std::nullopt : std::optional(found->second);
}

const ProviderModel& World::of(const std::string& deployment) const {
  const auto found = deployments.find(deployment);
  return found == deployments.end() ? usual : found->second;
}

Result<World> parse_world(std::string_view json, const std::vector<std::string_view>& known) {
  Result<Value> document = parse_document(json, "the world");
  if (!document) return document.error();
  inherit(document->find("default"), document->find("deployments"));
  const auto checked = check(kWorld, *document, "world", Value{});
  if (!checked) return checked.error();
  World world;
  world.usual = read_model(*document->find("default"));
  world.store = from_ms(number(*document, "store_ms"));
  const Value* models = document->find("deployments");
  if (models == nullptr) return world;
  for (const auto& [name, table] : models->table) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return config_error(child_path("world.deployments", name),
                          "there is no deployment of this name in the configuration",
                          nearest_name(name, known));
    }
    world.deployments.emplace(name, read_model(table));
  }
  return world;
}

}  // namespace llmroute::sim
