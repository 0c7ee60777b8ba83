// What the conformance suite of Transport watches connections with.

#ifndef MILLRACE_TESTING_TRANSPORT_PROBE_H_
#define MILLRACE_TESTING_TRANSPORT_PROBE_H_

#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/strings.h"
#include "millrace/testing/conformance.h"
#include "testing/checks.h"

namespace millrace::inline v0 {

// What one handler was told, kept after its death. Thread-safe.
class ConnectionJournal {
 public:
  void Opened(std::shared_ptr<Connection> connection) {
    MutexLock lock(&mutex_);
    ++opened_;
    early_ |= opened_ > 1 || !frames_.empty();
    connection_ = std::move(connection);
  }
  void Came(const Frame& frame) {
    MutexLock lock(&mutex_);
    early_ |= opened_ == 0;
    late_ |= closed_ > 0;
    frames_.emplace_back(reinterpret_cast<const char*>(frame.bytes().data()), frame.size());
  }
  void Writable() {
    MutexLock lock(&mutex_);
    late_ |= closed_ > 0;
    ++writable_;
  }
  void Closed(const absl::Status& status) {
    MutexLock lock(&mutex_);
    ++closed_;
    status_ = status;
    connection_.reset();
  }
  void Destroyed() {
    MutexLock lock(&mutex_);
    ++destroyed_;
    late_ |= opened_ > 0 && closed_ == 0;
  }
  // Entered and left by each call.
  void Enter() { overlapped_ = inside_.fetch_add(1) != 0 || overlapped_; }
  void Leave() { inside_.fetch_sub(1); }

  int opened() const { return MutexLock(&mutex_), opened_; }
  int closed() const { return MutexLock(&mutex_), closed_; }
  int writable() const { return MutexLock(&mutex_), writable_; }
  bool destroyed() const { return MutexLock(&mutex_), destroyed_ == 1; }
  absl::Status status() const { return MutexLock(&mutex_), status_; }
  std::vector<std::string> frames() const { return MutexLock(&mutex_), frames_; }
  size_t frame_count() const { return MutexLock(&mutex_), frames_.size(); }
  // While it is open.
  std::shared_ptr<Connection> connection() const { return MutexLock(&mutex_), connection_; }
  // OnOpened first and once, nothing after OnClosed, OnClosed before the end, and no two calls at once.
  bool in_order() const { return MutexLock(&mutex_), !early_ && !late_ && !overlapped_ && closed_ <= 1; }

 private:
  mutable Mutex mutex_;
  int opened_ ABSL_GUARDED_BY(mutex_) = 0;
  int closed_ ABSL_GUARDED_BY(mutex_) = 0;
  int writable_ ABSL_GUARDED_BY(mutex_) = 0;
  int destroyed_ ABSL_GUARDED_BY(mutex_) = 0;
  bool early_ ABSL_GUARDED_BY(mutex_) = false;
  bool late_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> frames_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<Connection> connection_ ABSL_GUARDED_BY(mutex_);
  std::atomic<int> inside_{0};
  std::atomic<bool> overlapped_{false};
};

using SharedJournal = std::shared_ptr<ConnectionJournal>;

// What a handler does besides writing it down.
struct ProbeScript {
  std::function<void(const std::shared_ptr<Connection>&)> on_opened = {};
  std::function<void(Connection&, const Frame&)> on_frame = {};
  std::function<void(Connection&)> on_writable = {};
  std::function<void(Connection&)> on_closed = {};
};

class ProbeHandler final : public ConnectionHandler {
 public:
  ProbeHandler(SharedJournal journal, ProbeScript script)
      : journal_(std::move(journal)), script_(std::move(script)) {}
  ~ProbeHandler() override { journal_->Destroyed(); }

  void OnOpened(std::shared_ptr<Connection> connection) override {
    const Inside inside(*journal_);
    connection_ = connection;
    journal_->Opened(connection);
    if (script_.on_opened) script_.on_opened(connection);
  }
  void OnFrame(Frame frame) override {
    const Inside inside(*journal_);
    journal_->Came(frame);
    if (script_.on_frame) script_.on_frame(*connection_, frame);
  }
  void OnWritable() override {
    const Inside inside(*journal_);
    journal_->Writable();
    if (script_.on_writable) script_.on_writable(*connection_);
  }
  void OnClosed(const absl::Status& status) override {
    const Inside inside(*journal_);
    journal_->Closed(status);
    if (script_.on_closed && connection_ != nullptr) script_.on_closed(*connection_);
  }

 private:
  class Inside {
   public:
    explicit Inside(ConnectionJournal& journal) : journal_(journal) { journal_.Enter(); }
    ~Inside() { journal_.Leave(); }

   private:
    ConnectionJournal& journal_;
  };

  const SharedJournal journal_;
  const ProbeScript script_;
  std::shared_ptr<Connection> connection_;
};

inline OutgoingFrame FrameOf(std::string_view text) {
  const auto* const data = reinterpret_cast<const std::byte*>(text.data());
  return {.bytes = std::vector<std::byte>(data, data + text.size())};
}
// The bytes of a frame as they are on the wire, with a length that may be false.
inline std::vector<std::byte> OnWire(std::string_view text, int64_t length = -1) {
  const auto claimed = static_cast<uint32_t>(length < 0 ? static_cast<int64_t>(text.size()) : length);
  std::vector<std::byte> bytes;
  for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<std::byte>(claimed >> shift));
  for (const char c : text) bytes.push_back(static_cast<std::byte>(c));
  return bytes;
}
// More time than anything here should take.
inline constexpr absl::Duration kLong = absl::Seconds(30);

// Text of that length that tells its place: no stretch of it looks like another.
inline std::string PatternText(size_t size, uint32_t seed) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 2654435761u + seed * 40503u) >> 11);
  return text;
}
inline ProbeScript Echo() {
  return {.on_frame = [](Connection& connection, const Frame& frame) {
    connection.Send({.bytes = {frame.bytes().begin(), frame.bytes().end()}}).IgnoreError();
  }};
}

// The journals of the handlers that a listener has made. Thread-safe.
class JournalShelf {
 public:
  SharedJournal Add() {
    MutexLock lock(&mutex_);
    return journals_.emplace_back(std::make_shared<ConnectionJournal>());
  }
  std::vector<SharedJournal> all() const { return MutexLock(&mutex_), journals_; }
  size_t size() const { return all().size(); }

 private:
  mutable Mutex mutex_;
  std::vector<SharedJournal> journals_ ABSL_GUARDED_BY(mutex_);
};

// One transport under test.
class TransportLab {
 public:
  TransportLab(const TransportWorld& world, Checks& checks)
      : world_(world), checks_(checks), transport_(world.new_transport()) {}
  ~TransportLab() { Finish(); }

  Transport& transport() { return *transport_; }
  Checks& checks() { return checks_; }
  const TransportWorld& world() const { return world_; }

  // Listens, with handlers that follow `script`. Null if it cannot, which is reported.
  std::unique_ptr<Listener> Listen(const ProbeScript& script, ListenOptions options = {},
                                   std::string_view address = {}) {
    auto listener = transport_->Listen(
        address.empty() ? world_.address : address,
        [this, script] { return std::make_unique<ProbeHandler>(accepted_.Add(), script); }, options);
    if (!checks_.Ok(listener, "Listen")) return nullptr;
    return *std::move(listener);
  }
  struct Client {
    std::shared_ptr<Connection> connection = nullptr;
    SharedJournal journal = nullptr;
  };
  Client Connect(std::string_view address, ProbeScript script = {}, ConnectionOptions options = {}) {
    Client client{.journal = connected_.Add()};
    auto connection = transport_->Connect(
        address, std::make_unique<ProbeHandler>(client.journal, std::move(script)), options);
    if (checks_.Ok(connection, "Connect")) client.connection = *std::move(connection);
    return client;
  }

  // The journals of accepted connections, in the order accepted.
  std::vector<SharedJournal> accepted() const { return accepted_.all(); }

  // Drives until `done`, or for a long time.
  bool Until(absl::FunctionRef<bool()> done) {
    const MonotonicNanos end = world_.clock->Monotonic() + int64_t{60} * 1'000'000'000;
    for (int turn = 0; turn < 2'000'000 && world_.clock->Monotonic() < end; ++turn) {
      if (done()) return true;
      world_.drive();
    }
    return done();
  }
  bool Wait(absl::FunctionRef<bool()> done, std::string_view what) {
    return checks_.True(Until(done), StrCat("in time: ", what));
  }
  // Long enough for what would happen wrongly to happen, mostly.
  void Settle() {
    for (int turn = 0; turn < 50; ++turn) world_.drive();
  }

  // Destroys the transport; then every handler must have had its end.
  void Finish() {
    if (transport_ == nullptr) return;
    transport_.reset();
    for (const JournalShelf* shelf : {&accepted_, &connected_}) {
      for (const SharedJournal& journal : shelf->all()) {
        checks_.True(journal->closed() == 1, "each handler has one OnClosed by the end of the transport");
        checks_.True(journal->destroyed(), "each handler is destroyed by the end of the transport");
        checks_.True(journal->in_order(), "calls of a handler come in order, one at a time");
      }
    }
  }

 private:
  const TransportWorld& world_;
  Checks& checks_;
  JournalShelf accepted_;
  JournalShelf connected_;
  std::unique_ptr<Transport> transport_;
};

// The second half of CheckTransport: faults, limits, ends.
void CheckTransportFaults(const TransportWorld& world, Checks& checks);

}  // namespace millrace::inline v0

#endif  // MILLRACE_TESTING_TRANSPORT_PROBE_H_
