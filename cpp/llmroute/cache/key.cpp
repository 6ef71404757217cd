#include "llmroute/cache/key.h"

#include <algorithm>
#include <string>
#include <utility>

#include "llmroute/model/call_headers.h"
#include "llmroute/model/defaults.h"
#include "llmroute/wire/json_scan.h"

namespace llmroute::cache {

namespace {

struct Part {
  std::string_view key;
  std::size_t first = 0, past = 0;  // its pieces of text
  bool dropped = false;
};

// Notes which pieces of the body make up each top-level member. Text without white space between its
// tokens, the usual case, is one piece; nothing is copied.
class MemberReader : public wire::JsonEvents {
 public:
  explicit MemberReader(bool stream) : stream_(stream) {}

  bool on_key(std::string_view key) {
    if (depth_ != 1) {
      take(key.data() - 1, key.data() + key.size() + 1);
      return true;
    }
    // A name that is written with escapes could be any of those that matter.
    whole = whole && key.find('\\') == std::string_view::npos;
    members.push_back({key, pieces.size(), pieces.size(), ignored(key)});
    at_ = nullptr;
    return true;
  }

  bool on_string(std::string_view text) {
    if (depth_ == 0) return false;  // no request
    note_value(text, false);
    take(text.data() - 1, text.data() + text.size() + 1);
    return true;
  }

  bool on_literal(std::string_view text) {
    if (depth_ == 0) return false;
    if (depth_ == 1 && text == "null") {
      members.back().dropped = true;
      return true;
    }
    note_value(text, true);
    take(text.data(), text.data() + text.size());
    return true;
  }

  bool on_begin(bool object, const char* at) {
    if (depth_ == 0 && !object) return false;
    if (depth_ > 0) {
      note_value({at, 1}, false);
      take(at, at + 1);
    }
    ++depth_;
    return true;
  }

  bool on_end(bool, const char* past) {
    if (--depth_ > 0) take(past - 1, past);
    return true;
  }

  std::vector<Part> members;
  std::vector<std::string_view> pieces;
  bool whole = true;  // an answer can be kept without loss

 private:
  static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
  static bool ignored(std::string_view key) {
    return std::find(kIgnoredMembers.begin(), kIgnoredMembers.end(), key) != kIgnoredMembers.end();
  }

  void note_value(std::string_view text, bool literal) {
    if (depth_ != 1) return;
    const std::string_view key = members.back().key;
    if (key == "audio") whole = false;
    if (!stream_) return;
    if (key == "n" && !(literal && text == "1")) whole = false;
    if (key == "logprobs" && text != "false") whole = false;
    if (key == "web_search_options") whole = false;
  }

  // The token, and before it the commas and colons since the last one.
  void take(const char* begin, const char* past) {
    if (at_ != nullptr) {
      for (; at_ != begin; ++at_) {
        if (!is_space(*at_)) cover(at_, at_ + 1);
      }
    }
    cover(begin, past);
    at_ = past;
    members.back().past = pieces.size();
  }

  void cover(const char* begin, const char* past) {
    const auto size = static_cast<std::size_t>(past - begin);
    Part& member = members.back();
    if (pieces.size() > member.first && pieces.back().data() + pieces.back().size() == begin) {
      pieces.back() = {pieces.back().data(), pieces.back().size() + size};
    } else {
      pieces.emplace_back(begin, size);
    }
  }

  bool stream_;
  int depth_ = 0;
  const char* at_ = nullptr;  // past the member's last token; null before its first
};

void add_sorted(Sha256& hash, std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  hash.number(names.size());
  for (const std::string& name : names) hash.text(name);
}

// What chooses among the models of the group. Of an order that a Python policy gave, only which
// deployments are in it: the order itself is for the moment, but one that was left out must not
// answer.
void add_options(Sha256& hash, const RequestOptions& options, bool by_priority) {
  hash.number(options.drop_unsupported ? 1 : 0);
  hash.number(by_priority ? 1U + options.priority : 0U);
  add_sorted(hash, options.exclude);
  hash.number(options.policy ? 1 : 0).text(options.policy.value_or(""));
  hash.number(options.order ? 1 : 0).text(options.policy_label);
  add_sorted(hash, options.order.value_or(std::vector<std::string>()));
  // Of a list that the caller wrote the order is part of what is asked for.
  hash.number(options.fallbacks ? 1 + options.fallbacks->size() : 0);
  if (options.fallbacks) {
    for (const std::string& name : *options.fallbacks) hash.text(name);
  }
}

void add_headers(Sha256& hash, const Metadata& headers, std::span<const std::string> forwarded) {
  const auto counts = [forwarded](const auto& header) {
    return is_beta_header(header.first) ||
           std::binary_search(forwarded.begin(), forwarded.end(), header.first);
  };
  hash.number(static_cast<std::uint64_t>(std::count_if(headers.begin(), headers.end(), counts)));
  for (const auto& header : headers) {
    if (counts(header)) hash.text(header.first).text(header.second);
  }
}

Digest digest_of(const Deployment& deployment) {
  Sha256 hash;
  hash.text(deployment.name).text(deployment.provider).text(deployment.model);
  hash.text(deployment.dialect).text(deployment.base_url);
  hash.text(deployment.unsupported.to_string()).text(deployment.quirks.max_tokens_field);
  hash.number(deployment.headers.size());
  for (const auto& [name, value] : deployment.headers) hash.text(name).text(value);
  hash.number(deployment.forward_headers.size());
  for (const std::string& name : deployment.forward_headers) hash.text(name);
  return hash.finish();
}

// Groups that a request to `group` may end in.
class Reached {
 public:
  Reached(const Inventory& inventory, GroupIndex group)
      : inventory_(inventory), seen_(inventory.groups.size(), false) {
    add(group);
    for (const BudgetRule& budget : inventory.budgets) {
      for (const BudgetStep& step : budget.at) add(step.group);
    }
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const Group& from = inventory.groups[groups[i]];
      for (const auto* list : {&from.fallbacks, &from.on_context_too_long, &from.on_content_filter})
        for (const GroupIndex next : *list) add(next);
      for (const ExhaustedStep& step : from.on_exhausted) {
        if (step.action == ExhaustedAction::group) add(step.group);
      }
    }
  }
  std::vector<GroupIndex> groups;

 private:
  void add(GroupIndex group) {
    if (group >= inventory_.groups.size() || seen_[group]) return;
    seen_[group] = true;
    groups.push_back(group);
  }
  const Inventory& inventory_;
  std::vector<bool> seen_;
};

}  // namespace

std::vector<Digest> fingerprints(const Inventory& inventory) {
  std::vector<Digest> deployments;
  deployments.reserve(inventory.deployments.size());
  for (const Deployment& deployment : inventory.deployments) {
    deployments.push_back(digest_of(deployment));
  }
  std::vector<Digest> out;
  out.reserve(inventory.groups.size());
  for (GroupIndex group = 0; group < inventory.groups.size(); ++group) {
    std::vector<Digest> members;
    for (const GroupIndex reached : Reached(inventory, group).groups) {
      for (const Member& member : inventory.groups[reached].members) {
        members.push_back(deployments.at(member.deployment));
      }
    }
    std::sort(members.begin(), members.end());
    members.erase(std::unique(members.begin(), members.end()), members.end());
    Sha256 hash;
    for (const Digest& member : members) {
      hash.update({reinterpret_cast<const char*>(member.data()), member.size()});
    }
    out.push_back(hash.finish());
  }
  return out;
}

Digest fingerprint_of(const Inventory& inventory, const std::vector<Digest>& fingerprints,
                      GroupIndex group, const RequestOptions& options) {
  if (!options.fallbacks) return fingerprints[group];
  Sha256 hash;
  const auto add = [&](GroupIndex one) {
    const Digest& print = fingerprints[one];
    hash.update({reinterpret_cast<const char*>(print.data()), print.size()});
  };
  add(group);
  for (const std::string& name : *options.fallbacks) {
    if (const auto found = inventory.find_group(name)) add(*found);
  }
  return hash.finish();
}

std::vector<std::string> forwarded_headers(const Inventory& inventory) {
  std::vector<std::string> out;
  for (const Deployment& deployment : inventory.deployments) {
    out.insert(out.end(), deployment.forward_headers.begin(), deployment.forward_headers.end());
  }
  tidy_header_names(out);
  return out;
}

std::optional<std::string_view> partition_of(const std::optional<CountedBy>& by,
                                             const Metadata& metadata) {
  if (!by || by->scope == Scope::all || by->scope == Scope::group) return std::string_view();
  if (by->scope != Scope::metadata) return std::nullopt;  // not known before there is an answer
  const std::string_view value = find_metadata(metadata, by->key);
  if (value.empty()) return std::nullopt;
  return value;
}

std::optional<Key> request_key(const ChatRequest& request, const Asked& asked) {
  MemberReader reader(request.options.stream);
  const std::string_view body = request.body;
  if (!wire::scan_json(body, defaults::kMaxJsonDepth, reader).ok || !reader.whole) {
    return std::nullopt;
  }
  std::stable_sort(reader.members.begin(), reader.members.end(),
                   [](const Part& a, const Part& b) { return a.key < b.key; });
  Sha256 hash;
  hash.text("llmroute cache 3").text(asked.partition).text(asked.group);
  hash.update({reinterpret_cast<const char*>(asked.fingerprint.data()), asked.fingerprint.size()});
  hash.update({reinterpret_cast<const char*>(asked.fence.data()), asked.fence.size()});
  add_options(hash, request.options, asked.by_priority);
  add_headers(hash, request.options.headers, asked.forwarded);
  for (const Part& member : reader.members) {
    if (member.dropped) continue;
    std::size_t size = 0;
    for (std::size_t i = member.first; i < member.past; ++i) size += reader.pieces[i].size();
    hash.text(member.key).number(size);
    for (std::size_t i = member.first; i < member.past; ++i) hash.update(reader.pieces[i]);
  }
  // Two bodies of another shape can mean the same conversation and ask for something else beside it.
  if (request.native.size() > 0) hash.text(request.native);
  return hash.finish();
}

}  // namespace llmroute::cache
