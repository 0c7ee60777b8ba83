#include "transport/send_queue.h"

#include <algorithm>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "base/check.h"
#include "base/strings.h"

namespace millrace::inline v0 {
namespace {

// Calls `visit` with each piece of a frame, in order, until it returns false. Returns whether it never did.
bool ForEachPiece(const QueuedFrame& queued, absl::FunctionRef<bool(SendQueue::Piece)> visit) {
  const SendQueue::Piece own(queued.frame.bytes);
  if (!visit(queued.length)) return false;
  size_t at = 0;
  for (const OutgoingFrame::Splice& splice : queued.frame.splices) {
    if (!visit(own.subspan(at, splice.at - at)) || !visit(splice.bytes)) return false;
    at = splice.at;
  }
  return visit(own.subspan(at));
}

}  // namespace

QueuedFrames::~QueuedFrames() {
  while (head_ != nullptr) PopFront();
}

void QueuedFrames::PushBack(std::unique_ptr<QueuedFrame> frame) {
  frame->next = nullptr;
  QueuedFrame*& link = head_ == nullptr ? head_ : tail_->next;
  link = tail_ = frame.release();
}

std::unique_ptr<QueuedFrame> QueuedFrames::PopFront() {
  std::unique_ptr<QueuedFrame> front(head_);
  head_ = front->next;
  if (head_ == nullptr) tail_ = nullptr;
  return front;
}

absl::StatusOr<std::unique_ptr<QueuedFrame>> MakeQueuedFrame(OutgoingFrame frame) {
  const size_t size = frame.size();
  if (size > INT32_MAX) {
    return absl::InvalidArgumentError(
        ToAbsl(StrCat("a frame of ", size, " bytes cannot be sent; at most ", INT32_MAX, " can")));
  }
  size_t at = 0;
  for (const OutgoingFrame::Splice& splice : frame.splices) {
    if (splice.at < at || splice.at > frame.bytes.size()) {
      return absl::InvalidArgumentError(ToAbsl(StrCat(
          "a splice at byte ", splice.at, " of a frame; allowed here are ", at, " to ", frame.bytes.size())));
    }
    at = splice.at;
  }
  auto queued = std::make_unique<QueuedFrame>();
  queued->frame = std::move(frame);
  queued->size = size + queued->length.size();
  for (size_t i = 0; i < 4; ++i) queued->length[i] = static_cast<std::byte>(size >> (24 - 8 * i));
  return queued;
}

size_t SendQueue::Gather(std::span<Piece> pieces) const {
  size_t count = 0;
  size_t skip = front_sent_;
  for (const QueuedFrame* frame = frames_.front(); frame != nullptr; frame = frame->next) {
    const bool all = ForEachPiece(*frame, [&](Piece piece) {
      const size_t skipped = std::min(skip, piece.size());
      skip -= skipped;
      if (skipped == piece.size()) return true;
      if (count == pieces.size()) return false;
      pieces[count++] = piece.subspan(skipped);
      return true;
    });
    if (!all) break;
  }
  return count;
}

void SendQueue::Consume(size_t bytes, QueuedFrames& sent) {
  MILLRACE_CHECK(bytes <= unsent_bytes_);
  unsent_bytes_ -= bytes;
  front_sent_ += bytes;
  while (frames_.front() != nullptr && front_sent_ >= frames_.front()->size) {
    front_sent_ -= frames_.front()->size;
    sent.PushBack(frames_.PopFront());
  }
}

}  // namespace millrace::inline v0
