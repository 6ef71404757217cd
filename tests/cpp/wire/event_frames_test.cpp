#include "llmroute/wire/event_frames.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "llmroute/base/random.h"
#include "support/event_frames.h"

namespace llmroute::wire {
namespace {

constexpr std::size_t kMax = 1U << 20;

std::string describe(const EventFrame& frame) {
  std::string out;
  for (const EventHeader& h : frame.headers) {
    out += std::string(h.name) + "=" + std::to_string(static_cast<int>(h.type)) + ":";
    out += std::to_string(h.number) + ":" + std::string(h.bytes) + ",";
  }
  return out + "|" + std::string(frame.payload) + ";";
}

// What a parser says to `bytes`, cut into pieces of the sizes that `next_size` gives.
template <class NextSize>
std::string hear(EventFrameParser& parser, std::string_view bytes, NextSize next_size) {
  std::string seen;
  while (!bytes.empty()) {
    const std::size_t size = std::min<std::size_t>(next_size(), bytes.size());
    const auto fed = parser.feed(bytes.substr(0, size), [&seen](const EventFrame& frame) {
      seen += describe(frame);
      return true;
    });
    if (!fed) return seen + "error " + fed.error().message;
    bytes.remove_prefix(size);
  }
  return seen;
}

std::string hear(std::string_view bytes, std::size_t max = kMax) {
  EventFrameParser parser(max);
  return hear(parser, bytes, [] { return SIZE_MAX; });
}

TEST(EventFrames, ChecksumIsTheCommonOne) {
  EXPECT_EQ(crc32(""), 0U);
  EXPECT_EQ(crc32("123456789"), 0xCBF43926U);
  EXPECT_EQ(crc32("The quick brown fox jumps over the lazy dog"), 0x414FA339U);
  EXPECT_EQ(crc32(std::string(32, '\0')), 0x190A55ADU);
  EXPECT_EQ(crc32(std::string(32, '\xFF')), 0xFF6CAB0BU);
}

// The smallest frame there is, its bytes written down by hand: no headers, no payload.
TEST(EventFrames, ReadsTheEmptyFrame) {
  const std::string empty("\0\0\0\x10\0\0\0\0\x05\xc2\x48\xeb\x7d\x98\xc8\xff", 16);
  EXPECT_EQ(hear(empty), "|;");
  EXPECT_EQ(raw_event_frame("", ""), empty);
}

TEST(EventFrames, ReadsAllTypesOfValues) {
  const std::string headers =
      event_header("yes", 0, "") + event_header("no", 1, "") + event_header("byte", 2, "\xFE") +
      event_header("short", 3, big_endian_bytes(0x8000, 2)) +
      event_header("int", 4, big_endian_bytes(1234567, 4)) +
      event_header("long", 5, big_endian_bytes(static_cast<std::uint64_t>(-7), 8)) +
      event_header("bytes", 6, big_endian_bytes(3, 2) + "a;b") +
      event_header("text", 7, big_endian_bytes(2, 2) + "hi") +
      event_header("time", 8, big_endian_bytes(1'700'000'000'000, 8)) +
      event_header("uuid", 9, "0123456789abcdef");
  EXPECT_EQ(hear(raw_event_frame(headers, "{}")),
            "yes=0:1:,no=1:0:,byte=2:-2:,short=3:-32768:,int=4:1234567:,long=5:-7:,"
            "bytes=6:0:a;b,text=7:0:hi,time=8:1700000000000:,uuid=9:0:0123456789abcdef,|{};");
}

TEST(EventFrames, FindsTextsByName) {
  const std::string bytes = raw_event_frame(event_header("a", 2, "x") +
                                                event_header("b", 7, big_endian_bytes(1, 2) + "1") +
                                                event_header("b", 7, big_endian_bytes(1, 2) + "2"),
                                            "");
  EventFrameParser parser(kMax);
  int frames = 0;
  ASSERT_TRUE(parser.feed(bytes, [&frames](const EventFrame& frame) {
    ++frames;
    EXPECT_EQ(frame.text("a"), "") << "a number is no text";
    EXPECT_EQ(frame.text("b"), "1");
    EXPECT_EQ(frame.text("c"), "");
    return true;
  }));
  EXPECT_EQ(frames, 1);
}

std::string three_frames() {
  return event_frame({{":event-type", "a"}}, "first") + event_frame({}, std::string(300, 'p')) +
         event_frame({{":event-type", "b"}, {"x", ""}}, "");
}

TEST(EventFrames, AnySplitGivesTheSame) {
  const std::string bytes = three_frames();
  const std::string whole = hear(bytes);
  EXPECT_EQ(std::count(whole.begin(), whole.end(), ';'), 3);
  for (const std::size_t size : {1U, 2U, 3U, 11U, 12U, 13U, 16U, 31U}) {
    EventFrameParser parser(kMax);
    EXPECT_EQ(hear(parser, bytes, [size] { return size; }), whole) << size;
    EXPECT_FALSE(parser.mid_frame());
  }
  Random random(4);
  for (int round = 0; round < 200; ++round) {
    EventFrameParser parser(kMax);
    EXPECT_EQ(hear(parser, bytes, [&random] { return 1 + random.below(90); }), whole);
  }
}

TEST(EventFrames, SaysWhetherAFrameIsCut) {
  const std::string first = event_frame({{":event-type", "a"}}, "first");
  const std::string bytes = first + event_frame({}, "second");
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    EventFrameParser parser(kMax);
    hear(parser, bytes.substr(0, cut), [] { return SIZE_MAX; });
    EXPECT_EQ(parser.mid_frame(), cut != 0 && cut != first.size() && cut != bytes.size()) << cut;
  }
}

TEST(EventFrames, EveryChangedByteIsNoticed) {
  const std::string good =
      event_frame({{":event-type", "delta"}, {"n", "1"}}, R"({"text":"hello"})");
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const unsigned mask : {1U, 0x80U, 0xFFU, 0x20U}) {
      std::string bad = good;
      bad[at] = static_cast<char>(static_cast<unsigned char>(bad[at]) ^ mask);
      EXPECT_EQ(hear(bad).substr(0, 5), "error") << at << " " << mask;
    }
  }
}

TEST(EventFrames, GoodFramesBeforeABrokenOneAreHeardAndNoneAfter) {
  std::string bytes = event_frame({}, "one") + event_frame({}, "two");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  EventFrameParser parser(kMax);
  EXPECT_EQ(hear(parser, bytes, [] { return SIZE_MAX; }),
            "|one;error the checksum of an event frame is wrong");
  EXPECT_EQ(hear(parser, event_frame({}, "three"), [] { return SIZE_MAX; }),
            "error bytes after a broken frame");
}

TEST(EventFrames, BoundsAreKept) {
  const std::string frame = event_frame({}, std::string(100, 'x'));  // 116 bytes
  EXPECT_EQ(hear(frame, 116), "|" + std::string(100, 'x') + ";");
  EXPECT_EQ(hear(frame, 115), "error an event frame is too large");
  // Said by the lengths alone: nothing of the frame is waited for.
  EXPECT_EQ(hear(frame.substr(0, 12), 115), "error an event frame is too large");
  std::string headers;
  while (headers.size() <= EventFrameParser::kMaxHeaderBytes) headers += event_header("h", 0, "");
  EXPECT_EQ(hear(raw_event_frame(headers, "")), "error an event frame is too large");
}

std::string prelude(std::uint64_t total, std::uint64_t headers) {
  const std::string lengths = big_endian_bytes(total, 4) + big_endian_bytes(headers, 4);
  return lengths + big_endian_bytes(plain_crc32(lengths), 4);
}

TEST(EventFrames, LengthsThatContradictEachOtherAreRefused) {
  constexpr const char* kError = "error the lengths of an event frame contradict each other";
  EXPECT_EQ(hear(prelude(0, 0)), kError);
  EXPECT_EQ(hear(prelude(15, 0)), kError);
  EXPECT_EQ(hear(prelude(16, 1)), kError);
  EXPECT_EQ(hear(prelude(100, 0xFFFFFFFF)), kError);
  EXPECT_EQ(hear(prelude(0xFFFFFFFF, 0)), "error an event frame is too large");
}

TEST(EventFrames, HeadersThatDoNotAddUpAreRefused) {
  const std::vector<std::string> bad = {
      event_header("a", 10, ""),                             // a type that is not there
      event_header("", 0, ""),                               // no name
      event_header("a", 7, big_endian_bytes(9, 2) + "abc"),  // longer than the headers
      event_header("a", 4, "abc"),
      event_header("a", 9, "too short"),
      std::string("\x05", 1) + "abc",
      "\x01"
      "a"};
  for (const std::string& headers : bad) {
    EXPECT_EQ(hear(raw_event_frame(headers, "")),
              "error the headers of an event frame cannot be read");
  }
}

TEST(EventFrames, AListenerMayStopIt) {
  EventFrameParser parser(kMax);
  int frames = 0;
  ASSERT_TRUE(parser.feed(three_frames(), [&frames](const EventFrame&) {
    ++frames;
    return false;
  }));
  EXPECT_EQ(frames, 1);
  EXPECT_FALSE(parser.mid_frame());
}

TEST(EventFrames, GarbageNeverBecomesAFrame) {
  Random random(8);
  for (int round = 0; round < 2000; ++round) {
    std::string garbage(16 + random.below(64), '\0');
    for (char& c : garbage) c = static_cast<char>(random.below(256));
    EXPECT_EQ(hear(garbage).substr(0, 5), "error");
  }
}

}  // namespace
}  // namespace llmroute::wire
