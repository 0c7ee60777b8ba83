#include "transport/frame_reader.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "base/strings.h"

namespace millrace::inline v0 {
namespace {

constexpr size_t kFirstBytes = 4096;
constexpr size_t kPrefixBytes = 4;

}  // namespace

Frame::~Frame() {
  std::free(data_);
}

Frame Frame::CopyOf(std::span<const std::byte> bytes) {
  Frame frame;
  if (bytes.empty()) return frame;
  frame.data_ = static_cast<std::byte*>(std::malloc(bytes.size()));
  if (frame.data_ == nullptr) throw std::bad_alloc();
  frame.size_ = bytes.size();
  std::memcpy(frame.data_, bytes.data(), bytes.size());
  return frame;
}

absl::Status FrameReader::ReadLength() {
  uint32_t length = 0;
  for (const uint8_t byte : prefix_) length = length << 8 | byte;
  if (length > static_cast<uint32_t>(max_frame_bytes_)) {
    return absl::InvalidArgumentError(ToAbsl(
        StrCat("a frame of ", static_cast<int32_t>(length), " bytes; allowed are 0 to ", max_frame_bytes_)));
  }
  length_ = length;
  return absl::OkStatus();
}

bool FrameBudget::Reserve(size_t bytes) {
  const auto wanted = static_cast<int64_t>(bytes);
  if (held_.fetch_add(wanted, std::memory_order_relaxed) + wanted <= bytes_max_) return true;
  Release(bytes);
  return false;
}

bool FrameReader::ReserveFor(size_t capacity) {
  if (budget_ == nullptr || capacity <= kFreeBytes + reserved_) return true;
  const size_t more = capacity - kFreeBytes - reserved_;
  over_budget_ = !budget_->Reserve(more);
  if (over_budget_) return false;
  reserved_ += more;
  return true;
}

void FrameReader::GiveBack() {
  if (reserved_ > 0) budget_->Release(reserved_);
  reserved_ = 0;
}

absl::Status FrameReader::NoRoom() const {
  if (over_budget_) {
    return absl::ResourceExhaustedError(
        ToAbsl(StrCat("no room for a frame of ", length_, " bytes: those under way hold ", budget_->held(),
                      " of ", budget_->bytes_max(), " bytes (max_unfinished_bytes)")));
  }
  return absl::ResourceExhaustedError(ToAbsl(StrCat("no memory for a frame of ", length_, " bytes")));
}

// Makes room for more of the frame: as much again as there is, at the most.
bool FrameReader::Grow() {
  const size_t wanted = std::min(length_, std::max(2 * filled_, kFirstBytes));
  if (!ReserveFor(wanted)) return false;
  auto* const grown = static_cast<std::byte*>(std::realloc(frame_.data_, wanted));
  if (grown == nullptr) return false;
  frame_.data_ = grown;
  capacity_ = wanted;
  return true;
}

absl::StatusOr<bool> FrameReader::Take(std::span<const std::byte>& bytes, Frame& frame) {
  while (prefix_bytes_ < kPrefixBytes) {
    if (bytes.empty()) return false;
    prefix_[prefix_bytes_++] = static_cast<uint8_t>(bytes.front());
    bytes = bytes.subspan(1);
    if (prefix_bytes_ < kPrefixBytes) continue;
    if (absl::Status status = ReadLength(); !status.ok()) return status;
    // What has come already may be taken at once.
    capacity_ = length_ <= bytes.size() ? length_ : std::min(bytes.size(), kFreeBytes);
    if (capacity_ > 0) frame_.data_ = static_cast<std::byte*>(std::malloc(capacity_));
    if (capacity_ > 0 && frame_.data_ == nullptr) capacity_ = 0;
  }
  while (filled_ < length_) {
    if (bytes.empty()) return false;
    if (filled_ == capacity_ && !Grow()) return NoRoom();
    const size_t count = std::min(bytes.size(), capacity_ - filled_);
    std::memcpy(frame_.data_ + filled_, bytes.data(), count);
    filled_ += count;
    bytes = bytes.subspan(count);
  }
  GiveBack();
  frame_.size_ = length_;
  frame = std::exchange(frame_, Frame());
  prefix_bytes_ = 0;
  length_ = filled_ = capacity_ = 0;
  return true;
}

void FrameReader::Drop() {
  frame_ = Frame();
  length_ = filled_ = capacity_ = 0;
  GiveBack();
}

std::span<std::byte> FrameReader::Room() {
  if (prefix_bytes_ < kPrefixBytes || filled_ == length_) return {};
  if (filled_ == capacity_ && !Grow()) return {};
  return {frame_.data_ + filled_, capacity_ - filled_};
}

}  // namespace millrace::inline v0
