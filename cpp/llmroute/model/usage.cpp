#include "llmroute/model/usage.h"

#include <algorithm>

namespace llmroute {

Cost operator+(const Cost& a, const Cost& b) { return {a.usd + b.usd, std::max(a.kind, b.kind)}; }

}  // namespace llmroute
