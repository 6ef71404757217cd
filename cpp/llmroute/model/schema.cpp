#include "llmroute/model/schema.h"

#include <array>

#include "llmroute/model/defaults.h"
#include "llmroute/model/deployment.h"
#include "llmroute/model/request.h"
#include "llmroute/model/schema_limits.h"
#include "llmroute/model/schema_price.h"
#include "llmroute/model/schema_rules.h"
#include "llmroute/model/schema_texts.h"
#include "llmroute/model/shapes.h"

namespace llmroute::schema {

namespace {

constexpr double kDayMs = 86'400'000;
constexpr double kMaxTokens = 1e9;
constexpr double kMaxKeys = 256;
constexpr double kMaxReferences = 1'000;
constexpr auto kMaxEntries = static_cast<double>(defaults::kMaxDeployments);

constexpr double ms(milliseconds value) { return static_cast<double>(value.count()); }

// --- leaves ---------------------------------------------------------------------------------------
constexpr Shape secret_text() {
  Shape shape = text_of(check_secret_text);
  shape.secret = true;
  return shape;
}

constexpr Shape kFlag = number_of(Kind::boolean, 0, 1);
constexpr Shape kPlain = text_of(check_plain);
constexpr Shape kName = text_of(check_name);
constexpr Shape kSecret = secret_text();
constexpr Shape kSecrets = list_of(kSecret, 0, kMaxKeys);
constexpr Shape kBaseUrl = text_of(check_base_url);
constexpr Shape kProxy = text_of(check_proxy);
constexpr Shape kMetricsUrl = text_of(check_metrics_url);
constexpr Shape kMetric = text_of(check_metric);
constexpr Shape kHeaderValue = text_of(check_header_value);
constexpr Shape kHeaders = map_of(kHeaderValue, 64, check_header_name);
constexpr Shape kForwardHeader = text_of(check_forward_header);
constexpr Shape kForwardHeaders = list_of(kForwardHeader, 0, 64);
constexpr Shape kTags = list_of(kPlain, 0, 64);
constexpr Shape kReferences = list_of(kName, 0, kMaxReferences);
constexpr Shape kMilliseconds = number_of(Kind::number, 0, kDayMs);
constexpr Shape kSomeMilliseconds = number_of(Kind::number, 1, kDayMs);
constexpr Shape kTokenCount = number_of(Kind::integer, 1, kMaxTokens);
constexpr Shape kWeight = number_of(Kind::number, 0.001, 1e6);
constexpr Shape kShare = number_of(Kind::number, 0, 1);
constexpr Shape kPositiveShare = number_of(Kind::number, 0.01, 1);
constexpr Shape kQualities = map_of(kShare, 1'000, check_name);
constexpr Shape kQuality = either_of(kShare, kQualities);
constexpr Shape kEnergy = number_of(Kind::number, 0, 1e6);
constexpr std::array<std::string_view, 2> kYesNoWords = {"no", "yes"};
constexpr Shape kYesNo = words_of(kYesNoWords);
constexpr Shape kCount100 = number_of(Kind::integer, 1, 100);
constexpr Shape kManyFailures = number_of(Kind::integer, 1, 1e6);
constexpr Shape kVersion = number_of(Kind::integer, 1, 1);
constexpr Shape kPolicy = number_of(Kind::policy, 0, 0);
constexpr Shape kCapability = words_of(slugs<Capability>());
constexpr Shape kCapabilities = list_of(kCapability, 0, 64);
constexpr Shape kParameter = words_of(slugs<Parameter>());
constexpr Shape kParameters = list_of(kParameter, 0, 64);
constexpr std::array<std::string_view, 2> kTokenFields = {"max_tokens", "max_completion_tokens"};
constexpr Shape kTokenField = words_of(kTokenFields);
constexpr Shape kRenamed = map_of(kPlain, 64, check_parameter);
constexpr Shape kExtra = words_of(slugs<MessageExtra>());
constexpr Shape kExtras = list_of(kExtra, 0, 64);
constexpr std::array<std::string_view, 3> kSummaryWords = {"auto", "concise", "detailed"};
constexpr Shape kSummary = words_of(kSummaryWords);

// --- shared tables ----------------------------------------------------------------------------------
constexpr std::string_view kConnectMeaning = "until connected; 0: no limit";
constexpr std::string_view kTtftMeaning =
    "of a stream, from start to the first content; 0: no limit";
constexpr std::string_view kIdleMeaning = "between two chunks; 0: no limit";
constexpr std::string_view kAttemptMeaning = "the whole attempt; 0: no limit";

constexpr std::array kTimeoutOverrideFields = {
    Field{"connect_ms", &kMilliseconds, kConnectMeaning, {}, "ms"},
    Field{"ttft_ms", &kMilliseconds, kTtftMeaning, {}, "ms"},
    Field{"idle_ms", &kMilliseconds, kIdleMeaning, {}, "ms"},
    Field{"attempt_ms", &kMilliseconds, kAttemptMeaning, {}, "ms"},
};
constexpr Shape kTimeoutOverrides = table_of(kTimeoutOverrideFields);

constexpr std::array kQuirkFields = {
    Field{"max_tokens_field", &kTokenField, "the one name this provider knows; default: as given"},
    Field{"key_header", &kPlain, "header of the key; default: the dialect's own"},
    Field{"stream_usage", &kFlag, "takes stream_options.include_usage; default true"},
    Field{"developer_role", &kFlag, "takes developer messages; default true"},
    Field{"requires_terminator", &kFlag, "a stream without its end mark was cut; default true"},
    Field{"unsupported", &kParameters, "parameters that this provider refuses"},
    Field{"rename", &kRenamed, "what this provider calls a parameter, as seed = \"random_seed\""},
    Field{
        "keeps", &kExtras,
        "members of messages that it takes beside OpenAI's; default reasoning, reasoning_content"},
    Field{"extras", &kFlag,
          "takes more than OpenAI: other parameters, pictures of tools; asked for callers of other "
          "APIs; default true"},
    Field{"reasoning_summary", &kSummary,
          "of responses: asks for readable reasoning; default: not asked for"},
};
constexpr Shape kQuirks = table_of(kQuirkFields);

// --- providers and deployments ------------------------------------------------------------------------
constexpr std::array kProviderFields = {
    Field{"dialect", &kPlain, "wire format: openai, anthropic; default openai"},
    Field{"base_url", &kBaseUrl, "where its API begins"},
    Field{"api_key", &kSecret, "env:NAME, file:PATH or the key; for all its deployments"},
    Field{"api_keys", &kSecrets, "a pool of them"},
    Field{"headers", &kHeaders, "extra headers of every request"},
    Field{
        "forward_headers", &kForwardHeaders,
        "headers of a call that are sent on, and no others; default: the catalogue's and those of "
        "the dialect, such as anthropic-beta"},
    Field{"proxy", &kProxy, "URL of an explicit proxy"},
    Field{"ca_file", &kPlain, "CA bundle; default: SSL_CERT_FILE, then the system's"},
    Field{"quirks", &kQuirks, "how it differs from its dialect"},
};
constexpr Shape kProvider = table_of(kProviderFields);
constexpr Shape kProviders = map_of(kProvider, 1'000, check_name);

constexpr double kMaxLoadEveryMs = 600'000;  // older is no news
constexpr Shape kLoadEvery = number_of(Kind::number, 50, kMaxLoadEveryMs);
constexpr std::array kLoadFields = {
    Field{"metrics",
          &kMetricsUrl,
          "its Prometheus page, as http://127.0.0.1:8000/metrics",
          {},
          {},
          true},
    Field{"every_ms", &kLoadEvery, "between two looks; after three without an answer it is unknown",
          ms(defaults::kLoadEvery), "ms"},
    Field{"queue", &kMetric, "the metric of waiting requests; default: the servers' known names"},
    Field{"running", &kMetric, "of requests that are worked on"},
    Field{"kv_cache", &kMetric, "of the share of the key-value cache in use, 0 to 1"},
    Field{"utilisation", &kMetric, "of the share of the processor in use, 0 to 1"},
    Field{"tokens_per_second", &kMetric, "of the tokens it generates"},
};
constexpr Shape kLoad = table_of(kLoadFields);

constexpr std::array kDeploymentFields = {
    Field{"provider", &kName, "an entry of the provider catalogue or of [providers]"},
    Field{"model", &kName, "the provider's own name of the model"},
    Field{"dialect", &kPlain, "wire format; default: the provider's"},
    Field{"base_url", &kBaseUrl, "where the API begins; default: the provider's"},
    Field{"api_key", &kSecret, "env:NAME, file:PATH or the key; default: the provider's"},
    Field{"api_keys", &kSecrets, "a pool of them"},
    Field{"region", &kPlain, "where it runs, as eu-central"},
    Field{"retention", &kPlain, "how long prompts are kept there, as none"},
    Field{"training", &kYesNo, "whether prompts are trained on: no or yes; default: unknown"},
    Field{"tags", &kTags, "your own words for it"},
    Field{"quality", &kQuality, "0 to 1; or by task, which is metadata.task, with a default"},
    Field{"energy_wh_per_thousand_tokens",
          &kEnergy,
          "of prompts and answers; default: unknown",
          {},
          "Wh"},
    Field{"price", &kPrice,
          "what tokens or hours cost; default: the catalogue's; else unknown, never free"},
    Field{"limits", &kDeploymentLimits, "what it may be sent; default: anything"},
    Field{"load", &kLoad, "where it says how busy it is; default: nowhere"},
    Field{"context_tokens", &kTokenCount, "longest prompt and answer together", {}, "tokens"},
    Field{"max_output_tokens", &kTokenCount, "longest answer", {}, "tokens"},
    Field{"lacks", &kCapabilities, "what it cannot do; all else is assumed"},
    Field{"embedding", &kPlain,
          "the embedding model that its vectors are of: those of one may replace each other; "
          "default: model"},
    Field{"catalogue", &kName,
          "entry of the model catalogue that price, token limits and lacks are from where they are "
          "not stated, as azure/gpt-4o; default: provider/model, at the provider's own base_url"},
    Field{"timeouts", &kTimeoutOverrides, "instead of those in [resilience.timeouts]"},
    Field{"headers", &kHeaders, "extra headers; added to the provider's"},
    Field{"forward_headers", &kForwardHeaders,
          "headers of a call that are sent on, and no others; default: the provider's"},
    Field{"proxy", &kProxy, "URL of an explicit proxy; default: the provider's"},
    Field{"ca_file", &kPlain, "CA bundle; default: the provider's"},
    Field{"quirks", &kQuirks, "instead of single quirks of the provider"},
};
constexpr Shape kDeployment = table_of(kDeploymentFields);
constexpr std::array kKnownModelFields = {
    Field{"price", &kPrice, "what tokens cost"},
    Field{"context_tokens", &kTokenCount, "longest prompt and answer together", {}, "tokens"},
    Field{"max_output_tokens", &kTokenCount, "longest answer", {}, "tokens"},
    Field{"lacks", &kCapabilities, "what it cannot do"},
};
constexpr Shape kKnownModel = table_of(kKnownModelFields);
constexpr Shape kKnownModels = map_of(kKnownModel, kMaxEntries, check_name);

constexpr Shape kDeployments = map_of(kDeployment, kMaxEntries, check_name);

// --- groups ---------------------------------------------------------------------------------------------
constexpr std::array kMemberFields = {
    Field{"use", &kName, "deployment, or provider/model", {}, {}, true},
    Field{"weight", &kWeight, "its share among the members", 1.0},
    Field{"priorities", &kPriorityList,
          "of the requests it is for: interactive, standard, batch or 0 to 9; default: all"},
};
constexpr Shape kMemberTable = table_of(kMemberFields);
constexpr Shape kMember = either_of(kName, kMemberTable);
constexpr Shape kMembers = list_of(kMember, 1, kMaxEntries);

constexpr std::array<std::string_view, 5> kQuantiles = {"p50", "p75", "p90", "p95", "p99"};
constexpr Shape kQuantile = words_of(kQuantiles);
constexpr std::array kHedgeFields = {
    Field{"after", &kQuantile, "quantile of what the deployment usually takes",
          std::string_view("p95")},
    Field{"extra_load", &kPositiveShare, "second attempts per request, at most",
          defaults::kHedgeExtraLoad},
    Field{"tools", &kFlag, "also for requests that offer tools", false},
};
constexpr Shape kHedge = table_of(kHedgeFields);

constexpr std::array kGroupFields = {
    Field{"deployments", &kMembers, "deployment, provider/model, or {use, weight}", {}, {}, true},
    Field{"policy", &kPolicy, "how members are ranked: a name, or {name, options}",
          std::string_view("weighted")},
    Field{"observe", &kPolicy, "ranks too, and its choice is recorded only; default: none"},
    Field{"hedge", &kHedge, "a second attempt beside a late one; default: none"},
    Field{"fallbacks", &kReferences, "groups that come after it, in order"},
    Field{"on_context_too_long", &kReferences, "groups for prompts too long for all its members"},
    Field{"on_content_filter", &kReferences, "groups after a content filter refused"},
    Field{"on_exhausted", &kExhaustedSteps,
          "what to try when nothing can serve: {queue_ms}, least_bad, {group}, human, reject"},
};
constexpr Shape kGroup = table_of(kGroupFields);
constexpr Shape kGroups = map_of(kGroup, kMaxEntries, check_name);

// --- resilience -------------------------------------------------------------------------------------------
constexpr std::array kTimeoutFields = {
    Field{"connect_ms", &kMilliseconds, kConnectMeaning, ms(defaults::kConnectTimeout), "ms"},
    Field{"ttft_ms", &kMilliseconds, kTtftMeaning, ms(defaults::kTtftTimeout), "ms"},
    Field{"idle_ms", &kMilliseconds, kIdleMeaning, ms(defaults::kIdleTimeout), "ms"},
    Field{"attempt_ms", &kMilliseconds, kAttemptMeaning, ms(defaults::kAttemptTimeout), "ms"},
};
constexpr Shape kTimeouts = table_of(kTimeoutFields);

constexpr std::array kBreakerFields = {
    Field{"failures", &kManyFailures, "in a row that open it", 1.0 * defaults::kBreakerFailures},
    Field{"error_rate", &kPositiveShare, "share of failures in its window that opens it",
          defaults::kBreakerErrorRate},
    Field{"cooldown_ms", &kSomeMilliseconds, "until the first probe",
          ms(defaults::kBreakerCooldown), "ms"},
    Field{"probes", &kCount100, "at once while half open", 1.0 * defaults::kBreakerProbes},
};
constexpr Shape kBreaker = table_of(kBreakerFields);

constexpr std::array kBackoffFields = {
    Field{"base_ms", &kMilliseconds, "bound of the first wait, which is drawn below it",
          ms(defaults::kBackoffBase), "ms"},
    Field{"max_ms", &kMilliseconds, "bound of every wait", ms(defaults::kBackoffMax), "ms"},
};
constexpr Shape kBackoff = table_of(kBackoffFields);

constexpr std::array kResilienceFields = {
    Field{"attempts", &kCount100, "of one request: first try, retries and fallbacks together",
          1.0 * defaults::kAttempts},
    Field{"timeouts", &kTimeouts, "of one attempt", Defaults{}},
    Field{"breaker", &kBreaker, "when a failing deployment is left alone", Defaults{}},
    Field{"backoff", &kBackoff, "waits between attempts on one deployment", Defaults{}},
    Field{"retry_share", &kShare, "retries that requests earn, so that an outage cannot multiply",
          defaults::kRetryShare},
    Field{"max_retry_after_ms", &kMilliseconds, "a longer Retry-After is never waited for",
          ms(defaults::kMaxRetryAfter), "ms"},
    Field{"deadline_ms", &kSomeMilliseconds, "of requests without one; default: none", {}, "ms"},
};
constexpr Shape kResilience = table_of(kResilienceFields);

constexpr std::array kRootFields = {
    Field{"version", &kVersion, "of this format", 1.0},
    Field{"groups", &kGroups, "what callers pass as model", Defaults{}},
    Field{"deployments", &kDeployments, "models that need more than provider/model", Defaults{}},
    Field{"resilience", &kResilience, "attempts, timeouts, breaker, backoff", Defaults{}},
    Field{"providers", &kProviders, "your own providers, or changes to known ones", Defaults{}},
    Field{"limits", &kLimitRules, "rates and requests at once, held by this process", Defaults{}},
    Field{"budgets", &kBudgets, "money, tokens or requests in an hour, day or month", Defaults{}},
    Field{"queue", &kQueue, "how requests wait in line", Defaults{}},
    Field{"cache", &kCache, "answers kept here, prompts kept warm there", Defaults{}},
    Field{"state", &kState, "where budgets are kept; default: in memory"},
    Field{"rules", &kRules, "in order; for each effect the first that matches and sets it wins",
          Items{}},
    Field{"rules_mode", &kRuleMode, "of all rules, where it is less than their own",
          std::string_view("apply")},
    Field{"constraints", &kConstraints, "what holds wherever a request goes", Items{}},
    Field{"experiments", &kExperiments, "shares of requests that go elsewhere", Defaults{}},
    Field{"catalogue", &kFlag, "fill in from the model catalogue what deployments do not state",
          true},
    Field{"regions", &kRegions, "what is known of places, beside the table that comes along",
          Defaults{}},
    Field{"human", &kHuman, "requests that wait for a person", Defaults{}},
    Field{"routing_tests", &kRoutingTests, "run by llmroute check", Items{}},
};
constexpr Shape kRoot = table_of(kRootFields);

constexpr std::array kCatalogueFields = {
    Field{"providers", &kProviders, "by name", {}, {}, true},
    Field{"regions", &kRegions, "by name", Defaults{}},
    Field{"models", &kKnownModels, "by provider/model", Defaults{}},
};
constexpr Shape kCatalogue = table_of(kCatalogueFields);

}  // namespace

const Shape& configuration() { return kRoot; }
const Shape& provider_catalogue() { return kCatalogue; }

}  // namespace llmroute::schema
