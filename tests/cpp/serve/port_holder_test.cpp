#include "llmroute/serve/port_holder.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "support/raw_socket.h"

namespace llmroute::serve {
namespace {

TEST(PortHolder, HoldsAPortThatRefuses) {
  std::uint16_t port = 0;
  {
    const test::RawServer server(test::reply_and_close(""));
    port = server.port();
    PortHolder holder;
    EXPECT_FALSE(holder.hold(port));  // somebody listens there
  }
  PortHolder holder;
  ASSERT_TRUE(holder.hold(port));
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = test::RawSocket::loopback(port);
  EXPECT_NE(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(errno, ECONNREFUSED);
  ::close(fd);
  holder.release();
  EXPECT_TRUE(holder.hold(port));
}

}  // namespace
}  // namespace llmroute::serve
