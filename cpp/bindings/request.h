// From a call's arguments to a checked request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "bindings.h"
#include "llmroute/model/request.h"

namespace llmroute::bindings {

// Reading a longer body takes long enough to let other threads run.
inline constexpr std::size_t kLongBody = 256 * 1024;

struct CallArguments {
  py::handle messages;  // str, list, or bytes of a whole body or of a messages array; or the input
  py::handle model;     // str or None
  bool stream = false;
  py::handle params;   // dict or None: members of the body
  py::handle options;  // dict or None: what is not part of the body
  Operation operation = Operation::chat;
};

// Raises for anything that cannot be sent.
std::shared_ptr<RequestHandle> prepare_request(const CallArguments& call, std::string id,
                                               std::uint64_t seed);

}  // namespace llmroute::bindings
