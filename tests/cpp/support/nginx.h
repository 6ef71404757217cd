// nginx as a server no one here wrote, and a small certificate authority, both in a temporary
// folder. The listening sockets are opened here on ports of the system's choice and inherited by
// nginx, so no port is fixed and none can be taken in between.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/raw_socket.h"
#include "support/temporary_folder.h"

extern char** environ;

namespace llmroute::test {

// Certificates made with the openssl command. All are for 127.0.0.1 unless the name says otherwise.
class TestAuthority {
 public:
  static bool available() { return std::system("openssl version >/dev/null 2>&1") == 0; }

  TestAuthority() {
    folder_.write(
        "ca.cnf",
        "[ca]\ndefault_ca=d\n[d]\ndatabase=" + (folder_ / "index") +
            "\nnew_certs_dir=" + folder_.path() + "\nserial=" + (folder_ / "serial") +
            "\ndefault_md=sha256\npolicy=p\ncopy_extensions=copy\n[p]\ncommonName=supplied\n");
    folder_.write("index", "");
    folder_.write("serial", "01\n");
    self_sign("ca", "/CN=llmroute test authority", "basicConstraints=critical,CA:TRUE");
    self_sign("self_signed", "/CN=self", "subjectAltName=IP:127.0.0.1");
    issue("good", "subjectAltName=IP:127.0.0.1,DNS:localhost", "");
    issue("other_host", "subjectAltName=DNS:other.example", "");
    issue("expired", "subjectAltName=IP:127.0.0.1",
          "-startdate 20200101000000Z -enddate 20200201000000Z");
  }

  std::string ca_file() const { return certificate("ca"); }
  std::string certificate(const std::string& name) const { return folder_ / (name + ".pem"); }
  std::string key(const std::string& name) const { return folder_ / (name + ".key"); }

 private:
  void run(const std::string& arguments) const {
    const std::string log = folder_ / "log";
    const int status = std::system(("openssl " + arguments + " >" + log + " 2>&1").c_str());
    EXPECT_EQ(status, 0) << "openssl " << arguments;
  }
  std::string new_key(const std::string& name) const {
    return "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout " + key(name);
  }
  void self_sign(const std::string& name, const std::string& subject,
                 const std::string& extension) const {
    run("req -x509 -days 30 -subj '" + subject + "' -addext '" + extension + "' " + new_key(name) +
        " -out " + certificate(name));
  }
  void issue(const std::string& name, const std::string& extension,
             const std::string& validity) const {
    const std::string request = folder_ / (name + ".csr");
    run("req -new -subj /CN=" + name + " -addext '" + extension + "' " + new_key(name) + " -out " +
        request);
    run("ca -batch -notext -config " + (folder_ / "ca.cnf") + " -cert " + ca_file() + " -keyfile " +
        key("ca") + " -in " + request + " -out " + certificate(name) + " " +
        (validity.empty() ? "-days 30" : validity));
  }

  TemporaryFolder folder_;
};

// One nginx with one listening socket per server block.
class Nginx {
 public:
  static constexpr const char* kProgram = "/usr/sbin/nginx";
  static bool available() { return ::access(kProgram, X_OK) == 0; }

  struct Block {
    std::string listen;  // what follows the address, e.g. "ssl http2"
    std::string body;
  };

  explicit Nginx(const std::vector<Block>& blocks) {
    std::string servers;
    std::string inherited = "NGINX=";
    for (const Block& block : blocks) {
      const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
      sockaddr_in address = RawSocket::loopback(0);
      socklen_t size = sizeof address;
      EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
      EXPECT_EQ(::listen(fd, 512), 0);
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
      ports_.push_back(ntohs(address.sin_port));
      listeners_.emplace_back(fd);
      inherited += std::to_string(fd) + ";";
      servers += "server { listen 127.0.0.1:" + std::to_string(ports_.back()) + " " + block.listen +
                 ";\n" + block.body + "\n}\n";
    }
    write_configuration(servers);
    start(inherited);
  }
  ~Nginx() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  Nginx(const Nginx&) = delete;
  Nginx& operator=(const Nginx&) = delete;

  std::uint16_t port(std::size_t block = 0) const { return ports_[block]; }
  std::string url(const std::string& scheme, std::size_t block = 0,
                  const std::string& path = "/") const {
    return scheme + "://127.0.0.1:" + std::to_string(ports_[block]) + path;
  }

 private:
  void write_configuration(const std::string& servers) const {
    std::string temporary;
    for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
      temporary += std::string(kind) + "_temp_path " + (folder_ / kind) + ";\n";
    }
    // The worker writes large bodies into our folder, so it must be who we are.
    const std::string user = ::geteuid() == 0 ? "user root;\n" : "";
    folder_.write("nginx.conf",
                  user + "daemon off; worker_processes 1; pid " + (folder_ / "pid") +
                      "; error_log " + (folder_ / "error.log") +
                      ";\nevents { worker_connections 1024; }\nhttp {\naccess_log off;"
                      "\nclient_max_body_size 64m;\n" +
                      temporary + servers + "}\n");
  }

  void start(const std::string& inherited) {
    const std::string file = folder_ / "nginx.conf";
    const std::string log = folder_ / "error.log";
    std::vector<std::string> arguments = {kProgram, "-c", file, "-p", folder_.path(), "-e", log};
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::string variable = inherited;
    std::vector<char*> environment;
    for (char** entry = environ; *entry != nullptr; ++entry) environment.push_back(*entry);
    environment.push_back(variable.data());
    environment.push_back(nullptr);
    pid_ = ::fork();
    EXPECT_GE(pid_, 0);
    if (pid_ > 0) return;
      // In the child, and so only what is safe there. A test that crashes must not leave a server
      // behind, nor a pipe that someone waits for the end of.
#ifdef __linux__
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
    const int nowhere = ::open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; ++fd) ::dup2(nowhere, fd);
    ::execve(kProgram, argv.data(), environment.data());
    ::_exit(127);
  }

  TemporaryFolder folder_;
  std::vector<std::uint16_t> ports_;
  std::vector<RawSocket> listeners_;
  pid_t pid_ = -1;
};

}  // namespace llmroute::test
