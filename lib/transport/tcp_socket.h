// Sockets: the system calls of the TCP transport. Every descriptor is close-on-exec and does not block.

#ifndef MILLRACE_TRANSPORT_TCP_SOCKET_H_
#define MILLRACE_TRANSPORT_TCP_SOCKET_H_

#include <sys/socket.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "env/posix_fd.h"
#include "transport/address.h"
#include "transport/stream_connection.h"

namespace millrace::inline v0 {

struct SocketAddress {
  ::sockaddr_storage storage = {};
  ::socklen_t length = 0;

  // As FormatHostPort writes it, in digits. IPv4 in an IPv6 socket shows as IPv4.
  std::string ToString() const;
};

// The addresses of a host, IPv4 first. To listen on, or to connect to: an empty host means all of the
// machine's, or its loopback. A name may take its time. kInvalidArgument: there is none of that name.
absl::StatusOr<std::vector<SocketAddress>> ResolveHost(const HostPort& address, bool to_listen);

// A socket that listens on the first of a host's addresses, and its port. Errors as of Transport::Listen.
struct ListeningSocket {
  Fd fd = {};
  uint16_t port = 0;
};
absl::StatusOr<ListeningSocket> ListenOn(const HostPort& address);

// The next connection that waits. Without a descriptor, `error` says why: EAGAIN when none waits.
struct AcceptedSocket {
  Fd fd = {};
  std::string peer_address = {};
  int error = 0;
};
AcceptedSocket AcceptOn(const Fd& listening);

// A socket that is being connected: it becomes writable when that has come to its end, see ConnectError().
absl::StatusOr<Fd> ConnectTo(const SocketAddress& address);
// 0 if it is connected.
int ConnectError(const Fd& socket);

// Of this end; empty where it has none.
std::string LocalAddress(const Fd& socket);

// As StreamConnection::Read and Write.
StreamConnection::Transfer ReadSocket(const Fd& socket, std::span<std::byte> room,
                                      std::span<std::byte> scratch);
StreamConnection::Transfer WriteSocket(const Fd& socket, std::span<const SendQueue::Piece> pieces);
void ShutWriteSocket(const Fd& socket);

}  // namespace millrace::inline v0

#endif  // MILLRACE_TRANSPORT_TCP_SOCKET_H_
