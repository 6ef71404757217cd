// What a simulated provider understands of a request, and the answer it makes up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "llmroute/model/usage.h"
#include "llmroute/serve/sim_options.h"

namespace llmroute::serve {

// A refusal in the words of a dialect; the voices turn it into status and body.
struct SimError {
  enum class Kind : std::uint8_t {
    bad_request,
    context_length,
    authentication,
    not_found,
    quota,
    rate_limit,
    server_error,
    overloaded
  };
  Kind kind = Kind::bad_request;
  std::string message;
  double retry_after_s = 0;  // 0: no header
};

struct SimRequest {
  std::string model;
  bool stream = false;
  bool include_usage = false;  // openai: stream_options.include_usage
  std::string asked;           // text of the last message, which the answer repeats
  std::string tool;            // the tool to be called; empty: answer in words
  bool wants_json = false;
  std::optional<std::int64_t> max_tokens;
  std::vector<std::string> stops;
  Tokens prompt_tokens;
};

// Reads and checks a chat request of that dialect.
std::variant<SimRequest, SimError> read_sim_request(const SimOptions& options,
                                                    std::string_view body);

struct SimAnswer {
  std::string id;  // of the reply; the same for the same seed and number
  std::string tool_id;
  SimRequest request;
  std::int64_t created = 0;         // Unix time in seconds
  std::vector<std::string> pieces;  // tokens of the text, or of the tool's arguments
  bool cut_short = false;           // by max_tokens
  std::string stop;                 // the stop sequence that ended it
  Usage usage;
  bool calls_tool() const { return !request.tool.empty(); }
  std::string text() const;  // all pieces
};

SimAnswer answer_to(SimRequest request, const SimOptions& options, std::uint64_t number,
                    std::uint64_t text_seed);

}  // namespace llmroute::serve
