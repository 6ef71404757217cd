#include "llmroute/sim/callers.h"

#include <map>

#include "llmroute/base/random.h"

namespace llmroute::sim {

namespace {

std::uint64_t prefix_hash(std::uint32_t conversation, std::uint32_t turn) {
  return mix64((std::uint64_t{conversation} << 32) | turn);
}

}  // namespace

Callers::Callers(const std::vector<Metadata>& labels) {
  std::map<std::string_view, std::int32_t> known;
  for (const Metadata& metadata : labels) {
    const std::string_view tenant = find_metadata(metadata, "tenant");
    task_.emplace_back(find_metadata(metadata, "task"));
    if (tenant.empty()) {
      tenant_.push_back(-1);
      continue;
    }
    const auto next = static_cast<std::int32_t>(tenants_.size());
    const auto [found, fresh] = known.emplace(tenant, next);
    if (fresh) tenants_.emplace_back(tenant);
    tenant_.push_back(found->second);
  }
}

std::shared_ptr<ChatRequest> make_request(const Traffic& traffic, const TrafficRow& row,
                                          bool prefixes) {
  auto request = std::make_shared<ChatRequest>();
  RequestOptions& options = request->options;
  options.model = traffic.models[row.model];
  options.stream = traffic.stream;
  options.deadline = traffic.deadline;
  options.metadata = traffic.labels[row.labels];
  options.priority = row.priority;
  options.cache = CacheUse::off;
  request->facts.prompt_tokens = Tokens{row.prompt_tokens};
  request->facts.messages = 1;
  if (row.max_output_tokens > 0) request->facts.max_output_tokens = Tokens{row.max_output_tokens};
  if (row.conversation == 0) return request;
  options.conversation = "c" + std::to_string(row.conversation);
  request->facts.messages = 2 * row.turn - 1;
  if (!prefixes) return request;
  if (row.turn > 1) {
    request->prefixes.push_back(
        {prefix_hash(row.conversation, row.turn - 1), Tokens{row.known_tokens}});
  }
  request->prefixes.push_back({prefix_hash(row.conversation, row.turn), Tokens{row.prompt_tokens}});
  return request;
}

}  // namespace llmroute::sim
