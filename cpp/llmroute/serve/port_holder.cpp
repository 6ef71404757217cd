#include "llmroute/serve/port_holder.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

namespace llmroute::serve {

bool PortHolder::hold(std::uint16_t port) {
  release();
  fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
  if (fd_ < 0) return false;
  ::fcntl(fd_, F_SETFD, FD_CLOEXEC);
  // Lets the provider bind it again while it is held here: nobody listens on it in between.
  const int yes = 1;
  ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
  release();
  return false;
}

void PortHolder::release() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace llmroute::serve
