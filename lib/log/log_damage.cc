// Damage: finding it, fencing it, giving it up; and copies of the log.

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/return_if_error.h"
#include "log/log_cursor.h"
#include "log/log_files.h"
#include "log/log_impl.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

// In a file of ranges: magic, count, {first, next}, crc; big-endian.
constexpr uint32_t kRangesMagic = 0x6d6c6331;

}  // namespace

absl::StatusOr<std::vector<DamagedRange>> LogImpl::LoadRanges(std::string_view file) {
  std::vector<DamagedRange> ranges;
  const auto bytes = ReadWholeFile(env_.files, JoinPath(directory_, file), 1 << 20);
  if (absl::IsNotFound(bytes.status())) return ranges;
  if (!bytes.ok()) return bytes.status();
  // A damaged list is no list: the ranges are damaged, and are found to be so again.
  if (bytes->size() < 12 || Crc32c(std::span(*bytes).first(bytes->size() - 4)) !=
                                LoadBig<uint32_t>(bytes->data() + bytes->size() - 4)) {
    return ranges;
  }
  const std::span<const std::byte> content(bytes->data(), bytes->size() - 4);
  ByteReader reader(content);
  if (reader.Read<uint32_t>() != kRangesMagic) return ranges;
  const uint32_t count = reader.Read<uint32_t>();
  if (reader.remaining() != uint64_t{count} * 16) return ranges;
  for (uint32_t i = 0; i < count; ++i) {
    const Offset first(reader.Read<int64_t>());
    ranges.push_back({.first = first, .next = Offset(reader.Read<int64_t>())});
  }
  return ranges;
}

absl::Status LogImpl::WriteRanges(std::string_view file, const std::vector<DamagedRange>& ranges) {
  std::vector<std::byte> bytes(12 + ranges.size() * 16);
  StoreBig<uint32_t>(bytes.data(), kRangesMagic);
  StoreBig<uint32_t>(bytes.data() + 4, static_cast<uint32_t>(ranges.size()));
  for (size_t i = 0; i < ranges.size(); ++i) {
    StoreBig<int64_t>(bytes.data() + 8 + i * 16, ranges[i].first.value());
    StoreBig<int64_t>(bytes.data() + 16 + i * 16, ranges[i].next.value());
  }
  StoreBig<uint32_t>(bytes.data() + bytes.size() - 4, Crc32c(std::span(bytes).first(bytes.size() - 4)));
  return WriteFileAtomically(env_.files, JoinPath(directory_, file), bytes);
}

absl::Status LogImpl::LoadDamage() {
  MILLRACE_ASSIGN_OR_RETURN(std::vector<DamagedRange> cleared, LoadRanges(kClearedFile));
  MILLRACE_ASSIGN_OR_RETURN(std::vector<DamagedRange> fenced, LoadRanges(kFencedFile));
  MutexLock lock(&damage_mutex_);
  std::erase_if(fenced, [&](const DamagedRange& range) {
    return std::find(cleared.begin(), cleared.end(), range) != cleared.end();
  });
  cleared_ = std::move(cleared);
  fenced_ = std::move(fenced);
  has_cleared_.store(!cleared_.empty(), std::memory_order_release);
  return absl::OkStatus();
}

absl::Status LogImpl::CutFenced(Offset end) {
  MutexLock files_lock(&damage_files_mutex_);
  std::vector<DamagedRange> fenced;
  std::vector<DamagedRange> cleared;
  bool cut = false;
  {
    MutexLock lock(&damage_mutex_);
    for (std::vector<DamagedRange>* ranges : {&fenced_, &cleared_}) {
      cut = std::erase_if(*ranges, [&](const DamagedRange& range) { return range.first >= end; }) > 0 || cut;
      for (DamagedRange& range : *ranges) {
        cut = cut || range.next > end;
        range.next = std::min(range.next, end);
      }
    }
    has_cleared_.store(!cleared_.empty(), std::memory_order_release);
    fenced = fenced_;
    cleared = cleared_;
  }
  if (!cut) return absl::OkStatus();
  MILLRACE_RETURN_IF_ERROR(WriteRanges(kClearedFile, cleared));
  return WriteRanges(kFencedFile, fenced);
}

absl::Status LogImpl::NoteDamage(const std::vector<DamagedRange>& found) {
  MutexLock files_lock(&damage_files_mutex_);
  std::vector<DamagedRange> fenced;
  {
    MutexLock lock(&damage_mutex_);
    const size_t before = fenced_.size();
    for (const DamagedRange& range : found) {
      const bool known = std::find(cleared_.begin(), cleared_.end(), range) != cleared_.end() ||
                         std::find(fenced_.begin(), fenced_.end(), range) != fenced_.end();
      if (!known) fenced_.push_back(range);
    }
    if (read_only_ || fenced_.size() == before) return absl::OkStatus();
    fenced = fenced_;
  }
  const absl::Status written = WriteRanges(kFencedFile, fenced);
  return absl::IsNotFound(written) ? absl::OkStatus() : written;  // the directory itself is gone
}

absl::Status LogImpl::Fence(DamagedRange range, std::string_view what) {
  bool fresh = false;
  {
    MutexLock lock(&damage_mutex_);
    fresh = std::find(fenced_.begin(), fenced_.end(), range) == fenced_.end();
    if (fresh) fenced_.push_back(range);
  }
  const std::string message =
      absl::StrFormat("%s: offsets %d to %d are lost to %s; Seek past them, or ClearFenced", name_,
                      range.first.value(), range.next.value() - 1, what);
  if (fresh) env_.logger->Log(Severity::kError, "log", message);
  return DataLoss(range, message);
}

std::vector<DamagedRange> LogImpl::fenced() const {
  MutexLock lock(&damage_mutex_);
  return fenced_;
}

std::optional<DamagedRange> LogImpl::FencedAt(Offset offset) const {
  MutexLock lock(&damage_mutex_);
  for (const DamagedRange& range : fenced_) {
    if (range.first <= offset && offset < range.next) return range;
  }
  return std::nullopt;
}

Offset LogImpl::SkipCleared(Offset offset) const {
  if (!has_cleared_.load(std::memory_order_acquire)) return offset;
  MutexLock lock(&damage_mutex_);
  for (bool moved = true; moved;) {
    moved = false;
    for (const DamagedRange& range : cleared_) {
      if (range.first <= offset && offset < range.next) {
        offset = range.next;
        moved = true;
      }
    }
  }
  return offset;
}

absl::Status LogImpl::ClearFenced(DamagedRange range) {
  {
    GateLock lock(&gate_);
    MILLRACE_RETURN_IF_ERROR(CheckWritable());
  }
  MutexLock files_lock(&damage_files_mutex_);
  std::vector<DamagedRange> cleared;
  {
    MutexLock lock(&damage_mutex_);
    if (std::find(fenced_.begin(), fenced_.end(), range) == fenced_.end()) {
      return absl::NotFoundError(
          absl::StrFormat("%s: offsets %d to %d are not fenced; fenced() lists what is", name_,
                          range.first.value(), range.next.value() - 1));
    }
    cleared = cleared_;
  }
  cleared.push_back(range);
  MILLRACE_RETURN_IF_ERROR(WriteRanges(kClearedFile, cleared));
  MutexLock lock(&damage_mutex_);
  std::erase(fenced_, range);
  cleared_ = std::move(cleared);
  has_cleared_.store(true, std::memory_order_release);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<DamagedRange>> LogImpl::Verify() {
  std::vector<DamagedRange> found;
  LogCursorImpl cursor(this, log_start_offset());
  while (true) {
    const Offset from = cursor.position();
    absl::StatusOr<LogSlice> slice = cursor.Next(4 << 20);
    if (const auto damage = DamagedRangeOf(slice.status()); damage.has_value()) {
      if (found.empty() || !(found.back() == *damage)) found.push_back(*damage);
      // At the end already if it was truncated meanwhile.
      if (!cursor.Seek(damage->next).ok()) return found;
      continue;
    }
    // Deleted while it was read.
    if (ErrorCodeOf(slice.status()) == ErrorCode::kOffsetOutOfRange && from < log_start_offset()) {
      if (!cursor.Seek(log_start_offset()).ok()) return found;
      continue;
    }
    if (!slice.ok()) return slice.status();
    if (slice->empty()) return found;
    for (const BatchView batch : *slice) {
      if (batch.CrcIsValid()) continue;  // the cursor does not check what this process stored itself
      const DamagedRange range = {.first = std::max(from, batch.base_offset()), .next = batch.next_offset()};
      Fence(range, "a batch that does not fit its checksum").IgnoreError();
      found.push_back(range);
    }
  }
}

}  // namespace millrace::inline v0
