#include "log/control_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/crc32c.h"
#include "base/return_if_error.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

constexpr uint64_t kHeaderBytes = 4096;
constexpr uint32_t kFormatVersion = 1;
constexpr std::array<char, 8> kMagic = {'m', 'i', 'l', 'l', 'c', 't', 'l', '1'};
// Slots are allocated so many at a time: 16 KiB at first.
constexpr uint64_t kFirstChunk = 96 * 128;
constexpr uint64_t kChunk = 1024 * 128;
constexpr uint64_t kMapBytes = kHeaderBytes + uint64_t{ControlFile::kSlotsMax} * sizeof(ControlSlot);

struct Header {
  std::array<char, 8> magic = kMagic;
  uint32_t version = kFormatVersion;
  uint32_t term = 0;
  uint64_t mount_id = 0;
  uint64_t device = 0;
  uint32_t certain = 0;
  uint32_t reserved = 0;
  std::array<char, 64> boot_id = {};
  uint32_t crc = 0;
  uint32_t unused = 0;

  uint32_t ComputedCrc() const {
    return Crc32c({reinterpret_cast<const std::byte*>(this), offsetof(Header, crc)});
  }
  bool Is(const VolumeIdentity& identity) const {
    return certain != 0 && identity.certain && mount_id == identity.mount_id && device == identity.device &&
           std::string_view(boot_id.data(), strnlen(boot_id.data(), boot_id.size())) == identity.boot_id;
  }
};
static_assert(std::is_trivially_copyable_v<Header>);

}  // namespace

std::optional<ControlState> ControlSlot::Read(uint32_t term) const {
  if (term == 0 || term_.load(std::memory_order_acquire) != term) return std::nullopt;
  while (true) {
    const uint32_t active = active_.load(std::memory_order_acquire);
    const Sub& sub = segments_[active & 1];
    ControlState state = {.segment_base = Offset(sub.base.load(std::memory_order_relaxed)),
                          .end = SegmentEnd::Of(sub.end.word_.load(std::memory_order_acquire)),
                          .log_start_offset = Offset(log_start_.load(std::memory_order_acquire))};
    // A sub-slot is written anew only after the other was made active.
    if (active_.load(std::memory_order_acquire) == active) return state;
  }
}

std::optional<ControlState> ControlSlot::ReadChecked(uint32_t term, SegmentEnd* certain) const {
  // Of a writer that lives, the copies may be caught in the middle of a change; not again and again.
  constexpr int kTries = 100;
  std::optional<ControlState> state;
  for (int i = 0; i < kTries; ++i) {
    state = Read(term);
    if (!state.has_value()) return std::nullopt;
    const uint32_t active = active_.load(std::memory_order_acquire);
    const Sub& sub = segments_[active & 1];
    const auto inverted = SegmentEnd::Of(~sub.end.inverted_.load(std::memory_order_acquire));
    const bool fits = inverted_active_.load(std::memory_order_acquire) == ~active &&
                      sub.inverted_base.load(std::memory_order_acquire) == ~state->segment_base.value() &&
                      inverted_log_start_.load(std::memory_order_acquire) == ~state->log_start_offset.value();
    *certain = inverted;
    if (!fits) {
      state.reset();
    } else if (inverted == state->end) {
      return state;
    }
  }
  if (!state.has_value()) return std::nullopt;
  if (certain->position > state->end.position) std::swap(*certain, state->end);
  return state;
}

absl::StatusOr<std::unique_ptr<ControlFile>> ControlFile::Open(FileSystem* files, std::string_view path,
                                                               bool read_only,
                                                               const VolumeIdentity& identity) {
  auto control = std::unique_ptr<ControlFile>(new ControlFile);
  control->read_only_ = read_only;
  MILLRACE_ASSIGN_OR_RETURN(control->file_,
                            files->Open(path, read_only ? OpenMode::kRead : OpenMode::kCreate));
  MILLRACE_ASSIGN_OR_RETURN(const uint64_t size, control->file_->Size());
  Header header;
  bool sound = false;
  if (size >= kHeaderBytes) {
    MILLRACE_ASSIGN_OR_RETURN(const size_t got,
                              control->file_->ReadAt(0, std::as_writable_bytes(std::span(&header, 1))));
    sound = got == sizeof header && header.magic == kMagic && header.crc == header.ComputedCrc();
    if (sound && header.version > kFormatVersion) {
      return absl::UnimplementedError(
          absl::StrFormat("%s has format version %d, written by a newer millrace; this one reads up to %d",
                          path, header.version, kFormatVersion));
    }
  }
  control->survived_ = sound && header.Is(identity);
  control->term_ = control->survived_ ? header.term : 0;
  if (!read_only && !control->survived_) {
    // Slots of the old term stay where they are, unbelieved. A damaged header may have had any term: begin
    // with empty slots.
    if (!sound && size > 0) MILLRACE_RETURN_IF_ERROR(control->file_->Truncate(0));
    control->term_ = sound ? std::max<uint32_t>(header.term + 1, 1) : 1;
  }
  MutexLock lock(&control->mutex_);
  MILLRACE_ASSIGN_OR_RETURN(control->allocated_, control->file_->Size());
  if (!read_only) {
    if (control->allocated_ < kHeaderBytes) {
      MILLRACE_RETURN_IF_ERROR(control->file_->Allocate(0, kHeaderBytes));
      control->allocated_ = kHeaderBytes;
    }
    if (!control->survived_) MILLRACE_RETURN_IF_ERROR(control->Begin(identity));
  }
  MILLRACE_ASSIGN_OR_RETURN(
      control->map_, control->file_->Map(kMapBytes, read_only ? MapAccess::kRead : MapAccess::kReadWrite));
  return control;
}

absl::Status ControlFile::Begin(const VolumeIdentity& identity) {
  Header header;
  header.term = term_;
  header.mount_id = identity.mount_id;
  header.device = identity.device;
  header.certain = identity.certain ? 1 : 0;
  const size_t length = std::min(identity.boot_id.size(), header.boot_id.size());
  std::memcpy(header.boot_id.data(), identity.boot_id.data(), length);
  header.crc = header.ComputedCrc();
  MILLRACE_RETURN_IF_ERROR(file_->WriteAt(0, std::as_bytes(std::span(&header, 1))));
  // Durable before any slot of the term is: with an older header the term would be given a second time, and
  // slots of the first be believed in the second.
  return file_->Sync();
}

absl::StatusOr<ControlSlot*> ControlFile::Slot(uint32_t log_no) {
  if (log_no >= kSlotsMax) {
    return absl::ResourceExhaustedError(
        absl::StrFormat("%s: at most %d logs in a directory", file_->path(), kSlotsMax));
  }
  const uint64_t at = kHeaderBytes + uint64_t{log_no} * sizeof(ControlSlot);
  const uint64_t end = at + sizeof(ControlSlot);
  MutexLock lock(&mutex_);
  if (end > allocated_) {
    MILLRACE_ASSIGN_OR_RETURN(allocated_, file_->Size());  // a reader's file may have grown
    if (end > allocated_) {
      if (read_only_) return nullptr;
      uint64_t wanted = kHeaderBytes + kFirstChunk;
      if (end > wanted) wanted = kHeaderBytes + (end - kHeaderBytes + kChunk - 1) / kChunk * kChunk;
      MILLRACE_RETURN_IF_ERROR(file_->Allocate(allocated_, wanted - allocated_));
      allocated_ = wanted;
    }
  }
  return reinterpret_cast<ControlSlot*>(map_->bytes().data() + at);
}

}  // namespace millrace::inline v0
