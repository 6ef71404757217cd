#include "llmroute/serve/sim_request.h"

#include <algorithm>

#include "llmroute/base/random.h"
#include "llmroute/base/text.h"
#include "llmroute/model/defaults.h"
#include "llmroute/wire/json.h"

namespace llmroute::serve {

namespace {

using wire::JsonView;

SimError bad_request(std::string message) {
  return {SimError::Kind::bad_request, std::move(message), 0};
}

// Text of a message's content: a string, or the texts among its parts.
std::string text_of(JsonView content) {
  if (content.is_string()) return content.string();
  std::string out;
  for (auto part = content.first_element(); part; part = part.next()) {
    const JsonView value = part.value();
    const JsonView text = value["text"];
    const std::string piece = text.is_string() ? text.string() : text_of(value["content"]);
    if (!out.empty() && !piece.empty()) out += ' ';
    out += piece;
  }
  return out;
}

std::string tool_name(JsonView tool) {
  const JsonView function = tool["function"];
  return (function.is_object() ? function["name"] : tool["name"]).string();
}

// The tool that the caller insists on, or that the last message speaks of.
std::string chosen_tool(JsonView body, const std::string& asked) {
  const auto first = body["tools"].first_element();
  if (!first) return {};
  const JsonView choice = body["tool_choice"];
  const JsonView type = choice.is_object() ? choice["type"] : choice;
  if (type.equals("none")) return {};
  const std::string named = choice.is_object() ? tool_name(choice) : std::string();
  if (!named.empty()) return named;
  if (type.equals("required") || type.equals("any")) return tool_name(first.value());
  const std::string words = to_lower(asked);
  for (auto tool = first; tool; tool = tool.next()) {
    const std::string name = tool_name(tool.value());
    if (!name.empty() && words.find(to_lower(name)) != std::string::npos) return name;
  }
  return words.find("tool") == std::string::npos ? std::string() : tool_name(first.value());
}

// A result that comes back ends a tool's turn: calling again would never end.
bool is_tool_result(JsonView message) {
  if (message["role"].equals("tool")) return true;
  const auto part = message["content"].first_element();
  return part && part.value()["type"].equals("tool_result");
}

void read_stops(JsonView stops, std::vector<std::string>& out) {
  if (stops.is_string()) out.push_back(stops.string());
  for (auto stop = stops.first_element(); stop; stop = stop.next()) {
    if (stop.value().is_string()) out.push_back(stop.value().string());
  }
}

Tokens count_prompt(JsonView body) {
  const std::size_t bytes =
      body["messages"].raw().size() + body["system"].raw().size() + body["tools"].raw().size();
  return {static_cast<std::int64_t>(static_cast<double>(bytes) / defaults::kBytesPerToken) + 1};
}

SimError too_long(SimDialect dialect, Tokens prompt, Tokens limit) {
  const std::string has = std::to_string(prompt.count);
  const std::string most = std::to_string(limit.count);
  SimError error{SimError::Kind::context_length, {}, 0};
  error.message = dialect == SimDialect::anthropic
                      ? "prompt is too long: " + has + " tokens > " + most + " maximum"
                      : "This model's maximum context length is " + most +
                            " tokens. However, your messages resulted in " + has +
                            " tokens. Please reduce the length of the messages.";
  return error;
}

void read_parameters(SimDialect dialect, JsonView body, SimRequest& request) {
  request.stream = body["stream"].boolean().value_or(false);
  request.include_usage = body.at("stream_options", "include_usage").boolean().value_or(false);
  request.max_tokens = body["max_tokens"].integer();
  if (!request.max_tokens) request.max_tokens = body["max_completion_tokens"].integer();
  const bool anthropic = dialect == SimDialect::anthropic;
  read_stops(body[anthropic ? "stop_sequences" : "stop"], request.stops);
  const JsonView format = body.at("response_format", "type");
  request.wants_json = format.is_string() && !format.equals("text");
  request.prompt_tokens = count_prompt(body);
}

// Words that fill an answer up to its length; long enough a list that runs differ at a glance.
constexpr std::string_view kWords[] = {"a",       "window", "opens", "slowly", "until", "the",
                                       "sender",  "learns", "what",  "path",   "can",   "bear",
                                       "and",     "then",   "grows", "with",   "care",  "again",
                                       "because", "loss",   "is",    "news",   "of",    "load"};

std::vector<std::string> split_pieces(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    // A piece is a word with the space before it, as tokens are.
    const std::size_t end = text.find(' ', 1);
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end, text.size()));
  }
  return out;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  wire::append_escaped(out, text);
  return out + "\"";
}

void apply_stops(SimAnswer& answer) {
  std::string text = answer.text();
  std::size_t first = std::string::npos;
  for (const std::string& stop : answer.request.stops) {
    const std::size_t at = stop.empty() ? std::string::npos : text.find(stop);
    if (at < first) {
      first = at;
      answer.stop = stop;
    }
  }
  if (first == std::string::npos) return;
  text.resize(first);
  answer.pieces = split_pieces(text);
}

}  // namespace

std::variant<SimRequest, SimError> read_sim_request(const SimOptions& options,
                                                    std::string_view text) {
  if (!wire::validate_json(text, defaults::kMaxJsonDepth)) {
    return bad_request("We could not parse the JSON body of your request.");
  }
  const JsonView body(text);
  SimRequest request;
  request.model = body["model"].string();
  if (request.model.empty()) return bad_request("you must provide a model parameter");
  const auto& models = options.models;
  if (!models.empty() && std::find(models.begin(), models.end(), request.model) == models.end()) {
    return SimError{SimError::Kind::not_found, "model: " + ellipsize(request.model, 100), 0};
  }
  JsonView last;
  for (auto m = body["messages"].first_element(); m; m = m.next()) last = m.value();
  if (!last.is_object()) return bad_request("messages: at least one message is required");
  read_parameters(options.dialect, body, request);
  if (options.dialect == SimDialect::anthropic && !request.max_tokens) {
    return bad_request("max_tokens: Field required");
  }
  if (options.context_tokens && request.prompt_tokens > *options.context_tokens) {
    return too_long(options.dialect, request.prompt_tokens, *options.context_tokens);
  }
  request.asked = text_of(last["content"]);
  if (!is_tool_result(last)) request.tool = chosen_tool(body, request.asked);
  return request;
}

std::string SimAnswer::text() const {
  std::string out;
  for (const std::string& piece : pieces) out += piece;
  return out;
}

SimAnswer answer_to(SimRequest request, const SimOptions& options, std::uint64_t number,
                    std::uint64_t text_seed) {
  SimAnswer answer;
  const bool anthropic = options.dialect == SimDialect::anthropic;
  const std::string tail = std::to_string(mix64(text_seed ^ number));
  answer.id = (anthropic ? "msg_" : "chatcmpl-") + tail;
  answer.tool_id = (anthropic ? "toolu_" : "call_") + tail;
  const std::string asked = ellipsize(request.asked, 2'000);
  std::string text = request.model + " heard: " + asked;
  const bool exact = !request.tool.empty() || request.wants_json;
  if (exact) text = "{\"echo\": " + quoted(asked) + "}";
  answer.request = std::move(request);
  answer.pieces = split_pieces(text);
  // Exactly the configured length: measurements count on it.
  if (!exact && answer.pieces.size() > options.output_tokens) {
    answer.pieces.resize(options.output_tokens);
  }
  Random random(text_seed);
  while (!exact && answer.pieces.size() < options.output_tokens) {
    answer.pieces.push_back(" " + std::string(kWords[random.below(std::size(kWords))]));
  }
  if (!exact) apply_stops(answer);
  const auto most = static_cast<std::size_t>(std::max<std::int64_t>(
      answer.request.max_tokens.value_or(static_cast<std::int64_t>(answer.pieces.size())), 0));
  if (answer.pieces.size() > most) {
    answer.pieces.resize(most);
    answer.cut_short = true;
  }
  answer.usage.input = answer.request.prompt_tokens;
  answer.usage.output = {static_cast<std::int64_t>(answer.pieces.size())};
  answer.usage.reported = true;
  return answer;
}

}  // namespace llmroute::serve
