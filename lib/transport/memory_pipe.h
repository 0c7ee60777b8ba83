// MemoryPipe: bytes on their way from one end of a connection to the other, within the process.

#ifndef MILLRACE_TRANSPORT_MEMORY_PIPE_H_
#define MILLRACE_TRANSPORT_MEMORY_PIPE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "millrace/env/clock.h"
#include "transport/stream_connection.h"

namespace millrace::inline v0 {

// NetworkRules: what a simulated network does to connections and their bytes. `from` and `to` are hosts.
// Called under locks of the network: must not call back.
class NetworkRules {
 public:
  // What becomes of bytes that are written: they arrive so much later, and where `cut_after` is not past
  // their end, only so many of them do and the connection is lost behind them.
  struct Passage {
    int64_t delay_nanos = 0;
    size_t cut_after = SIZE_MAX;
  };

  virtual ~NetworkRules() = default;
  // How long connecting takes.
  virtual int64_t OnConnect(std::string_view from, std::string_view to) = 0;
  virtual Passage OnWrite(std::string_view from, std::string_view to, size_t bytes) = 0;
  // How many of `available` bytes (at least 1) a read gets: at least 1.
  virtual size_t OnRead(size_t available) = 0;
  // Nothing gets from one to the other now.
  virtual bool Blocked(std::string_view from, std::string_view to) = 0;
};

// One who waits for a pipe. The pipe calls it from any thread, under no lock.
class PipeEnd {
 public:
  virtual ~PipeEnd() = default;
  virtual void PipeReadable() = 0;
  virtual void PipeWritable() = 0;
  // PipeReadable is due at that time: the pipe's Recheck() then tells.
  virtual void PipeReadableAt(MonotonicNanos when) = 0;
};

// Holds at most kCapacity bytes, like a socket's buffer. Thread-safe, for one reader and one writer.
class MemoryPipe {
 public:
  static constexpr size_t kCapacity = 256 * 1024;

  // `rules` may be null. Both borrowed.
  MemoryPipe(Clock* clock, NetworkRules* rules, std::string from, std::string to)
      : clock_(clock), rules_(rules), from_(std::move(from)), to_(std::move(to)) {}

  void SetEnds(std::weak_ptr<PipeEnd> writer, std::weak_ptr<PipeEnd> reader);

  // --- Of the writer
  StreamConnection::Transfer Write(std::span<const SendQueue::Piece> pieces);
  void AwaitWritable();
  // The last byte is written.
  void End();
  // The writer is gone: without End(), the reader learns that the connection is lost.
  void CloseWriter();

  // --- Of the reader
  StreamConnection::Transfer Read(std::span<std::byte> room, std::span<std::byte> scratch);
  void AwaitReadable();
  void CloseReader();

  // Tells the reader who waits, if it can read now. For when rules or time have changed.
  void Recheck();

 private:
  struct Chunk {
    std::vector<std::byte> bytes = {};
    size_t read = 0;
    MonotonicNanos ready = {};
  };

  bool Blocked() const { return rules_ != nullptr && rules_->Blocked(from_, to_); }
  size_t Store(std::span<const SendQueue::Piece> pieces, size_t bytes_max, MonotonicNanos ready)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t Available(MonotonicNanos now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t Load(std::span<std::byte> into) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Clock* const clock_;
  NetworkRules* const rules_;
  const std::string from_;
  const std::string to_;

  Mutex mutex_;
  std::weak_ptr<PipeEnd> writer_ ABSL_GUARDED_BY(mutex_);
  std::weak_ptr<PipeEnd> reader_ ABSL_GUARDED_BY(mutex_);
  std::deque<Chunk> chunks_ ABSL_GUARDED_BY(mutex_);
  size_t size_ ABSL_GUARDED_BY(mutex_) = 0;
  bool writer_waits_ ABSL_GUARDED_BY(mutex_) = false;
  bool reader_waits_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  // The connection is lost behind the bytes that are here.
  bool lost_ ABSL_GUARDED_BY(mutex_) = false;
  bool reader_gone_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_TRANSPORT_MEMORY_PIPE_H_
