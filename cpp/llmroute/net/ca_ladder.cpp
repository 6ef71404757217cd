#include "llmroute/net/ca_ladder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <map>
#include <utility>

namespace llmroute::net {

namespace {

constexpr std::array kSystemFiles = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Arch, Gentoo
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // Fedora, RHEL 7 and newer
    "/etc/pki/tls/certs/ca-bundle.crt",                   // Fedora, RHEL, older
    "/etc/ssl/ca-bundle.pem",                             // SUSE
    "/etc/ssl/cert.pem",                                  // Alpine, macOS
    "/usr/local/share/certs/ca-root-nss.crt",             // FreeBSD
};

void note(CaSource& source, const std::string& what) {
  if (!source.tried.empty()) source.tried += ", ";
  source.tried += what;
}

}  // namespace

CaProbe system_ca_probe() {
  std::map<std::string, std::string> known;
  for (const char* name : {"SSL_CERT_FILE", "SSL_CERT_DIR"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') known[name] = value;
  }
  return {[known = std::move(known)](const char* name) -> std::optional<std::string> {
            const auto found = known.find(name);
            if (found == known.end()) return std::nullopt;
            return found->second;
          },
          [](const std::string& path) {
            struct stat info {};
            return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
                   ::access(path.c_str(), R_OK) == 0;
          },
          [](const std::string& path) {
            struct stat info {};
            return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
          }};
}

CaSource find_ca(const std::string& explicit_file, const CaProbe& probe) {
  CaSource source;
  const auto take_file = [&](const std::string& path, const std::string& label) {
    const bool usable = probe.readable_file(path);
    if (usable) source.file = path;
    note(source, label + path + (usable ? "" : " (cannot be read)"));
    return source;
  };
  if (!explicit_file.empty()) return take_file(explicit_file, "ca_file ");
  if (const auto file = probe.environment("SSL_CERT_FILE")) {
    return take_file(*file, "SSL_CERT_FILE ");
  }
  note(source, "SSL_CERT_FILE (not set)");
  if (const auto dir = probe.environment("SSL_CERT_DIR")) {
    const bool usable = probe.folder(*dir);
    if (usable) source.dir = *dir;
    note(source, "SSL_CERT_DIR " + *dir + (usable ? "" : " (not a folder)"));
    return source;
  }
  note(source, "SSL_CERT_DIR (not set)");
  for (const char* path : kSystemFiles) {
    if (take_file(path, "").found()) break;
  }
  return source;
}

}  // namespace llmroute::net
