#include "llmroute/base/secret.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>
#include <string>
#include <type_traits>

namespace llmroute {
namespace {

class SecretFile {
 public:
  explicit SecretFile(std::string_view text) {
    std::string pattern = (std::filesystem::temp_directory_path() / "llmroute_XXXXXX").string();
    const int fd = mkstemp(pattern.data());
    path_ = pattern;
    std::FILE* file = fdopen(fd, "wb");
    std::fwrite(text.data(), 1, text.size(), file);
    std::fclose(file);
  }
  ~SecretFile() { std::remove(path_.c_str()); }
  SecretFile(const SecretFile&) = delete;
  SecretFile& operator=(const SecretFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

template <class T, class = void>
struct Prints : std::false_type {};
template <class T>
struct Prints<T, std::void_t<decltype(std::declval<std::ostream&>() << std::declval<T>())>>
    : std::true_type {};

TEST(Secret, HasNoWayToPrintByAccident) {
  EXPECT_FALSE(Prints<Secret>::value);
  EXPECT_FALSE((std::is_convertible_v<Secret, std::string>));
  EXPECT_FALSE((std::is_convertible_v<std::string, Secret>));
}

TEST(Secret, DestructionOverwritesTheText) {
  alignas(Secret) unsigned char storage[sizeof(Secret)];
  auto* secret = new (storage) Secret("sk-short");  // kept inside the object itself
  const std::string before(storage, storage + sizeof storage);
  ASSERT_NE(before.find("sk-short"), std::string::npos);
  secret->~Secret();
  const std::string after(storage, storage + sizeof storage);
  EXPECT_EQ(after.find("k-short"), std::string::npos);
}

TEST(Secret, ParsesSources) {
  struct Case {
    const char* text;
    SecretOrigin origin;
    const char* where;
    const char* described;
  };
  const Case cases[] = {
      {"", SecretOrigin::none, "", "none"},
      {"env:OPENAI_API_KEY", SecretOrigin::env, "OPENAI_API_KEY", "env:OPENAI_API_KEY"},
      {"file:keys/a", SecretOrigin::file, "keys/a", "file:keys/a"},
      {"callable:vault#0", SecretOrigin::callable, "vault#0", "callable:vault#0"},
      {"sk-abc", SecretOrigin::literal, "", "literal"},
      {"Env:x", SecretOrigin::literal, "", "literal"},
      {"env", SecretOrigin::literal, "", "literal"},
      {"env:", SecretOrigin::env, "", "env:"},
  };
  for (const Case& c : cases) {
    const SecretSource source = parse_secret(c.text);
    EXPECT_EQ(source.origin, c.origin) << c.text;
    EXPECT_EQ(source.where, c.where) << c.text;
    EXPECT_EQ(source.describe(), c.described) << c.text;
  }
  EXPECT_EQ(parse_secret("sk-abc").literal.reveal(), "sk-abc");
}

TEST(Secret, ResolvesTheEnvironment) {
  ASSERT_EQ(setenv("LLMROUTE_TEST_KEY", "sk-env", 1), 0);
  EXPECT_EQ(resolve_secret(parse_secret("env:LLMROUTE_TEST_KEY")).value().reveal(), "sk-env");
  unsetenv("LLMROUTE_TEST_KEY");
}

TEST(Secret, ResolvesFilesWithoutTheirLineEnd) {
  struct Case {
    const char* text;
    const char* secret;
  };
  const Case cases[] = {{"sk-file", "sk-file"},
                        {"sk-file\n", "sk-file"},
                        {"sk-file\r\n\n", "sk-file"},
                        {" a b \n", " a b "}};
  for (const Case& c : cases) {
    const SecretFile file(c.text);
    const auto secret = resolve_secret(parse_secret("file:" + file.path()));
    ASSERT_TRUE(secret.has_value()) << c.text;
    EXPECT_EQ(secret->reveal(), c.secret);
  }
}

TEST(Secret, LiteralAndNoneResolveToThemselves) {
  EXPECT_EQ(resolve_secret(parse_secret("sk-abc")).value().reveal(), "sk-abc");
  EXPECT_TRUE(resolve_secret(SecretSource{}).value().empty());
}

TEST(Secret, MissingOnesNameTheirSource) {
  ASSERT_EQ(setenv("LLMROUTE_TEST_EMPTY", "", 1), 0);
  const SecretFile empty("\n");
  const SecretFile large(std::string(70'000, 'k'));
  struct Case {
    std::string text;
    const char* part;
  };
  const Case cases[] = {
      {"env:LLMROUTE_TEST_ABSENT", "env:LLMROUTE_TEST_ABSENT is not set"},
      {"env:LLMROUTE_TEST_EMPTY", "env:LLMROUTE_TEST_EMPTY is empty"},
      {"file:/nonexistent/key", "file:/nonexistent/key cannot be read"},
      {"file:" + empty.path(), "holds no key"},
      {"file:" + large.path(), "larger than 64 KiB"},
      {"file:/", "file:/ "},
      {"callable:vault", "callable:vault has given no key"},
  };
  for (const Case& c : cases) {
    const auto result = resolve_secret(parse_secret(c.text));
    ASSERT_TRUE(result.has_error()) << c.text;
    EXPECT_EQ(result.error().kind, ErrorKind::authentication) << c.text;
    EXPECT_NE(result.error().message.find(c.part), std::string::npos) << result.error().message;
  }
  unsetenv("LLMROUTE_TEST_EMPTY");
}

TEST(Scrubber, ReplacesEverySecret) {
  Scrubber scrubber;
  scrubber.add(Secret("sk-one"));
  scrubber.add(Secret("sk-one"));
  scrubber.add(Secret("sk-one-longer"));
  scrubber.add(Secret("abc"));  // too short to tell from a word
  scrubber.add(Secret());
  struct Case {
    const char* text;
    const char* clean;
  };
  const Case cases[] = {
      {"", ""},
      {"nothing here, abc", "nothing here, abc"},
      {"key sk-one, key sk-one.", "key [secret], key [secret]."},
      {"sk-one-longer", "[secret]"},
      {"sk-onesk-one", "[secret][secret]"},
      {"sk-on", "sk-on"},
  };
  for (const Case& c : cases) EXPECT_EQ(scrubber.scrub(c.text), c.clean);
}

TEST(Scrubber, EndsWhenTheMaskHoldsTheSecret) {
  Scrubber scrubber;
  scrubber.add(Secret("secret"));
  EXPECT_EQ(scrubber.scrub("a secret b"), "a [secret] b");
}

}  // namespace
}  // namespace llmroute
