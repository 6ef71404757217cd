// A request in the provider's own shape, which goes to it as it came. For files of this folder only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/provider/dialect.h"

namespace llmroute::provider {

// A member that is written where the body has none of that name.
struct NativeDefault {
  std::string_view key;
  std::int64_t value = 0;
};

// `request.native` with this deployment's model, and with `stream` as the options have it; nulls are
// left out, members that nobody here knows keep their bytes. What the deployment's quirks refuse is
// an error of kind bad_request, or is added to `dropped` where the caller allows it.
Result<std::string> encode_native(const ChatRequest& request, const Deployment& deployment,
                                  std::vector<std::string>& dropped, NativeDefault otherwise = {});

}  // namespace llmroute::provider
