// The client against nginx: TLS, HTTP/2 and compression by a server no one here wrote.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "llmroute/net/server.h"
#include "llmroute/net/transport.h"
#include "support/exchange_probe.h"
#include "support/http_server.h"
#include "support/nginx.h"

namespace llmroute::net {
namespace {

using test::Client;
using test::ExchangeProbe;
using test::HttpServer;
using test::Nginx;
using test::on_loop;
using test::Seen;
using test::TestAuthority;
using test::Watched;

// The certificates take a while to make and never change: one authority for all tests.
class NginxTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (Nginx::available() && TestAuthority::available()) {
      authority_ = std::make_unique<TestAuthority>();
    }
  }
  static void TearDownTestSuite() { authority_.reset(); }
  void SetUp() override {
    if (!authority_) GTEST_SKIP() << "needs nginx and the openssl command";
  }

  static std::string tls(const std::string& certificate, const std::string& more = "") {
    return "ssl_certificate " + authority_->certificate(certificate) + "; ssl_certificate_key " +
           authority_->key(certificate) + "; " + more;
  }
  static ExchangeOptions trusting() {
    ExchangeOptions options;
    options.ca_file = authority_->ca_file();
    return options;
  }
  static inline std::unique_ptr<TestAuthority> authority_;
};

const std::string kSayProtocol = "location / { return 200 \"$server_protocol $ssl_protocol\"; }";

TEST_F(NginxTest, PlainHttpStaysOnHttp1) {
  const Nginx nginx({{"", kSayProtocol}});
  Client client;
  const Seen seen = client.post(nginx.url("http"), "x");
  ASSERT_FALSE(seen.error) << seen.error->message;
  EXPECT_EQ(seen.body, "HTTP/1.1 ");
}

TEST_F(NginxTest, UsesHttp2WhereItIsOffered) {
  const Nginx nginx({{"ssl http2", tls("good", "ssl_protocols TLSv1.3;") + kSayProtocol},
                     {"ssl", tls("good", "ssl_protocols TLSv1.2;") + kSayProtocol}});
  Client client;
  const Seen two = client.post(nginx.url("https", 0), "x", trusting());
  ASSERT_FALSE(two.error) << two.error->message;
  EXPECT_EQ(two.body, "HTTP/2.0 TLSv1.3");
  EXPECT_TRUE(two.times.connect.has_value());
  const Seen one = client.post(nginx.url("https", 1), "x", trusting());
  ASSERT_FALSE(one.error) << one.error->message;
  EXPECT_EQ(one.body, "HTTP/1.1 TLSv1.2");
  const Seen name =
      client.post("https://localhost:" + std::to_string(nginx.port(0)) + "/", "x", trusting());
  ASSERT_FALSE(name.error) << name.error->message;
}

struct TlsCase {
  const char* name;
  std::string certificate;
  std::string more;
  std::string said;  // part of the message
};

TEST_F(NginxTest, RefusesServersThatCannotProveWhoTheyAre) {
  const std::vector<TlsCase> cases = {
      {"expired", "expired", "", "has expired"},
      {"another host", "other_host", "", "another host name"},
      {"self-signed", "self_signed", "", "self-signed"},
      {"old protocol", "good", "ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;", "TLS 1.2"},
  };
  std::vector<Nginx::Block> blocks;
  for (const TlsCase& c : cases) {
    blocks.push_back({"ssl", tls(c.certificate, c.more) + kSayProtocol});
  }
  const Nginx nginx(blocks);
  Client client;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Seen seen = client.post(nginx.url("https", i), "secret", trusting());
    ASSERT_TRUE(seen.error) << cases[i].name;
    EXPECT_EQ(seen.error->kind, ErrorKind::connect) << cases[i].name;
    EXPECT_FALSE(seen.error->sent) << cases[i].name;
    EXPECT_NE(seen.error->message.find(cases[i].said), std::string::npos) << seen.error->message;
    const std::string host = "127.0.0.1:" + std::to_string(nginx.port(i));
    EXPECT_NE(seen.error->message.find(host), std::string::npos) << seen.error->message;
  }
}

TEST_F(NginxTest, PlainTextOnATlsPortAndTheOtherWayRound) {
  const Nginx nginx({{"", kSayProtocol}, {"ssl", tls("good") + kSayProtocol}});
  Client client;
  const Seen tls_to_plain = client.get(nginx.url("https", 0), trusting());
  ASSERT_TRUE(tls_to_plain.error);
  EXPECT_EQ(tls_to_plain.error->kind, ErrorKind::connect) << tls_to_plain.error->message;
  const Seen plain_to_tls = client.get(nginx.url("http", 1), trusting());
  ASSERT_FALSE(plain_to_tls.error);
  EXPECT_EQ(plain_to_tls.head.status, 400);
}

TEST_F(NginxTest, TrustComesFromTheFirstStepOfTheLadder) {
  const Nginx nginx({{"ssl", tls("good") + kSayProtocol}});
  const auto ask = [&](const std::string& ca_file) {
    Client client;  // reads the environment
    ExchangeOptions options;
    options.ca_file = ca_file;
    return client.get(nginx.url("https"), options);
  };
  const Seen unknown = ask("");
  ASSERT_TRUE(unknown.error);
  EXPECT_NE(unknown.error->message.find("SSL_CERT_FILE (not set)"), std::string::npos)
      << unknown.error->message;

  ::setenv("SSL_CERT_FILE", authority_->ca_file().c_str(), 1);
  EXPECT_FALSE(ask("").error);
  const Seen missing = ask("/no/such/bundle.pem");
  ::setenv("SSL_CERT_FILE", authority_->certificate("self_signed").c_str(), 1);
  const Seen wrong = ask("");
  const Seen explicit_one = ask(authority_->ca_file());
  ::unsetenv("SSL_CERT_FILE");

  ASSERT_TRUE(missing.error) << "a bundle that was asked for is never replaced by another";
  EXPECT_EQ(missing.error->kind, ErrorKind::connect);
  EXPECT_NE(missing.error->message.find("/no/such/bundle.pem"), std::string::npos);
  ASSERT_TRUE(wrong.error);
  EXPECT_NE(wrong.error->message.find(authority_->certificate("self_signed")), std::string::npos)
      << wrong.error->message;
  EXPECT_FALSE(explicit_one.error);
}

TEST_F(NginxTest, ABundleThatIsNoBundleIsNamed) {
  const Nginx nginx({{"ssl", tls("good") + kSayProtocol}});
  Client client;
  ExchangeOptions options;
  options.ca_file = authority_->key("good");
  const Seen seen = client.get(nginx.url("https"), options);
  ASSERT_TRUE(seen.error);
  EXPECT_EQ(seen.error->kind, ErrorKind::connect);
  EXPECT_NE(seen.error->message.find(options.ca_file), std::string::npos) << seen.error->message;
}

TEST_F(NginxTest, OneConnectionTrustedDoesNotMakeAnotherTrusted) {
  const Nginx nginx({{"ssl http2", tls("good") + kSayProtocol}});
  Client client;
  EXPECT_FALSE(client.get(nginx.url("https"), trusting()).error);
  ExchangeOptions other;
  other.ca_file = authority_->certificate("self_signed");
  EXPECT_TRUE(client.get(nginx.url("https"), other).error) << "must not reuse the connection";
  EXPECT_FALSE(client.get(nginx.url("https"), trusting()).error);
}

TEST_F(NginxTest, ManyStreamsShareOneConnection) {
  constexpr std::size_t kCount = 300;  // more than nginx allows at a time
  HttpServer upstream = HttpServer::fixed(200, "ok");
  const Nginx nginx({{"ssl http2", tls("good") +
                                       "location / { add_header X-Connection $connection; "
                                       "proxy_pass " +
                                       upstream.url() + "; }"}});
  std::vector<std::unique_ptr<ExchangeProbe>> probes;
  Client client;
  for (std::size_t i = 0; i < kCount; ++i) probes.push_back(std::make_unique<ExchangeProbe>());
  on_loop(client.loop(), [&] {
    for (auto& probe : probes) {
      client.transport().start({"POST", nginx.url("https"), {}, "x"}, trusting(), *probe);
    }
  });
  std::set<std::string> connections;
  for (auto& probe : probes) {
    const Seen seen = probe->wait();
    EXPECT_FALSE(seen.error) << seen.error->message;
    connections.insert(std::string(seen.head.headers.find("x-connection").value_or("")));
  }
  // A hundred each, not one each; the odd one where a place became free at the last moment.
  EXPECT_LE(connections.size(), 5U);
}

TEST_F(NginxTest, CarriesLargeBodiesOverHttp2) {
  HttpServer upstream([](ServerRequest request, Responder responder) {
    responder.respond(200, {}, std::move(request.body));
  });
  const Nginx nginx(
      {{"ssl http2", tls("good") + "location / { proxy_pass " + upstream.url() + "; }"}});
  Client client;
  const std::string body(6'000'000, 'b');
  const Seen seen = client.post(nginx.url("https"), body, trusting());
  ASSERT_FALSE(seen.error) << seen.error->message;
  EXPECT_TRUE(seen.body == body);
}

// Proxied to a server of ours, which sees when nginx gives a request up: nginx does so once it has
// heard that its own client did.
TEST_F(NginxTest, CancellingReachesTheServerOverHttp2) {
  Watched<std::set<std::string>> asked;
  Watched<std::set<std::string>> closed;
  std::map<std::string, Responder> held;  // upstream's loop
  HttpServer upstream([&](ServerRequest request, Responder responder) {
    const std::string target = request.target;
    responder.on_close([&closed, target] { closed.change([&](auto& c) { c.insert(target); }); });
    responder.begin(200, {});
    responder.write("first");
    held.emplace(target, std::move(responder));
    asked.change([&](auto& a) { a.insert(target); });
  });
  const Nginx nginx({{"ssl http2", tls("good") + "location / { proxy_buffering off; proxy_pass " +
                                       upstream.url() + "; }"}});
  Client client;
  std::map<std::string, ExchangeProbe> probes;
  const auto start = [&](const std::string& path) {
    client.start({"GET", nginx.url("https", 0, path), {}, ""}, probes[path], trusting());
    ASSERT_TRUE(probes[path].seen.wait([](const Seen& s) { return s.body == "first"; }));
  };
  start("/alone");
  client.cancel(probes["/alone"].id);
  EXPECT_TRUE(closed.wait([](const auto& c) { return c.count("/alone") == 1; }));

  start("/one");
  start("/two");
  client.cancel(probes["/one"].id);
  on_loop(upstream.loop(), [&] { held.at("/two").write(" second"); });
  EXPECT_TRUE(closed.wait([](const auto& c) { return c.count("/one") == 1; }));
  on_loop(upstream.loop(), [&] {
    EXPECT_TRUE(held.at("/two").open());
    held.at("/two").end();
  });
  const Seen two = probes["/two"].wait();
  EXPECT_FALSE(two.error);
  EXPECT_EQ(two.body, "first second");
  on_loop(upstream.loop(), [&] { held.clear(); });
}

TEST_F(NginxTest, AStreamThatIsCutIsInterrupted) {
  HttpServer upstream([](ServerRequest, Responder responder) {
    responder.begin(200, {});
    responder.write("part");
    responder.close();
  });
  const std::string proxy =
      "location / { proxy_http_version 1.1; proxy_buffering off; proxy_pass " + upstream.url() +
      "; }";
  const Nginx nginx({{"ssl http2", tls("good") + proxy}, {"ssl", tls("good") + proxy}});
  Client client;
  for (std::size_t block = 0; block < 2; ++block) {
    const Seen seen = client.get(nginx.url("https", block), trusting());
    ASSERT_TRUE(seen.error) << block;
    EXPECT_EQ(seen.error->kind, ErrorKind::stream_interrupted) << seen.error->message;
    EXPECT_EQ(seen.body, "part");
  }
}

TEST_F(NginxTest, PausesOneStreamAndNotItsNeighbour) {
  HttpServer upstream([](ServerRequest request, Responder responder) {
    responder.respond(200, {}, std::string(request.target == "/big" ? 8U << 20 : 2, 'x'));
  });
  const Nginx nginx(
      {{"ssl http2", tls("good") + "location / { proxy_pass " + upstream.url() + "; }"}});
  Client client;
  ExchangeProbe big;
  std::atomic<bool> pause = true;
  big.body_hook = [&](std::string_view) { return !pause; };
  client.start({"GET", nginx.url("https", 0, "/big"), {}, ""}, big, trusting());
  ASSERT_TRUE(big.seen.wait([](const Seen& s) { return s.pieces == 1; }));
  EXPECT_EQ(client.get(nginx.url("https", 0, "/small"), trusting()).body, "xx");
  EXPECT_EQ(big.seen.get().pieces, 1);
  pause = false;
  client.resume(big.id);
  const Seen seen = big.wait();
  ASSERT_FALSE(seen.error) << seen.error->message;
  EXPECT_EQ(seen.body.size(), 8U << 20);
}

TEST_F(NginxTest, DecodesItsCompression) {
  const std::string text(5'000, 't');
  HttpServer upstream = HttpServer::fixed(200, text);
  const Nginx nginx(
      {{"ssl http2", tls("good") +
                         "gzip on; gzip_types *; gzip_proxied any; location / { proxy_pass " +
                         upstream.url() + "; }"}});
  Client client;
  const Seen seen = client.get(nginx.url("https"), trusting());
  ASSERT_FALSE(seen.error) << seen.error->message;
  EXPECT_EQ(seen.head.headers.find("content-encoding"), "gzip");
  EXPECT_TRUE(seen.body == text);
}

TEST_F(NginxTest, TlsSurvivesAServerThatGoesAwayWhileIdle) {
  Client client;
  std::string port;
  {
    const Nginx nginx({{"ssl http2", tls("good") + kSayProtocol}});
    EXPECT_FALSE(client.get(nginx.url("https"), trusting()).error);
    port = std::to_string(nginx.port());
  }
  const Seen seen = client.get("https://127.0.0.1:" + port + "/", trusting());
  ASSERT_TRUE(seen.error);
  EXPECT_EQ(seen.error->kind, ErrorKind::connect) << seen.error->message;
}

}  // namespace
}  // namespace llmroute::net
