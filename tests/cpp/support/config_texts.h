// Small configuration documents that several tests start from.
#pragma once

namespace llmroute::testing {

inline constexpr char kCatalogue[] = R"({"providers": {
  "openai": {"dialect": "openai", "base_url": "https://api.openai.com/v1",
             "api_key": "env:OPENAI_API_KEY", "quirks": {"max_tokens_field": "max_completion_tokens"}},
  "anthropic": {"dialect": "anthropic", "base_url": "https://api.anthropic.com/v1",
                "api_key": "env:ANTHROPIC_API_KEY"},
  "ollama": {"dialect": "openai", "base_url": "http://127.0.0.1:11434/v1",
             "headers": {"X-From": "catalogue", "X-Kept": "yes"},
             "quirks": {"developer_role": false, "stream_usage": false}}
}})";

inline constexpr char kPolicies[] = R"({
  "ordered": {"summary": "in order", "version": 1, "options": {}},
  "weighted": {"summary": "by chance", "version": 1, "options": {}},
  "least_latency": {"summary": "soonest", "version": 1, "options": {
    "jitter": {"default": 0.1, "min": 0, "max": 1, "unit": "share", "meaning": "parts near-ties"}}}
})";

// Uses every key of the configuration at least once.
inline constexpr char kWholeConfig[] = R"({
  "version": 1,
  "groups": {
    "fast": {"deployments": ["openai/gpt-4o-mini", {"use": "local", "weight": 3, "priorities": ["batch", 9]},
                             {"use": "eu"}],
             "policy": {"name": "least_latency", "jitter": 0.2},
             "observe": "ordered",
             "fallbacks": ["default"], "on_context_too_long": ["long"],
             "on_content_filter": ["default", "anthropic/claude-sonnet-4-5"],
             "on_exhausted": [{"queue_ms": 2000}, "least_bad", {"group": "default"}, "human",
                              "reject"]},
    "default": {"deployments": ["local"], "policy": "ordered"},
    "long": {"deployments": ["ollama/qwen/qwen3:32b"]}
  },
  "deployments": {
    "eu": {"provider": "anthropic", "model": "claude-3-5-haiku-latest", "region": "eu-central",
           "retention": "none", "training": "no", "quality": {"default": 0.7, "code": 0.9},
           "energy_wh_per_thousand_tokens": 0.4, "api_keys": ["env:KEY_A", "file:/run/key-b"], "tags": ["paid"],
           "price": {"input_usd_per_million": 0.8, "output_usd_per_million": 4,
                     "cached_input_usd_per_million": 0.08, "cache_write_usd_per_million": 1,
                     "date": "2026-11-01"},
           "limits": {"requests_per_minute": 60, "in_flight": 8, "slow_start_ms": 5000},
           "load": {"metrics": "http://gpu:8000/metrics?all=1", "every_ms": 500, "queue": "q{a=\"1\"}",
                    "running": "r", "kv_cache": "k", "utilisation": "u", "tokens_per_second": "t"},
           "context_tokens": 200000, "max_output_tokens": 8192, "lacks": ["audio", "json_schema"]},
    "local": {"provider": "ollama", "model": "llama3", "base_url": "http://127.0.0.1:8000/v1/",
              "dialect": "openai", "api_key": "sk-local-literal", "proxy": "http://proxy:3128",
              "ca_file": "/etc/ca.pem", "headers": {"x-from": "table"},
              "forward_headers": ["X-Tenant", "anthropic-beta"],
              "timeouts": {"ttft_ms": 500, "attempt_ms": 0},
              "quirks": {"stream_usage": true, "unsupported": ["logprobs"],
                         "max_tokens_field": "max_tokens", "requires_terminator": false}},
    "bare": {"model": "m", "base_url": "https://models.example/v1"}
  },
  "resilience": {
    "attempts": 3, "timeouts": {"connect_ms": 1000, "ttft_ms": 2000, "idle_ms": 3000, "attempt_ms": 4000},
    "breaker": {"failures": 7, "error_rate": 0.25, "cooldown_ms": 500, "probes": 2},
    "backoff": {"base_ms": 10, "max_ms": 20}, "retry_share": 0.1, "max_retry_after_ms": 999,
    "deadline_ms": 8000
  },
  "providers": {
    "corp": {"base_url": "https://llm.corp.example/v1", "api_key": "env:CORP_KEY"},
    "openai": {"headers": {"OpenAI-Project": "p1"}}
  },
  "limits": {
    "tenants": {"by": "metadata.tenant", "only": ["acme", "umbrella"], "requests_per_minute": 30,
                "tokens_per_minute": 1000, "requests_per_day": 500, "tokens_per_day": 9000,
                "in_flight": 4, "slow_start_ms": 100},
    "account": {"by": "provider", "only": ["anthropic"], "tokens_per_minute": 400000}
  },
  "budgets": {
    "batch": {"limit_usd": 40.5, "per": "month", "timezone": "Europe/Berlin",
              "timezone_offsets": [[1577836800, 3600], [1585443600, 7200]],
              "by": "metadata.tenant", "only": ["acme"], "groups": ["fast", "long"],
              "at": [{"share": 0.5, "group": "long"}, {"share": 0.8, "group": "ollama/tiny"}],
              "on_exhausted": "allow"},
    "all": {"limit_requests": 1000, "timezone": "-05:30", "groups": ["*"]}
  },
  "queue": {"max_waiting": 50, "by": "metadata.team", "weights": {"gold": 3}},
  "cache": {
    "exact": {"ttl_s": 60, "max_mb": 8, "by": "metadata.tenant", "single_flight": false,
              "persistent": true},
    "affinity": {"conversations": false, "prefixes": true, "ttl_s": 30, "min_prefix_tokens": 512}
  },
  "state": {"path": "llmroute.state", "busy_ms": 250},
  "rules_mode": "apply",
  "rules": [
    {"name": "everything", "mode": "observe",
     "when": {"all": [{"model": ["fast", "long"]}, {"any": [{"keywords": ["invoice", "money back"]}]},
                      {"not": {"regex": "ORD-[0-9]+"}}],
              "language": ["de", "en"], "messages": {"at_least": 1, "at_most": 9},
              "prompt_tokens": {"above": 1, "below": 9000}, "max_output_tokens": {"at_most": 100},
              "has": ["tools", "json_object"], "header": {"X-Team": "search"},
              "metadata": {"plan": ["gold"], "age": {"at_least": 18}, "tenant": true}, "tags": "beta",
              "time": {"from": "22:00", "to": "06:00", "weekdays": ["mon", "fri"], "timezone": "+02:00"},
              "region": "eu-*", "priority": ["batch", 9], "intent": "billing",
              "sentiment": {"below": -0.5}, "complexity": {"above": 0.5},
              "scores": {"toxicity": {"above": 0.8}, "topic": ["news", "sports"]}},
     "then": {"group": "default", "policy": {"name": "least_latency", "jitter": 0.3},
              "budget": "batch", "deadline_ms": 8000, "priority": "interactive",
              "defaults": {"temperature": 0.5, "top_p": 0.9, "max_tokens": 100, "seed": -3,
                           "stop": ["a", "b"], "presence_penalty": 1, "frequency_penalty": -1,
                           "reasoning_effort": "low"}}},
    {"name": "chained", "when": {"priority": 8}, "then": {"chain": ["local", "eu"]}},
    {"name": "pinned", "mode": "off", "then": {"pin": "local"}},
    {"name": "refused", "when": {"tags": ["bad", "worse"]}, "then": {"reject": "no"}},
    {"name": "asked", "when": {"tags": "human"}, "then": {"human": true,
     "defaults": {"max_completion_tokens": 7}}}
  ],
  "constraints": [
    {"name": "everywhere", "when": {"model": "fast"}, "unless": {"metadata": {"region": ["us"]}},
     "require": {"region": ["eu-*"], "retention": ["none"], "training": "no",
                 "provider_allow": ["anthropic", "ollama"], "provider_deny": "openai",
                 "deployment_allow": ["eu", "local"], "deployment_deny": "bare", "tags": "paid",
                 "max_usd_per_request": 0.5, "max_input_usd_per_million": 3,
                 "max_output_usd_per_million": 9, "min_context_tokens": 1000,
                 "parameters": ["seed"]}}
  ],
  "experiments": {
    "small": {"kind": "split", "mode": "apply", "group": "fast", "by": "metadata.user", "salt": "s",
              "arms": [{"name": "control", "share": 0.9}, {"name": "v2", "share": 0.1, "group": "long"}],
              "guard": {"error_rate": {"worse_by": 0.02}, "ttft_p95_ms": {"worse_by": 300},
                        "total_p95_ms": {"worse_by": 1000}, "cost_usd": {"worse_by": 0.01},
                        "score": {"worse_by": 0.1}}},
    "mirror": {"kind": "shadow", "group": "fast", "by": "conversation", "share": 0.25, "to": "long"}
  },
  "regions": {"eu-central": {"carbon_g_per_kwh": 300, "carbon_date": "2025",
                             "latency_ms": {"us-east": 95}}},
  "human": {"wait_ms": 5000, "keep_hours": 24},
  "routing_tests": [
    {"name": "gold", "given": {"model": "fast", "messages": [{"role": "user", "content": "hi"}],
     "metadata": {"plan": "gold"}, "tags": ["beta"], "headers": {"x-team": "search"},
     "region": "eu-west", "priority": "batch", "scores": {"sentiment": -1},
     "health": {"local": "down"}, "at": "2026-01-05T09:00:00Z"},
     "chooses": {"group": "default", "deployment": "local", "rejects": "no"}, "because": "kept"}
  ]
})";

}  // namespace llmroute::testing
