#include "llmroute/cache/entry.h"

#include <gtest/gtest.h>

#include "llmroute/wire/json.h"

namespace llmroute::cache {
namespace {

using wire::JsonView;

Delta delta(DeltaKind kind, std::string text, std::uint16_t choice = 0) {
  Delta out;
  out.kind = kind;
  out.choice = choice;
  (kind == DeltaKind::finish ? out.finish_reason : out.text) = std::move(text);
  return out;
}

Delta call(std::uint16_t index, std::string id, std::string name, std::string arguments) {
  Delta out = delta(DeltaKind::tool_call, std::move(arguments));
  out.tool_index = index;
  out.tool_id = std::move(id);
  out.tool_name = std::move(name);
  return out;
}

Usage usage_of(std::int64_t input, std::int64_t output) {
  Usage usage;
  usage.input = {input};
  usage.output = {output};
  usage.cached_input = {1};
  usage.reported = true;
  return usage;
}

Entry like() {
  Entry entry;
  entry.request_id = "r-1";
  entry.deployment = "alpha";
  entry.finish_reason = "stop";
  entry.usage = usage_of(5, 7);
  return entry;
}

std::string body_of(const std::string& message, const std::string& reason = "stop") {
  return R"({"id":"x","choices":[{"index":0,"message":)" + message + R"(,"finish_reason":")" +
         reason + R"("}]})";
}

// What a reader of the stream ends up with.
struct Read {
  std::string text, refusal, reasoning, finish, calls;
  Usage usage;
  int pieces = 0;
};
Read read(const std::vector<Delta>& deltas) {
  Read out;
  for (const Delta& d : deltas) {
    if (d.kind == DeltaKind::text) out.text += d.text;
    if (d.kind == DeltaKind::text) ++out.pieces;
    if (d.kind == DeltaKind::refusal) out.refusal += d.text;
    if (d.kind == DeltaKind::reasoning) out.reasoning += d.text;
    if (d.kind == DeltaKind::finish) out.finish += d.finish_reason;
    if (d.kind == DeltaKind::usage) out.usage = d.usage;
    if (d.kind == DeltaKind::tool_call) {
      out.calls += std::to_string(d.tool_index) + d.tool_id + d.tool_name + d.text + ";";
    }
  }
  return out;
}

TEST(Complete, IsWhatEndedOfItself) {
  for (const char* reason : {"stop", "length", "tool_calls", "function_call"}) {
    EXPECT_TRUE(complete(reason)) << reason;
  }
  for (const char* reason : {"", "content_filter", "error", "recitation", "pause_turn"}) {
    EXPECT_FALSE(complete(reason)) << reason;
  }
}

TEST(EntryFromBody, KeepsWhatIsWhole) {
  const std::string body = body_of(R"({"role":"assistant","content":"hi"})");
  const EntryPtr entry = entry_from_body(body, like());
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->body, body);
  EXPECT_EQ(entry->deployment, "alpha");
  EXPECT_FALSE(entry->streams_only);
  EXPECT_GT(entry->weight(), body.size());
}

TEST(EntryFromBody, RefusesWhatIsNot) {
  Entry filtered = like();
  filtered.finish_reason = "content_filter";
  EXPECT_FALSE(entry_from_body(body_of("{}"), filtered));
  filtered.finish_reason = "";
  EXPECT_FALSE(entry_from_body(body_of("{}"), filtered));
  for (const char* body :
       {R"({"choices":[]})", R"({"choices":[{"finish_reason":"stop"}]})", R"({"error":{}})",
        R"({"choices":[{"message":{}},{"message":{},"finish_reason":"content_filter"}]})"}) {
    EXPECT_FALSE(entry_from_body(body, like())) << body;
  }
}

TEST(Recorder, JoinsWhatContinues) {
  Recorder recorder(1U << 20U);
  recorder.take({delta(DeltaKind::reasoning, "hm"), delta(DeltaKind::text, "a")});
  recorder.take({delta(DeltaKind::text, "b"), delta(DeltaKind::text, "c")});
  recorder.take({call(0, "id", "f", "{"), call(0, "", "", "}"), call(1, "id2", "g", "")});
  recorder.take({delta(DeltaKind::finish, "tool_calls")});
  const auto& deltas = recorder.deltas();
  ASSERT_EQ(deltas.size(), 5U);
  EXPECT_EQ(deltas[1].text, "abc");
  EXPECT_EQ(deltas[2].text, "{}");
  EXPECT_EQ(deltas[3].tool_index, 1);
  EXPECT_FALSE(recorder.stopped());
}

TEST(Recorder, StopsAtItsBoundAndBeginsAnew) {
  Recorder recorder(2'000);
  recorder.take({delta(DeltaKind::text, std::string(1'000, 'a'))});
  EXPECT_FALSE(recorder.stopped());
  recorder.take({delta(DeltaKind::text, std::string(1'000, 'a'))});
  EXPECT_TRUE(recorder.stopped());
  EXPECT_TRUE(recorder.deltas().empty());
  recorder.take({delta(DeltaKind::text, "b")});
  EXPECT_TRUE(recorder.deltas().empty());
  recorder.restart();
  recorder.take({delta(DeltaKind::text, "b")});
  EXPECT_FALSE(recorder.stopped());
  EXPECT_EQ(recorder.deltas().size(), 1U);
}

TEST(EntryFromDeltas, MakesTheWholeReply) {
  Delta tokens = delta(DeltaKind::usage, "");
  tokens.usage = usage_of(5, 7);
  const EntryPtr entry = entry_from_deltas(
      {delta(DeltaKind::text, "line\n\"quoted\" "), delta(DeltaKind::text, "\xC3\xA9"),
       call(0, "c-1", "look", R"({"a":)"), call(0, "", "", "1}"), call(1, "c-2", "see", "{}"),
       delta(DeltaKind::finish, "tool_calls"), tokens},
      like(), "gpt", WallTime(seconds(1'700'000'000)));
  ASSERT_TRUE(entry);
  ASSERT_TRUE(wire::validate_json(entry->body)) << entry->body;
  const JsonView body(entry->body);
  EXPECT_EQ(body["object"].string(), "chat.completion");
  EXPECT_EQ(body["model"].string(), "gpt");
  EXPECT_EQ(body["created"].integer(), 1'700'000'000);
  EXPECT_EQ(body.at("usage", "completion_tokens").integer(), 7);
  const JsonView choice = body["choices"].first_element().value();
  EXPECT_EQ(choice["finish_reason"].string(), "tool_calls");
  EXPECT_EQ(choice.at("message", "content").string(), "line\n\"quoted\" \xC3\xA9");
  const JsonView first = choice.at("message", "tool_calls").first_element().value();
  EXPECT_EQ(first["id"].string(), "c-1");
  EXPECT_EQ(first.at("function", "name").string(), "look");
  EXPECT_EQ(first.at("function", "arguments").string(), R"({"a":1})");
  EXPECT_EQ(entry->finish_reason, "tool_calls");
  EXPECT_FALSE(entry->streams_only);
}

TEST(EntryFromDeltas, PicturesAndCitationsComeBackWholeAndInAStream) {
  const std::vector<std::tuple<DeltaKind, std::string, std::string>> cases = {
      {DeltaKind::image, "images",
       R"({"type":"image_url","image_url":{"url":"data:image/png;base64,A"}})"},
      {DeltaKind::annotation, "annotations",
       R"({"type":"url_citation","url_citation":{"url":"https://x"}})"}};
  for (const auto& [kind, member, json] : cases) {
    const EntryPtr entry = entry_from_deltas(
        {delta(DeltaKind::text, "a"), delta(kind, json), delta(DeltaKind::finish, "stop")}, like(),
        "m", WallTime());
    ASSERT_TRUE(entry);
    const JsonView choice = JsonView(entry->body)["choices"].first_element().value();
    EXPECT_EQ(choice.at("message", member).raw(), "[" + json + "]");
    std::string streamed;
    for (const Delta& d : deltas_of(*entry)) {
      if (d.kind == kind) streamed += d.text;
    }
    EXPECT_EQ(streamed, json);
  }
}

TEST(EntryFromDeltas, ThinkingIsForStreamsOnly) {
  const EntryPtr entry =
      entry_from_deltas({delta(DeltaKind::reasoning, "hm"), delta(DeltaKind::text, "a"),
                         delta(DeltaKind::finish, "stop")},
                        like(), "m", WallTime());
  ASSERT_TRUE(entry);
  EXPECT_TRUE(entry->streams_only);
  EXPECT_EQ(read(deltas_of(*entry)).reasoning, "hm");
}

TEST(EntryFromDeltas, RefusesWhatIsCutOrCannotBeOneMessage) {
  const auto none = [](std::vector<Delta> deltas) {
    return entry_from_deltas(deltas, like(), "m", WallTime()) == nullptr;
  };
  EXPECT_TRUE(none({}));
  EXPECT_TRUE(none({delta(DeltaKind::text, "a")}));
  EXPECT_TRUE(none({delta(DeltaKind::text, "a"), delta(DeltaKind::finish, "content_filter")}));
  EXPECT_TRUE(none({delta(DeltaKind::text, "a", 1), delta(DeltaKind::finish, "stop")}));
  EXPECT_TRUE(none({delta(DeltaKind::restart, ""), delta(DeltaKind::finish, "stop")}));
  EXPECT_FALSE(none({delta(DeltaKind::finish, "stop")}));
}

TEST(DeltasOf, GiveBackWhatWasRecorded) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += i % 7 == 0 ? "\xE2\x82\xAC" : "x";
  const std::vector<Delta> recorded = {
      delta(DeltaKind::text, text), delta(DeltaKind::refusal, "no"),
      call(0, "c-1", "look", "{\"q\":\"\\n\"}"), call(1, "c-2", "see", ""),
      delta(DeltaKind::finish, "tool_calls")};
  const EntryPtr entry = entry_from_deltas(recorded, like(), "m", WallTime());
  ASSERT_TRUE(entry);
  const std::vector<Delta> replay = deltas_of(*entry);
  const Read before = read(recorded), after = read(replay);
  EXPECT_EQ(after.text, before.text);
  EXPECT_EQ(after.refusal, before.refusal);
  EXPECT_EQ(after.calls, before.calls);
  EXPECT_EQ(after.finish, "tool_calls");
  EXPECT_EQ(after.usage.output.count, 7);
  EXPECT_GT(after.pieces, 1);
  EXPECT_LE(after.pieces, 8);
  for (const Delta& d : replay) {
    std::string quoted = "\"";
    wire::append_escaped(quoted, d.text);
    EXPECT_TRUE(wire::validate_json(quoted + "\"")) << "cut inside a character";
  }
}

TEST(DeltasOf, ReadWhatProvidersWrite) {
  struct Case {
    const char* message;
    Read want;
  };
  const Case cases[] = {
      {R"({"content":"hi"})", {"hi", "", "", "stop", "", {}, 1}},
      {R"({"content":null})", {"", "", "", "stop", "", {}, 0}},
      {R"({"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]})",
       {"ab", "", "", "stop", "", {}, 2}},
      {R"({"content":"x","reasoning_content":"hm"})", {"x", "", "hm", "stop", "", {}, 1}},
      {R"({"content":"x","reasoning":"hm"})", {"x", "", "hm", "stop", "", {}, 1}},
      {R"({"content":null,"refusal":"no"})", {"", "no", "", "stop", "", {}, 0}},
      {R"({"content":null,"function_call":{"name":"f","arguments":"{}"}})",
       {"", "", "", "stop", "0f{};", {}, 0}},
  };
  for (const Case& c : cases) {
    Entry entry = like();
    entry.usage = {};
    const EntryPtr made = entry_from_body(body_of(c.message), entry);
    ASSERT_TRUE(made) << c.message;
    const auto deltas = deltas_of(*made);
    const Read got = read(deltas);
    EXPECT_EQ(got.text, c.want.text) << c.message;
    EXPECT_EQ(got.refusal, c.want.refusal) << c.message;
    EXPECT_EQ(got.reasoning, c.want.reasoning) << c.message;
    EXPECT_EQ(got.calls, c.want.calls) << c.message;
    EXPECT_EQ(got.pieces, c.want.pieces) << c.message;
    EXPECT_NE(deltas.back().kind, DeltaKind::usage) << "an estimate is nobody's word";
  }
}

TEST(Bytes, ComeBackAsTheyWent) {
  const Key key = sha256("k");
  Entry made = like();
  made.streams_only = true;
  const EntryPtr entry = entry_from_body(body_of(R"({"content":"hi \"x\""})"), made);
  const std::string bytes = to_bytes(key, *entry, WallTime(seconds(9)));
  const auto stored = from_bytes(key, bytes);
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->kept, WallTime(seconds(9)));
  EXPECT_EQ(stored->entry->body, entry->body);
  EXPECT_EQ(stored->entry->deployment, "alpha");
  EXPECT_EQ(stored->entry->request_id, "r-1");
  EXPECT_EQ(stored->entry->finish_reason, "stop");
  EXPECT_EQ(stored->entry->usage.input.count, 5);
  EXPECT_EQ(stored->entry->usage.cached_input.count, 1);
  EXPECT_TRUE(stored->entry->usage.reported);
  EXPECT_TRUE(stored->entry->streams_only);
}

TEST(Bytes, CutOrChangedOrStrayedAreNone) {
  const Key key = sha256("k");
  const std::string bytes =
      to_bytes(key, *entry_from_body(body_of(R"({"content":"hi"})"), like()), WallTime());
  ASSERT_TRUE(from_bytes(key, bytes));
  EXPECT_FALSE(from_bytes(sha256("other"), bytes));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(from_bytes(key, std::string_view(bytes).substr(0, size))) << size;
  }
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(from_bytes(key, changed)) << i;
  }
  EXPECT_FALSE(from_bytes(key, bytes + " "));
}

}  // namespace
}  // namespace llmroute::cache
