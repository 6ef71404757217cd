#include "llmroute/model/schema_limits.h"

#include <array>

#include "llmroute/model/defaults.h"
#include "llmroute/model/limits.h"
#include "llmroute/model/schema_texts.h"
#include "llmroute/model/shapes.h"

namespace llmroute::schema {

namespace {

constexpr double kDayMs = 86'400'000;
constexpr double kMaxRules = 1'000;
constexpr double kMaxValues = 10'000;  // tenants and the like that one table names

constexpr Shape kFlag = number_of(Kind::boolean, 0, 1);
constexpr Shape kName = text_of(check_name);
constexpr Shape kPath = text_of(check_plain);
constexpr Shape kNames = list_of(kName, 1, kMaxValues);
constexpr Shape kCount = number_of(Kind::integer, 1, 1e15);
constexpr Shape kSomeMilliseconds = number_of(Kind::number, 1, kDayMs);

// --- limits -----------------------------------------------------------------------------------------
// Written out twice: a list of fields cannot hold another one.
constexpr std::string_view kAMinute = "in any minute";
constexpr std::string_view kTokensAMinute = "in any minute, prompts and answers";
constexpr std::string_view kADay = "in any 24 hours";
constexpr std::string_view kTokensADay = "in any 24 hours, prompts and answers";
constexpr std::string_view kSlowStart =
    "in_flight grows from a tenth to all of it in this time, after idleness; default: at once";

constexpr std::array kDeploymentLimitFields = {
    Field{"requests_per_minute", &kCount, kAMinute},
    Field{"tokens_per_minute", &kCount, kTokensAMinute},
    Field{"requests_per_day", &kCount, kADay},
    Field{"tokens_per_day", &kCount, kTokensADay},
    Field{"in_flight", &kCount, "at once"},
    Field{"slow_start_ms", &kSomeMilliseconds, kSlowStart, {}, "ms"},
};

constexpr std::array kLimitRuleFields = {
    Field{"by", &kName, "each has an account of its own: deployment, provider, metadata.tenant ...",
          std::string_view("all")},
    Field{"only", &kNames, "the values it holds for; default: all"},
    Field{"requests_per_minute", &kCount, kAMinute},
    Field{"tokens_per_minute", &kCount, kTokensAMinute},
    Field{"requests_per_day", &kCount, kADay},
    Field{"tokens_per_day", &kCount, kTokensADay},
    Field{"in_flight", &kCount, "at once"},
    Field{"slow_start_ms", &kSomeMilliseconds, kSlowStart, {}, "ms"},
};
constexpr Shape kLimitRule = table_of(kLimitRuleFields);

// --- priorities and exhaustion -------------------------------------------------------------------------
constexpr std::array<std::string_view, kPriorities + 3> kPriorityWords = {
    "interactive", "standard", "batch", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
constexpr Shape kPriorityWord = words_of(kPriorityWords);
constexpr Shape kPriorityNumber = number_of(Kind::integer, 0, kPriorities - 1);

constexpr std::array<std::string_view, 3> kExhaustedWords = {"reject", "least_bad", "human"};
constexpr Shape kExhaustedWord = words_of(kExhaustedWords);
constexpr std::array kExhaustedFields = {
    Field{"queue_ms", &kSomeMilliseconds, "wait in line for so long", {}, "ms"},
    Field{"group", &kName, "go to that group"},
};
constexpr Shape kExhaustedTable = table_of(kExhaustedFields);
constexpr Shape kExhaustedStep = either_of(kExhaustedWord, kExhaustedTable);

// --- budgets ----------------------------------------------------------------------------------------
constexpr Shape kDollars = number_of(Kind::number, 1e-6, 9e6);  // what picodollars can hold
constexpr Shape kShare = number_of(Kind::number, 0, 1);
constexpr Shape kPeriod = words_of(slugs<BudgetPeriod>());
constexpr Shape kBudgetEnd = words_of(slugs<BudgetEnd>());

constexpr std::array kStepFields = {
    Field{"share", &kShare, "of the limit, from which on", {}, {}, true},
    Field{"group", &kName, "requests go there instead", {}, {}, true},
};
constexpr Shape kStep = table_of(kStepFields);
constexpr Shape kSteps = series_of(kStep, 1, 16);

constexpr Shape kSecond = number_of(Kind::integer, -1e11, 1e11);
constexpr Shape kOffset = series_of(kSecond, 2, 2);
constexpr Shape kOffsets = series_of(kOffset, 1, 2'000);

constexpr std::array kBudgetFields = {
    Field{"limit_usd", &kDollars, "money in one period; this, or one of the next two", {}, "USD"},
    Field{"limit_tokens", &kCount, "prompts and answers in one period", {}, "tokens"},
    Field{"limit_requests", &kCount, "requests in one period"},
    Field{"per", &kPeriod, "the calendar period in its time zone", std::string_view("day")},
    Field{"timezone", &kName, "UTC, an offset as +02:00, or a name as Europe/Berlin",
          std::string_view("UTC")},
    Field{"timezone_offsets", &kOffsets, "of a name, by the face", {}, {}, false, true},
    Field{"by", &kName, "one for all, or one for each value of metadata.KEY",
          std::string_view("all")},
    Field{"only", &kNames, "the values it holds for; default: all"},
    Field{"groups", &kNames,
          "groups whose requests count against it, \"*\" for all; default: those that name it"},
    Field{"at", &kSteps, "cheaper groups before it blocks, from which share on"},
    Field{"on_exhausted", &kBudgetEnd, "reject, or allow and say so in the decision",
          std::string_view("reject")},
};
constexpr Shape kBudget = table_of(kBudgetFields);

// --- queue --------------------------------------------------------------------------------------------
constexpr Shape kWaiting = number_of(Kind::integer, 1, 100'000);
constexpr Shape kWeight = number_of(Kind::number, 0.001, 1e6);
constexpr Shape kWeights = map_of(kWeight, kMaxValues, check_name);
constexpr std::array kQueueFields = {
    Field{"max_waiting", &kWaiting, "requests in line, all groups together",
          1.0 * defaults::kMaxWaiting},
    Field{"by", &kName, "fair between the values of metadata.KEY, or all: first come, first served",
          std::string_view("metadata.tenant")},
    Field{"weights", &kWeights, "shares of single values; others have 1"},
};

// --- cache ----------------------------------------------------------------------------------------------
constexpr Shape kSeconds = number_of(Kind::number, 1, 31 * kDayMs / 1e3);
constexpr Shape kMegabytes = number_of(Kind::integer, 1, 1 << 20);
constexpr Shape kPrefixTokens = number_of(Kind::integer, 1, 1e9);
constexpr std::array kExactFields = {
    Field{"ttl_s", &kSeconds, "how long an answer is kept", 3'600.0, "s"},
    Field{"max_mb", &kMegabytes, "of all answers together", 256.0, "MB"},
    Field{"by", &kName, "one for each value of metadata.KEY; without it a request is not cached",
          std::string_view("all")},
    Field{"single_flight", &kFlag, "identical requests at the same time are sent once", true},
    Field{"persistent", &kFlag, "also in the state file", false},
};
constexpr Shape kExact = table_of(kExactFields);

constexpr std::array kAffinityFields = {
    Field{"conversations", &kFlag, "a conversation stays where it is", true},
    Field{"prefixes", &kFlag, "a warm beginning of a prompt counts as money", true},
    Field{"ttl_s", &kSeconds, "how long a provider keeps a prompt warm", 300.0, "s"},
    Field{"min_prefix_tokens", &kPrefixTokens, "shorter ones are not kept warm", 1'024.0, "tokens"},
};
constexpr Shape kAffinity = table_of(kAffinityFields);

constexpr std::array kCacheFields = {
    Field{"exact", &kExact, "answers to identical requests; default: none"},
    Field{"affinity", &kAffinity, "to who has a prompt in its own cache; default: none"},
};

// --- state ----------------------------------------------------------------------------------------------
constexpr Shape kBusy = number_of(Kind::number, 0, 60'000);
constexpr std::array kStateFields = {
    Field{"path", &kPath, "SQLite file; budgets are shared by all who open it", {}, {}, true},
    Field{"busy_ms", &kBusy, "longest wait for another process", 1'000.0, "ms"},
};

}  // namespace

constexpr Shape kDeploymentLimits = table_of(kDeploymentLimitFields);
constexpr Shape kPriority = either_of(kPriorityWord, kPriorityNumber);
constexpr Shape kPriorityList = list_of(kPriority, 1, kPriorities);
constexpr Shape kExhaustedSteps = list_of(kExhaustedStep, 1, 16);
constexpr Shape kLimitRules = map_of(kLimitRule, kMaxRules, check_name);
constexpr Shape kBudgets = map_of(kBudget, kMaxRules, check_name);
constexpr Shape kQueue = table_of(kQueueFields);
constexpr Shape kCache = table_of(kCacheFields);
constexpr Shape kState = table_of(kStateFields);

}  // namespace llmroute::schema
