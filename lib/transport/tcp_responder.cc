#include "transport/tcp_responder.h"

#include <algorithm>
#include <array>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "base/strings.h"
#include "env/posix_thread.h"
#include "transport/address.h"
#include "transport/tcp_socket.h"

namespace millrace::inline v0 {
namespace {

constexpr auto kAcceptAgainAfter = std::chrono::milliseconds(100);

class ResponderImpl;

// One connection: reads until there is an answer, writes it, waits for the peer to go. On the loop alone.
class Responding : public std::enable_shared_from_this<Responding> {
 public:
  Responding(ResponderImpl* owner, Fd fd);
  void Start();
  void End();

 private:
  void AwaitRead();
  void AwaitWrite();
  void Read();
  void Write();

  ResponderImpl* const owner_;
  Fd fd_;
  // Watches fd_; does not own it.
  std::optional<asio::posix::stream_descriptor> descriptor_;
  asio::steady_timer timer_;
  std::string request_;
  std::optional<std::string> answer_;
  size_t written_ = 0;
};

class ResponderImpl final : public TcpResponder {
 public:
  ResponderImpl(Options options, Answer answer) : options_(std::move(options)), answer_(std::move(answer)) {}
  ~ResponderImpl() override {
    asio::post(context_, [this] {
      CloseAcceptor();
      // Each takes itself out.
      while (!open_.empty()) (*open_.begin())->End();
    });
    thread_.reset();  // joins: the loop ends when nothing waits any more
  }

  absl::Status Start() {
    absl::StatusOr<HostPort> parsed = ParseHostPort(options_.address);
    if (!parsed.ok()) return parsed.status();
    absl::StatusOr<ListeningSocket> socket = ListenOn(*parsed);
    if (!socket.ok()) return socket.status();
    parsed->port = socket->port;
    address_ = FormatHostPort(*parsed);
    listening_ = std::move(socket->fd);
    std::error_code error;
    acceptor_.emplace(context_);
    acceptor_->assign(listening_.get(), error);
    if (error) {
      acceptor_.reset();
      return absl::ResourceExhaustedError(
          ToAbsl(StrCat("cannot listen on ", address_, ": ", error.message())));
    }
    pause_.emplace(context_);
    Await();
    absl::StatusOr<PosixThread> thread = PosixThread::Start(options_.name, 0, [this] { context_.run(); });
    if (!thread.ok()) {
      CloseAcceptor();
      return thread.status();
    }
    thread_.emplace(*std::move(thread));
    return absl::OkStatus();
  }

  const std::string& address() const override { return address_; }

  // --- For connections, on the loop
  asio::io_context& context() { return context_; }
  const Options& options() const { return options_; }
  std::optional<std::string> AnswerTo(std::string_view request, bool full) { return answer_(request, full); }
  void Forget(const std::shared_ptr<Responding>& connection) { open_.erase(connection); }

 private:
  void CloseAcceptor() {
    if (acceptor_.has_value()) acceptor_->release();
    acceptor_.reset();
    pause_.reset();
    listening_ = Fd();
  }
  void Await() {
    acceptor_->async_wait(asio::posix::descriptor_base::wait_read, [this](std::error_code error) {
      if (!error && acceptor_.has_value()) Accept();
    });
  }
  void Accept() {
    AcceptedSocket socket = AcceptOn(listening_);
    if (socket.error == 0) {
      if (open_.size() < static_cast<size_t>(options_.connections_max)) {
        auto connection = std::make_shared<Responding>(this, std::move(socket.fd));
        open_.insert(connection);
        connection->Start();
      }
    } else if (socket.error == EMFILE || socket.error == ENFILE || socket.error == ENOBUFS ||
               socket.error == ENOMEM) {
      // It stays in the kernel's queue: waiting for it would end at once.
      pause_->expires_after(kAcceptAgainAfter);
      pause_->async_wait([this](std::error_code error) {
        if (!error && acceptor_.has_value()) Await();
      });
      return;
    }
    Await();
  }

  const Options options_;
  Answer answer_;
  std::string address_;
  asio::io_context context_{1};

  // --- Of the loop
  Fd listening_;
  std::optional<asio::posix::stream_descriptor> acceptor_;
  std::optional<asio::steady_timer> pause_;
  absl::flat_hash_set<std::shared_ptr<Responding>> open_;

  std::optional<PosixThread> thread_;
};

Responding::Responding(ResponderImpl* owner, Fd fd)
    : owner_(owner), fd_(std::move(fd)), timer_(owner->context()) {}

void Responding::Start() {
  std::error_code error;
  descriptor_.emplace(owner_->context());
  descriptor_->assign(fd_.get(), error);
  if (error) {
    descriptor_.reset();
    return End();
  }
  timer_.expires_after(std::chrono::nanoseconds(absl::ToInt64Nanoseconds(owner_->options().timeout)));
  timer_.async_wait([self = shared_from_this()](std::error_code cancelled) {
    if (!cancelled) self->End();
  });
  AwaitRead();
}

void Responding::End() {
  const std::shared_ptr<Responding> self = shared_from_this();
  if (descriptor_.has_value()) descriptor_->release();
  descriptor_.reset();
  timer_.cancel();
  fd_ = Fd();
  owner_->Forget(self);
}

void Responding::AwaitRead() {
  descriptor_->async_wait(asio::posix::descriptor_base::wait_read,
                          [self = shared_from_this()](std::error_code error) {
                            if (!error && self->descriptor_.has_value()) self->Read();
                          });
}

void Responding::AwaitWrite() {
  descriptor_->async_wait(asio::posix::descriptor_base::wait_write,
                          [self = shared_from_this()](std::error_code error) {
                            if (!error && self->descriptor_.has_value()) self->Write();
                          });
}

void Responding::Read() {
  std::array<std::byte, 4096> room;
  const StreamConnection::Transfer came = ReadSocket(fd_, room, {});
  if (!came.status.ok()) return End();
  if (answer_.has_value()) {
    // What still comes is thrown away, or closing would reset the connection under the answer.
    if (came.end) return End();
    return AwaitRead();
  }
  const size_t bytes_max = owner_->options().bytes_max;
  request_.append(reinterpret_cast<const char*>(room.data()),
                  std::min(came.bytes, bytes_max - request_.size()));
  answer_ = owner_->AnswerTo(request_, request_.size() == bytes_max);
  if (answer_.has_value()) return Write();
  if (came.end || request_.size() == bytes_max) return End();
  AwaitRead();
}

void Responding::Write() {
  while (written_ < answer_->size()) {
    const SendQueue::Piece piece(reinterpret_cast<const std::byte*>(answer_->data()) + written_,
                                 answer_->size() - written_);
    const StreamConnection::Transfer sent = WriteSocket(fd_, std::span(&piece, 1));
    if (!sent.status.ok()) return End();
    written_ += sent.bytes;
    if (sent.blocked) return AwaitWrite();
  }
  ShutWriteSocket(fd_);
  AwaitRead();
}

}  // namespace

absl::StatusOr<std::unique_ptr<TcpResponder>> TcpResponder::Start(Options options, Answer answer) {
  auto responder = std::make_unique<ResponderImpl>(std::move(options), std::move(answer));
  if (absl::Status started = responder->Start(); !started.ok()) return started;
  return responder;
}

}  // namespace millrace::inline v0
