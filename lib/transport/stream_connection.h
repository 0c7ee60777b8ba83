// StreamConnection: all of a Connection but the bytes' way: framing, queueing, back-pressure, deadlines, the
// order of the handler's calls. TCP, memory and the simulated network bring a non-blocking stream to it.

#ifndef MILLRACE_TRANSPORT_STREAM_CONNECTION_H_
#define MILLRACE_TRANSPORT_STREAM_CONNECTION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "millrace/env/clock.h"
#include "millrace/export.h"
#include "millrace/transport.h"
#include "transport/frame_reader.h"
#include "transport/listener_state.h"
#include "transport/send_queue.h"

namespace millrace::inline v0 {

// Everything that happens on the loop happens in Turn(), which the derived class calls there, one call at a
// time, when the stream has become readable or writable, when the timer is due, and after Wake().
//
// Bytes are written by one thread at a time, the one that has set `writing_`: the loop, or a thread in Send()
// that found nothing waiting and no turn under way.
class MILLRACE_EXPORT StreamConnection : public Connection,
                                         public std::enable_shared_from_this<StreamConnection> {
 public:
  // What a read or a write has come to.
  struct Transfer {
    size_t bytes = 0;
    // Nothing more for now: kReadable or kWritable will be told, once asked for.
    bool blocked = false;
    // The peer has sent its last byte.
    bool end = false;
    absl::Status status = absl::OkStatus();
  };

  absl::Status Send(OutgoingFrame frame) final;
  size_t unsent_bytes() const final { return unsent_bytes_.load(std::memory_order_relaxed); }
  void PauseReading() final { paused_.store(true); }
  void ResumeReading() final;
  void Close(absl::Duration drain) final;
  void Abort() final;
  std::string peer_address() const final;
  std::string local_address() const final;

  // Abort() with a reason.
  void AbortWith(absl::Status why);

 protected:
  // What a turn is for; bits.
  enum Event : uint32_t { kWoken = 0, kReadable = 1, kWritable = 2 };

  // Of the connecting side. AbortWith() says why it cannot be connected.
  StreamConnection(Clock* clock, const ConnectionOptions& options, std::unique_ptr<ConnectionHandler> handler,
                   std::string peer_address);
  // Of the accepting side; the listener has admitted it. Its first turn opens it.
  StreamConnection(Clock* clock, std::shared_ptr<ListenerState> listener, std::string peer_address,
                   std::string local_address);

  // --- For the derived class to call, on the loop.

  void Turn(uint32_t events);
  // The connecting side is connected; the next turn opens it.
  void Connected(std::string peer_address, std::string local_address);

  // --- For the derived class to define. Called on the loop alone, except Write and Wake.

  // Reads into `room`, which may be empty, then into `scratch`.
  virtual Transfer Read(std::span<std::byte> room, std::span<std::byte> scratch) = 0;
  // Memory for Read, as long as a turn.
  virtual std::span<std::byte> Scratch() = 0;
  virtual Transfer Write(std::span<const SendQueue::Piece> pieces) = 0;
  // A Turn(kReadable) or Turn(kWritable) when that is so.
  virtual void AwaitReadable() = 0;
  virtual void AwaitWritable() = 0;
  // A Turn(kWoken) soon; one is enough for several calls. From any thread.
  virtual void Wake() = 0;
  // A Turn(kWoken) at `when`, instead of at any time set before.
  virtual void SetTimer(MonotonicNanos when) = 0;
  // No more bytes will be written.
  virtual void ShutWrite() = 0;
  // Ends both directions; no turn follows.
  virtual void CloseStream() = 0;
  // The last of all calls: the transport may forget it.
  virtual void Forget() = 0;

  Clock* clock() const { return clock_; }

 private:
  struct Deadline {
    MonotonicNanos when = kNever;
    std::string_view what = {};
  };

  // The steps of a turn. Each may end the connection; then the others are left out.
  void StartTurn(uint32_t events);
  void Open();
  void ReadFrames();
  void FlushAndTell();
  void CheckClosing();
  void CheckDeadlines();
  void FinishTurn();

  bool MayDeliver() const { return !paused_.load() && !closing_.load(); }
  size_t ReadOnce();
  void Deliver(std::span<const std::byte> bytes);
  void PeerEnded();
  void Discard();
  void WriteQueued(int rounds);
  void Wrote(const Transfer& transfer, QueuedFrames& sent) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Deadline NextDeadline();
  void StartClosing(absl::Duration drain) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The end: OnClosed, and nothing after it.
  void End(const absl::Status& status);

  Clock* const clock_;
  const ConnectionOptions options_;
  const std::shared_ptr<ListenerState> listener_;  // null on the connecting side

  std::atomic<bool> paused_{false};
  std::atomic<bool> resumed_{false};
  // Close was called, or the peer has sent its last byte. Set under the mutex.
  std::atomic<bool> closing_{false};
  std::atomic<size_t> unsent_bytes_{0};
  std::atomic<int64_t> last_activity_;

  mutable Mutex mutex_;
  CondVar written_;
  SendQueue queue_ ABSL_GUARDED_BY(mutex_);
  // Some thread is in Write.
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  // Frames wait: for the stream to be connected or writable, or for the end of the turn.
  bool held_ ABSL_GUARDED_BY(mutex_) = true;
  // Unsent bytes have been above the mark; they have fallen to it and OnWritable is due.
  bool above_mark_ ABSL_GUARDED_BY(mutex_) = false;
  bool writable_due_ ABSL_GUARDED_BY(mutex_) = false;
  bool write_ready_ ABSL_GUARDED_BY(mutex_) = true;
  // It has ended; so may have what it borrows.
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  // What ends it at the next turn: Abort, or a failed write.
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  MonotonicNanos close_deadline_ ABSL_GUARDED_BY(mutex_) = kNever;
  std::string peer_address_ ABSL_GUARDED_BY(mutex_);
  std::string local_address_ ABSL_GUARDED_BY(mutex_);

  // --- Of the loop.
  std::unique_ptr<ConnectionHandler> handler_;
  FrameReader reader_;
  // Bytes that were read when reading was paused.
  std::vector<std::byte> stash_;
  MonotonicNanos frame_started_ = kNever;
  MonotonicNanos timer_ = kNever;
  const MonotonicNanos connect_deadline_;
  bool connected_ = false;
  bool opened_ = false;
  bool ended_ = false;
  bool read_ready_ = true;
  bool awaiting_read_ = false;
  bool awaiting_write_ = false;
  bool peer_ended_ = false;
  bool write_shut_ = false;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_TRANSPORT_STREAM_CONNECTION_H_
