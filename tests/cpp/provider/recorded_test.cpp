// Real exchanges with many providers, where the folder with them lies beside the source tree.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "llmroute/base/base64.h"
#include "llmroute/base/random.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/wire/json.h"

namespace llmroute::provider {
namespace {

using wire::JsonView;

const std::string kFile =
    std::string(LLMROUTE_SOURCE_DIR) + "/../shared/data/exchanges/recorded.jsonl.gz";

struct Exchange {
  std::string id, path;
  const Dialect* dialect = nullptr;  // null: an API that is not ours
  int status = 0;
  bool stream = false;
  bool embeddings = false;
  JsonView request;
  std::string body;
};

// By how the path of a request ends.
constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kPaths = {{
    {"/chat/completions", "openai"},
    {"/v1/messages", "anthropic"},
    {"/converse", "bedrock"},
    {"/converse-stream", "bedrock"},
    {"/responses", "responses"},
    {":generateContent", "gemini"},
    {":streamGenerateContent", "gemini"},
    {"/v2/chat", "cohere"},
    {"/api/chat", "ollama"},
}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kEmbeddingPaths = {{
    {"/v1/embeddings", "openai"},
    {"/v2/embed", "cohere"},
    {"/api/embed", "ollama"},
    {":batchEmbedContents", "gemini"},
    {":embedContent", "gemini"},
    {"001:predict", "gemini"},
}};

std::string body_text(JsonView body) {
  if (body["base64"].is_string())
    return from_base64(body["base64"].string()).value_or("not base64");
  const JsonView text = body["text"];
  return text.missing() ? std::string(body["json"].raw()) : text.string();
}

Exchange read_exchange(JsonView line) {
  Exchange x;
  x.id = line["id"].string();
  const std::string uri = line["uri"].string();
  x.path = uri.substr(0, uri.find('?'));
  for (const auto& [end, dialect] : kPaths) {
    if (x.path.ends_with(end) && line["method"].equals("POST")) x.dialect = find_dialect(dialect);
  }
  for (const auto& [end, dialect] : kEmbeddingPaths) {
    if (!x.path.ends_with(end)) continue;
    x.dialect = find_dialect(dialect);
    x.embeddings = true;
  }
  const JsonView response = line["response"];
  x.status = static_cast<int>(response["status"].integer().value_or(0));
  x.request = line.at("request", "body", "json");
  const JsonView type = response["headers"]["content-type"].first_element().value();
  x.stream = type.string().find("event-stream") != std::string::npos ||
             type.string().find("eventstream") != std::string::npos;
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
    if (x.dialect == nullptr || x.status != 200 || x.stream || x.embeddings) return;
    SCOPED_TRACE(x.id);
    const auto read = x.dialect->read_reply(x.body);
    if (const auto* failure = std::get_if<Failure>(&read)) {
      if (x.body.find("\"blockReason\"") != std::string::npos) {
        EXPECT_EQ(failure->kind, ErrorKind::content_filter);
        return;
      }
      EXPECT_NE(x.id.find("test_invalid_response"), std::string::npos) << failure->message;
      EXPECT_EQ(failure->kind, ErrorKind::protocol);
      return;
    }
    ++replies;
    const auto& summary = std::get<ReplySummary>(read);
    if (summary.usage.reported) ++reported;
    EXPECT_LE(summary.usage.cached_input, summary.usage.input);
    EXPECT_LE(summary.usage.reasoning, summary.usage.output);
    // The provider's own sum proves what its parts include.
    if (const auto total = JsonView(x.body)["usage"]["totalTokens"].integer()) {
      EXPECT_EQ(summary.usage.input.count + summary.usage.output.count, *total);
    }
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

TEST(Recorded, EveryEmbeddingIsRead) {
  int replies = 0;
  NEEDS_RECORDINGS(for_each_exchange([&](const Exchange& x) {
    if (!x.embeddings || x.status != 200) return;
    SCOPED_TRACE(x.id);
    ++replies;
    const auto read = x.dialect->read_embeddings(x.body);
    ASSERT_TRUE(std::holds_alternative<ReplySummary>(read));
    const Usage& usage = std::get<ReplySummary>(read).usage;
    const bool counts = x.dialect != find_dialect("gemini");  // which says nothing
    EXPECT_TRUE(usage.reported || !counts);
    EXPECT_TRUE(usage.input.count > 0 || !usage.reported);
    const auto turned = x.dialect->embeddings_to_openai(x.body, "m");
    ASSERT_TRUE(turned);
    ASSERT_TRUE(wire::validate_json(*turned));
    std::size_t vectors = 0;
    const JsonView data = JsonView(*turned)["data"];
    for (auto item = data.first_element(); item; item = item.next()) {
      const JsonView vector = item.value()["embedding"];
      EXPECT_TRUE(vector.is_string() || vector.first_element());
      ++vectors;
    }
    JsonView input;
    for (const char* name : {"input", "texts", "requests", "instances"}) {
      if (!x.request[name].missing()) input = x.request[name];
    }
    std::size_t asked = input.missing() || input.is_string() ? 1 : 0;
    for (auto text = input.first_element(); text; text = text.next()) ++asked;
    EXPECT_EQ(vectors, asked);
  }));
  EXPECT_GE(replies, 5);
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
    // One response does nothing but ask for a search of the caller's tools.
    const bool other = x.body.find("\"tool_search_call\"") != std::string::npos;
    EXPECT_TRUE(content || whole.failure || other);
  }));
  EXPECT_GT(streams, 30);
  EXPECT_LE(failed, 1) << "one recording holds an error in mid-stream";
}

// What a reader has of a stream: everything but the counts.
std::string content_of(const std::vector<Delta>& deltas) {
  std::string content;
  for (const Delta& delta : deltas) {
    if (delta.is_content()) content += delta.tool_id + delta.tool_name + delta.text;
    if (delta.kind == DeltaKind::finish) content += "|" + delta.finish_reason;
  }
  return content;
}

Listened listen_to(const Dialect& dialect, std::string_view bytes) {
  const auto decoder = dialect.stream_decoder(Deployment());
  Listened out;
  if (!bytes.empty()) out.failure = decoder->feed(bytes, out.deltas);
  if (!out.failure) out.failure = decoder->finish(out.deltas);
  return out;
}

// LLMROUTE_CUTS is how many in all; a stream that is whole but for what says nothing is whole.
TEST(Recorded, ACutStreamIsNeverReportedComplete) {
  const char* given = std::getenv("LLMROUTE_CUTS");
  const std::uint64_t wanted = given == nullptr ? 4'000 : std::strtoull(given, nullptr, 10);
  std::vector<Exchange> streams;
  std::vector<std::string> contents;
  NEEDS_RECORDINGS(for_each_exchange([&](const Exchange& x) {
    if (x.dialect == nullptr || x.status != 200 || !x.stream) return;
    const Listened whole = listen_to(*x.dialect, x.body);
    if (whole.failure) return;
    streams.push_back(x);
    streams.back().request = JsonView();
    contents.push_back(content_of(whole.deltas));
  }));
  ASSERT_GT(streams.size(), 30U);
  Random random(17);
  std::uint64_t complete = 0;
  for (std::uint64_t cut = 0; cut < wanted; ++cut) {
    const std::size_t which = random.below(streams.size());
    const Exchange& x = streams[which];
    const std::size_t at = random.below(x.body.size());
    const Listened part = listen_to(*x.dialect, std::string_view(x.body).substr(0, at));
    if (part.failure) {
      ASSERT_EQ(part.failure->kind, ErrorKind::stream_interrupted) << x.id << " at " << at;
      continue;
    }
    ++complete;
    ASSERT_EQ(content_of(part.deltas), contents[which]) << x.id << " at " << at;
  }
  EXPECT_LT(complete, wanted / 10);
}

TEST(Recorded, NoCutStreamOfFramesIsComplete) {
  int streams = 0;
  std::size_t cuts = 0;
  NEEDS_RECORDINGS(for_each_exchange([&](const Exchange& x) {
    if (x.dialect != find_dialect("bedrock") || x.status != 200 || !x.stream) return;
    SCOPED_TRACE(x.id);
    ++streams;
    EXPECT_TRUE(listen(x, nullptr).terminated);
    for (std::size_t cut = 0; cut < x.body.size(); ++cut, ++cuts) {
      Exchange part = x;
      part.body.resize(cut);
      const Listened heard = listen(part, nullptr);
      EXPECT_FALSE(heard.terminated);
      ASSERT_TRUE(heard.failure) << cut;
      EXPECT_EQ(heard.failure->kind, ErrorKind::stream_interrupted) << cut;
    }
  }));
  EXPECT_EQ(streams, 4);
  EXPECT_GT(cuts, 15'000U);
}

TEST(Recorded, EmbeddingsOfBedrockAreRead) {
  int replies = 0, reported = 0;
  NEEDS_RECORDINGS(for_each_exchange([&](const Exchange& x) {
    const bool embeds = x.path.find("embed") != std::string::npos && x.path.ends_with("/invoke");
    if (!embeds || x.status != 200) return;
    SCOPED_TRACE(x.id);
    ++replies;
    const Dialect& dialect = *find_dialect("bedrock");
    const auto read = dialect.read_embeddings(x.body);
    ASSERT_TRUE(std::holds_alternative<ReplySummary>(read)) << std::get<Failure>(read).message;
    reported += std::get<ReplySummary>(read).usage.reported ? 1 : 0;
    const auto turned = dialect.embeddings_to_openai(x.body, "m");
    ASSERT_TRUE(turned);
    ASSERT_TRUE(wire::validate_json(*turned));
    const JsonView vector = JsonView(*turned)["data"].first_element().value()["embedding"];
    EXPECT_TRUE(vector.first_element().value().number()) << "numbers, as they came";
  }));
  EXPECT_GE(replies, 15);
  EXPECT_GE(reported, 5);
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

// The last event of a streamed response holds the response as a whole reply would have it.
TEST(Recorded, AStreamedResponseSaysWhatItsWholeSays) {
  int streams = 0;
  NEEDS_RECORDINGS(for_each_exchange([&](const Exchange& x) {
    if (x.dialect != find_dialect("responses") || x.status != 200 || !x.stream) return;
    SCOPED_TRACE(x.id);
    const std::string mark = "\"type\":\"response.completed\"";
    const std::size_t at = x.body.find(mark);
    ASSERT_NE(at, std::string::npos);
    const std::size_t begin = x.body.rfind("data: ", at) + 6;
    const JsonView event(std::string_view(x.body).substr(begin, x.body.find('\n', at) - begin));
    const auto whole = x.dialect->to_openai(event["response"].raw());
    ASSERT_TRUE(whole);
    const JsonView message = JsonView(*whole)["choices"].first_element().value()["message"];
    std::string text, reasoning, arguments, wanted;
    std::size_t blocks = 0, wanted_blocks = 0;
    for (const Delta& delta : listen(x, nullptr).deltas) {
      if (delta.kind == DeltaKind::text) text += delta.text;
      if (delta.kind == DeltaKind::reasoning) reasoning += delta.text;
      if (delta.kind == DeltaKind::tool_call) arguments += delta.tool_id + delta.text;
      if (delta.kind == DeltaKind::thinking_block) ++blocks;
    }
    for (auto c = message["tool_calls"].first_element(); c; c = c.next()) {
      wanted += c.value()["id"].string() + c.value().at("function", "arguments").string();
    }
    for (auto b = message["thinking_blocks"].first_element(); b; b = b.next()) ++wanted_blocks;
    EXPECT_EQ(text, message["content"].string());
    EXPECT_EQ(reasoning, message["reasoning_content"].string());
    EXPECT_EQ(arguments, wanted);
    EXPECT_EQ(blocks, wanted_blocks);
    ++streams;
  }));
  EXPECT_GE(streams, 15);
}

TEST(Recorded, ARequestInItsOwnShapeGoesAsItCame) {
  int carried = 0;
  NEEDS_RECORDINGS(for_each_exchange([&](const Exchange& x) {
    const bool responses = x.dialect == find_dialect("responses");
    if (!x.request.is_object() || (!responses && x.dialect != find_dialect("anthropic"))) return;
    SCOPED_TRACE(x.id);
    ChatRequest request;
    request.facts.shape = responses ? Shape::responses : Shape::messages;
    request.native = std::string(x.request.raw());
    Deployment d;
    d.model = "m";
    const auto encoded = x.dialect->encode(request, d, Secret());
    ASSERT_TRUE(encoded);
    ASSERT_TRUE(wire::validate_json(encoded->http.body));
    const JsonView sent(encoded->http.body);
    EXPECT_EQ(sent["model"].string(), "m");
    EXPECT_TRUE(sent["stream"].missing());
    for (auto m = x.request.first_member(); m; m = m.next()) {
      const std::string key = m.key_view().string();
      if (key == "model" || key == "stream" || m.value().is_null()) continue;
      EXPECT_EQ(sent[key].raw(), m.value().raw()) << key;
    }
    ++carried;
  }));
  EXPECT_GT(carried, 250);
}

TEST(Recorded, EveryRequestIsCarriedOrRefusedByName) {
  std::map<std::string_view, int> carried, refused;
  NEEDS_RECORDINGS(for_each_exchange([&](const Exchange& x) {
    if (x.dialect != find_dialect("openai") || !x.request.is_object()) return;
    ChatRequest request;
    request.body = std::string(x.request.raw());
    request.options.drop_unsupported = true;
    for (const Dialect* dialect : dialects()) {
      const auto encoded = dialect->encode(request, Deployment(), Secret());
      if (encoded) {
        ++carried[dialect->name()];
        EXPECT_TRUE(wire::validate_json(encoded->http.body)) << x.id;
      } else {
        ++refused[dialect->name()];
        EXPECT_FALSE(encoded.error().path.empty()) << x.id << encoded.error().message;
      }
    }
  }));
  for (const Dialect* dialect : dialects()) {
    EXPECT_GT(carried[dialect->name()], 250) << dialect->name();
    EXPECT_LT(refused[dialect->name()], 20) << dialect->name();
  }
}

}  // namespace
}  // namespace llmroute::provider
