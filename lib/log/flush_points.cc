#include "log/flush_points.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "base/crc32c.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "log/log_files.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

constexpr std::string_view kMagic = "millflsh";
constexpr uint32_t kFormatVersion = 1;
constexpr size_t kHeaderBytes = 4096;
constexpr size_t kSlotBytes = 32;
// Of the even or of the odd entries of a chunk.
constexpr uint64_t kRegionBytes = FlushPoints::kLogsPerChunk * kSlotBytes;
constexpr uint64_t kChunkBytes = 2 * kRegionBytes;

uint64_t SlotPosition(uint32_t log_no, uint32_t version) {
  return kHeaderBytes + log_no / FlushPoints::kLogsPerChunk * kChunkBytes + (version % 2) * kRegionBytes +
         log_no % FlushPoints::kLogsPerChunk * kSlotBytes;
}

std::vector<std::byte> EncodeHeader() {
  std::vector<std::byte> header;
  ByteWriter writer(&header);
  writer.WriteText(kMagic);
  writer.Write<uint32_t>(kFormatVersion);
  header.resize(kHeaderBytes - 4);
  writer.Write<uint32_t>(Crc32c(header));
  return header;
}

absl::Status CheckHeader(std::span<const std::byte> header, std::string_view path) {
  const auto damaged = [&](std::string_view what) {
    return Error(ErrorCode::kCorruptMessage,
                 StrCat(path, ": ", what, "; without it every log counts as never flushed"));
  };
  ByteReader reader(header);
  if (reader.ReadText(kMagic.size()) != kMagic) return damaged("is no flush-point file of millrace");
  const uint32_t version = reader.Read<uint32_t>();
  reader.Skip(kHeaderBytes - reader.position() - 4);
  if (reader.Read<uint32_t>() != Crc32c(header.first(kHeaderBytes - 4)))
    return damaged("its header is damaged");
  if (version == kFormatVersion) return absl::OkStatus();
  return absl::UnimplementedError(
      StrCat(path, ": flush-point format ", version, " was written by a newer millrace"));
}

std::array<std::byte, kSlotBytes> EncodeSlot(uint32_t log_no, uint32_t version, const FlushPoint& point) {
  std::array<std::byte, kSlotBytes> slot;
  SpanWriter writer(slot);
  writer.Write<uint32_t>(version);
  writer.Write<int64_t>(point.offset.value());
  writer.Write<int64_t>(point.segment_base.value());
  writer.Write<uint32_t>(point.position);
  writer.Write<uint32_t>(log_no);
  writer.Write<uint32_t>(Crc32c(writer.written()));
  return slot;
}

enum class SlotState : uint8_t { kEmpty, kSound, kDamaged };
struct DecodedSlot {
  SlotState state = SlotState::kEmpty;
  uint32_t version = 0;
  FlushPoint point = {};
};

DecodedSlot DecodeSlot(std::span<const std::byte> bytes, uint32_t log_no, uint32_t parity) {
  if (std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; })) return {};
  ByteReader reader(bytes);
  DecodedSlot slot;
  slot.version = reader.Read<uint32_t>();
  slot.point.offset = Offset(reader.Read<int64_t>());
  slot.point.segment_base = Offset(reader.Read<int64_t>());
  slot.point.position = reader.Read<uint32_t>();
  const uint32_t slot_log_no = reader.Read<uint32_t>();
  const bool sound = reader.Read<uint32_t>() == Crc32c(bytes.first(kSlotBytes - 4)) &&
                     slot_log_no == log_no && slot.version % 2 == parity && slot.version != 0;
  slot.state = sound ? SlotState::kSound : SlotState::kDamaged;
  return slot;
}

// Versions run round; 0 is left out.
bool Newer(uint32_t a, uint32_t b) {
  return static_cast<int32_t>(a - b) > 0;
}
uint32_t NextVersion(uint32_t version) {
  // From the largest on to 2: its parity must alternate.
  return version == UINT32_MAX ? 2 : version + 1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FlushPoints>> FlushPoints::Open(FileSystem* files, std::string_view path,
                                                               bool read_only, FlushPointsReport* report) {
  FlushPointsReport own_report;
  if (report == nullptr) report = &own_report;
  *report = {};
  std::unique_ptr<FlushPoints> opened(new FlushPoints(files, path));
  opened->read_only_ = read_only;
  MutexLock io(&opened->io_);
  absl::StatusOr<std::unique_ptr<File>> file =
      files->Open(path, read_only ? OpenMode::kRead : OpenMode::kReadWrite);
  if (absl::IsNotFound(file.status()) && !read_only) {
    report->created = true;
    MILLRACE_RETURN_IF_ERROR(opened->CreateLocked());
    return opened;
  }
  MILLRACE_RETURN_IF_ERROR(file.status());
  opened->file_ = *std::move(file);
  MILLRACE_RETURN_IF_ERROR(opened->Load(report));
  return opened;
}

absl::Status FlushPoints::Load(FlushPointsReport* report) {
  MILLRACE_ASSIGN_OR_RETURN(const uint64_t size, file_->Size());
  std::vector<std::byte> header(kHeaderBytes);
  MILLRACE_RETURN_IF_ERROR(ReadExactly(file_.get(), 0, header));
  MILLRACE_RETURN_IF_ERROR(CheckHeader(header, path_));
  // A chunk whose allocation was cut off has no entries yet; what is missing reads as zero.
  file_bytes_ = kHeaderBytes + (size - kHeaderBytes) / kChunkBytes * kChunkBytes;
  std::vector<std::byte> chunk(kChunkBytes);
  MutexLock lock(&mutex_);
  for (uint64_t at = kHeaderBytes; at < size; at += kChunkBytes) {
    std::ranges::fill(chunk, std::byte{0});
    MILLRACE_RETURN_IF_ERROR(
        ReadExactly(file_.get(), at, std::span(chunk).first(std::min<uint64_t>(kChunkBytes, size - at))));
    const uint64_t first = (at - kHeaderBytes) / kChunkBytes * kLogsPerChunk;
    if (first >= kLogsMax) break;
    for (uint32_t i = 0; i < kLogsPerChunk; ++i) {
      const uint32_t log_no = static_cast<uint32_t>(first) + i;
      const std::span<const std::byte> bytes(chunk);
      const DecodedSlot even = DecodeSlot(bytes.subspan(i * kSlotBytes, kSlotBytes), log_no, 0);
      const DecodedSlot odd = DecodeSlot(bytes.subspan(kRegionBytes + i * kSlotBytes, kSlotBytes), log_no, 1);
      const bool even_sound = even.state == SlotState::kSound;
      const bool odd_sound = odd.state == SlotState::kSound;
      if (even.state == SlotState::kDamaged && odd.state == SlotState::kDamaged) {
        report->both_damaged.push_back(log_no);
      } else if (even.state == SlotState::kDamaged || odd.state == SlotState::kDamaged) {
        (even_sound || odd_sound ? report->one_damaged : report->only_damaged).push_back(log_no);
      }
      if (!even_sound && !odd_sound) continue;
      const bool take_even = even_sound && (!odd_sound || Newer(even.version, odd.version));
      const DecodedSlot& taken = take_even ? even : odd;
      *SlotOf(log_no) = {.point = taken.point, .version = taken.version, .set = true};
    }
  }
  return absl::OkStatus();
}

FlushPoints::Slot* FlushPoints::SlotOf(uint32_t log_no) {
  MILLRACE_CHECK(log_no < kLogsMax);
  if (log_no >= slots_.size()) slots_.resize(size_t{log_no} + 1);
  return &slots_[log_no];
}

void FlushPoints::Set(uint32_t log_no, FlushPoint point) {
  MILLRACE_CHECK(!read_only_);
  MutexLock lock(&mutex_);
  Slot* const slot = SlotOf(log_no);
  if (slot->set && slot->point == point) return;
  slot->point = point;
  slot->set = true;
  if (!slot->dirty) dirty_.push_back(log_no);
  slot->dirty = true;
}

std::optional<FlushPoint> FlushPoints::Get(uint32_t log_no) const {
  MutexLock lock(&mutex_);
  if (log_no >= slots_.size() || !slots_[log_no].set) return std::nullopt;
  return slots_[log_no].point;
}

uint32_t FlushPoints::log_no_limit() const {
  MutexLock lock(&mutex_);
  return static_cast<uint32_t>(slots_.size());
}

std::vector<uint32_t> FlushPoints::Logs() const {
  std::vector<uint32_t> logs;
  MutexLock lock(&mutex_);
  for (uint32_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].set) logs.push_back(i);
  }
  return logs;
}

void FlushPoints::Clear(uint32_t log_no) {
  MILLRACE_CHECK(!read_only_);
  MutexLock lock(&mutex_);
  if (log_no >= slots_.size()) return;
  Slot* const slot = &slots_[log_no];
  slot->set = false;
  if (slot->version == 0 && !slot->dirty) return;
  if (!slot->dirty) dirty_.push_back(log_no);
  slot->dirty = true;
}

size_t FlushPoints::dirty() const {
  MutexLock lock(&mutex_);
  return dirty_.size();
}

absl::Status FlushPoints::CreateLocked() {
  if (file_ == nullptr) {
    // Whole from the first moment on: a file whose header is missing is damaged, never just young.
    MILLRACE_RETURN_IF_ERROR(WriteFileAtomically(files_, path_, EncodeHeader()));
    MILLRACE_ASSIGN_OR_RETURN(file_, files_->Open(path_, OpenMode::kReadWrite));
    name_synced_ = true;
    file_bytes_ = kHeaderBytes;
  }
  size_t logs = 0;
  {
    MutexLock lock(&mutex_);
    logs = slots_.size();
  }
  const uint64_t chunks = (logs + kLogsPerChunk - 1) / kLogsPerChunk;
  const uint64_t needed = kHeaderBytes + chunks * kChunkBytes;
  if (needed > file_bytes_) {
    MILLRACE_RETURN_IF_ERROR(file_->Allocate(file_bytes_, needed - file_bytes_));
    file_bytes_ = needed;
  }
  return absl::OkStatus();
}

absl::Status FlushPoints::WriteSlots(const std::vector<Change>& changes) {
  MILLRACE_RETURN_IF_ERROR(CreateLocked());
  for (const Change& change : changes) {
    if (change.set) {
      MILLRACE_RETURN_IF_ERROR(file_->WriteAt(SlotPosition(change.log_no, change.version),
                                              EncodeSlot(change.log_no, change.version, change.point)));
    } else {
      constexpr std::array<std::byte, kSlotBytes> kZero = {};
      MILLRACE_RETURN_IF_ERROR(file_->WriteAt(SlotPosition(change.log_no, 0), kZero));
      MILLRACE_RETURN_IF_ERROR(file_->WriteAt(SlotPosition(change.log_no, 1), kZero));
    }
  }
  return absl::OkStatus();
}

void FlushPoints::Close() {
  MutexLock io(&io_);
  file_ = nullptr;
  MutexLock lock(&mutex_);
  if (poison_.ok()) poison_ = absl::FailedPreconditionError("the file is closed");
}

absl::Status FlushPoints::Sync() {
  MILLRACE_CHECK(!read_only_);
  MutexLock io(&io_);
  std::vector<Change> changes;
  {
    MutexLock lock(&mutex_);
    MILLRACE_RETURN_IF_ERROR(poison_);
    changes.reserve(dirty_.size());
    // By place in the file.
    std::ranges::sort(dirty_);
    for (const uint32_t log_no : dirty_) {
      Slot& slot = slots_[log_no];
      // The next version goes where the one before the last durable one is. Until this sync is over it stays
      // this version, however often the call is repeated.
      changes.push_back({.log_no = log_no,
                         .version = slot.set ? NextVersion(slot.version) : 0,
                         .point = slot.point,
                         .set = slot.set});
      slot.dirty = false;
    }
    dirty_.clear();
  }
  if (changes.empty()) return absl::OkStatus();
  absl::Status status = WriteSlots(changes);
  if (absl::IsResourceExhausted(status)) {
    // No space: as if never tried.
    MutexLock lock(&mutex_);
    for (const Change& change : changes) {
      Slot& slot = slots_[change.log_no];
      if (!slot.dirty) dirty_.push_back(change.log_no);
      slot.dirty = true;
    }
    return status;
  }
  if (status.ok()) status = OfSync(file_->Sync());
  if (status.ok() && !name_synced_) status = OfSync(files_->SyncDirectory(ParentOf(path_)));
  name_synced_ = status.ok();
  MutexLock lock(&mutex_);
  if (!status.ok()) {
    poison_ = status;
    return status;
  }
  for (const Change& change : changes) slots_[change.log_no].version = change.version;
  return absl::OkStatus();
}

}  // namespace millrace::inline v0
