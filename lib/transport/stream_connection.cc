#include "transport/stream_connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "base/strings.h"

namespace millrace::inline v0 {
namespace {

// Bytes that one connection reads in a turn, before others have theirs.
constexpr size_t kReadBudgetBytes = 512 * 1024;
// Room in a frame that is worth a read of its own.
constexpr size_t kRoomBytes = 32 * 1024;
// Writes in a row, likewise: of the loop, and of a thread that sends.
constexpr int kLoopWrites = 16;
constexpr int kSenderWrites = 4;
constexpr size_t kPieces = 64;
// Times that a turn goes back to writing because its handler sent more.
constexpr int kFlushes = 8;

MonotonicNanos After(MonotonicNanos now, absl::Duration duration) {
  const int64_t nanos = std::max<int64_t>(absl::ToInt64Nanoseconds(duration), 0);
  return nanos < kNever - now ? now + nanos : kNever;
}

}  // namespace

StreamConnection::StreamConnection(Clock* clock, const ConnectionOptions& options,
                                   std::unique_ptr<ConnectionHandler> handler, std::string peer_address)
    : clock_(clock),
      options_(options),
      last_activity_(clock->Monotonic().value()),
      peer_address_(std::move(peer_address)),
      handler_(std::move(handler)),
      reader_(options.max_frame_bytes),
      connect_deadline_(After(clock->Monotonic(), options.connect_timeout)) {}

StreamConnection::StreamConnection(Clock* clock, std::shared_ptr<ListenerState> listener,
                                   std::string peer_address, std::string local_address)
    : clock_(clock),
      options_(listener->options().connection),
      listener_(std::move(listener)),
      last_activity_(clock->Monotonic().value()),
      peer_address_(std::move(peer_address)),
      local_address_(std::move(local_address)),
      reader_(options_.max_frame_bytes, listener_->unfinished()),
      connect_deadline_(kNever),
      connected_(true) {}

// --- Calls of users

absl::Status StreamConnection::Send(OutgoingFrame frame) {
  absl::StatusOr<std::unique_ptr<QueuedFrame>> queued = MakeQueuedFrame(std::move(frame));
  if (!queued.ok()) return queued.status();
  {
    MutexLock lock(&mutex_);
    if (closing_.load() || !failure_.ok()) {
      return absl::UnavailableError(
          ToAbsl(StrCat("connection with ", peer_address_, ": it is closing or closed; nothing was sent")));
    }
    queue_.Push(*std::move(queued));
    unsent_bytes_.store(queue_.unsent_bytes(), std::memory_order_relaxed);
    if (queue_.unsent_bytes() > options_.low_water_bytes) above_mark_ = true;
    if (held_ || writing_) return absl::OkStatus();
    writing_ = true;
  }
  WriteQueued(kSenderWrites);
  bool loop_is_needed = false;
  {
    MutexLock lock(&mutex_);
    loop_is_needed = writable_due_ || !write_ready_ || !queue_.empty() || closing_.load() || !failure_.ok();
  }
  if (loop_is_needed) Wake();
  return absl::OkStatus();
}

void StreamConnection::ResumeReading() {
  paused_.store(false);
  resumed_.store(true);
  Wake();
}

void StreamConnection::Close(absl::Duration drain) {
  {
    MutexLock lock(&mutex_);
    if (over_) return;
    StartClosing(drain);
  }
  Wake();
}

void StreamConnection::Abort() {
  AbortWith(absl::AbortedError("aborted"));
}

void StreamConnection::AbortWith(absl::Status why) {
  {
    MutexLock lock(&mutex_);
    closing_.store(true);
    failure_ = std::move(why);
  }
  Wake();
}

std::string StreamConnection::peer_address() const {
  MutexLock lock(&mutex_);
  return peer_address_;
}

std::string StreamConnection::local_address() const {
  MutexLock lock(&mutex_);
  return local_address_;
}

void StreamConnection::StartClosing(absl::Duration drain) {
  closing_.store(true);
  close_deadline_ = std::min(close_deadline_, After(clock_->Monotonic(), drain));
}

// --- Writing, on any thread

// The caller has set writing_.
void StreamConnection::WriteQueued(int rounds) {
  std::array<SendQueue::Piece, kPieces> pieces;
  size_t count = 0;
  while (true) {
    {
      MutexLock lock(&mutex_);
      count = rounds-- > 0 && write_ready_ && failure_.ok() ? queue_.Gather(pieces) : 0;
      if (count == 0) {
        writing_ = false;
        written_.SignalAll();
        return;
      }
    }
    const Transfer transfer = Write({pieces.data(), count});
    last_activity_.store(clock_->Monotonic().value(), std::memory_order_relaxed);
    if (listener_ != nullptr) listener_->AddSent(transfer.bytes);
    QueuedFrames sent;  // destroyed after the lock is let go
    MutexLock lock(&mutex_);
    Wrote(transfer, sent);
  }
}

void StreamConnection::Wrote(const Transfer& transfer, QueuedFrames& sent) {
  queue_.Consume(transfer.bytes, sent);
  unsent_bytes_.store(queue_.unsent_bytes(), std::memory_order_relaxed);
  if (above_mark_ && queue_.unsent_bytes() <= options_.low_water_bytes) {
    above_mark_ = false;
    writable_due_ = true;
  }
  if (transfer.blocked) write_ready_ = false;
  // Whatever comes now waits for the loop.
  if (transfer.blocked || !transfer.status.ok()) held_ = true;
  failure_.Update(transfer.status);
}

// --- The turn

void StreamConnection::Turn(uint32_t events) {
  using Step = void (StreamConnection::*)();
  constexpr Step kSteps[] = {&StreamConnection::Open,           &StreamConnection::ReadFrames,
                             &StreamConnection::FlushAndTell,   &StreamConnection::CheckClosing,
                             &StreamConnection::CheckDeadlines, &StreamConnection::FinishTurn};
  if (ended_) return;
  const std::shared_ptr<StreamConnection> self = shared_from_this();
  StartTurn(events);
  for (const Step step : kSteps) {
    if (!ended_) (this->*step)();
  }
}

void StreamConnection::Connected(std::string peer_address, std::string local_address) {
  connected_ = true;
  MutexLock lock(&mutex_);
  peer_address_ = std::move(peer_address);
  local_address_ = std::move(local_address);
}

void StreamConnection::StartTurn(uint32_t events) {
  if ((events & kReadable) != 0) read_ready_ = true, awaiting_read_ = false;
  if ((events & kWritable) != 0) awaiting_write_ = false;
  if (resumed_.exchange(false)) frame_started_ = kNever;
  MutexLock lock(&mutex_);
  held_ = true;
  if ((events & kWritable) != 0) write_ready_ = true;
}

void StreamConnection::Open() {
  if (!connected_ || opened_) return;
  if (listener_ != nullptr) handler_ = listener_->MakeHandler();
  if (handler_ == nullptr) return End(absl::AbortedError("its listener was closed"));
  opened_ = true;
  last_activity_.store(clock_->Monotonic().value(), std::memory_order_relaxed);
  handler_->OnOpened(shared_from_this());
}

void StreamConnection::ReadFrames() {
  if (!opened_) return;
  if (MayDeliver()) Deliver(std::exchange(stash_, {}));
  size_t read = 0;
  while (!ended_ && MayDeliver() && read_ready_ && !peer_ended_) {
    if (read >= kReadBudgetBytes) return Wake();
    read += ReadOnce();
  }
  if (!ended_ && MayDeliver() && peer_ended_) PeerEnded();
}

size_t StreamConnection::ReadOnce() {
  const std::span<std::byte> room = reader_.Room();
  // What would go to the scratch buffer but belongs to the same frame waits until that has grown: one copy
  // less.
  const bool grows = room.size() >= kRoomBytes && room.size() < reader_.missing();
  const std::span<std::byte> scratch = grows ? std::span<std::byte>() : Scratch();
  const Transfer transfer = Read(room, scratch);
  if (transfer.blocked) read_ready_ = false;
  if (transfer.end) peer_ended_ = true;
  if (transfer.bytes > 0) {
    last_activity_.store(clock_->Monotonic().value(), std::memory_order_relaxed);
    if (listener_ != nullptr) listener_->AddReceived(transfer.bytes);
    const size_t direct = std::min(transfer.bytes, room.size());
    reader_.Filled(direct);
    Deliver(scratch.first(transfer.bytes - direct));
  }
  if (!transfer.status.ok() && !ended_) End(transfer.status);
  return transfer.bytes;
}

// Hands out the frames that `bytes` complete; keeps what reading is paused for.
void StreamConnection::Deliver(std::span<const std::byte> bytes) {
  while (MayDeliver()) {
    Frame frame;
    const absl::StatusOr<bool> complete = reader_.Take(bytes, frame);
    if (!complete.ok()) return End(complete.status());
    if (!*complete) {
      if (!reader_.in_frame()) {
        frame_started_ = kNever;
      } else if (frame_started_ == kNever) {
        frame_started_ = clock_->Monotonic();
      }
      return;
    }
    frame_started_ = kNever;
    handler_->OnFrame(std::move(frame));
  }
  stash_.assign(bytes.begin(), bytes.end());
}

void StreamConnection::PeerEnded() {
  if (reader_.in_frame()) return End(absl::UnavailableError("the peer closed it inside a frame"));
  MutexLock lock(&mutex_);
  StartClosing(options_.drain_timeout);
}

void StreamConnection::FlushAndTell() {
  if (!opened_) return;
  for (int flush = 0; flush < kFlushes; ++flush) {
    bool tell = false;
    bool write = false;
    {
      MutexLock lock(&mutex_);
      tell = std::exchange(writable_due_, false) && !closing_.load();
      write = write_ready_ && !writing_ && !queue_.empty() && failure_.ok();
      if (write) writing_ = true;
    }
    if (!tell && !write) return;
    if (write) WriteQueued(kLoopWrites);
    if (tell) handler_->OnWritable();
  }
  Wake();
}

void StreamConnection::CheckClosing() {
  absl::Status failure;
  bool drained = false;
  {
    MutexLock lock(&mutex_);
    failure = failure_;
    drained = queue_.empty() && !writing_;
  }
  if (!failure.ok()) return End(failure);
  if (!closing_.load() || !opened_) return;
  stash_.clear();
  if (drained && !write_shut_) {
    write_shut_ = true;
    ShutWrite();
  }
  // Else two ends that both wait for the other to read would wait for ever.
  Discard();
  if (!ended_ && drained && peer_ended_) End(absl::OkStatus());
}

void StreamConnection::Discard() {
  size_t read = 0;
  while (read_ready_ && !peer_ended_) {
    if (read >= kReadBudgetBytes) return Wake();
    const Transfer transfer = Read({}, Scratch());
    read += transfer.bytes;
    if (listener_ != nullptr) listener_->AddReceived(transfer.bytes);
    if (transfer.blocked) read_ready_ = false;
    if (transfer.end) peer_ended_ = true;
    if (!transfer.status.ok()) return End(transfer.status);
  }
}

StreamConnection::Deadline StreamConnection::NextDeadline() {
  Deadline next;
  const auto consider = [&next](MonotonicNanos when, std::string_view what) {
    if (when < next.when) next = {.when = when, .what = what};
  };
  {
    MutexLock lock(&mutex_);
    consider(close_deadline_, "it was closed, and its end did not come in the time given");
  }
  if (!opened_) {
    consider(connect_deadline_, "connecting took longer than connect_timeout");
  } else if (!closing_.load()) {
    const MonotonicNanos active(last_activity_.load(std::memory_order_relaxed));
    consider(After(active, options_.idle_timeout), "it was idle for idle_timeout");
    if (frame_started_ != kNever && !paused_.load()) {
      consider(After(frame_started_, options_.frame_timeout), "a frame took longer than frame_timeout");
    }
  }
  return next;
}

void StreamConnection::CheckDeadlines() {
  const MonotonicNanos now = clock_->Monotonic();
  const Deadline next = NextDeadline();
  if (next.when <= now) return End(absl::DeadlineExceededError(ToAbsl(next.what)));
  // Deadlines mostly move away: a timer that is too early sets the next one.
  if (timer_ <= now) timer_ = kNever;
  if (next.when >= timer_) return;
  timer_ = next.when;
  SetTimer(timer_);
}

void StreamConnection::FinishTurn() {
  if (opened_ && !read_ready_ && !awaiting_read_ && !peer_ended_ && (!paused_.load() || closing_.load())) {
    awaiting_read_ = true;
    AwaitReadable();
  }
  bool await_writable = false;
  bool again = false;
  {
    MutexLock lock(&mutex_);
    await_writable = opened_ && !write_ready_ && !awaiting_write_;
    held_ = !opened_ || !write_ready_;
    again = !held_ && !writing_ && !queue_.empty();
  }
  if (await_writable) {
    awaiting_write_ = true;
    AwaitWritable();
  }
  if (again) Wake();
}

void StreamConnection::End(const absl::Status& status) {
  ended_ = true;
  std::string peer;
  QueuedFrames dropped;
  {
    MutexLock lock(&mutex_);
    closing_.store(true);
    held_ = true;
    // A sender is in Write, which does not block, and needs the stream until it returns.
    while (writing_) written_.Wait(&mutex_);
    peer = peer_address_;
    dropped = queue_.TakeAll();
    over_ = true;
    unsent_bytes_.store(0, std::memory_order_relaxed);
  }
  CloseStream();
  reader_.Drop();
  const absl::Status named =
      status.ok() ? status
                  : absl::Status(status.code(),
                                 ToAbsl(StrCat("connection with ", peer, ": ", ToStd(status.message()))));
  if (handler_ != nullptr) handler_->OnClosed(named);
  handler_.reset();
  if (listener_ != nullptr) listener_->Released(HostOf(peer), status);
  Forget();
}

}  // namespace millrace::inline v0
