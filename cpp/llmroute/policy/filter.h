// Dropping candidates that cannot serve a request, each with its reason.
#pragma once

#include <cstdint>

#include "llmroute/health/board.h"
#include "llmroute/model/call_headers.h"
#include "llmroute/model/request.h"

namespace llmroute::policy {

// What a deployment can do, as filters and prices need it: side by side in memory.
struct Fitness {
  ParameterSet unsupported;  // but for beta_headers, which go by the list below
  CapabilitySet lacks;
  Shape shape = Shape::chat;  // that its dialect speaks
  std::uint64_t embedding_model = 0;
  std::int64_t context_tokens = 0;                            // 0: unknown
  std::int64_t max_output_tokens = 0;                         // 0: unknown
  double input_usd = 0, output_usd = 0;                       // per token; not-a-number: unknown
  bool plain_price = true;                                    // those two are all there is to it
  const std::vector<std::string>* forward_headers = nullptr;  // the deployment's
};
// The deployment must outlive what is returned.
Fitness fitness_of(const Deployment& deployment);

// True where the deployment gets a body of that shape as its caller wrote it.
inline bool as_it_came(Shape shape, const Fitness& fitness) {
  return shape != Shape::chat && shape == fitness.shape;
}

// Expected cost of one attempt at a price that is not plain; not-a-number: unknown. By the hour: the
// expected time, shared with what is in flight there.
double expected_usd(const Price& price, const Facts& facts, const health::Hot& hot, int utc_minute);

// Estimated tokens as a deployment counts them.
inline std::int64_t scaled(std::int64_t tokens, float token_ratio) {
  return static_cast<std::int64_t>(static_cast<double>(tokens) * static_cast<double>(token_ratio));
}

// What a request asks of every candidate, read once per plan.
class Demand {
 public:
  // `headers`: of the call; they must outlive this object.
  explicit Demand(const Facts& facts, const Metadata& headers)
      : needs_(facts.needs),
        parameters_(facts.parameters),
        headers_(asks_for_betas(headers) ? &headers : nullptr),
        shape_(facts.shape),
        embedding_model_(facts.embedding_model),
        asked_(facts.max_output_tokens ? facts.max_output_tokens->count : 0),
        input_(static_cast<double>(facts.prompt_tokens.count)),
        output_(static_cast<double>(facts.expected_output().count)) {}

  // True where nothing stands against the deployment; else check_fit says what. `token_ratio`: of its
  // tokens to the estimated ones.
  bool fits(const Fitness& fitness, float token_ratio = 1) const {
    return (needs_ & fitness.lacks).none() &&
           ((parameters_ & fitness.unsupported).none() || as_it_came(shape_, fitness)) &&
           (headers_ == nullptr || lets_betas_pass(*fitness.forward_headers, *headers_)) &&
           (embedding_model_ == 0 || embedding_model_ == fitness.embedding_model) &&
           (fitness.max_output_tokens == 0 || asked_ <= fitness.max_output_tokens) &&
           (fitness.context_tokens == 0 || window(token_ratio) <= fitness.context_tokens);
  }

  // By price and the facts' token estimates; not-a-number for an unknown price.
  double usd(const Fitness& fitness, float token_ratio = 1) const {
    const double output = output_ > 0 ? output_ * fitness.output_usd : 0;
    return input_ * static_cast<double>(token_ratio) * fitness.input_usd + output;
  }

 private:
  std::int64_t window(float token_ratio) const {
    return scaled(static_cast<std::int64_t>(input_), token_ratio) + asked_;
  }

  CapabilitySet needs_;
  ParameterSet parameters_;
  const Metadata* headers_;  // null: without betas
  Shape shape_;
  std::uint64_t embedding_model_;
  std::int64_t asked_;
  double input_, output_;
};

// What the request needs against what the deployment is: capabilities, parameters, betas, context
// length. Does not change during a request. `kept` or the first reason found.
health::Admission check_fit(const Facts& facts, const RequestOptions& options,
                            const Fitness& fitness, float token_ratio = 1);

}  // namespace llmroute::policy
