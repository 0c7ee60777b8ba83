#include "transport/tcp_socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/strings.h"

namespace millrace::inline v0 {
namespace {

constexpr int kOn = 1;
constexpr int kOff = 0;
constexpr size_t kPieces = 64;

std::string ErrnoText(int error) {
  return std::generic_category().message(error);
}

void SetOption(const Fd& socket, int level, int option, const int& value) {
  // What can fail here is an option that the system lacks, and then it works without.
  ::setsockopt(socket.get(), level, option, &value, sizeof value);
}

Fd NewSocket(int family) {
  Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  if (fd.ok()) SetOption(fd, IPPROTO_TCP, TCP_NODELAY, kOn);
  return fd;
}

absl::Status ListenError(int error, const HostPort& address) {
  const std::string text = StrCat("cannot listen on ", FormatHostPort(address), ": ");
  switch (error) {
    case EADDRINUSE:
      return absl::AlreadyExistsError(
          ToAbsl(StrCat(text, "the port is in use; name another one, or stop who uses it")));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(
          ToAbsl(StrCat(text, ErrnoText(error), "; ports below 1024 need a privilege")));
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return absl::ResourceExhaustedError(ToAbsl(StrCat(text, ErrnoText(error))));
    default:
      return absl::UnavailableError(ToAbsl(StrCat(text, ErrnoText(error))));
  }
}

const ::sockaddr* Raw(const SocketAddress& address) {
  return reinterpret_cast<const ::sockaddr*>(&address.storage);
}
::sockaddr* Raw(SocketAddress& address) {
  return reinterpret_cast<::sockaddr*>(&address.storage);
}

uint16_t PortOf(const SocketAddress& address) {
  if (address.storage.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const ::sockaddr_in&>(address.storage).sin_port);
  }
  return ntohs(reinterpret_cast<const ::sockaddr_in6&>(address.storage).sin6_port);
}

absl::StatusOr<SocketAddress> OwnAddress(const Fd& socket) {
  SocketAddress own{.length = sizeof own.storage};
  if (::getsockname(socket.get(), Raw(own), &own.length) != 0) return absl::UnavailableError("no address");
  return own;
}

// Tries one address; the errno, or 0.
int TryListen(const SocketAddress& address, Fd& fd) {
  fd = NewSocket(address.storage.ss_family);
  if (!fd.ok()) return errno;
  // A port whose last connections are dying is free.
  SetOption(fd, SOL_SOCKET, SO_REUSEADDR, kOn);
  // [::] is for IPv4 as well; for any other address it makes no difference.
  if (address.storage.ss_family == AF_INET6) SetOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, kOff);
  if (::bind(fd.get(), Raw(address), address.length) != 0) return errno;
  return ::listen(fd.get(), SOMAXCONN) == 0 ? 0 : errno;
}

}  // namespace

std::string SocketAddress::ToString() const {
  std::array<char, INET6_ADDRSTRLEN> text = {};
  const void* digits = nullptr;
  int family = storage.ss_family;
  if (family == AF_INET) {
    digits = &reinterpret_cast<const ::sockaddr_in&>(storage).sin_addr;
  } else if (family == AF_INET6) {
    const ::in6_addr& v6 = reinterpret_cast<const ::sockaddr_in6&>(storage).sin6_addr;
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6);
    digits = mapped ? static_cast<const void*>(&v6.s6_addr[12]) : &v6;
    if (mapped) family = AF_INET;
  }
  if (digits == nullptr || ::inet_ntop(family, digits, text.data(), text.size()) == nullptr) return {};
  return FormatHostPort({.host = text.data(), .port = PortOf(*this)});
}

absl::StatusOr<std::vector<SocketAddress>> ResolveHost(const HostPort& address, bool to_listen) {
  ::addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_protocol = IPPROTO_TCP;
  hints.ai_flags = AI_NUMERICSERV | (to_listen ? AI_PASSIVE : 0);
  ::addrinfo* found = nullptr;
  const std::string port = StrCat(address.port);
  const int error =
      ::getaddrinfo(address.host.empty() ? nullptr : address.host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) {
    return absl::InvalidArgumentError(ToAbsl(StrCat("address '", FormatHostPort(address), "': host '",
                                                    address.host, "' is unknown: ", ::gai_strerror(error))));
  }
  const std::unique_ptr<::addrinfo, void (*)(::addrinfo*)> owner(found, ::freeaddrinfo);
  std::vector<SocketAddress> addresses;
  // All addresses: one IPv6 socket is for IPv4 as well.
  const bool v6_first = to_listen && address.host.empty();
  for (const int family : {v6_first ? AF_INET6 : AF_INET, v6_first ? AF_INET : AF_INET6}) {
    for (const ::addrinfo* at = found; at != nullptr; at = at->ai_next) {
      if (at->ai_family != family || at->ai_addrlen > sizeof(::sockaddr_storage)) continue;
      SocketAddress& added = addresses.emplace_back();
      std::memcpy(&added.storage, at->ai_addr, at->ai_addrlen);
      added.length = at->ai_addrlen;
    }
  }
  return addresses;
}

absl::StatusOr<ListeningSocket> ListenOn(const HostPort& address) {
  const absl::StatusOr<std::vector<SocketAddress>> candidates = ResolveHost(address, true);
  if (!candidates.ok()) return candidates.status();
  int error = EADDRNOTAVAIL;
  for (const SocketAddress& candidate : *candidates) {
    ListeningSocket listening;
    error = TryListen(candidate, listening.fd);
    // A machine without IPv6, or without that address of several: try the next.
    if (error == EAFNOSUPPORT || error == EADDRNOTAVAIL) continue;
    if (error != 0) break;
    const absl::StatusOr<SocketAddress> own = OwnAddress(listening.fd);
    if (!own.ok()) return own.status();
    listening.port = PortOf(*own);
    return listening;
  }
  return ListenError(error, address);
}

AcceptedSocket AcceptOn(const Fd& listening) {
  SocketAddress peer{.length = sizeof peer.storage};
  AcceptedSocket accepted{.fd = Fd(RetryInterrupted([&] {
                            return ::accept4(listening.get(), Raw(peer), &peer.length,
                                             SOCK_CLOEXEC | SOCK_NONBLOCK);
                          }))};
  if (!accepted.fd.ok()) {
    accepted.error = errno;
    return accepted;
  }
  SetOption(accepted.fd, IPPROTO_TCP, TCP_NODELAY, kOn);
  accepted.peer_address = peer.ToString();
  return accepted;
}

absl::StatusOr<Fd> ConnectTo(const SocketAddress& address) {
  Fd fd = NewSocket(address.storage.ss_family);
  if (!fd.ok()) return absl::UnavailableError(ToAbsl(ErrnoText(errno)));
  const int result = RetryInterrupted([&] { return ::connect(fd.get(), Raw(address), address.length); });
  if (result != 0 && errno != EINPROGRESS && errno != EALREADY && errno != EISCONN) {
    return absl::UnavailableError(ToAbsl(ErrnoText(errno)));
  }
  return fd;
}

int ConnectError(const Fd& socket) {
  int error = 0;
  ::socklen_t length = sizeof error;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

std::string LocalAddress(const Fd& socket) {
  const absl::StatusOr<SocketAddress> own = OwnAddress(socket);
  return own.ok() ? own->ToString() : std::string();
}

StreamConnection::Transfer ReadSocket(const Fd& socket, std::span<std::byte> room,
                                      std::span<std::byte> scratch) {
  std::array<::iovec, 2> parts = {{{room.data(), room.size()}, {scratch.data(), scratch.size()}}};
  const bool direct = !room.empty();
  const ssize_t count = RetryInterrupted(
      [&] { return ::readv(socket.get(), parts.data() + (direct ? 0 : 1), direct ? 2 : 1); });
  if (count < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {.blocked = true};
    return {.status = absl::UnavailableError(ToAbsl(StrCat("it was lost: ", ErrnoText(errno))))};
  }
  if (count == 0) return {.end = true};
  const auto bytes = static_cast<size_t>(count);
  // Less than there is room for: there was no more. (If it comes now, the next wait ends at once.)
  return {.bytes = bytes, .blocked = bytes < room.size() + scratch.size()};
}

StreamConnection::Transfer WriteSocket(const Fd& socket, std::span<const SendQueue::Piece> pieces) {
  std::array<::iovec, kPieces> parts;
  MILLRACE_CHECK(pieces.size() <= kPieces);
  size_t wanted = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    parts[i] = {const_cast<std::byte*>(pieces[i].data()), pieces[i].size()};
    wanted += pieces[i].size();
  }
  ::msghdr message = {};
  message.msg_iov = parts.data();
  message.msg_iovlen = pieces.size();
  const ssize_t count = RetryInterrupted([&] { return ::sendmsg(socket.get(), &message, MSG_NOSIGNAL); });
  if (count < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {.blocked = true};
    return {.status = absl::UnavailableError(ToAbsl(StrCat("it was lost: ", ErrnoText(errno))))};
  }
  const auto bytes = static_cast<size_t>(count);
  return {.bytes = bytes, .blocked = bytes < wanted};
}

void ShutWriteSocket(const Fd& socket) {
  // It fails where the peer is gone already; reading tells that.
  ::shutdown(socket.get(), SHUT_WR);
}

}  // namespace millrace::inline v0
