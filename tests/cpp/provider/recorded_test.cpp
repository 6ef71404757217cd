// Real exchanges with many providers, where the folder with them lies beside the source tree.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "llmroute/base/random.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {
namespace {

using wire::JsonView;

const std::string kFile =
    std::string(LLMROUTE_SOURCE_DIR) + "/../shared/data/exchanges/recorded.jsonl.gz";

struct Exchange {
  std::string id;
  const Dialect* dialect = nullptr;  // null: an API that is not ours
  int status = 0;
  bool stream = false;
  JsonView request;
  std::string body;
};

// By how the path of a request ends.
constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kPaths = {{
    {"/chat/completions", "openai"},
    {"/v1/messages", "anthropic"},
}};

std::string body_text(JsonView body) {
  const JsonView text = body["text"];
  return text.missing() ? std::string(body["json"].raw()) : text.string();
}

Exchange read_exchange(JsonView line) {
  Exchange x;
  x.id = line["id"].string();
  const std::string uri = line["uri"].string();
  const std::string path = uri.substr(0, uri.find('?'));
  const auto ends_in = [&path](std::string_view end) {
    return path.size() >= end.size() && path.substr(path.size() - end.size()) == end;
  };
  for (const auto& [end, dialect] : kPaths) {
    if (ends_in(end)) x.dialect = find_dialect(dialect);
  }
  const JsonView response = line["response"];
  x.status = static_cast<int>(response["status"].integer().value_or(0));
  x.request = line.at("request", "body", "json");
  const JsonView type = response["headers"]["content-type"].first_element().value();
  x.stream = type.string().find("event-stream") != std::string::npos;
  x.body = body_text(response["body"]);
  return x;
}

// Calls `check` for each exchange; false where there is no file or nothing to unpack it with.
bool for_each_exchange(const std::function<void(const Exchange&)>& check) {
  if (!std::filesystem::exists(kFile)) return false;
  std::FILE* pipe = popen(("gzip -dc '" + kFile + "'").c_str(), "r");
  if (pipe == nullptr) return false;
  std::string line;
  std::array<char, 1 << 16> buffer{};
  std::size_t lines = 0;
  while (std::fgets(buffer.data(), static_cast<int>(buffer.size()), pipe) != nullptr) {
    line += buffer.data();
    if (line.back() != '\n') continue;
    line.pop_back();
    // Some recordings hold half of a surrogate pair, which our reader refuses on purpose.
    if (wire::validate_json(line, 200)) {
      ++lines;
      check(read_exchange(JsonView(line)));
    }
    line.clear();
  }
  pclose(pipe);
  EXPECT_TRUE(lines == 0 || lines > 1000) << lines << " of the exchanges could be read";
  return lines > 0;
}

#define NEEDS_RECORDINGS(walk) \
  if (!(walk)) GTEST_SKIP() << "no recorded exchanges beside the source tree, or no gzip"

TEST(Recorded, EveryReplyIsRead) {
  int replies = 0, reported = 0;
  NEEDS_RECORDINGS(for_each_exchange([&](const Exchange& x) {
    if (x.dialect == nullptr || x.status != 200 || x.stream) return;
    SCOPED_TRACE(x.id);
    const auto read = x.dialect->read_reply(x.body);
    if (const auto* failure = std::get_if<Failure>(&read)) {
      EXPECT_NE(x.id.find("test_invalid_response"), std::string::npos) << failure->message;
      EXPECT_EQ(failure->kind, ErrorKind::protocol);
      return;
    }
    ++replies;
    const auto& summary = std::get<ReplySummary>(read);
    if (summary.usage.reported) ++reported;
    EXPECT_LE(summary.usage.cached_input, summary.usage.input);
    EXPECT_LE(summary.usage.reasoning, summary.usage.output);
    const auto turned = x.dialect->to_openai(x.body);
    ASSERT_TRUE(turned);
    ASSERT_TRUE(wire::validate_json(*turned));
    const JsonView choice = JsonView(*turned)["choices"].first_element().value();
    EXPECT_TRUE(choice["message"].is_object());
    // A reply that calls tools says so, in whichever dialect it came.
    if (summary.finish_reason == "tool_calls") {
      EXPECT_TRUE(choice["message"]["tool_calls"].first_element());
    }
  }));
  EXPECT_GT(replies, 300);
  EXPECT_GE(reported, replies - 5);
}

struct Listened {
  std::vector<Delta> deltas;
  std::optional<Failure> failure;
  bool terminated = false;
};

Listened listen(const Exchange& x, Random* split) {
  const auto decoder = x.dialect->stream_decoder(Deployment());
  Listened out;
  std::string_view bytes = x.body;
  while (!bytes.empty() && !out.failure) {
    const std::size_t size = split == nullptr ? bytes.size() : 1 + split->below(300);
    out.failure = decoder->feed(bytes.substr(0, size), out.deltas);
    bytes.remove_prefix(std::min(size, bytes.size()));
  }
  if (!out.failure) out.failure = decoder->finish(out.deltas);
  out.terminated = decoder->terminated();
  return out;
}

TEST(Recorded, EveryStreamIsReadInAnySplit) {
  int streams = 0, failed = 0;
  Random random(11);
  NEEDS_RECORDINGS(for_each_exchange([&](const Exchange& x) {
    if (x.dialect == nullptr || x.status != 200 || !x.stream) return;
    SCOPED_TRACE(x.id);
    ++streams;
    const Listened whole = listen(x, nullptr);
    const Listened pieces = listen(x, &random);
    EXPECT_EQ(whole.deltas.size(), pieces.deltas.size());
    EXPECT_EQ(whole.failure.has_value(), pieces.failure.has_value());
    EXPECT_EQ(whole.terminated, !whole.failure.has_value());
    if (whole.failure) {
      ++failed;
      EXPECT_EQ(whole.failure->kind, ErrorKind::bad_request) << whole.failure->message;
    }
    bool content = false, usage = false;
    for (const Delta& delta : whole.deltas) {
      content = content || delta.is_content();
      usage = usage || delta.kind == DeltaKind::usage;
    }
    EXPECT_TRUE(content || whole.failure);
  }));
  EXPECT_GT(streams, 30);
  EXPECT_LE(failed, 1) << "one recording holds an error in mid-stream";
}

// By marks that a reader of the recordings sees first.
ErrorKind expected_kind(const Exchange& x) {
  const auto any_of = [&x](std::initializer_list<std::string_view> marks) {
    return std::any_of(marks.begin(), marks.end(), [&x](std::string_view mark) {
      return x.body.find(mark) != std::string::npos;
    });
  };
  if (x.status == 404 || any_of({"identifier is invalid"})) return ErrorKind::not_found;
  if (any_of({"\"tool_use_failed\""})) return ErrorKind::server_error;
  const bool lacks = any_of({"\"unsupported_value\"", "\"unsupported_file\"", "effort level",
                             "doesn't support the ", "not supported with this model"});
  return lacks ? ErrorKind::capability_mismatch : ErrorKind::bad_request;
}

TEST(Recorded, EveryErrorGetsASensibleClass) {
  int errors = 0;
  NEEDS_RECORDINGS(for_each_exchange([&](const Exchange& x) {
    if (x.status < 400) return;
    ++errors;
    // Errors of foreign APIs too: their shapes turn up behind compatible faces.
    const Dialect* dialect = x.dialect != nullptr ? x.dialect : find_dialect("openai");
    const Failure failure = dialect->classify({x.status, {}}, x.body, WallTime{});
    EXPECT_EQ(failure.kind, expected_kind(x)) << x.id << ": " << failure.message;
    EXPECT_NE(failure.message, "an error without a message") << x.id;
  }));
  EXPECT_GE(errors, 25);
}

TEST(Recorded, EveryRequestIsCarriedOrRefusedByName) {
  int carried = 0, refused = 0;
  NEEDS_RECORDINGS(for_each_exchange([&](const Exchange& x) {
    if (x.dialect != find_dialect("openai") || !x.request.is_object()) return;
    ChatRequest request;
    request.body = std::string(x.request.raw());
    request.options.drop_unsupported = true;
    for (const Dialect* dialect : dialects()) {
      const auto encoded = dialect->encode(request, Deployment(), Secret());
      if (encoded) {
        ++carried;
        EXPECT_TRUE(wire::validate_json(encoded->http.body)) << x.id;
      } else {
        ++refused;
        EXPECT_FALSE(encoded.error().path.empty()) << x.id << encoded.error().message;
      }
    }
  }));
  EXPECT_GT(carried, 500);
  EXPECT_LT(refused, 20);
}

}  // namespace
}  // namespace llmroute::provider
