#include "log/record_file.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "base/crc32c.h"
#include "base/endian.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "log/log_files.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

constexpr std::string_view kMagic = "millrace";
constexpr size_t kFileHeaderBytes = 32;
// Length, CRC, type.
constexpr size_t kRecordHeaderBytes = 9;
// A record of ours, that visitors do not see: all before it was durable when it was written.
constexpr uint8_t kMarkType = 255;
// No file is read that is larger: the state of a directory is far smaller.
constexpr uint64_t kFileBytesMax = uint64_t{4} << 30;

// Of a record at `position` of the file of `generation`.
uint32_t RecordCrc(uint64_t generation, uint64_t position, std::span<const std::byte> record) {
  std::array<std::byte, 20> place;
  StoreBig<uint64_t>(place.data(), generation);
  StoreBig<uint64_t>(place.data() + 8, position);
  std::memcpy(place.data() + 16, record.data(), 4);
  return Crc32cExtend(Crc32c(place), record.data() + 8, record.size() - 8);
}

std::array<std::byte, kFileHeaderBytes> EncodeHeader(const RecordFileKind& kind, uint64_t generation) {
  std::array<std::byte, kFileHeaderBytes> header;
  SpanWriter writer(header);
  writer.WriteText(kMagic);
  writer.WriteText({kind.tag.data(), kind.tag.size()});
  writer.Write<uint32_t>(kind.version);
  writer.Write<uint64_t>(generation);
  writer.Write<uint32_t>(0);
  writer.Write<uint32_t>(Crc32c(writer.written()));
  return header;
}

void EncodeRecord(uint8_t type, std::span<const std::byte> payload, std::vector<std::byte>* into) {
  MILLRACE_CHECK(payload.size() <= RecordFile::kPayloadBytesMax);
  ByteWriter writer(into);
  writer.Write<uint32_t>(static_cast<uint32_t>(payload.size()));
  writer.Write<uint32_t>(0);
  writer.Write<uint8_t>(type);
  writer.WriteBytes(payload);
}

// Fills the CRCs of whole records that will begin at `position`.
void SealRecords(uint64_t generation, uint64_t position, std::span<std::byte> records) {
  while (!records.empty()) {
    const size_t length = kRecordHeaderBytes + LoadBig<uint32_t>(records.data());
    const auto record = records.first(length);
    StoreBig<uint32_t>(record.data() + 4, RecordCrc(generation, position, record));
    records = records.subspan(length);
    position += length;
  }
}

// The sound record at `position`, if there is one.
std::optional<std::span<const std::byte>> RecordAt(std::span<const std::byte> bytes, uint64_t generation,
                                                   size_t position) {
  const auto rest = bytes.subspan(position);
  if (rest.size() < kRecordHeaderBytes) return std::nullopt;
  const uint32_t length = LoadBig<uint32_t>(rest.data());
  if (length > RecordFile::kPayloadBytesMax || length > rest.size() - kRecordHeaderBytes) return std::nullopt;
  const auto record = rest.first(kRecordHeaderBytes + length);
  if (LoadBig<uint32_t>(record.data() + 4) != RecordCrc(generation, position, record)) return std::nullopt;
  return record;
}

bool IsMark(std::span<const std::byte> record) {
  return std::to_integer<uint8_t>(record[8]) == kMarkType;
}

// Where the next sound record begins, from `position` on; the end if there is none.
size_t Resync(std::span<const std::byte> bytes, uint64_t generation, size_t position) {
  while (position < bytes.size() && !RecordAt(bytes, generation, position).has_value()) ++position;
  return position;
}

// The bytes that were durable when the last sound mark was written: damage below them is no torn tail.
size_t SyncedBytes(std::span<const std::byte> bytes, uint64_t generation) {
  size_t synced = kFileHeaderBytes;
  for (size_t position = kFileHeaderBytes; position < bytes.size();) {
    const auto record = RecordAt(bytes, generation, position);
    if (!record.has_value()) {
      position = Resync(bytes, generation, position + 1);
      continue;
    }
    if (IsMark(*record)) synced = position;
    position += record->size();
  }
  return synced;
}

// The generation of the file.
absl::StatusOr<uint64_t> DecodeHeader(std::span<const std::byte> bytes, const RecordFileKind& kind,
                                      std::string_view path) {
  const auto damaged = [&](std::string_view what) {
    return Error(ErrorCode::kCorruptMessage, StrCat(path, ": ", what, "; nothing was changed"));
  };
  if (bytes.size() < kFileHeaderBytes) return damaged(StrCat("is too short for a ", kind.name, " file"));
  ByteReader reader(bytes.first(kFileHeaderBytes));
  const bool magic = reader.ReadText(kMagic.size()) == kMagic;
  const std::string_view tag = reader.ReadText(kind.tag.size());
  const uint32_t version = reader.Read<uint32_t>();
  const uint64_t generation = reader.Read<uint64_t>();
  reader.Skip(4);
  if (!magic) return damaged(StrCat("is no ", kind.name, " file of millrace"));
  if (reader.Read<uint32_t>() != Crc32c(bytes.first(kFileHeaderBytes - 4))) {
    return damaged(StrCat("the header of this ", kind.name, " file is damaged"));
  }
  if (tag != std::string_view(kind.tag.data(), kind.tag.size())) {
    return damaged(StrCat("is a file of millrace, but no ", kind.name, " file"));
  }
  if (version > kind.version) {
    return absl::UnimplementedError(StrCat(path, ": ", kind.name, " format ", version,
                                           " was written by a newer millrace; this one reads up to ",
                                           kind.version));
  }
  return generation;
}

struct Parsed {
  uint64_t generation = 1;
  // Up to the end of the last sound record.
  uint64_t sound_bytes = 0;
};

absl::StatusOr<Parsed> ParseFile(std::span<const std::byte> bytes, const RecordFileKind& kind,
                                 std::string_view path, const RecordFile::Visitor& visitor,
                                 RecordFileReport* report) {
  *report = {};
  MILLRACE_ASSIGN_OR_RETURN(const uint64_t generation, DecodeHeader(bytes, kind, path));
  // Found only where there is damage: most files need one pass.
  std::optional<size_t> synced;
  size_t position = kFileHeaderBytes;
  size_t sound_end = position;
  while (position < bytes.size()) {
    const auto record = RecordAt(bytes, generation, position);
    if (!record.has_value()) {
      if (!synced.has_value()) synced = SyncedBytes(bytes, generation);
      // Never synced: pages reach the disk in any order, and what lies behind a hole must not be believed.
      if (position >= *synced) break;
      position = Resync(bytes, generation, position + 1);
      continue;
    }
    if (position > sound_end) {
      report->damaged.push_back({.begin = sound_end, .end = position});
      report->notes.push_back(
          StrCat(path, ": bytes ", sound_end, " to ", position, " are damaged, records are lost"));
    }
    report->records += IsMark(*record) ? 0 : 1;
    if (visitor && !IsMark(*record)) {
      MILLRACE_RETURN_IF_ERROR(
          visitor(std::to_integer<uint8_t>((*record)[8]), record->subspan(kRecordHeaderBytes)));
    }
    position += record->size();
    sound_end = position;
  }
  report->torn_bytes = bytes.size() - sound_end;
  if (report->torn_bytes > 0) {
    report->notes.push_back(
        StrCat(path, ": a torn tail of ", report->torn_bytes, " bytes from ", sound_end, " on"));
  }
  return Parsed{.generation = generation, .sound_bytes = sound_end};
}

}  // namespace

void RecordFile::Filler::Append(uint8_t type, std::span<const std::byte> payload) {
  EncodeRecord(type, payload, &bytes_);
}

void RecordFile::Filler::Supersede() {
  // What is buffered is said by the new contents, too; it is kept until they are in force.
  MutexLock lock(&file_->mutex_);
  superseded_.swap(file_->buffer_);
  upto_ = file_->appended_;
  cut_ = true;
}

absl::Status RecordFile::Parse(std::span<const std::byte> bytes, RecordFileKind kind, std::string_view path,
                               const Visitor& visitor, RecordFileReport* report) {
  return ParseFile(bytes, kind, path, visitor, report).status();
}

absl::StatusOr<std::unique_ptr<RecordFile>> RecordFile::Open(FileSystem* files, std::string_view path,
                                                             RecordFileKind kind, Access access,
                                                             const Visitor& visitor,
                                                             RecordFileReport* report) {
  RecordFileReport own_report;
  if (report == nullptr) report = &own_report;
  *report = {};
  std::unique_ptr<RecordFile> opened(new RecordFile(files, path, kind));
  opened->read_only_ = access == Access::kReadOnly;
  MutexLock io(&opened->io_);
  absl::StatusOr<std::vector<std::byte>> bytes = ReadWholeFile(files, path, kFileBytesMax);
  if (absl::IsNotFound(bytes.status()) && access == Access::kCreate) {
    report->created = true;
    opened->generation_ = 1;
    return opened;
  }
  MILLRACE_RETURN_IF_ERROR(bytes.status());
  MILLRACE_ASSIGN_OR_RETURN(const Parsed parsed, ParseFile(*bytes, kind, path, visitor, report));
  opened->generation_ = parsed.generation;
  if (opened->read_only_) return opened;
  MILLRACE_ASSIGN_OR_RETURN(opened->file_, files->Open(path, OpenMode::kReadWrite));
  MutexLock lock(&opened->mutex_);
  opened->file_bytes_ = parsed.sound_bytes;
  // Cut before the next write.
  opened->tail_to_cut_ = report->torn_bytes;
  return opened;
}

absl::Status RecordFile::CreateLocked() {
  // Whole from the first moment on: a file whose header is missing is damaged, never just young.
  MILLRACE_RETURN_IF_ERROR(WriteFileAtomically(files_, path_, EncodeHeader(kind_, generation_)));
  MILLRACE_ASSIGN_OR_RETURN(file_, files_->Open(path_, OpenMode::kReadWrite));
  name_synced_ = true;
  MutexLock lock(&mutex_);
  file_bytes_ = kFileHeaderBytes;
  return absl::OkStatus();
}

void RecordFile::Append(uint8_t type, std::span<const std::byte> payload) {
  MILLRACE_CHECK(!read_only_ && type != kMarkType);
  MutexLock lock(&mutex_);
  if (!poison_.ok()) return;
  EncodeRecord(type, payload, &buffer_);
  ++appended_;
}

absl::Status RecordFile::Poison(absl::Status status) {
  MutexLock lock(&mutex_);
  if (poison_.ok()) poison_ = status;
  return status;
}

void RecordFile::Close() {
  MutexLock io(&io_);
  Poison(absl::FailedPreconditionError("the file is closed")).IgnoreError();
  file_ = nullptr;
}

absl::Status RecordFile::PoisonState() const {
  MutexLock lock(&mutex_);
  return poison_;
}

absl::Status RecordFile::WriteRecords(uint64_t position, std::vector<std::byte>* records) {
  if (file_ == nullptr) {
    MILLRACE_RETURN_IF_ERROR(CreateLocked());
    position = kFileHeaderBytes;
  }
  if (tail_to_cut_ > 0) {
    MILLRACE_RETURN_IF_ERROR(file_->Truncate(position));
    tail_to_cut_ = 0;
  }
  if (records->empty()) return absl::OkStatus();
  SealRecords(generation_, position, *records);
  MILLRACE_RETURN_IF_ERROR(file_->WriteAt(position, *records));
  MutexLock lock(&mutex_);
  file_bytes_ = position + records->size();
  return absl::OkStatus();
}

absl::Status RecordFile::WriteLocked() {
  std::vector<std::byte> records;
  uint64_t position = 0;
  {
    MutexLock lock(&mutex_);
    MILLRACE_RETURN_IF_ERROR(poison_);
    if (buffer_.empty() && tail_to_cut_ == 0) return absl::OkStatus();
    records.swap(buffer_);
    position = file_bytes_;
  }
  absl::Status status = WriteRecords(position, &records);
  if (!absl::IsResourceExhausted(status)) return status.ok() ? status : Poison(std::move(status));
  // No space: nothing is lost, what was half written is written over.
  MutexLock lock(&mutex_);
  records.insert(records.end(), buffer_.begin(), buffer_.end());
  buffer_.swap(records);
  return status;
}

absl::Status RecordFile::Write() {
  MutexLock io(&io_);
  return WriteLocked();
}

absl::Status RecordFile::SyncLocked() {
  uint64_t upto = 0;
  {
    MutexLock lock(&mutex_);
    upto = appended_;
  }
  MILLRACE_RETURN_IF_ERROR(WriteLocked());
  // A new log may have nothing to say yet; its file comes with the first record.
  if (file_ == nullptr) return absl::OkStatus();
  if (absl::Status status = OfSync(file_->Sync()); !status.ok()) return Poison(std::move(status));
  if (!name_synced_) {
    if (absl::Status status = OfSync(files_->SyncDirectory(ParentOf(path_))); !status.ok()) {
      return Poison(std::move(status));
    }
    name_synced_ = true;
  }
  WriteMark();
  MutexLock lock(&mutex_);
  synced_ = std::max(synced_, upto);
  return absl::OkStatus();
}

void RecordFile::WriteMark() {
  std::vector<std::byte> mark;
  EncodeRecord(kMarkType, {}, &mark);
  uint64_t position = 0;
  {
    MutexLock lock(&mutex_);
    position = file_bytes_;
  }
  SealRecords(generation_, position, mark);
  // Without it a reader only takes damage for a torn tail more easily. What is half written is written over.
  if (!file_->WriteAt(position, mark).ok()) return;
  MutexLock lock(&mutex_);
  file_bytes_ = position + mark.size();
}

absl::Status RecordFile::Sync() {
  uint64_t wanted = 0;
  {
    MutexLock lock(&mutex_);
    MILLRACE_RETURN_IF_ERROR(poison_);
    wanted = appended_;
  }
  MutexLock io(&io_);
  {
    // Whoever held io_ before may have done it for us.
    MutexLock lock(&mutex_);
    if (name_synced_ && synced_ >= wanted && poison_.ok() && buffer_.empty()) return absl::OkStatus();
  }
  return SyncLocked();
}

absl::Status RecordFile::Replace(const std::function<void(Filler*)>& fill) {
  MILLRACE_CHECK(!read_only_);
  MutexLock io(&io_);
  MILLRACE_RETURN_IF_ERROR(PoisonState());
  Filler filler(this);
  fill(&filler);
  if (!filler.cut_) filler.Supersede();
  // It is in force only once all of it is durable.
  EncodeRecord(kMarkType, {}, &filler.bytes_);
  const uint64_t generation = generation_ + 1;
  const auto header = EncodeHeader(kind_, generation);
  SealRecords(generation, kFileHeaderBytes, filler.bytes_);
  const std::string temporary = StrCat(path_, kTemporarySuffix);
  std::unique_ptr<File> file;
  const auto write = [&]() -> absl::Status {
    const absl::Status removed = files_->Remove(temporary);
    if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
    MILLRACE_ASSIGN_OR_RETURN(file, files_->Open(temporary, OpenMode::kCreateNew));
    MILLRACE_RETURN_IF_ERROR(file->WriteAt(0, header));
    MILLRACE_RETURN_IF_ERROR(file->WriteAt(kFileHeaderBytes, filler.bytes_));
    MILLRACE_RETURN_IF_ERROR(file->Sync());
    return files_->Rename(temporary, path_);
  };
  if (absl::Status status = write(); !status.ok()) {
    files_->Remove(temporary).IgnoreError();
    MutexLock lock(&mutex_);
    filler.superseded_.insert(filler.superseded_.end(), buffer_.begin(), buffer_.end());
    buffer_.swap(filler.superseded_);
    return status;
  }
  file_ = std::move(file);
  generation_ = generation;
  tail_to_cut_ = 0;
  name_synced_ = false;
  {
    MutexLock lock(&mutex_);
    file_bytes_ = kFileHeaderBytes + filler.bytes_.size();
  }
  if (absl::Status status = OfSync(files_->SyncDirectory(ParentOf(path_))); !status.ok())
    return Poison(std::move(status));
  name_synced_ = true;
  MutexLock lock(&mutex_);
  synced_ = std::max(synced_, filler.upto_);
  return absl::OkStatus();
}

uint64_t RecordFile::size_bytes() const {
  MutexLock lock(&mutex_);
  return file_bytes_ + buffer_.size();
}

uint64_t RecordFile::buffered_bytes() const {
  MutexLock lock(&mutex_);
  return buffer_.size();
}

}  // namespace millrace::inline v0
