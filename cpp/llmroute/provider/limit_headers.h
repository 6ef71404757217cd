// The limits that the headers of a response announce, whichever family of headers they are of.
#pragma once

#include "llmroute/base/time.h"
#include "llmroute/model/announced.h"
#include "llmroute/wire/http.h"

namespace llmroute::provider {

// Reads every known family (the tables are in limit_headers.cpp), each unit and period apart.
// A header with a word that is not known, a negative or unreadable count, and a reset further away
// than kAbsurdRetryAfter are nothing; what was counted already is not given twice. `now` turns
// moments into durations.
AnnouncedLimits read_limit_headers(const wire::Headers& headers, WallTime now);

}  // namespace llmroute::provider
