#include "llmroute/sim/traffic.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "llmroute/base/random.h"
#include "llmroute/model/defaults.h"
#include "llmroute/model/shapes.h"

namespace llmroute::sim {

namespace {

using namespace schema;
using schema::Shape;  // not that of requests

constexpr double kMostRequests = 20e6;
constexpr double kMostTokens = 100e6;

std::string check_label(std::string_view text) {
  if (text.size() <= defaults::kMaxMetadataBytes) return {};
  return "is longer than " + std::to_string(defaults::kMaxMetadataBytes) + " bytes";
}

std::string check_priority(std::string_view text) {
  return priority_from(text) ? "" : "is no priority: interactive, standard, batch or a digit";
}

std::string check_start(std::string_view text) {
  return start_from(text) ? "" : "is no date in UTC such as 2026-03-29 or 2026-03-29T01:30:00Z";
}

constexpr Shape kRequests = number_of(Kind::integer, 1, kMostRequests);
constexpr Shape kRate = number_of(Kind::number, 1e-6, 1e6);
constexpr Shape kTokens = number_of(Kind::number, 1, kMostTokens);
constexpr Shape kSigma = number_of(Kind::number, 0, 5);
constexpr Shape kWeight = number_of(Kind::number, 0.001, 1e6);
constexpr Shape kMs = number_of(Kind::number, 1, 86'400'000);
constexpr Shape kFlag = number_of(Kind::boolean, 0, 1);
constexpr Shape kArrivals = words_of(slugs<Arrivals>());
constexpr Shape kText = text_of(nullptr);
constexpr Shape kMix = map_of(kWeight, 1'000, nullptr);
constexpr Shape kLabels = map_of(kWeight, 100'000, &check_label);
constexpr Shape kPriorities = map_of(kWeight, 1'000, &check_priority);
constexpr Shape kStart = text_of(&check_start);
constexpr Shape kMostOutput = number_of(Kind::integer, 1, kMostTokens);
constexpr Shape kTurns = number_of(Kind::number, 1, 1'000);
constexpr Shape kMultiple = number_of(Kind::number, 0.001, 1'000);
constexpr Shape kProfile = series_of(kMultiple, 1, 1'440);

constexpr std::array kFields = {
    Field{"requests", &kRequests, "how many", 10'000.0},
    Field{"rate_per_second", &kRate, "on average", 100.0},
    Field{"arrivals", &kArrivals, "how they come", std::string_view("poisson")},
    Field{"day_profile", &kProfile, "equal parts of a day, each with its multiple of the rate"},
    Field{"model", &kText, "group or deployment asked for; default: the only group"},
    Field{"models", &kMix, "the same by weight, instead of `model`"},
    Field{"prompt_tokens", &kTokens, "median", 500.0, "tokens"},
    Field{"prompt_sigma", &kSigma, "spread of its logarithm", 0.8},
    Field{"output_tokens", &kTokens, "median", 150.0, "tokens"},
    Field{"output_sigma", &kSigma, "spread of its logarithm", 0.8},
    Field{"max_output_tokens",
          &kMostOutput,
          "of every request; default: it says nothing",
          {},
          "tokens"},
    Field{"tenants", &kLabels, "metadata.tenant of requests, by weight"},
    Field{"tasks", &kLabels, "metadata.task of requests, by weight"},
    Field{"priorities", &kPriorities, "of requests, by weight; default: standard"},
    Field{"conversations", &kTurns, "turns of one on average; default: none"},
    Field{"start_at", &kStart, "what the clock shows at the start, in UTC",
          std::string_view("2026-01-01")},
    Field{"stream", &kFlag, "answers are streamed", true},
    Field{"deadline_ms", &kMs, "of every request; default: the configuration's", {}, "ms"},
};
constexpr Shape kTraffic = table_of(kFields);

double number(const Value& table, std::string_view key) { return table.find(key)->number; }

// Names in the order of the text, with the sums of their weights.
struct Mix {
  std::vector<std::string> names;
  std::vector<double> sums;

  std::uint32_t draw(Random& random) const {
    const double mark = random.unit() * sums.back();
    const auto found = std::upper_bound(sums.begin(), sums.end(), mark);
    const auto index = std::min<std::ptrdiff_t>(found - sums.begin(),
                                                static_cast<std::ptrdiff_t>(sums.size()) - 1);
    return static_cast<std::uint32_t>(index);
  }
};

// Empty where there is no such table.
Mix read_mix(const Value& table, std::string_view key) {
  Mix mix;
  const Value* weights = table.find(key);
  if (weights == nullptr) return mix;
  double sum = 0;
  for (const auto& [name, weight] : weights->table) {
    sum += weight.number;
    mix.names.push_back(name);
    mix.sums.push_back(sum);
  }
  return mix;
}

Mix read_models(const Value& table) {
  Mix mix = read_mix(table, "models");
  if (mix.names.empty()) {
    const Value* model = table.find("model");
    mix.names.push_back(model == nullptr ? std::string() : model->text);
    mix.sums.push_back(1.0);
  }
  return mix;
}

// The multiple of the rate at this time; 1 without a profile.
double multiple_at(const Value* profile, double seconds) {
  constexpr double kDay = 86'400;
  if (profile == nullptr) return 1.0;
  const double share = std::fmod(seconds, kDay) / kDay;
  const auto parts = profile->list.size();
  const auto index =
      std::min(static_cast<std::size_t>(share * static_cast<double>(parts)), parts - 1);
  return profile->list[index].number;
}

// Log-normal.
struct TokenCount {
  double median, sigma;

  std::int32_t draw(Random& random) const {
    const double drawn = sigma > 0 ? median * std::exp(sigma * random.normal()) : median;
    return static_cast<std::int32_t>(std::clamp(std::round(drawn), 1.0, kMostTokens));
  }
};

// Whose requests they are: chance of its own, so that naming tenants leaves times and sizes alone.
class Cast {
 public:
  Cast(const Value& table, std::uint64_t seed)
      : random_(mix64(seed ^ 0x6361'6c6c'6572ULL)),
        tenants_(read_mix(table, "tenants")),
        tasks_(read_mix(table, "tasks")),
        priorities_(read_mix(table, "priorities")) {
    for (const std::string& word : priorities_.names) {
      words_.push_back(priority_from(word).value_or(kStandard));
    }
  }

  // All pairs of tenant and task, in the order of draw().
  std::vector<Metadata> labels() const {
    std::vector<Metadata> out;
    for (std::size_t tenant = 0; tenant < std::max<std::size_t>(tenants_.names.size(), 1);
         ++tenant) {
      for (std::size_t task = 0; task < std::max<std::size_t>(tasks_.names.size(), 1); ++task) {
        Metadata& labels = out.emplace_back();
        if (!tasks_.names.empty()) labels.emplace_back("task", tasks_.names[task]);
        if (!tenants_.names.empty()) labels.emplace_back("tenant", tenants_.names[tenant]);
      }
    }
    return out;
  }

  void draw(TrafficRow& row) {
    const auto tasks = static_cast<std::uint32_t>(std::max<std::size_t>(tasks_.names.size(), 1));
    if (!tenants_.names.empty()) row.labels = tenants_.draw(random_) * tasks;
    if (!tasks_.names.empty()) row.labels += tasks_.draw(random_);
    if (!words_.empty()) row.priority = words_[priorities_.draw(random_)];
  }

 private:
  Random random_;
  Mix tenants_, tasks_, priorities_;
  std::vector<Priority> words_;
};

// A fixed number of conversations goes on at any time; each request is the next turn of one of them.
// So the rate stays what it is, and the turns of one are some time apart.
class Conversations {
 public:
  Conversations(double turns, double rate_per_second, std::uint64_t seed)
      : random_(mix64(seed ^ 0x7461'6c6bULL)), turns_(turns) {
    constexpr double kGapSeconds = 30;
    const double alive = std::clamp(rate_per_second * kGapSeconds, 1.0, 100'000.0);
    open_.resize(static_cast<std::size_t>(alive));
  }

  void draw(TrafficRow& row, Cast& cast) {
    Open& open = open_[random_.below(open_.size())];
    if (open.left == 0) {
      cast.draw(row);
      open = {row, ++begun_, 0, 0, length()};
      open.first.turn = 0;
    }
    --open.left;
    row.turn = ++open.first.turn;
    row.known_tokens = open.prompt_tokens;
    row.model = open.first.model;
    row.labels = open.first.labels;
    row.priority = open.first.priority;
    row.conversation = open.number;
    const double prompt = open.tokens + row.prompt_tokens;
    row.prompt_tokens = static_cast<std::int32_t>(std::min(prompt, kMostTokens));
    open.prompt_tokens = row.prompt_tokens;
    open.tokens = std::min(prompt + row.answer_tokens(), kMostTokens);
  }

 private:
  struct Open {
    TrafficRow first;
    std::uint32_t number = 0;
    double tokens = 0;               // said so far
    std::int32_t prompt_tokens = 0;  // of the turn before
    std::uint32_t left = 0;
  };

  // Geometric: after each turn it ends with the same chance.
  std::uint32_t length() {
    if (turns_ <= 1) return 1;
    const double drawn = std::log1p(-random_.unit()) / std::log1p(-1.0 / turns_);
    return 1 + static_cast<std::uint32_t>(std::min(drawn, 1e6));
  }

  Random random_;
  double turns_;
  std::uint32_t begun_ = 0;
  std::vector<Open> open_;
};

// Text of exactly `digits` digits at `at`; -1 where it is not that.
int digits_at(std::string_view text, std::size_t at, std::size_t digits) {
  if (at + digits > text.size()) return -1;
  int value = 0;
  for (const char c : text.substr(at, digits)) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

// "01:30", "01:30:00", each with or without Z.
std::optional<Duration> time_of_day(std::string_view text) {
  if (!text.empty() && text.back() == 'Z') text.remove_suffix(1);
  const bool with_seconds = text.size() == 8;
  if ((text.size() != 5 && !with_seconds) || text[2] != ':') return std::nullopt;
  if (with_seconds && text[5] != ':') return std::nullopt;
  const int hours = digits_at(text, 0, 2), minutes = digits_at(text, 3, 2);
  const int seconds_past = with_seconds ? digits_at(text, 6, 2) : 0;
  const auto within = [](int value, int most) { return value >= 0 && value <= most; };
  if (!within(hours, 23) || !within(minutes, 59) || !within(seconds_past, 59)) return std::nullopt;
  return seconds((hours * 60 + minutes) * 60 + seconds_past);
}

}  // namespace

std::optional<WallTime> start_from(std::string_view text) {
  using namespace std::chrono;
  const int y = digits_at(text, 0, 4), m = digits_at(text, 5, 2), d = digits_at(text, 8, 2);
  if (y < 1970 || y > 2200 || m < 0 || d < 0 || text[4] != '-' || text[7] != '-') return {};
  const year_month_day date{year(y), month(static_cast<unsigned>(m)),
                            day(static_cast<unsigned>(d))};
  if (!date.ok()) return std::nullopt;
  const WallTime midnight{sys_days(date).time_since_epoch()};
  if (text.size() == 10) return midnight;
  const auto time = text[10] == 'T' ? time_of_day(text.substr(11)) : std::nullopt;
  return time ? std::optional(midnight + *time) : std::nullopt;
}

namespace {

// One by one, in the order of time.
class Generator {
 public:
  Generator(const Value& table, std::uint64_t seed)
      : random_(mix64(seed ^ 0x7261'6666'6963ULL)),
        models_(read_models(table)),
        cast_(table, seed),
        prompt_{number(table, "prompt_tokens"), number(table, "prompt_sigma")},
        output_{number(table, "output_tokens"), number(table, "output_sigma")},
        profile_(table.find("day_profile")),
        constant_(from_slug<Arrivals>(table.find("arrivals")->text) == Arrivals::constant),
        gap_s_(1.0 / number(table, "rate_per_second")) {
    if (const Value* most = table.find("max_output_tokens")) {
      most_output_ = static_cast<std::int32_t>(most->number);
    }
    if (const Value* turns = table.find("conversations")) {
      conversations_.emplace(turns->number, 1.0 / gap_s_, seed);
    }
  }

  const Mix& models() const { return models_; }
  std::vector<Metadata> labels() const { return cast_.labels(); }

  TrafficRow next() {
    TrafficRow row;
    row.at = from_ms(at_s_ * 1000);
    row.model = models_.draw(random_);
    row.prompt_tokens = prompt_.draw(random_);
    row.output_tokens = output_.draw(random_);
    row.max_output_tokens = most_output_;
    if (conversations_) {
      conversations_->draw(row, cast_);
    } else {
      cast_.draw(row);
    }
    const double mean = gap_s_ / multiple_at(profile_, at_s_);
    at_s_ += constant_ ? mean : random_.exponential(mean);
    return row;
  }

 private:
  Random random_;
  Mix models_;
  Cast cast_;
  std::optional<Conversations> conversations_;
  TokenCount prompt_, output_;
  const Value* profile_;
  bool constant_;
  double gap_s_;
  std::int32_t most_output_ = 0;
  double at_s_ = 0;
};

}  // namespace

Result<Traffic> make_traffic(std::string_view json, std::uint64_t seed) {
  Result<Value> document = parse_document(json, "the traffic");
  if (!document) return document.error();
  if (const auto checked = check(kTraffic, *document, "traffic", Value{}); !checked) {
    return checked.error();
  }
  const Value& table = *document;
  Generator generator(table, seed);
  Traffic traffic;
  traffic.models = generator.models().names;
  traffic.labels = generator.labels();
  traffic.stream = table.find("stream")->boolean;
  traffic.start = start_from(table.find("start_at")->text).value_or(kTrafficStart);
  if (const Value* limit = table.find("deadline_ms")) traffic.deadline = from_ms(limit->number);
  const auto total = static_cast<std::size_t>(number(table, "requests"));
  traffic.rows.reserve(total);
  for (std::size_t i = 0; i < total; ++i) traffic.rows.push_back(generator.next());
  return traffic;
}

}  // namespace llmroute::sim
