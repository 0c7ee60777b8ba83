#include "transport/memory_pipe.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace millrace::inline v0 {
namespace {

// Small writes share a chunk up to this size.
constexpr size_t kChunkBytes = 16 * 1024;

absl::Status Lost() {
  return absl::UnavailableError("it was lost");
}

}  // namespace

void MemoryPipe::SetEnds(std::weak_ptr<PipeEnd> writer, std::weak_ptr<PipeEnd> reader) {
  MutexLock lock(&mutex_);
  writer_ = std::move(writer);
  reader_ = std::move(reader);
}

size_t MemoryPipe::Store(std::span<const SendQueue::Piece> pieces, size_t bytes_max, MonotonicNanos ready) {
  size_t stored = 0;
  for (const SendQueue::Piece& piece : pieces) {
    const size_t count = std::min(piece.size(), bytes_max - stored);
    if (count == 0) break;
    if (chunks_.empty() || chunks_.back().ready != ready ||
        chunks_.back().bytes.size() + count > kChunkBytes) {
      chunks_.push_back({.ready = ready});
    }
    std::vector<std::byte>& bytes = chunks_.back().bytes;
    bytes.insert(bytes.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(count));
    stored += count;
  }
  size_ += stored;
  return stored;
}

StreamConnection::Transfer MemoryPipe::Write(std::span<const SendQueue::Piece> pieces) {
  StreamConnection::Transfer transfer;
  {
    MutexLock lock(&mutex_);
    if (lost_ || reader_gone_) return {.status = Lost()};
    size_t wanted = 0;
    for (const SendQueue::Piece& piece : pieces) wanted += piece.size();
    const size_t fits = std::min(wanted, kCapacity - size_);
    NetworkRules::Passage passage;
    if (rules_ != nullptr && fits > 0) passage = rules_->OnWrite(from_, to_, fits);
    // Nothing overtakes: bytes arrive no earlier than those before them.
    MonotonicNanos ready = clock_->Monotonic() + passage.delay_nanos;
    if (passage.delay_nanos == 0) ready = {};
    if (!chunks_.empty()) ready = std::max(ready, chunks_.back().ready);
    transfer.bytes = Store(pieces, std::min(fits, passage.cut_after), ready);
    transfer.blocked = fits < wanted;
    if (passage.cut_after < fits) lost_ = true;
  }
  Recheck();
  return transfer;
}

void MemoryPipe::AwaitWritable() {
  std::shared_ptr<PipeEnd> writer;
  {
    MutexLock lock(&mutex_);
    writer_waits_ = size_ == kCapacity && !lost_ && !reader_gone_;
    if (!writer_waits_) writer = writer_.lock();
  }
  if (writer != nullptr) writer->PipeWritable();
}

void MemoryPipe::End() {
  {
    MutexLock lock(&mutex_);
    ended_ = true;
  }
  Recheck();
}

void MemoryPipe::CloseWriter() {
  {
    MutexLock lock(&mutex_);
    if (!ended_) lost_ = true;
  }
  Recheck();
}

// Bytes that have arrived.
size_t MemoryPipe::Available(MonotonicNanos now) const {
  size_t available = 0;
  for (const Chunk& chunk : chunks_) {
    if (chunk.ready > now) break;
    available += chunk.bytes.size() - chunk.read;
  }
  return available;
}

size_t MemoryPipe::Load(std::span<std::byte> into) {
  size_t loaded = 0;
  while (loaded < into.size()) {
    Chunk& chunk = chunks_.front();
    const size_t count = std::min(into.size() - loaded, chunk.bytes.size() - chunk.read);
    std::memcpy(into.data() + loaded, chunk.bytes.data() + chunk.read, count);
    loaded += count;
    chunk.read += count;
    if (chunk.read == chunk.bytes.size()) chunks_.pop_front();
  }
  size_ -= loaded;
  return loaded;
}

StreamConnection::Transfer MemoryPipe::Read(std::span<std::byte> room, std::span<std::byte> scratch) {
  StreamConnection::Transfer transfer;
  std::shared_ptr<PipeEnd> writer;
  {
    MutexLock lock(&mutex_);
    const size_t available = Blocked() ? 0 : Available(clock_->Monotonic());
    if (available == 0) {
      const bool over = chunks_.empty() && !Blocked();
      if (over && lost_) return {.status = Lost()};
      if (over && ended_) return {.end = true};
      return {.blocked = true};
    }
    const size_t wanted = rules_ == nullptr ? available : rules_->OnRead(available);
    transfer.bytes = Load(room.first(std::min(wanted, room.size())));
    if (transfer.bytes == room.size()) {
      transfer.bytes += Load(scratch.first(std::min(wanted - transfer.bytes, scratch.size())));
    }
    if (std::exchange(writer_waits_, false)) writer = writer_.lock();
  }
  if (writer != nullptr) writer->PipeWritable();
  return transfer;
}

void MemoryPipe::AwaitReadable() {
  {
    MutexLock lock(&mutex_);
    reader_waits_ = true;
  }
  Recheck();
}

void MemoryPipe::CloseReader() {
  std::shared_ptr<PipeEnd> writer;
  std::deque<Chunk> dropped;
  {
    MutexLock lock(&mutex_);
    reader_gone_ = true;
    dropped.swap(chunks_);
    size_ = 0;
    if (std::exchange(writer_waits_, false)) writer = writer_.lock();
  }
  if (writer != nullptr) writer->PipeWritable();
}

void MemoryPipe::Recheck() {
  std::shared_ptr<PipeEnd> reader;
  MonotonicNanos later = kNever;
  {
    MutexLock lock(&mutex_);
    if (!reader_waits_ || Blocked()) return;
    const MonotonicNanos now = clock_->Monotonic();
    const bool over = chunks_.empty() && (lost_ || ended_);
    if (Available(now) > 0 || over) {
      reader_waits_ = false;
    } else if (!chunks_.empty()) {
      later = chunks_.front().ready;
    } else {
      return;
    }
    reader = reader_.lock();
  }
  if (reader == nullptr) return;
  if (later == kNever) {
    reader->PipeReadable();
  } else {
    reader->PipeReadableAt(later);
  }
}

}  // namespace millrace::inline v0
