// Bare blocking sockets on the loopback: the floors of what is measured over TCP.

#ifndef MILLRACE_BENCH_BARE_SOCKET_H_
#define MILLRACE_BENCH_BARE_SOCKET_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>

#include "bench_util.h"

namespace millrace_bench {

inline ::sockaddr_in Loopback(int port) {
  ::sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}
inline int PortOf(const std::string& address) {
  return std::atoi(address.substr(address.rfind(':') + 1).c_str());
}
inline void NoDelay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}
inline int Connected(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  ::sockaddr_in address = Loopback(port);
  Require(connect(fd, reinterpret_cast<::sockaddr*>(&address), sizeof address) == 0, "connect");
  NoDelay(fd);
  return fd;
}
inline bool ReadAll(int fd, char* into, size_t size) {
  while (size > 0) {
    const ssize_t count = read(fd, into, size);
    if (count <= 0) return false;
    into += count;
    size -= static_cast<size_t>(count);
  }
  return true;
}
inline bool WriteAll(int fd, const char* from, size_t size) {
  while (size > 0) {
    const ssize_t count = write(fd, from, size);
    if (count <= 0) return false;
    from += count;
    size -= static_cast<size_t>(count);
  }
  return true;
}

// A thread that serves one connection with `serve(fd)` until its client closes.
class BareServer {
 public:
  template <typename Serve>
  explicit BareServer(Serve serve) {
    const int listening = socket(AF_INET, SOCK_STREAM, 0);
    ::sockaddr_in address = Loopback(0);
    ::socklen_t length = sizeof address;
    Require(bind(listening, reinterpret_cast<::sockaddr*>(&address), length) == 0 &&
                listen(listening, 1) == 0 &&
                getsockname(listening, reinterpret_cast<::sockaddr*>(&address), &length) == 0,
            "listen");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([listening, serve] {
      const int fd = accept(listening, nullptr, nullptr);
      NoDelay(fd);
      serve(fd);
      close(fd);
      close(listening);
    });
  }
  ~BareServer() { thread_.join(); }
  int port() const { return port_; }

 private:
  int port_ = 0;
  std::thread thread_;
};

}  // namespace millrace_bench

#endif  // MILLRACE_BENCH_BARE_SOCKET_H_
