// FrameReader: cuts a stream of bytes into frames.

#ifndef MILLRACE_TRANSPORT_FRAME_READER_H_
#define MILLRACE_TRANSPORT_FRAME_READER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/transport.h"

namespace millrace::inline v0 {

// Holds the frame under way and nothing else, and of that no more than twice the bytes that came (or 4 KiB).
// Thread-compatible. After an error it must not be used any more.
class FrameReader {
 public:
  explicit FrameReader(int32_t max_frame_bytes) : max_frame_bytes_(max_frame_bytes) {}

  // Takes bytes off the front of `bytes`, up to the end of a frame. True: `frame` is one. False: `bytes` are
  // used up. kInvalidArgument: a bad length. kResourceExhausted: no memory.
  absl::StatusOr<bool> Take(std::span<const std::byte>& bytes, Frame& frame);

  // Where the next bytes of the frame under way may be written directly, followed by Filled(); empty where
  // there is none, or no memory. Take() tells whether that completed it.
  std::span<std::byte> Room();
  void Filled(size_t bytes) { filled_ += bytes; }
  // How many bytes the frame under way is short of, as far as that is known.
  size_t missing() const { return length_ - filled_; }

  // A frame has begun, and is not complete.
  bool in_frame() const { return prefix_bytes_ > 0; }

 private:
  absl::Status ReadLength();
  bool Grow();

  int32_t max_frame_bytes_;
  uint8_t prefix_bytes_ = 0;
  std::array<uint8_t, 4> prefix_ = {};
  size_t length_ = 0;
  size_t filled_ = 0;
  size_t capacity_ = 0;
  Frame frame_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_TRANSPORT_FRAME_READER_H_
