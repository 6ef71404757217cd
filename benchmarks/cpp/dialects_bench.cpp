// Time of reading one streamed chunk by each dialect, and of turning a conversation of 200 messages
// and 220 KB into another dialect's request. Chunks are what providers send, ten bytes of text each.
//
// Prints a JSON array of {what, dialect, us}.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "bench.h"
#include "llmroute/analysis/facts.h"
#include "llmroute/provider/dialect.h"

namespace {

using namespace llmroute;

std::string chunk_of(std::string_view dialect) {
  if (dialect == "openai") {
    return R"(data: {"id":"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx","object":"chat.completion.chunk",)"
           R"("created":1784000000,"model":"gpt-test-2026-01-01","service_tier":"default",)"
           R"("system_fingerprint":"fp_0123456789","choices":[{"index":0,"delta":{"content":)"
           R"(" some text"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":)"
           R"("a1b2c3d4"})"
           "\n\n";
  }
  if (dialect == "anthropic") {
    return "event: content_block_delta\n"
           R"(data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",)"
           R"("text":" some text"}})"
           "\n\n";
  }
  return R"(data: {"candidates": [{"content": {"parts": [{"text": " some text"}],"role": "model"},)"
         R"("index": 0}],"usageMetadata": {"promptTokenCount": 120,"candidatesTokenCount": 40,)"
         R"("totalTokenCount": 160,"promptTokensDetails": [{"modality": "TEXT","tokenCount": 120}]},)"
         R"("modelVersion": "gemini-test","responseId": "AbCdEfGhIjKlMnOpQrStUv"})"
         "\r\n\r\n";
}

template <class F>
double best_us(int rounds, F&& f) {
  double best = 1e18;
  for (int repeat = 0; repeat < 15; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < rounds; ++i) f();
    const auto took = std::chrono::steady_clock::now() - start;
    best = std::min(best, std::chrono::duration<double, std::micro>(took).count() / rounds);
  }
  return best;
}

double chunk_us(const std::string& name) {
  const std::string chunk = chunk_of(name);
  Deployment deployment;
  const auto decoder = provider::find_dialect(name)->stream_decoder(deployment);
  std::vector<Delta> out;
  return best_us(20'000, [&] {
    out.clear();
    if (decoder->feed(chunk, out) || out.empty()) std::abort();
  });
}

// Half of what is said is the user's; every tenth turn calls a tool.
std::string conversation() {
  const std::string words(1'040, 'w');
  std::string body = R"({"model":"x","max_tokens":1000,"temperature":0.5,"messages":[)";
  body += R"({"role":"system","content":"You are brief."})";
  for (int i = 0; i < 200; ++i) {
    const std::string id = std::to_string(i);
    if (i % 10 == 8) {
      body += R"(,{"role":"assistant","content":null,"tool_calls":[{"id":"call_)" + id +
              R"(","type":"function","function":{"name":"look","arguments":"{\"q\":\")" + words +
              R"(\"}"}}]})";
    } else if (i % 10 == 9) {
      body += R"(,{"role":"tool","tool_call_id":"call_)" + std::to_string(i - 1) +
              R"(","content":")" + words + R"("})";
    } else {
      body += R"(,{"role":")" + std::string(i % 2 == 0 ? "user" : "assistant") +
              R"(","content":")" + words + R"("})";
    }
  }
  return body + R"(],"tools":[{"type":"function","function":{"name":"look","parameters":)"
                R"({"type":"object","properties":{"q":{"type":"string"}}}}}]})";
}

double translate_us(const provider::Dialect& dialect, const ChatRequest& request) {
  Deployment deployment;
  deployment.name = "d";
  deployment.model = "claude-test-4-5";
  deployment.base_url = "http://127.0.0.1:1";
  return best_us(50, [&] {
    if (!dialect.encode(request, deployment, Secret())) std::abort();
  });
}

}  // namespace

int bench_dialects() {
  const char* separator = "[";
  for (const std::string name : {"openai", "anthropic", "gemini"}) {
    std::printf("%s{\"what\":\"chunk\",\"dialect\":\"%s\",\"us\":%.4f}", separator, name.c_str(),
                chunk_us(name));
    separator = ",";
  }
  ChatRequest request;
  request.options.drop_unsupported = true;
  request.body = conversation();
  const auto facts = analysis::read_facts(request.body);
  if (!facts) std::abort();
  request.facts = *facts;
  for (const provider::Dialect* dialect : provider::dialects()) {
    const std::string name(dialect->name());
    std::printf(",{\"what\":\"translate\",\"dialect\":\"%s\",\"us\":%.2f}", name.c_str(),
                translate_us(*dialect, request));
  }
  std::puts("]");
  return 0;
}
