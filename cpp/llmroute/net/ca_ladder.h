// Where trusted certificates come from: the first step of a ladder that exists.
//
// Pure: environment and file system are asked through the two functions, so every order is
// testable.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llmroute::net {

struct CaSource {
  std::string file;  // a bundle in PEM form, or empty
  std::string dir;   // a folder of hashed certificates, or empty
  // Every place that was looked at, in order, each with what was found there; for error messages.
  std::string tried;
  bool found() const { return !file.empty() || !dir.empty(); }
};

struct CaProbe {
  std::function<std::optional<std::string>(const char* name)> environment;
  std::function<bool(const std::string& path)> readable_file;
  std::function<bool(const std::string& path)> folder;
};

// The real file system, and the environment as it is now: read once, because a program may change it
// while the loop's thread runs.
CaProbe system_ca_probe();

// A named source that cannot be read ends the ladder: whoever asked for a bundle does not silently
// get another one. `explicit_file` comes before SSL_CERT_FILE, SSL_CERT_DIR and the system places.
CaSource find_ca(const std::string& explicit_file, const CaProbe& probe);

}  // namespace llmroute::net
