// SendQueue: frames that wait to go out, as the pieces of memory they lie in.

#ifndef MILLRACE_TRANSPORT_SEND_QUEUE_H_
#define MILLRACE_TRANSPORT_SEND_QUEUE_H_

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/export.h"
#include "millrace/transport.h"

namespace millrace::inline v0 {

// A frame in the queue, with its length in front.
struct QueuedFrame {
  OutgoingFrame frame = {};
  std::array<std::byte, 4> length = {};
  size_t size = 0;  // with the length
  QueuedFrame* next = nullptr;
};

// A list of frames; destroys them. Made so that a long list does not recurse, and an empty one takes nothing.
class MILLRACE_EXPORT QueuedFrames {
 public:
  QueuedFrames() = default;
  QueuedFrames(QueuedFrames&& other) noexcept
      : head_(std::exchange(other.head_, nullptr)), tail_(std::exchange(other.tail_, nullptr)) {}
  QueuedFrames& operator=(QueuedFrames&& other) noexcept {
    std::swap(head_, other.head_);
    std::swap(tail_, other.tail_);
    return *this;
  }
  ~QueuedFrames();

  QueuedFrame* front() const { return head_; }
  void PushBack(std::unique_ptr<QueuedFrame> frame);
  std::unique_ptr<QueuedFrame> PopFront();

 private:
  QueuedFrame* head_ = nullptr;
  QueuedFrame* tail_ = nullptr;
};

// `frame` with its length. kInvalidArgument: 2 GiB or more, or splices out of order.
absl::StatusOr<std::unique_ptr<QueuedFrame>> MakeQueuedFrame(OutgoingFrame frame);

// Thread-compatible. Pieces stay where they are until they are consumed, so they may be written without the
// lock that guards the queue.
class SendQueue {
 public:
  using Piece = std::span<const std::byte>;

  void Push(std::unique_ptr<QueuedFrame> frame) {
    unsent_bytes_ += frame->size;
    frames_.PushBack(std::move(frame));
  }
  bool empty() const { return frames_.front() == nullptr; }
  size_t unsent_bytes() const { return unsent_bytes_; }

  // Fills `pieces` with what goes out next; returns how many. None is empty.
  size_t Gather(std::span<Piece> pieces) const;
  // The first `bytes` of them went out. Frames that are complete move to `sent`, to be destroyed where no
  // lock is held: their pins may be the last.
  void Consume(size_t bytes, QueuedFrames& sent);
  // Everything, for the same reason.
  QueuedFrames TakeAll() {
    unsent_bytes_ = front_sent_ = 0;
    return std::move(frames_);
  }

 private:
  QueuedFrames frames_;
  // Of the first frame.
  size_t front_sent_ = 0;
  size_t unsent_bytes_ = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_TRANSPORT_SEND_QUEUE_H_
