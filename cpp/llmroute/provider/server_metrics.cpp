#include "llmroute/provider/server_metrics.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "llmroute/wire/prometheus.h"

namespace llmroute::provider {

namespace {

struct Alias {
  LoadGauge gauge;
  std::string_view metric;
  double scale = 1;
};

// The first of a gauge that a page has is taken. Names as in the servers' own documentation.
constexpr std::array kAliases = {
    // vLLM (docs.vllm.ai, Production metrics); the second KV name is that of version 0
    Alias{LoadGauge::running, "vllm:num_requests_running"},
    Alias{LoadGauge::queue, "vllm:num_requests_waiting"},
    Alias{LoadGauge::kv_cache, "vllm:kv_cache_usage_perc"},
    Alias{LoadGauge::kv_cache, "vllm:gpu_cache_usage_perc"},
    Alias{LoadGauge::tokens_per_second, "vllm:avg_generation_throughput_toks_per_s"},
    // SGLang
    Alias{LoadGauge::running, "sglang:num_running_reqs"},
    Alias{LoadGauge::queue, "sglang:num_queue_reqs"},
    Alias{LoadGauge::kv_cache, "sglang:token_usage"},
    Alias{LoadGauge::tokens_per_second, "sglang:gen_throughput"},
    // TensorRT-LLM behind Triton, and by trtllm-serve
    Alias{LoadGauge::running, "nv_trt_llm_request_metrics{request_type=\"scheduled\"}"},
    Alias{LoadGauge::queue, "nv_trt_llm_request_metrics{request_type=\"waiting\"}"},
    Alias{LoadGauge::kv_cache,
          "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"fraction\"}"},
    Alias{LoadGauge::running, "trtllm_num_requests_running"},
    Alias{LoadGauge::queue, "trtllm_num_requests_waiting"},
    Alias{LoadGauge::kv_cache, "trtllm_kv_cache_utilization"},
    // Triton
    Alias{LoadGauge::queue, "nv_inference_pending_request_count"},
    Alias{LoadGauge::utilisation, "nv_gpu_utilization"},
    // llama.cpp (llama-server --metrics)
    Alias{LoadGauge::running, "llamacpp:requests_processing"},
    Alias{LoadGauge::queue, "llamacpp:requests_deferred"},
    Alias{LoadGauge::kv_cache, "llamacpp:kv_cache_usage_ratio"},
    Alias{LoadGauge::tokens_per_second, "llamacpp:predicted_tokens_seconds"},
    // Text Generation Inference, LMDeploy
    Alias{LoadGauge::running, "tgi_batch_current_size"},
    Alias{LoadGauge::queue, "tgi_queue_size"},
    Alias{LoadGauge::running, "lmdeploy:num_requests_running"},
    Alias{LoadGauge::queue, "lmdeploy:num_requests_waiting"},
    Alias{LoadGauge::kv_cache, "lmdeploy:gpu_cache_usage_perc"},
    // NVIDIA's DCGM exporter: percent
    Alias{LoadGauge::utilisation, "DCGM_FI_DEV_GPU_UTIL", 0.01},
};

struct Sum {
  double sum = 0;
  int series = 0;
  void add(double value) {
    sum += value;
    ++series;
  }
};

struct Watched {
  LoadGauge gauge;
  wire::MetricSelector selector;
  double scale;
  Sum all, of_model;
};

std::vector<Watched> watched(const LoadSpec& spec) {
  std::vector<Watched> out;
  for (std::size_t i = 0; i < spec.names.size(); ++i) {
    if (spec.names[i].empty()) continue;
    if (auto selector = wire::read_selector(spec.names[i])) {
      out.push_back({static_cast<LoadGauge>(i), std::move(*selector), 1, {}, {}});
    }
  }
  for (const Alias& alias : kAliases) {
    if (!spec.names[static_cast<std::size_t>(alias.gauge)].empty()) continue;
    auto selector = wire::read_selector(alias.metric);
    if (selector) out.push_back({alias.gauge, std::move(*selector), alias.scale, {}, {}});
  }
  return out;
}

bool is_of_model(std::string_view labels, std::string_view model) {
  return wire::label_of(labels, "model_name") == model || wire::label_of(labels, "model") == model;
}

double together(LoadGauge gauge, const Sum& sum) {
  const bool share = gauge == LoadGauge::kv_cache || gauge == LoadGauge::utilisation;
  return share ? sum.sum / sum.series : sum.sum;
}

}  // namespace

LoadReading read_server_metrics(std::string_view page, const LoadSpec& spec,
                                std::string_view model) {
  std::vector<Watched> all = watched(spec);
  wire::PrometheusReader reader(page);
  while (const auto sample = reader.next()) {
    for (Watched& one : all) {
      if (!one.selector.matches(*sample)) continue;
      const double value = sample->value * one.scale;
      if (!plausible(one.gauge, value)) continue;
      one.all.add(value);
      if (is_of_model(sample->labels, model)) one.of_model.add(value);
    }
  }
  LoadReading out;
  for (const Watched& one : all) {
    const Sum& sum = one.of_model.series > 0 ? one.of_model : one.all;
    if (sum.series == 0 || out[one.gauge]) continue;
    out[one.gauge] = together(one.gauge, sum);
  }
  return out;
}

}  // namespace llmroute::provider
