#include "llmroute/base/sha256.h"

#include <gtest/gtest.h>

namespace llmroute {
namespace {

struct Known {
  std::string bytes;
  const char* digest;
};

// The examples of FIPS 180-4 and of NIST's test vectors.
TEST(Sha256, GivesTheKnownAnswers) {
  const Known cases[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmn"
       "o"
       "pqrsmnopqrstnopqrstu",
       "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
      {std::string(1'000'000, 'a'),
       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
      {"\xbd", "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b"},
      {std::string(55, '\0'), "02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7"},
      {std::string(56, '\0'), "d4817aa5497628e7c77e6b606107042bbba3130888c5f47a375e6179be789fbb"},
      {std::string(64, '\0'), "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b"},
  };
  for (const Known& known : cases) {
    EXPECT_EQ(to_hex(sha256(known.bytes)), known.digest) << known.bytes.size() << " bytes";
    Sha256 portable(Sha256::Way::portable);
    EXPECT_EQ(to_hex(portable.update(known.bytes).finish()), known.digest) << known.bytes.size();
  }
}

TEST(Sha256, DoesNotMindHowTheBytesAreCut) {
  std::string text;
  for (int i = 0; i < 300; ++i) text.push_back(static_cast<char>(i * 7));
  const Digest whole = sha256(text);
  for (const std::size_t step : {1U, 3U, 63U, 64U, 65U, 128U, 200U}) {
    Sha256 hash;
    for (std::size_t at = 0; at < text.size(); at += step) hash.update(text.substr(at, step));
    EXPECT_EQ(hash.finish(), whole) << step;
  }
}

TEST(Sha256, LengthsKeepNeighboursApart) {
  const Digest one = Sha256().text("ab").text("c").finish();
  EXPECT_NE(one, Sha256().text("a").text("bc").finish());
  EXPECT_NE(one, Sha256().text("abc").text("").finish());
  EXPECT_EQ(one, Sha256().number(2).update("ab").number(1).update("c").finish());
  EXPECT_NE(Sha256().number(1).finish(), Sha256().number(256).finish());
}

// The test cases 1, 2, 6 and 7 of RFC 4231, and a key of exactly one block (Python's hmac).
TEST(Hmac, GivesTheKnownAnswers) {
  struct Case {
    std::string key, message;
    const char* digest;
  };
  const Case cases[] = {
      {std::string(20, '\x0b'), "Hi There",
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {"Jefe", "what do ya want for nothing?",
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {std::string(131, '\xaa'),
       "This is a test using a larger than block-size key and a larger than block-size data. The "
       "key needs to be hashed before being used by the HMAC algorithm.",
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
      {std::string(64, 'k'), "m",
       "3b7a8d453e76edb519238a515105a57508d0f169f480ebeee120a9e7803289fa"},
      {"", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
  };
  for (const Case& c : cases) EXPECT_EQ(to_hex(hmac_sha256(c.key, c.message)), c.digest);
}

}  // namespace
}  // namespace llmroute
