// TcpRawPeer: a raw client of a listener on 127.0.0.1, and sockets in general for tests.

#ifndef MILLRACE_TEST_TRANSPORT_TCP_RAW_PEER_H_
#define MILLRACE_TEST_TRANSPORT_TCP_RAW_PEER_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "env/posix_fd.h"
#include "millrace/testing/conformance.h"

namespace millrace::test {

class TcpRawPeer final : public RawPeer {
 public:
  // Null if nobody answers at "127.0.0.1:port".
  static std::unique_ptr<TcpRawPeer> Connect(std::string_view address) {
    ::sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port =
        htons(static_cast<uint16_t>(std::atoi(std::string(address.substr(address.rfind(':') + 1)).c_str())));
    Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd.ok() || ::connect(fd.get(), reinterpret_cast<::sockaddr*>(&to), sizeof to) != 0) return nullptr;
    return std::make_unique<TcpRawPeer>(std::move(fd));
  }

  explicit TcpRawPeer(Fd fd) : fd_(std::move(fd)) {}

  int fd() const { return fd_.get(); }
  bool Write(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count < 0) return false;
      bytes = bytes.subspan(static_cast<size_t>(count));
    }
    return true;
  }
  void ShutWrite() override { ::shutdown(fd_.get(), SHUT_WR); }
  bool Read(std::vector<std::byte>& into) override {
    std::byte buffer[4096];
    while (true) {
      const ssize_t count = ::recv(fd_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
      if (count < 0) return errno == EAGAIN;
      if (count == 0) return false;
      into.insert(into.end(), buffer, buffer + count);
    }
  }

 private:
  const Fd fd_;
};

}  // namespace millrace::test

#endif  // MILLRACE_TEST_TRANSPORT_TCP_RAW_PEER_H_
