// Pages of inference servers, cut down to what matters; the numbers are ours.
#include "llmroute/provider/server_metrics.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace llmroute::provider {
namespace {

// "queue=1 running=2 ..." with two digits; absent ones are left out.
std::string read(std::string_view page, const LoadSpec& spec = {}, std::string_view model = "m") {
  const LoadReading reading = read_server_metrics(page, spec, model);
  std::string out;
  for (std::size_t i = 0; i < reading.values.size(); ++i) {
    if (!reading.values[i]) continue;
    std::string value = std::to_string(*reading.values[i]);
    value.erase(value.find('.') + 3);
    if (!out.empty()) out += " ";
    out.append(slugs<LoadGauge>()[i]).append("=").append(value);
  }
  return out;
}

struct Case {
  const char* what;
  const char* page;
  const char* expected;
};

const Case kCases[] = {
    {"nothing", "", ""},
    {"no metrics page at all", "<!doctype html><html>404</html>", ""},
    {"unknown names", "process_cpu_seconds_total 3\npython_info{version=\"3\"} 1", ""},
    {"vLLM",
     "# TYPE vllm:num_requests_running gauge\n"
     "vllm:num_requests_running{engine=\"0\",model_name=\"m\"} 12.0\n"
     "vllm:num_requests_waiting{engine=\"0\",model_name=\"m\"} 3.0\n"
     "vllm:kv_cache_usage_perc{engine=\"0\",model_name=\"m\"} 0.5\n"
     "vllm:e2e_request_latency_seconds_bucket{le=\"+Inf\"} 99\n",
     "queue=3.00 running=12.00 kv_cache=0.50"},
    {"vLLM of version 0",
     "vllm:num_requests_running 1\nvllm:gpu_cache_usage_perc 0.25\n"
     "vllm:avg_generation_throughput_toks_per_s 812.5\n",
     "running=1.00 kv_cache=0.25 tokens_per_second=812.50"},
    {"both KV names: the newer", "vllm:gpu_cache_usage_perc 0.25\nvllm:kv_cache_usage_perc 0.75\n",
     "kv_cache=0.75"},
    {"engines of one server: counts add up, shares are averaged",
     "vllm:num_requests_running{engine=\"0\"} 2\nvllm:num_requests_running{engine=\"1\"} 3\n"
     "vllm:kv_cache_usage_perc{engine=\"0\"} 0.2\nvllm:kv_cache_usage_perc{engine=\"1\"} 0.4\n",
     "running=5.00 kv_cache=0.30"},
    {"several models: ours",
     "vllm:num_requests_waiting{model_name=\"other\"} 50\n"
     "vllm:num_requests_waiting{model_name=\"m\"} 1\n",
     "queue=1.00"},
    {"none of ours (the name is an alias there): all",
     "vllm:num_requests_waiting{model_name=\"x\"} 5\n", "queue=5.00"},
    {"SGLang",
     "sglang:num_running_reqs{model_name=\"m\"} 4\nsglang:num_queue_reqs{model_name=\"m\"} 2\n"
     "sglang:token_usage{model_name=\"m\"} 0.28\nsglang:gen_throughput{model_name=\"m\"} 86.5\n",
     "queue=2.00 running=4.00 kv_cache=0.28 tokens_per_second=86.50"},
    {"TensorRT-LLM behind Triton",
     "nv_trt_llm_request_metrics{model=\"m\",request_type=\"scheduled\",version=\"1\"} 6\n"
     "nv_trt_llm_request_metrics{model=\"m\",request_type=\"max\",version=\"1\"} 512\n"
     "nv_trt_llm_request_metrics{model=\"m\",request_type=\"waiting\",version=\"1\"} 1\n"
     "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"fraction\",model=\"m\"} 0.4\n"
     "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"tokens_per\",model=\"m\"} 64\n",
     "queue=1.00 running=6.00 kv_cache=0.40"},
    {"trtllm-serve", "trtllm_kv_cache_utilization 0.1\ntrtllm_num_requests_running 2\n",
     "running=2.00 kv_cache=0.10"},
    {"Triton",
     "nv_inference_pending_request_count{model=\"m\",version=\"1\"} 7\n"
     "nv_gpu_utilization{gpu_uuid=\"a\"} 0.9\nnv_gpu_utilization{gpu_uuid=\"b\"} 0.7\n",
     "queue=7.00 utilisation=0.80"},
    {"llama.cpp",
     "llamacpp:requests_processing 1\nllamacpp:requests_deferred 2\n"
     "llamacpp:kv_cache_usage_ratio 0.05\nllamacpp:predicted_tokens_seconds 33.3\n",
     "queue=2.00 running=1.00 kv_cache=0.05 tokens_per_second=33.30"},
    {"Text Generation Inference", "tgi_batch_current_size 3\ntgi_queue_size 0\n",
     "queue=0.00 running=3.00"},
    {"percent", "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\"} 55\n", "utilisation=0.55"},
    {"what cannot be is unknown",
     "vllm:num_requests_running -1\nvllm:num_requests_waiting NaN\n"
     "vllm:kv_cache_usage_perc 50\nsglang:num_queue_reqs +Inf\n",
     ""},
};

TEST(ServerMetrics, ReadsTheServersPages) {
  for (const Case& c : kCases) EXPECT_EQ(read(c.page), c.expected) << c.what;
}

TEST(ServerMetrics, TakesTheNamesItIsGivenInstead) {
  LoadSpec spec;
  spec.names[static_cast<std::size_t>(LoadGauge::queue)] = "jobs{state=\"queued\"}";
  const char* page =
      "jobs{state=\"queued\"} 4\njobs{state=\"done\"} 400\nvllm:num_requests_waiting 9\n"
      "vllm:num_requests_running 2\n";
  EXPECT_EQ(read(page, spec), "queue=4.00 running=2.00");
  EXPECT_EQ(read("vllm:num_requests_waiting 9\n", spec), "") << "instead of the known ones";
}

}  // namespace
}  // namespace llmroute::provider
