#include "llmroute/model/schema_rules.h"

#include <array>

#include "llmroute/model/rules.h"
#include "llmroute/model/schema_limits.h"
#include "llmroute/model/schema_texts.h"
#include "llmroute/model/shapes.h"

namespace llmroute::schema {

namespace {

constexpr double kDayMs = 86'400'000;
constexpr double kMost = 1'000;           // rules, constraints, words of one list
constexpr double kMostKeywords = 10'000;  // of one rule
constexpr double kHuge = 1e15;

// A table that may hold itself further down has a name in the JSON Schema.
constexpr Shape named(std::string_view name, std::span<const Field> fields) {
  Shape shape = table_of(fields);
  shape.name = name;
  return shape;
}

// --- leaves ---------------------------------------------------------------------------------------
constexpr Shape kFlag = number_of(Kind::boolean, 0, 1);
constexpr Shape kWord = text_of(check_plain);
constexpr Shape kWords = list_of(kWord, 1, kMost);
constexpr Shape kSomeWords = either_of(kWord, kWords);
constexpr Shape kName = text_of(check_name);
constexpr Shape kNames = list_of(kName, 1, kMost);
constexpr Shape kSomeNames = either_of(kName, kNames);
constexpr Shape kKeywordList = list_of(kWord, 1, kMostKeywords);
constexpr Shape kKeywords = either_of(kWord, kKeywordList);
constexpr Shape kAnyNumber = number_of(Kind::number, -kHuge, kHuge);
constexpr Shape kTokens = number_of(Kind::integer, 1, 1e9);
constexpr Shape kShare = number_of(Kind::number, 0, 1);
constexpr Shape kDollars = number_of(Kind::number, 0, 1e6);
constexpr Shape kSomeMilliseconds = number_of(Kind::number, 1, kDayMs);
constexpr Shape kSomePriorities = either_of(kPriority, kPriorityList);

// --- conditions -------------------------------------------------------------------------------------
constexpr std::array kRangeFields = {
    Field{"above", &kAnyNumber, "more than"},
    Field{"at_least", &kAnyNumber, "so much or more"},
    Field{"below", &kAnyNumber, "less than"},
    Field{"at_most", &kAnyNumber, "so much or less"},
};
constexpr Shape kRange = named("range", kRangeFields);

constexpr Shape kRangeOrFlag = either_of(kRange, kFlag);
constexpr Shape kValueMatch = either_of(kSomeWords, kRangeOrFlag);
constexpr Shape kValueMatches = map_of(kValueMatch, 64, check_plain);
constexpr Shape kHeaderMatches = map_of(kValueMatch, 64, check_plain);

constexpr Shape kFeature = words_of(slugs<Feature>());
constexpr Shape kFeatures = list_of(kFeature, 1, 16);
constexpr Shape kSomeFeatures = either_of(kFeature, kFeatures);

constexpr std::array<std::string_view, 7> kDays = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
constexpr Shape kDay = words_of(kDays);
constexpr Shape kDayList = list_of(kDay, 1, 7);
constexpr Shape kSecond = number_of(Kind::integer, -1e11, 1e11);
constexpr Shape kOffset = series_of(kSecond, 2, 2);
constexpr Shape kOffsets = series_of(kOffset, 1, 2'000);
constexpr Shape kClock = text_of(check_clock);
constexpr std::array kTimeFields = {
    Field{"from", &kClock, "time of day, as 22:00, included; default: 00:00"},
    Field{"to", &kClock, "time of day, not included; before from: past midnight; default: 24:00"},
    Field{"weekdays", &kDayList, "of the day on which it begins; default: all"},
    Field{"timezone", &kName, "UTC, an offset as +02:00, or a name as Europe/Berlin",
          std::string_view("UTC")},
    Field{"timezone_offsets", &kOffsets, "of a name, by the face", {}, {}, false, true},
};
constexpr Shape kTime = named("time", kTimeFields);

constexpr Shape kConditionList = series_of(kCondition, 1, kMost);

constexpr std::array kConditionFields = {
    Field{"all", &kConditionList, "all of these"},
    Field{"any", &kConditionList, "one of these"},
    Field{"not", &kCondition, "not this"},
    Field{"model", &kSomeWords, "what the caller asked for"},
    Field{"keywords", &kKeywords, "one of these words or phrases in what the user wrote"},
    Field{"regex", &kSomeWords, "one of these patterns (RE2) in what the user wrote"},
    Field{"language", &kSomeWords, "of what the user wrote, as en or de"},
    Field{"messages", &kRange, "how many there are"},
    Field{"prompt_tokens", &kRange, "estimated"},
    Field{"max_output_tokens", &kRange, "asked for by the caller"},
    Field{"has", &kSomeFeatures, "one of these"},
    Field{"header", &kHeaderMatches, "of the call it came with, by name"},
    Field{"metadata", &kValueMatches, "by key: a text, some, a range, or true or false for there"},
    Field{"tags", &kSomeWords, "one of these among the call's tags"},
    Field{"time", &kTime, "when it came"},
    Field{"region", &kSomeWords, "the caller's; a * may stand at the end"},
    Field{"priority", &kSomePriorities, "interactive, standard, batch or 0 to 9"},
    Field{"intent", &kSomeWords, "a score that is a word"},
    Field{"sentiment", &kRange, "a score, -1 to 1"},
    Field{"complexity", &kRange, "a score, 0 to 1"},
    Field{"scores", &kValueMatches, "others, by name"},
};

// --- rules ------------------------------------------------------------------------------------------
constexpr Shape kPolicy = number_of(Kind::policy, 0, 0);
constexpr Shape kTemperature = number_of(Kind::number, 0, 2);
constexpr Shape kPenalty = number_of(Kind::number, -2, 2);
constexpr Shape kSeed = number_of(Kind::integer, -9e15, 9e15);
constexpr std::array kDefaultFields = {
    Field{"temperature", &kTemperature, "randomness"},
    Field{"top_p", &kShare, "share of the likeliest tokens"},
    Field{"max_tokens", &kTokens, "longest answer", {}, "tokens"},
    Field{"max_completion_tokens", &kTokens, "longest answer, thoughts included", {}, "tokens"},
    Field{"seed", &kSeed, "of the model's own draws"},
    Field{"stop", &kSomeWords, "where the answer ends"},
    Field{"presence_penalty", &kPenalty, "against words that were there"},
    Field{"frequency_penalty", &kPenalty, "against words that were there often"},
    Field{"reasoning_effort", &kWord, "how long it thinks"},
};
constexpr Shape kDefaults = table_of(kDefaultFields);

constexpr std::array kEffectFields = {
    Field{"group", &kName, "goes there, whatever model was asked for"},
    Field{"chain", &kNames, "goes to these deployments, in this order"},
    Field{"pin", &kName, "goes to this deployment and nowhere else"},
    Field{"reject", &kWord, "is refused, with this message"},
    Field{"human", &kFlag, "goes to a person"},
    Field{"policy", &kPolicy, "ranks the candidates: a name, or {name, options}"},
    Field{"budget", &kName, "it counts against this budget too"},
    Field{"deadline_ms",
          &kSomeMilliseconds,
          "over all attempts; a shorter one of the caller stays",
          {},
          "ms"},
    Field{"priority", &kPriority, "interactive, standard, batch or 0 to 9"},
    Field{"defaults", &kDefaults, "parameters that its caller did not give"},
};
constexpr Shape kEffects = table_of(kEffectFields);

constexpr Shape kMode = words_of(slugs<RuleMode>());
constexpr std::array kRuleFields = {
    Field{"name", &kName, "one phrase, for people", {}, {}, true},
    Field{"mode", &kMode, "observe: what it would do is recorded only", std::string_view("apply")},
    Field{"when", &kCondition, "which requests; default: every one"},
    Field{"then", &kEffects, "what it sets", {}, {}, true},
};
constexpr Shape kRule = table_of(kRuleFields);

// --- constraints ------------------------------------------------------------------------------------
constexpr std::array<std::string_view, 1> kNo = {"no"};
constexpr Shape kTraining = words_of(kNo);
constexpr Shape kParameter = words_of(slugs<Parameter>());
constexpr Shape kParameters = list_of(kParameter, 1, 64);
constexpr std::array kRequireFields = {
    Field{"region", &kSomeWords, "of the deployment, one of these; a * may stand at the end"},
    Field{"retention", &kSomeWords, "of prompts there, one of these"},
    Field{"training", &kTraining, "prompts are not trained on"},
    Field{"provider_allow", &kSomeNames, "these providers only"},
    Field{"provider_deny", &kSomeNames, "none of these providers"},
    Field{"deployment_allow", &kSomeNames, "these deployments only"},
    Field{"deployment_deny", &kSomeNames, "none of these deployments"},
    Field{"tags", &kSomeWords, "the deployment has all of these"},
    Field{"max_usd_per_request", &kDollars, "of one attempt, estimated", {}, "USD"},
    Field{"max_input_usd_per_million", &kDollars, "price of prompt tokens", {}, "USD"},
    Field{"max_output_usd_per_million", &kDollars, "price of answer tokens", {}, "USD"},
    Field{"min_context_tokens", &kTokens, "known longest prompt and answer", {}, "tokens"},
    Field{"parameters", &kParameters, "these are carried where the request has them, not dropped"},
};
constexpr Shape kRequire = table_of(kRequireFields);
constexpr std::array kConstraintFields = {
    Field{"name", &kName, "one phrase, for people", {}, {}, true},
    Field{"when", &kCondition, "it applies unless this is surely false; default: to all"},
    Field{"unless", &kCondition, "it applies unless this is surely true"},
    Field{"require", &kRequire, "what must hold wherever the request goes", {}, {}, true},
};
constexpr Shape kConstraint = table_of(kConstraintFields);

// --- experiments ------------------------------------------------------------------------------------
constexpr std::array kArmFields = {
    Field{"name", &kName, "of the arm", {}, {}, true},
    Field{"share", &kShare, "of the requests; all together 1", {}, {}, true},
    Field{"group", &kName, "goes there; default: as without the experiment"},
};
constexpr Shape kArm = table_of(kArmFields);
constexpr Shape kArms = series_of(kArm, 2, 20);

constexpr Shape kWorse = number_of(Kind::number, 0, kHuge);
constexpr std::array kGuardFields = {
    Field{"worse_by", &kWorse, "more than the first arm, surely: it is rolled back", {}, {}, true},
};
constexpr Shape kGuard = table_of(kGuardFields);
constexpr std::array kGuardsFields = {
    Field{"error_rate", &kGuard, "share of requests that fail"},
    Field{"ttft_p95_ms", &kGuard, "time to the first content", {}, "ms"},
    Field{"total_p95_ms", &kGuard, "time to the end", {}, "ms"},
    Field{"cost_usd", &kGuard, "of a request", {}, "USD"},
    Field{"score", &kGuard, "lower, of the feedback that was given"},
};
constexpr Shape kGuards = table_of(kGuardsFields);

constexpr Shape kExperimentKind = words_of(slugs<ExperimentKind>());
constexpr std::array kExperimentFields = {
    Field{"kind", &kExperimentKind, "split, or shadow: a share is sent a second time",
          std::string_view("split")},
    Field{"mode", &kMode, "observe: arms are drawn and recorded only", std::string_view("apply")},
    Field{"group", &kName, "whose requests take part", {}, {}, true},
    Field{"by", &kName, "what stays in one arm: request, conversation, or metadata.KEY",
          std::string_view("request")},
    Field{"salt", &kWord, "another one draws anew; default: the name"},
    Field{"arms", &kArms, "of a split; the first is the control"},
    Field{"guard", &kGuards, "when an arm is rolled back; default: never"},
    Field{"share", &kShare, "of a shadow: of the requests"},
    Field{"to", &kName, "of a shadow: the group that gets them too"},
};
constexpr Shape kExperiment = table_of(kExperimentFields);

// --- places -----------------------------------------------------------------------------------------
constexpr Shape kGrams = number_of(Kind::number, 0, 10'000);
constexpr Shape kLatency = number_of(Kind::number, 0, 60'000);
constexpr Shape kLatencies = map_of(kLatency, kMost, check_name);
constexpr std::array kRegionFields = {
    Field{"carbon_g_per_kwh", &kGrams, "CO2 equivalent of its electricity", {}, "g"},
    Field{"carbon_date", &kWord, "when that was so, as 2025"},
    Field{"latency_ms", &kLatencies, "round trip, by the caller's region", {}, "ms"},
};
constexpr Shape kRegion = table_of(kRegionFields);

// --- people -----------------------------------------------------------------------------------------
constexpr Shape kWait = number_of(Kind::number, 0, kDayMs);
constexpr Shape kHours = number_of(Kind::number, 0.1, 24 * 365);
constexpr std::array kHumanFields = {
    Field{"wait_ms", &kWait, "longest wait of a caller for a person's answer", 60'000.0, "ms"},
    Field{"keep_hours", &kHours, "how long it can be answered", 72.0, "h"},
};

// --- tests ------------------------------------------------------------------------------------------
constexpr Shape kText = text_of(check_some);
constexpr Shape kMessage = map_of(kText, 16, check_plain);
constexpr Shape kMessageList = series_of(kMessage, 1, kMost);
constexpr Shape kMessages = either_of(kText, kMessageList);
constexpr Shape kTexts = map_of(kWord, 64, check_plain);
constexpr Shape kWordOrNumber = either_of(kWord, kAnyNumber);
constexpr Shape kGivenScores = map_of(kWordOrNumber, 64, check_plain);
constexpr std::array<std::string_view, 3> kStates = {"ok", "down", "limited"};
constexpr Shape kState = words_of(kStates);
constexpr Shape kHealth = map_of(kState, kMost, check_name);
constexpr std::array kGivenFields = {
    Field{"model", &kName, "what the caller asks for"},
    Field{"messages", &kMessages, "a prompt, or messages"},
    Field{"metadata", &kTexts, "labels of the request"},
    Field{"tags", &kSomeWords, "of the call"},
    Field{"headers", &kTexts, "of the call it came with"},
    Field{"region", &kWord, "the caller's"},
    Field{"priority", &kPriority, "interactive, standard, batch or 0 to 9"},
    Field{"scores", &kGivenScores, "by name"},
    Field{"health", &kHealth, "ok, down or limited, by deployment"},
    Field{"at", &kWord, "when, as 2026-01-05T09:00:00Z"},
};
constexpr Shape kGiven = table_of(kGivenFields);
constexpr std::array kChoosesFields = {
    Field{"group", &kName, "that the request goes to"},
    Field{"deployment", &kName, "that is first"},
    Field{"rejects", &kWord, "words of the refusal"},
};
constexpr Shape kChooses = table_of(kChoosesFields);
constexpr std::array kRoutingTestFields = {
    Field{"name", &kName, "one phrase, for people"},
    Field{"given", &kGiven, "a request", {}, {}, true},
    Field{"chooses", &kChooses, "where it must go", {}, {}, true},
    Field{"because", &kWord, "a word that the decision says"},
};
constexpr Shape kRoutingTest = table_of(kRoutingTestFields);

}  // namespace

constexpr Shape kCondition = named("condition", kConditionFields);
constexpr Shape kRules = series_of(kRule, 0, kMost);
constexpr Shape kConstraints = series_of(kConstraint, 0, kMost);
constexpr Shape kExperiments = map_of(kExperiment, 100, check_name);
constexpr Shape kRuleMode = words_of(slugs<RuleMode>());
constexpr Shape kRegions = map_of(kRegion, kMost, check_name);
constexpr Shape kHuman = table_of(kHumanFields);
constexpr Shape kRoutingTests = series_of(kRoutingTest, 0, kMost);

}  // namespace llmroute::schema
