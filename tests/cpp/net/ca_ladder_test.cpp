#include "llmroute/net/ca_ladder.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace llmroute::net {
namespace {

struct LadderCase {
  const char* name;
  std::string explicit_file;
  std::map<std::string, std::string> environment;
  std::set<std::string> files;
  std::set<std::string> folders;
  std::string file;
  std::string dir;
};

constexpr const char* kDebian = "/etc/ssl/certs/ca-certificates.crt";
constexpr const char* kFedora = "/etc/pki/tls/certs/ca-bundle.crt";

CaSource climb(const LadderCase& c) {
  const CaProbe probe{[&](const char* name) -> std::optional<std::string> {
                        const auto found = c.environment.find(name);
                        if (found == c.environment.end()) return std::nullopt;
                        return found->second;
                      },
                      [&](const std::string& path) { return c.files.count(path) == 1; },
                      [&](const std::string& path) { return c.folders.count(path) == 1; }};
  return find_ca(c.explicit_file, probe);
}

TEST(CaLadder, TakesTheFirstStepThatIsThere) {
  const std::vector<LadderCase> cases = {
      {"explicit before all",
       "/mine",
       {{"SSL_CERT_FILE", "/env"}},
       {"/mine", "/env", kDebian},
       {},
       "/mine",
       ""},
      {"an explicit one that is missing ends it",
       "/gone",
       {{"SSL_CERT_FILE", "/env"}},
       {"/env", kDebian},
       {},
       "",
       ""},
      {"file of the environment",
       "",
       {{"SSL_CERT_FILE", "/env"}, {"SSL_CERT_DIR", "/dir"}},
       {"/env", kDebian},
       {"/dir"},
       "/env",
       ""},
      {"a missing one ends it",
       "",
       {{"SSL_CERT_FILE", "/gone"}, {"SSL_CERT_DIR", "/dir"}},
       {kDebian},
       {"/dir"},
       "",
       ""},
      {"folder of the environment",
       "",
       {{"SSL_CERT_DIR", "/dir"}},
       {kDebian},
       {"/dir"},
       "",
       "/dir"},
      {"a missing folder ends it", "", {{"SSL_CERT_DIR", "/dir"}}, {kDebian}, {}, "", ""},
      {"Debian", "", {}, {kDebian, kFedora}, {}, kDebian, ""},
      {"Fedora", "", {}, {kFedora}, {}, kFedora, ""},
      {"nothing at all", "", {}, {}, {}, "", ""},
  };
  for (const LadderCase& c : cases) {
    const CaSource source = climb(c);
    EXPECT_EQ(source.file, c.file) << c.name;
    EXPECT_EQ(source.dir, c.dir) << c.name;
    EXPECT_EQ(source.found(), !c.file.empty() || !c.dir.empty()) << c.name;
  }
}

TEST(CaLadder, SaysWhereItLooked) {
  EXPECT_EQ(climb({"", "/gone", {}, {}, {}, "", ""}).tried, "ca_file /gone (cannot be read)");
  EXPECT_EQ(climb({"", "", {{"SSL_CERT_FILE", "/e"}}, {"/e"}, {}, "", ""}).tried,
            "SSL_CERT_FILE /e");
  EXPECT_EQ(climb({"", "", {{"SSL_CERT_DIR", "/d"}}, {}, {}, "", ""}).tried,
            "SSL_CERT_FILE (not set), SSL_CERT_DIR /d (not a folder)");
  const std::string all = climb({"", "", {}, {}, {}, "", ""}).tried;
  EXPECT_NE(all.find(std::string(kDebian) + " (cannot be read)"), std::string::npos) << all;
  EXPECT_NE(all.find(kFedora), std::string::npos) << all;
}

TEST(CaLadder, ReadsTheEnvironmentOnce) {
  ::setenv("SSL_CERT_FILE", "/first", 1);
  const CaProbe probe = system_ca_probe();
  ::setenv("SSL_CERT_FILE", "/second", 1);
  EXPECT_EQ(probe.environment("SSL_CERT_FILE"), "/first");
  ::setenv("SSL_CERT_FILE", "", 1);
  EXPECT_FALSE(system_ca_probe().environment("SSL_CERT_FILE")) << "empty is as good as not set";
  ::unsetenv("SSL_CERT_FILE");
}

TEST(CaLadder, LooksAtRealFiles) {
  const CaProbe probe = system_ca_probe();
  EXPECT_TRUE(probe.folder("/"));
  EXPECT_FALSE(probe.readable_file("/"));
  EXPECT_FALSE(probe.folder("/no/such/place"));
  EXPECT_FALSE(probe.readable_file("/no/such/place"));
}

}  // namespace
}  // namespace llmroute::net
