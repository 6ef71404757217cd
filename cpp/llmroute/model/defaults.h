// Every default number of the core, with its unit and where it comes from.
#pragma once

#include <cstddef>
#include <cstdint>

#include "llmroute/base/time.h"

namespace llmroute::defaults {

// --- attempts ---------------------------------------------------------------------------------
inline constexpr int kAttempts = 4;  // per request: first try, retries and fallbacks together
inline constexpr milliseconds kConnectTimeout{3'000};
inline constexpr milliseconds kTtftTimeout{60'000};      // streams: reasoning models think first
inline constexpr milliseconds kIdleTimeout{30'000};      // between two chunks of a stream
inline constexpr milliseconds kAttemptTimeout{600'000};  // as the OpenAI SDK
inline constexpr milliseconds kBackoffBase{250};         // full jitter: uniform in [0, base * 2^n]
inline constexpr milliseconds kBackoffMax{8'000};
inline constexpr milliseconds kMaxRetryAfter{60'000};  // a longer Retry-After is never waited for

// --- retry budget of a router (Finagle's RetryBudget: share of requests, small reserve) ---------
inline constexpr double kRetryShare = 0.2;      // retries earned per request
inline constexpr double kRetryReserve = 10.0;   // retries that are always there at the start
inline constexpr double kRetryBudgetCap = 100;  // most that can be saved up
// Retries under way to places that are sound as far as known but have not answered lately. More than
// a death costs at 100 requests a second of 10 s each, less than what 60 s of outage may cost then.
inline constexpr int kRetryLoans = 1'000;
inline constexpr milliseconds kProofAge{2'000};  // an answer or content this recent is proof

// --- hedging (Dean and Barroso, The Tail at Scale: p95, a few percent) ----------------------------
inline constexpr double kHedgeAfter = 0.95;      // quantile of what the deployment usually takes
inline constexpr double kHedgeExtraLoad = 0.05;  // hedges per request
inline constexpr double kHedgeBurst = 10.0;      // hedges that can be saved up
inline constexpr int kHedgeSamples = 20;         // fewer do not make a quantile

// --- breaker ----------------------------------------------------------------------------------
inline constexpr int kBreakerFailures = 5;        // in a row
inline constexpr double kBreakerErrorRate = 0.5;  // share of failures in the window
inline constexpr int kBreakerMinRequests = 10;    // in the window before the share counts
inline constexpr milliseconds kBreakerCooldown{10'000};
inline constexpr milliseconds kBreakerCooldownMax{120'000};  // doubles after each failed probe
inline constexpr int kBreakerProbes = 1;
inline constexpr milliseconds kSlowStart{10'000};   // full share again after this long
inline constexpr milliseconds kThrottleEvery{100};  // last usable deployment: one attempt per this
inline constexpr milliseconds kErrorWindow{30'000};

// --- cooling after a rate limit or overload without Retry-After ---------------------------------
inline constexpr milliseconds kCooldown{1'500};
inline constexpr milliseconds kCooldownMax{60'000};
// A ramp limit: the providers' advice is to come back slower, not at once.
inline constexpr milliseconds kRampCooldown{10'000};
inline constexpr milliseconds kDailyCooldown{3'600'000};  // where nobody says when the day ends
// Credit is bought by people: an hour later somebody may have. One attempt an hour costs nothing.
inline constexpr milliseconds kQuotaPark{3'600'000};
// Of a key that may not do this, and of a refused one whose value can change (env, file, callable).
inline constexpr milliseconds kRefusedKeyPark{600'000};
inline constexpr milliseconds kLackKept{
    3'600'000};  // a server may be started anew with more options
inline constexpr milliseconds kAbsurdRetryAfter{24LL * 3600 * 1000};  // beyond: unknown

// --- latency signals ----------------------------------------------------------------------------
inline constexpr milliseconds kLatencyDecay{10'000};  // EWMA time constant (Finagle peak EWMA)
inline constexpr double kPriorTtftMs = 600;           // a hosted chat model's usual first token
inline constexpr double kPriorTotalMs = 3'000;
inline constexpr double kPriorMsPerToken = 15;

// --- load that servers tell of themselves ---------------------------------------------------------
// Answers take seconds, and own dispatches are credited in between.
inline constexpr milliseconds kLoadEvery{1'000};
inline constexpr milliseconds kLoadTimeout{2'000};         // of one look; at least its period
inline constexpr int kLoadMisses = 3;                      // looks without an answer: unknown
inline constexpr milliseconds kReportedLoadAge{10'000};    // a report is believed for so long
inline constexpr std::size_t kMaxMetricsBytes = 4U << 20;  // vLLM's page has about 100 KB

// --- cold starts --------------------------------------------------------------------------------
inline constexpr milliseconds kColdIdle{30'000};   // platforms scale to zero after a minute or more
inline constexpr double kColdFactor = 3.0;         // times the warm expectation, and
inline constexpr milliseconds kColdMargin{1'000};  // above it: no jitter, and worth avoiding
inline constexpr milliseconds kColdLoad{500};      // Ollama says 10 to 100 ms of a loaded model

// --- request estimates --------------------------------------------------------------------------
// Of answers that stopped half-way and of simulated providers; prompts: analysis/tokens.h.
inline constexpr double kBytesPerToken = 4.0;  // English text, byte-pair encodings
inline constexpr int kTokenRatioAnswers = 8;   // fewer do not correct an estimate
inline constexpr std::int64_t kGuessedOutputTokens = 256;
inline constexpr std::int64_t kImageTokens = 800;  // one image where nothing better is known

// --- budgets and state -----------------------------------------------------------------------------
inline constexpr double kBudgetPromptMargin = 1.25;     // of an estimated prompt, when reserving
inline constexpr milliseconds kStoreWait{2'000};        // longest a request waits for a lease
inline constexpr milliseconds kStoreExpiry{3'600'000};  // between looks for what has expired
inline constexpr milliseconds kStoreDrain{2'000};       // for calls that wait when a router closes

// --- bounds ---------------------------------------------------------------------------------------
inline constexpr std::size_t kMaxRequestBytes = 64U << 20;
inline constexpr std::size_t kMaxResponseBytes = 64U << 20;  // decoded
inline constexpr std::size_t kMaxHeaderBytes = 256U << 10;
inline constexpr std::size_t kMaxSseEventBytes = 16U << 20;
inline constexpr std::size_t kMaxQueuedDeltaBytes = 1U << 20;  // then the socket is paused
inline constexpr std::size_t kMaxInFlight = 20'000;
inline constexpr std::size_t kMaxWaiting = 1'000;  // requests in line, all groups together
inline constexpr std::size_t kMaxAccounts =
    100'000;  // tenants and the like that limits know at once
// Of a person: as long as somebody who waits at a screen does, and over a weekend.
inline constexpr seconds kHumanWait{60};
inline constexpr seconds kHumanKeep{72 * 3'600};
inline constexpr std::size_t kMaxMetadata = 64;        // entries of one request
inline constexpr std::size_t kMaxMetadataBytes = 512;  // of one key or value
inline constexpr std::size_t kMaxTags = 64;            // of one request
inline constexpr std::size_t kMaxScores = 64;          // of one request
inline constexpr std::size_t kMaxFallbacks = 64;       // that one request lists
inline constexpr std::size_t kMaxMirrored = 1'000;     // of a shadow, in flight; more are left out
inline constexpr std::size_t kMaxStoreJobs = 1'024;    // calls that wait for the state file
inline constexpr std::size_t kMaxNotices = 32;         // that nobody has taken yet
// Conversations, warm prefixes and replies whose place is remembered: of each.
inline constexpr std::size_t kMaxRemembered = 50'000;
inline constexpr int kMaxJsonDepth = 64;
inline constexpr std::size_t kMaxDeployments = 10'000;
inline constexpr std::size_t kMaxErrorBodyBytes = 64U << 10;  // read for classification
inline constexpr std::size_t kMaxMessageBytes = 500;          // of provider text in a decision
inline constexpr milliseconds kConnectionIdle{50'000};        // below the providers' usual 60 s

}  // namespace llmroute::defaults
