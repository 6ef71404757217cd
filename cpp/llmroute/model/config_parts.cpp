#include <algorithm>

#include "llmroute/base/text.h"
#include "llmroute/model/call_headers.h"
#include "llmroute/model/config_build.h"

namespace llmroute::config {

namespace {

void read_ms(const Value& table, std::string_view key, Duration& target) {
  if (const Value* value = table.find(key)) target = from_ms(value->number);
}

void read_flag(const Value& table, std::string_view key, bool& target) {
  if (const Value* value = table.find(key)) target = value->boolean;
}

// Replaces all of them.
void read_texts(const Value& table, std::string_view key, std::vector<std::string>& target) {
  const Value* value = table.find(key);
  if (value == nullptr) return;
  target.clear();
  for (const Value& text : value->list) target.push_back(text.text);
}

int whole(const Value& table, std::string_view key) {
  return static_cast<int>(table.find(key)->number);
}

}  // namespace

void read_text(const Value& table, std::string_view key, std::string& target) {
  if (const Value* value = table.find(key)) target = value->text;
}

void read_base_url(const Value& table, std::string& target) {
  read_text(table, "base_url", target);
  while (!target.empty() && target.back() == '/') target.pop_back();
}

Result<void> read_keys(const Value& table, const std::string& path,
                       std::vector<SecretSource>& target) {
  const Value* one = table.find("api_key");
  const Value* pool = table.find("api_keys");
  if (one != nullptr && pool != nullptr) {
    return config_error(child_path(path, "api_keys"), "stands beside api_key; keep one of the two");
  }
  if (one != nullptr) target = {parse_secret(one->text)};
  if (pool == nullptr) return {};
  target.clear();
  for (const Value& key : pool->list) target.push_back(parse_secret(key.text));
  return {};
}

void read_headers(const Value& table, std::vector<std::pair<std::string, std::string>>& target) {
  const Value* headers = table.find("headers");
  if (headers == nullptr) return;
  for (const auto& [name, value] : headers->table) {
    const auto same = [&name = name](const auto& header) {
      return equals_ignore_case(header.first, name);
    };
    target.erase(std::remove_if(target.begin(), target.end(), same), target.end());
    target.emplace_back(name, value.text);
  }
}

bool read_forward_headers(const Value& table, std::vector<std::string>& target) {
  if (table.find("forward_headers") == nullptr) return false;
  read_texts(table, "forward_headers", target);
  tidy_header_names(target);
  return true;
}

void read_quirks(const Value& table, Quirks& target) {
  const Value* quirks = table.find("quirks");
  if (quirks == nullptr) return;
  read_text(*quirks, "max_tokens_field", target.max_tokens_field);
  read_text(*quirks, "key_header", target.key_header);
  read_flag(*quirks, "stream_usage", target.stream_usage);
  read_flag(*quirks, "developer_role", target.developer_role);
  read_flag(*quirks, "requires_terminator", target.requires_terminator);
  read_flag(*quirks, "extras", target.extras);
  read_text(*quirks, "reasoning_summary", target.reasoning_summary);
  read_texts(*quirks, "unsupported", target.unsupported);
  read_texts(*quirks, "keeps", target.keeps);
  const Value* rename = quirks->find("rename");
  if (rename == nullptr) return;
  target.rename.clear();
  for (const auto& [parameter, name] : rename->table) {
    target.rename.emplace_back(parameter, name.text);
  }
}

void read_timeouts(const Value& table, Timeouts& target) {
  const Value* timeouts = table.find("timeouts");
  if (timeouts == nullptr) return;
  read_ms(*timeouts, "connect_ms", target.connect);
  read_ms(*timeouts, "ttft_ms", target.ttft);
  read_ms(*timeouts, "idle_ms", target.idle);
  read_ms(*timeouts, "attempt_ms", target.attempt);
}

Result<Resilience> read_resilience(const Value& table) {
  Resilience out;
  out.attempts = whole(table, "attempts");
  read_timeouts(table, out.timeouts);
  const Value& breaker = *table.find("breaker");
  out.breaker.failures = whole(breaker, "failures");
  out.breaker.error_rate = breaker.find("error_rate")->number;
  read_ms(breaker, "cooldown_ms", out.breaker.cooldown);
  out.breaker.probes = whole(breaker, "probes");
  const Value& backoff = *table.find("backoff");
  read_ms(backoff, "base_ms", out.backoff_base);
  read_ms(backoff, "max_ms", out.backoff_max);
  if (out.backoff_base > out.backoff_max) {
    return config_error("resilience.backoff.base_ms", "is larger than max_ms beside it");
  }
  out.retry_share = table.find("retry_share")->number;
  read_ms(table, "max_retry_after_ms", out.max_retry_after);
  if (const Value* deadline = table.find("deadline_ms")) out.deadline = from_ms(deadline->number);
  return out;
}

Result<Providers> read_providers(const Value& catalogue, const Value& own) {
  Providers out;
  for (const Value* source : {&catalogue, &own}) {
    for (const auto& [name, table] : source->table) {
      const std::string path = child_path("providers", name);
      Provider& provider = out[name];
      read_text(table, "dialect", provider.dialect);
      read_base_url(table, provider.base_url);
      if (auto keys = read_keys(table, path, provider.keys); !keys) return keys.error();
      read_headers(table, provider.headers);
      const bool stated = read_forward_headers(table, provider.forward_headers);
      if (stated && source == &own) provider.own_headers_too = false;
      read_text(table, "proxy", provider.proxy);
      read_text(table, "ca_file", provider.ca_file);
      read_quirks(table, provider.quirks);
      if (source == &catalogue) {
        provider.listed = true;
        provider.listed_url = provider.base_url;
      }
      // One of the catalogue may leave it to each deployment.
      const bool known = source == &catalogue || catalogue.find(name) != nullptr;
      if (provider.base_url.empty() && !known) {
        return config_error(child_path(path, "base_url"), "is missing: where its API begins");
      }
    }
  }
  return out;
}

}  // namespace llmroute::config
