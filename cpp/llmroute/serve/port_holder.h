// Keeps a port of 127.0.0.1 for later, without listening on it.
//
// While a simulated provider is dead its port must refuse connections and must not be given to
// anybody else, not even to a client that happens to dial it. Not thread-safe.
#pragma once

#include <cstdint>

namespace llmroute::serve {

class PortHolder {
 public:
  PortHolder() = default;
  ~PortHolder() { release(); }
  PortHolder(const PortHolder&) = delete;
  PortHolder& operator=(const PortHolder&) = delete;

  bool hold(std::uint16_t port);  // false: somebody else has it
  void release();

 private:
  int fd_ = -1;
};

}  // namespace llmroute::serve
