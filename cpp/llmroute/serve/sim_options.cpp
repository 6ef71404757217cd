#include "llmroute/serve/sim_options.h"

#include <array>

#include "llmroute/model/shapes.h"

namespace llmroute::serve {

namespace {

using schema::Field;
using schema::Kind;
using schema::number_of;
using schema::series_of;
using schema::Shape;
using schema::table_of;
using schema::words_of;

constexpr Shape kText{};
constexpr Shape kTexts = series_of(kText, 0, 1'000);
constexpr Shape kMs = number_of(Kind::number, 0, 86'400'000);
constexpr Shape kShare = number_of(Kind::number, 0, 1);
constexpr Shape kSigma = number_of(Kind::number, 0, 5);
constexpr Shape kRate = number_of(Kind::number, 0, 1e6);
constexpr Shape kSeconds = number_of(Kind::number, 0, 1e9);
constexpr Shape kPrice = number_of(Kind::number, 0, 1e6);
constexpr Shape kCount = number_of(Kind::integer, 1, 1e9);
constexpr Shape kChunks = number_of(Kind::integer, 0, 1e6);
constexpr Shape kTokens = number_of(Kind::integer, 1, 100'000);
constexpr Shape kSeed = number_of(Kind::integer, 0, 9007199254740992.0);
constexpr Shape kPort = number_of(Kind::integer, 0, 65'535);
constexpr Shape kStatus = number_of(Kind::integer, 200, 599);
constexpr Shape kDialect = words_of(slugs<SimDialect>());
constexpr Shape kFaultKind = words_of(slugs<FaultKind>());

constexpr std::array kFaultFields = {
    Field{"kind", &kFaultKind, "what goes wrong", {}, {}, true},
    Field{"chance", &kShare, "that it strikes a request in its window", 1.0},
    Field{"from_ms", &kMs, "since the faults were set", 0.0, "ms"},
    Field{"to_ms", &kMs, "not after this", {}, "ms"},
    Field{"from_request", &kCount, "counted from 1 since the faults were set", 1.0},
    Field{"to_request", &kCount, "the last one it may strike"},
    Field{"retry_after_s", &kSeconds, "what rate_limit and overloaded ask to wait", 1.0, "s"},
    Field{"after_chunks", &kChunks, "pieces of a stream before it", 2.0},
    Field{"delay_ms", &kMs, "before it shows", 0.0, "ms"},
    Field{"status", &kStatus, "HTTP status instead of the usual one"},
};
constexpr Shape kFault = table_of(kFaultFields);
constexpr Shape kFaults = series_of(kFault, 0, 1'000);

constexpr std::array kPriceFields = {
    Field{"input_usd_per_million", &kPrice, "a million prompt tokens", {}, "USD", true},
    Field{"output_usd_per_million", &kPrice, "a million answer tokens", {}, "USD", true},
};
constexpr Shape kPriceTable = table_of(kPriceFields);

constexpr std::array kSimFields = {
    Field{"dialect", &kDialect, "wire format", std::string_view("openai")},
    Field{"models", &kTexts, "known ones; default: every name is"},
    Field{"seed", &kSeed, "of latencies, faults and texts", 0.0},
    Field{"ttft_ms", &kMs, "median time to the first token", 20.0, "ms"},
    Field{"ttft_sigma", &kSigma, "spread of its logarithm; 0: none", 0.0},
    Field{"tokens_per_second", &kRate, "0: all at once", 0.0},
    Field{"output_tokens", &kTokens, "of an answer", 32.0, "tokens"},
    Field{"api_keys", &kTexts, "accepted ones; default: all"},
    Field{"context_tokens", &kCount, "longest prompt; default: any", {}, "tokens"},
    Field{"requests_per_minute", &kCount, "more are answered with 429; default: any"},
    Field{"price", &kPriceTable, "for the statistics"},
    Field{"port", &kPort, "0: the system chooses", 0.0},
    Field{"faults", &kFaults, "the first that applies counts"},
};
constexpr Shape kSim = table_of(kSimFields);

double number(const Value& table, std::string_view key) { return table.find(key)->number; }

std::vector<std::string> texts(const Value& table, std::string_view key) {
  std::vector<std::string> out;
  if (const Value* list = table.find(key)) {
    for (const Value& item : list->list) out.push_back(item.text);
  }
  return out;
}

Fault read_fault(const Value& table) {
  Fault fault;
  fault.kind = from_slug<FaultKind>(table.find("kind")->text).value_or(FaultKind::server_error);
  fault.chance = number(table, "chance");
  fault.from = from_ms(number(table, "from_ms"));
  if (const Value* to = table.find("to_ms")) fault.to = from_ms(to->number);
  fault.from_request = static_cast<std::uint64_t>(number(table, "from_request"));
  if (const Value* to = table.find("to_request")) {
    fault.to_request = static_cast<std::uint64_t>(to->number);
  }
  fault.retry_after_s = number(table, "retry_after_s");
  fault.after_chunks = static_cast<std::uint32_t>(number(table, "after_chunks"));
  fault.delay = from_ms(number(table, "delay_ms"));
  if (const Value* status = table.find("status")) fault.status = static_cast<int>(status->number);
  return fault;
}

std::vector<Fault> read_faults(const Value& list) {
  std::vector<Fault> out;
  for (const Value& fault : list.list) out.push_back(read_fault(fault));
  return out;
}

Result<Value> read_checked(std::string_view json, std::string_view what, const Shape& shape,
                           const std::string& path) {
  Result<Value> document = parse_document(json, what);
  if (!document) return document;
  const auto checked = schema::check(shape, *document, path, Value{});
  if (!checked) return checked.error();
  return document;
}

void read_optional(const Value& table, SimOptions& options) {
  options.models = texts(table, "models");
  options.api_keys = texts(table, "api_keys");
  if (const Value* limit = table.find("context_tokens")) {
    options.context_tokens = Tokens{static_cast<std::int64_t>(limit->number)};
  }
  if (const Value* limit = table.find("requests_per_minute")) {
    options.requests_per_minute = static_cast<std::uint32_t>(limit->number);
  }
  if (const Value* price = table.find("price")) {
    options.price.input_usd_per_million = number(*price, "input_usd_per_million");
    options.price.output_usd_per_million = number(*price, "output_usd_per_million");
  }
  if (const Value* faults = table.find("faults")) options.faults = read_faults(*faults);
}

}  // namespace

Result<SimOptions> parse_sim_options(std::string_view json) {
  const Result<Value> table = read_checked(json, "the simulated provider", kSim, {});
  if (!table) return table.error();
  SimOptions options;
  options.dialect =
      from_slug<SimDialect>(table->find("dialect")->text).value_or(SimDialect::openai);
  options.seed = static_cast<std::uint64_t>(number(*table, "seed"));
  options.ttft_ms = number(*table, "ttft_ms");
  options.ttft_sigma = number(*table, "ttft_sigma");
  options.tokens_per_second = number(*table, "tokens_per_second");
  options.output_tokens = static_cast<std::uint32_t>(number(*table, "output_tokens"));
  options.port = static_cast<std::uint16_t>(number(*table, "port"));
  read_optional(*table, options);
  return options;
}

Result<std::vector<Fault>> parse_faults(std::string_view json) {
  const Result<Value> list = read_checked(json, "the list of faults", kFaults, "faults");
  if (!list) return list.error();
  return read_faults(*list);
}

}  // namespace llmroute::serve
