// The stream decoder of one dialect (FUZZ_DIALECT): no crash, the same deltas in any split, readable
// text, and nothing behind the end. Events are the golden ones in any order, damaged or whole.
#include <optional>
#include <vector>

#include "llmroute/base/text.h"
#include "llmroute/provider/dialect.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/streams.h"

namespace llmroute::fuzz {
namespace {

struct Heard {
  std::vector<Delta> deltas;
  std::optional<Failure> failure;
  bool terminated = false;  // by the bytes themselves
};

Heard listen(std::string_view bytes, std::optional<std::uint32_t> split) {
  const auto decoder = provider::find_dialect(FUZZ_DIALECT)->stream_decoder(Deployment());
  Heard heard;
  const auto feed = [&](std::string_view piece) {
    heard.failure = decoder->feed(piece, heard.deltas);
    return !heard.failure;
  };
  if (split) {
    in_pieces(bytes, *split, feed);
  } else if (!bytes.empty()) {
    feed(bytes);
  }
  heard.terminated = decoder->terminated();
  if (!heard.failure) heard.failure = decoder->finish(heard.deltas);
  MUST_HOLD(heard.failure || decoder->terminated());
  return heard;
}

bool same(const Delta& a, const Delta& b) {
  return a.kind == b.kind && a.choice == b.choice && a.tool_index == b.tool_index &&
         a.text == b.text && a.tool_id == b.tool_id && a.tool_name == b.tool_name &&
         a.finish_reason == b.finish_reason && a.extra == b.extra && a.usage == b.usage;
}

void check_same(const Heard& a, const Heard& b) {
  MUST_HOLD(a.failure.has_value() == b.failure.has_value());
  if (a.failure) MUST_HOLD(a.failure->kind == b.failure->kind);
  MUST_HOLD(a.deltas.size() == b.deltas.size());
  for (std::size_t i = 0; i < a.deltas.size(); ++i) MUST_HOLD(same(a.deltas[i], b.deltas[i]));
}

void check_values(const Heard& heard) {
  for (const Delta& delta : heard.deltas) {
    MUST_HOLD(is_utf8(delta.text) && is_utf8(delta.tool_id) && is_utf8(delta.tool_name));
    MUST_HOLD(is_utf8(delta.finish_reason) && is_utf8(delta.extra));
    const Usage& u = delta.usage;
    MUST_HOLD(u.input.count >= 0 && u.output.count >= 0 && u.cached_input.count >= 0);
    MUST_HOLD(u.cached_input + u.cache_write <= u.input && u.reasoning <= u.output);
  }
  if (heard.failure) MUST_HOLD(is_utf8(heard.failure->message));
}

}  // namespace
}  // namespace llmroute::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llmroute::fuzz;
  static const Streams streams(FUZZ_DIALECT);
  Choices choices(data, size);
  const std::uint32_t split = choices.byte();
  const std::size_t cut = choices.below(4096);
  const std::string bytes = streams.build(choices);
  const Heard whole = listen(bytes, std::nullopt);
  check_values(whole);
  check_same(whole, listen(bytes, split));
  // What was complete before its last byte is what it is with it.
  const Heard part = listen(std::string_view(bytes).substr(0, cut), std::nullopt);
  if (part.terminated) check_same(whole, part);
  return 0;
}
