// TCP on Asio, which stays in this file: it waits for descriptors, timers and posted work; the system calls
// are tcp_socket.cc's.

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_set.h"
#include "base/check.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "env/posix_thread.h"
#include "millrace/transport.h"
#include "transport/tcp_socket.h"

namespace millrace::inline v0 {
namespace {

constexpr size_t kScratchBytes = 64 * 1024;
// Connections accepted in one go, before others have their turn.
constexpr int kAcceptsInARow = 64;
constexpr auto kAcceptPause = std::chrono::milliseconds(100);
constexpr int64_t kLogPauseNanos = 1'000'000'000;

class TcpConnection;

// TcpLoop: one thread, and the connections that are its. Connections share it, so that it is there as long as
// they are; it holds none of them once it has stopped.
class TcpLoop : public std::enable_shared_from_this<TcpLoop> {
 public:
  // Null: no descriptors for it.
  static std::shared_ptr<TcpLoop> New() {
    try {
      return std::make_shared<TcpLoop>();
    } catch (const std::system_error&) {
      return nullptr;
    }
  }
  TcpLoop() : guard_(context_.get_executor()), timer_(context_), scratch_(kScratchBytes) {}

  absl::Status Start(std::string_view name, size_t number) {
    absl::StatusOr<PosixThread> thread = PosixThread::Start(name, number, [this] { context_.run(); });
    if (!thread.ok()) return thread.status();
    thread_.emplace(*std::move(thread));
    return absl::OkStatus();
  }
  // Runs what was posted, and ends. Its connections have ended, and its listeners.
  void Stop() {
    RunHere([this] { timer_.cancel(); });
    {
      MutexLock lock(&mutex_);
      stopped_ = true;
    }
    guard_.reset();
    thread_.reset();
  }

  asio::io_context& context() { return context_; }
  std::span<std::byte> scratch() { return scratch_; }

  // False, and the task is gone: the loop has stopped.
  bool Post(absl::AnyInvocable<void()> task) {
    MutexLock lock(&mutex_);
    if (stopped_) return false;
    asio::post(context_, std::move(task));
    return true;
  }
  // Runs the task on the loop, and returns when it has run.
  void RunHere(absl::AnyInvocable<void()> task) {
    if (!thread_.has_value() || context_.get_executor().running_in_this_thread()) return task();
    Mutex mutex;
    CondVar ran;
    bool done = false;
    const bool posted = Post([&] {
      task();
      MutexLock lock(&mutex);
      done = true;
      ran.Signal();
    });
    if (!posted) return task();
    MutexLock lock(&mutex);
    while (!done) ran.Wait(&mutex);
  }

  // --- On the loop

  void SetTimer(TcpConnection* connection, MonotonicNanos before, MonotonicNanos when) {
    if (before != kNever) timers_.erase({before, connection});
    if (when == kNever) return;
    timers_.insert({when, connection});
    if (timers_.begin()->second == connection) ArmTimer();
  }

 private:
  void ArmTimer();

  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  asio::steady_timer timer_;
  absl::btree_set<std::pair<MonotonicNanos, TcpConnection*>> timers_;
  std::vector<std::byte> scratch_;
  std::optional<PosixThread> thread_;

  Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

// The open connections of a transport. Thread-safe.
class TcpConnections {
 public:
  // False: the transport is going.
  bool Add(const std::shared_ptr<TcpConnection>& connection) {
    MutexLock lock(&mutex_);
    return !shut_ && open_.insert(connection).second;
  }
  void Remove(const std::shared_ptr<TcpConnection>& connection) {
    MutexLock lock(&mutex_);
    open_.erase(connection);
    if (open_.empty()) empty_.SignalAll();
  }
  // Aborts them all, and returns when they have ended.
  void Shut();

 private:
  Mutex mutex_;
  CondVar empty_;
  absl::flat_hash_set<std::shared_ptr<TcpConnection>> open_ ABSL_GUARDED_BY(mutex_);
  bool shut_ ABSL_GUARDED_BY(mutex_) = false;
};

class TcpConnection final : public StreamConnection {
 public:
  // The connecting side, which tries one address after the other.
  TcpConnection(std::shared_ptr<TcpLoop> loop, std::shared_ptr<TcpConnections> connections,
                std::unique_ptr<ConnectionHandler> handler, const ConnectionOptions& options,
                std::string peer_address, std::vector<SocketAddress> addresses)
      : StreamConnection(Clock::System(), options, std::move(handler), std::move(peer_address)),
        loop_(std::move(loop)),
        connections_(std::move(connections)),
        untried_(std::move(addresses)) {}
  // The accepting side.
  TcpConnection(std::shared_ptr<TcpLoop> loop, std::shared_ptr<TcpConnections> connections,
                std::shared_ptr<ListenerState> listener, AcceptedSocket socket)
      : StreamConnection(Clock::System(), std::move(listener), std::move(socket.peer_address),
                         LocalAddress(socket.fd)),
        loop_(std::move(loop)),
        connections_(std::move(connections)),
        fd_(std::move(socket.fd)) {}

  // Starts it on its loop. It is registered.
  void Start() {
    loop_->Post([self = Self()] { self->Begin(); });
  }
  void TimerIsDue() {
    timer_at_ = kNever;
    Turn(kWoken);
  }

 protected:
  Transfer Read(std::span<std::byte> room, std::span<std::byte> scratch) override {
    return ReadSocket(fd_, room, scratch);
  }
  std::span<std::byte> Scratch() override { return loop_->scratch(); }
  Transfer Write(std::span<const SendQueue::Piece> pieces) override { return WriteSocket(fd_, pieces); }
  void ShutWrite() override { ShutWriteSocket(fd_); }

  void AwaitReadable() override { Await(asio::posix::descriptor_base::wait_read, kReadable); }
  void AwaitWritable() override { Await(asio::posix::descriptor_base::wait_write, kWritable); }
  void Wake() override {
    if (woken_.exchange(true)) return;
    loop_->Post([self = Self()] {
      self->woken_.store(false);
      self->Turn(kWoken);
    });
  }
  void SetTimer(MonotonicNanos when) override {
    loop_->SetTimer(this, timer_at_, when);
    timer_at_ = when;
  }
  void CloseStream() override {
    SetTimer(kNever);
    untried_.clear();
    CloseDescriptor();
  }
  void Forget() override { connections_->Remove(Self()); }

 private:
  std::shared_ptr<TcpConnection> Self() {
    return std::static_pointer_cast<TcpConnection>(shared_from_this());
  }

  // Waits of a closed descriptor come to nothing.
  void CloseDescriptor() {
    if (descriptor_.has_value()) descriptor_->release();
    descriptor_.reset();
    fd_ = Fd();
  }
  bool Watch() {
    std::error_code error;
    descriptor_.emplace(loop_->context());
    descriptor_->assign(fd_.get(), error);
    if (error) descriptor_.reset();
    return !error;
  }
  void Await(asio::posix::descriptor_base::wait_type what, uint32_t event) {
    descriptor_->async_wait(what, [self = Self(), event](std::error_code error) {
      if (!error) self->Turn(event);
    });
  }

  void Begin() {
    if (untried_.empty()) {
      if (!Watch()) AbortWith(absl::ResourceExhaustedError("the system cannot watch one more descriptor"));
    } else {
      TryNext(absl::OkStatus());
    }
    Turn(kWoken);
  }
  // Connects to the next address. With none left, `failure` of the last one is the end.
  void TryNext(absl::Status failure) {
    while (!untried_.empty()) {
      const SocketAddress address = untried_.front();
      untried_.erase(untried_.begin());
      absl::StatusOr<Fd> socket = ConnectTo(address);
      failure = socket.status();
      if (!socket.ok()) continue;
      fd_ = *std::move(socket);
      if (Watch()) return AwaitConnected();
      failure = absl::ResourceExhaustedError("the system cannot watch one more descriptor");
    }
    AbortWith(std::move(failure));
  }
  void AwaitConnected() {
    descriptor_->async_wait(asio::posix::descriptor_base::wait_write, [self = Self()](std::error_code error) {
      if (!error) self->ConnectIsOver();
    });
  }
  void ConnectIsOver() {
    if (!descriptor_.has_value()) return;  // it was closed meanwhile
    if (const int error = ConnectError(fd_); error != 0) {
      CloseDescriptor();
      TryNext(absl::UnavailableError(ToAbsl(std::generic_category().message(error))));
    } else {
      Connected(peer_address(), LocalAddress(fd_));
    }
    Turn(kWoken);
  }

  const std::shared_ptr<TcpLoop> loop_;
  const std::shared_ptr<TcpConnections> connections_;
  std::atomic<bool> woken_{false};

  // --- Of the loop
  std::vector<SocketAddress> untried_;
  Fd fd_;
  // Watches fd_; does not own it.
  std::optional<asio::posix::stream_descriptor> descriptor_;
  MonotonicNanos timer_at_ = kNever;
};

void TcpLoop::ArmTimer() {
  const int64_t wait = timers_.begin()->first - Clock::System()->Monotonic();
  timer_.expires_after(std::chrono::nanoseconds(std::max<int64_t>(wait, 0)));
  timer_.async_wait([self = shared_from_this()](std::error_code error) {
    if (error) return;
    const MonotonicNanos now = Clock::System()->Monotonic();
    while (!self->timers_.empty() && self->timers_.begin()->first <= now) {
      TcpConnection* const due = self->timers_.begin()->second;
      self->timers_.erase(self->timers_.begin());
      due->TimerIsDue();
    }
    if (!self->timers_.empty()) self->ArmTimer();
  });
}

void TcpConnections::Shut() {
  std::vector<std::shared_ptr<TcpConnection>> open;
  {
    MutexLock lock(&mutex_);
    shut_ = true;
    open.assign(open_.begin(), open_.end());
  }
  for (const auto& connection : open) {
    connection->AbortWith(absl::AbortedError("its transport was destroyed"));
  }
  MutexLock lock(&mutex_);
  while (!open_.empty()) empty_.Wait(&mutex_);
}

// The loops of a transport, and which is next.
struct TcpLoops {
  std::vector<std::shared_ptr<TcpLoop>> all = {};
  std::atomic<size_t> next = 0;

  const std::shared_ptr<TcpLoop>& Next() { return all[next.fetch_add(1) % all.size()]; }
};

// TcpAcceptor: a listening socket, on the first loop.
class TcpAcceptor : public std::enable_shared_from_this<TcpAcceptor> {
 public:
  TcpAcceptor(std::shared_ptr<TcpLoops> loops, std::shared_ptr<TcpConnections> connections,
              std::shared_ptr<ListenerState> state, Fd fd, Logger* logger)
      : loops_(std::move(loops)),
        connections_(std::move(connections)),
        state_(std::move(state)),
        logger_(logger),
        fd_(std::move(fd)) {}

  ListenerState& state() { return *state_; }

  absl::Status Start() {
    std::error_code error;
    loops_->all[0]->RunHere([&] {
      descriptor_.emplace(loops_->all[0]->context());
      pause_.emplace(loops_->all[0]->context());
      descriptor_->assign(fd_.get(), error);
      if (!error) Await();
    });
    if (!error) return absl::OkStatus();
    Close();
    return absl::ResourceExhaustedError(
        ToAbsl(StrCat("cannot listen on ", state_->address(), ": ", error.message())));
  }
  // The address is free when it returns.
  void Close() {
    loops_->all[0]->RunHere([this] {
      if (descriptor_.has_value() && descriptor_->is_open()) descriptor_->release();
      descriptor_.reset();
      pause_.reset();
      fd_ = Fd();
    });
    state_->Close();
  }

 private:
  void Await() {
    descriptor_->async_wait(asio::posix::descriptor_base::wait_read,
                            [self = shared_from_this()](std::error_code error) {
                              if (!error && self->descriptor_.has_value()) self->Accept();
                            });
  }
  void Accept() {
    for (int i = 0; i < kAcceptsInARow; ++i) {
      AcceptedSocket socket = AcceptOn(fd_);
      switch (socket.error) {
        case 0:
          Take(std::move(socket));
          break;
        case EAGAIN:
          return Await();
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
          return Pause(socket.error);
        default:
          break;  // that one connection failed before it was accepted
      }
    }
    Await();
  }
  // The connection stays in the kernel's queue, so waiting for it would end at once, for ever.
  void Pause(int error) {
    state_->AcceptFailed();
    Log(failures_logged_, Severity::kError,
        StrCat(state_->address(), ": cannot accept a connection: ", std::generic_category().message(error),
               "; trying again every 100 ms. Raise the limit of open files, or lower max_connections"));
    pause_->expires_after(kAcceptPause);
    pause_->async_wait([self = shared_from_this()](std::error_code failed) {
      if (!failed && self->descriptor_.has_value()) self->Accept();
    });
  }
  void Take(AcceptedSocket socket) {
    const std::string host(HostOf(socket.peer_address));
    if (const absl::Status admitted = state_->Admit(host); !admitted.ok()) {
      return Log(refusals_logged_, Severity::kWarning, ToStd(admitted.message()));
    }
    const auto connection =
        std::make_shared<TcpConnection>(loops_->Next(), connections_, state_, std::move(socket));
    if (connections_->Add(connection)) return connection->Start();
    state_->Released(host, absl::OkStatus());
  }
  void Log(MonotonicNanos& last, Severity severity, std::string_view message) {
    const MonotonicNanos now = Clock::System()->Monotonic();
    if (logger_ == nullptr || now - last < kLogPauseNanos) return;
    last = now;
    logger_->Log(severity, "transport", message);
  }

  const std::shared_ptr<TcpLoops> loops_;
  const std::shared_ptr<TcpConnections> connections_;
  const std::shared_ptr<ListenerState> state_;
  Logger* const logger_;

  // --- Of the loop
  Fd fd_;
  std::optional<asio::posix::stream_descriptor> descriptor_;
  std::optional<asio::steady_timer> pause_;
  MonotonicNanos failures_logged_{-kLogPauseNanos};
  MonotonicNanos refusals_logged_{-kLogPauseNanos};
};

class TcpListener final : public Listener {
 public:
  explicit TcpListener(std::shared_ptr<TcpAcceptor> acceptor) : acceptor_(std::move(acceptor)) {}
  ~TcpListener() override { Close(); }

  const std::string& address() const override { return acceptor_->state().address(); }
  void Close() override { acceptor_->Close(); }
  ListenerCounts counts() const override { return acceptor_->state().counts(); }

 private:
  const std::shared_ptr<TcpAcceptor> acceptor_;
};

class TcpTransport final : public Transport {
 public:
  TcpTransport(TcpTransportOptions options, std::shared_ptr<TcpLoops> loops)
      : options_(std::move(options)),
        loops_(std::move(loops)),
        connections_(std::make_shared<TcpConnections>()) {}

  ~TcpTransport() override {
    std::vector<std::weak_ptr<TcpAcceptor>> acceptors;
    {
      MutexLock lock(&mutex_);
      acceptors.swap(acceptors_);
    }
    for (const std::weak_ptr<TcpAcceptor>& known : acceptors) {
      if (const std::shared_ptr<TcpAcceptor> acceptor = known.lock()) acceptor->Close();
    }
    connections_->Shut();
    for (const std::shared_ptr<TcpLoop>& loop : loops_->all) loop->Stop();
  }

  absl::StatusOr<std::unique_ptr<Listener>> Listen(std::string_view address, NewHandler new_handler,
                                                   ListenOptions options) override {
    if (absl::Status valid = options.Validate(); !valid.ok()) return valid;
    absl::StatusOr<HostPort> parsed = ParseHostPort(address);
    if (!parsed.ok()) return parsed.status();
    if (absl::Status started = EnsureStarted(); !started.ok()) return started;
    absl::StatusOr<ListeningSocket> socket = ListenOn(*parsed);
    if (!socket.ok()) return socket.status();
    parsed->port = socket->port;
    auto state = std::make_shared<ListenerState>(FormatHostPort(*parsed), std::move(new_handler), options);
    auto acceptor = std::make_shared<TcpAcceptor>(loops_, connections_, std::move(state),
                                                  std::move(socket->fd), options_.logger);
    if (absl::Status started = acceptor->Start(); !started.ok()) return started;
    {
      MutexLock lock(&mutex_);
      std::erase_if(acceptors_, [](const auto& known) { return known.expired(); });
      acceptors_.push_back(acceptor);
    }
    return std::make_unique<TcpListener>(std::move(acceptor));
  }

  absl::StatusOr<std::shared_ptr<Connection>> Connect(std::string_view address,
                                                      std::unique_ptr<ConnectionHandler> handler,
                                                      ConnectionOptions options) override {
    if (absl::Status valid = options.Validate(); !valid.ok()) return valid;
    const absl::StatusOr<HostPort> parsed = ParseHostPort(address);
    if (!parsed.ok()) return parsed.status();
    absl::StatusOr<std::vector<SocketAddress>> addresses = ResolveHost(*parsed, false);
    if (!addresses.ok()) return addresses.status();
    if (absl::Status started = EnsureStarted(); !started.ok()) return started;
    auto connection =
        std::make_shared<TcpConnection>(loops_->Next(), connections_, std::move(handler), options,
                                        FormatHostPort(*parsed), *std::move(addresses));
    MILLRACE_CHECK(connections_->Add(connection));
    connection->Start();
    return connection;
  }

 private:
  absl::Status EnsureStarted() {
    MutexLock lock(&mutex_);
    for (; started_ < loops_->all.size(); ++started_) {
      if (absl::Status status = loops_->all[started_]->Start(options_.name, started_); !status.ok())
        return status;
    }
    return absl::OkStatus();
  }

  const TcpTransportOptions options_;
  const std::shared_ptr<TcpLoops> loops_;
  const std::shared_ptr<TcpConnections> connections_;

  Mutex mutex_;
  size_t started_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::weak_ptr<TcpAcceptor>> acceptors_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<Transport>> NewTcpTransport(TcpTransportOptions options) {
  if (options.threads < 1) {
    return absl::InvalidArgumentError(
        ToAbsl(StrCat("TcpTransportOptions: ", options.threads, " threads; at least 1 is needed")));
  }
  auto loops = std::make_shared<TcpLoops>();
  for (int i = 0; i < options.threads; ++i) {
    loops->all.push_back(TcpLoop::New());
    if (loops->all.back() == nullptr) {
      return absl::ResourceExhaustedError(
          "cannot make an event loop: no descriptors are left; raise the limit of open files");
    }
  }
  return std::make_unique<TcpTransport>(std::move(options), std::move(loops));
}

}  // namespace millrace::inline v0
