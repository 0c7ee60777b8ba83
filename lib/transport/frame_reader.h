// FrameReader: cuts a stream of bytes into frames.

#ifndef MILLRACE_TRANSPORT_FRAME_READER_H_
#define MILLRACE_TRANSPORT_FRAME_READER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/transport.h"

namespace millrace::inline v0 {

// Memory that the frames under way of several readers may hold together. Thread-safe.
class FrameBudget {
 public:
  explicit FrameBudget(int64_t bytes_max) : bytes_max_(bytes_max) {}

  // False, and nothing changed, where that would be too many.
  bool Reserve(size_t bytes);
  void Release(size_t bytes) { held_.fetch_sub(static_cast<int64_t>(bytes), std::memory_order_relaxed); }
  int64_t held() const { return held_.load(std::memory_order_relaxed); }
  int64_t bytes_max() const { return bytes_max_; }

 private:
  const int64_t bytes_max_;
  std::atomic<int64_t> held_{0};
};

// Holds the frame under way and nothing else, and of that no more than twice the bytes that came (or 4 KiB).
// Thread-compatible. After an error it must not be used any more.
class FrameReader {
 public:
  // What of each frame the budget does not count.
  static constexpr size_t kFreeBytes = 64 * 1024;

  // `budget` is borrowed; null: no limit.
  explicit FrameReader(int32_t max_frame_bytes, FrameBudget* budget = nullptr)
      : max_frame_bytes_(max_frame_bytes), budget_(budget) {}
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;
  ~FrameReader() { GiveBack(); }

  // Takes bytes off the front of `bytes`, up to the end of a frame. True: `frame` is one. False: `bytes` are
  // used up. kInvalidArgument: a bad length. kResourceExhausted: the budget is used up, or there is no
  // memory.
  absl::StatusOr<bool> Take(std::span<const std::byte>& bytes, Frame& frame);

  // Where the next bytes of the frame under way may be written directly, followed by Filled(); empty where
  // there is none, or no room for it. Take() tells whether that completed it.
  std::span<std::byte> Room();
  void Filled(size_t bytes) { filled_ += bytes; }
  // How many bytes the frame under way is short of, as far as that is known.
  size_t missing() const { return length_ - filled_; }

  // Lets go of the frame under way. Nothing may be taken afterwards.
  void Drop();

  // A frame has begun, and is not complete.
  bool in_frame() const { return prefix_bytes_ > 0; }

 private:
  absl::Status ReadLength();
  bool Grow();
  bool ReserveFor(size_t capacity);
  void GiveBack();
  absl::Status NoRoom() const;

  int32_t max_frame_bytes_;
  FrameBudget* budget_;
  size_t reserved_ = 0;
  bool over_budget_ = false;
  uint8_t prefix_bytes_ = 0;
  std::array<uint8_t, 4> prefix_ = {};
  size_t length_ = 0;
  size_t filled_ = 0;
  size_t capacity_ = 0;
  Frame frame_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_TRANSPORT_FRAME_READER_H_
