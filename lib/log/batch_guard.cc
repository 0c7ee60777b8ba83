#include "log/batch_guard.h"

#include <algorithm>
#include <array>
#include <cstring>
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

constexpr std::string_view kMagic = "millgrd1";
constexpr std::string_view kSealMagic = "millseal";
constexpr uint32_t kFormatVersion = 1;
constexpr size_t kHeaderBytes = 32;
constexpr size_t kPageBytes = 4096;
constexpr size_t kPageHeaderBytes = 16;
constexpr size_t kGuardEntryBytes = 8;
constexpr size_t kEntriesPerPage = (kPageBytes - kPageHeaderBytes) / kGuardEntryBytes;
// Magic, log bytes, next offset, max timestamp, three CRCs, number of pages, CRC.
constexpr size_t kSealBytes = 8 + 4 + 8 + 8 + 3 * 4 + 4 + 4;

uint64_t PagePosition(uint64_t number) {
  return kHeaderBytes + number * kPageBytes;
}

// What ties a page to its segment and place.
uint32_t SeededCrc(Offset base, std::span<const std::byte> bytes) {
  std::array<std::byte, 8> seed;
  StoreBig<int64_t>(seed.data(), base.value());
  return Crc32cExtend(Crc32c(seed), bytes.data(), bytes.size());
}

absl::Status Damaged(const File& file, std::string_view what) {
  return Error(ErrorCode::kCorruptMessage, StrCat(file.path(), ": ", what, "; it is rebuilt from the log"));
}

void EncodeHeader(Offset base, std::vector<std::byte>* into) {
  const size_t start = into->size();
  ByteWriter writer(into);
  writer.WriteText(kMagic);
  writer.Write<uint32_t>(kFormatVersion);
  writer.Write<uint32_t>(0);
  writer.Write<int64_t>(base.value());
  writer.Write<uint32_t>(0);
  writer.Write<uint32_t>(Crc32c(std::span(*into).subspan(start)));
}

absl::Status CheckHeader(File* file, Offset base) {
  std::array<std::byte, kHeaderBytes> header;
  MILLRACE_RETURN_IF_ERROR(ReadExactly(file, 0, header));
  ByteReader reader(header);
  if (reader.ReadText(kMagic.size()) != kMagic) return Damaged(*file, "is no guard file");
  const uint32_t version = reader.Read<uint32_t>();
  reader.Skip(4);
  const int64_t base_in_file = reader.Read<int64_t>();
  reader.Skip(4);
  if (reader.Read<uint32_t>() != Crc32c(std::span(header).first(kHeaderBytes - 4))) {
    return Damaged(*file, "its header is damaged");
  }
  if (version != kFormatVersion) {
    return absl::UnimplementedError(
        StrCat(file->path(), ": guard format ", version, " is newer than this millrace knows"));
  }
  if (base_in_file != base.value()) {
    return Damaged(*file, StrCat("belongs to segment ", base_in_file));
  }
  return absl::OkStatus();
}

void EncodePage(Offset base, uint32_t number, std::span<const GuardEntry> entries, uint32_t end_position,
                std::vector<std::byte>* into) {
  const size_t start = into->size();
  ByteWriter writer(into);
  writer.Write<uint32_t>(0);
  writer.Write<uint32_t>(number);
  writer.Write<uint32_t>(static_cast<uint32_t>(entries.size()));
  writer.Write<uint32_t>(end_position);
  for (const GuardEntry& entry : entries) {
    writer.Write<uint32_t>(entry.position);
    writer.Write<uint32_t>(entry.header_crc);
  }
  StoreBig<uint32_t>(into->data() + start, SeededCrc(base, std::span(*into).subspan(start + 4)));
}

struct DecodedPage {
  bool sound = false;
  uint32_t end_position = 0;
  std::vector<GuardEntry> entries = {};
};

// `bytes`: from the page's place to the end of the file, at most a page.
DecodedPage DecodePage(Offset base, uint32_t number, std::span<const std::byte> bytes) {
  DecodedPage page;
  ByteReader reader(bytes);
  const uint32_t crc = reader.Read<uint32_t>();
  const uint32_t number_in_page = reader.Read<uint32_t>();
  const uint32_t count = reader.Read<uint32_t>();
  page.end_position = reader.Read<uint32_t>();
  if (!reader.ok() || number_in_page != number || count == 0 || count > kEntriesPerPage ||
      reader.remaining() < count * kGuardEntryBytes) {
    return page;
  }
  const size_t length = kPageHeaderBytes + count * kGuardEntryBytes;
  if (crc != SeededCrc(base, bytes.subspan(4, length - 4))) return page;
  page.entries.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t position = reader.Read<uint32_t>();
    page.entries.push_back({.position = position, .header_crc = reader.Read<uint32_t>()});
  }
  page.sound = true;
  return page;
}

absl::StatusOr<DecodedPage> ReadPage(File* file, Offset base, uint32_t number) {
  std::array<std::byte, kPageBytes> bytes;
  MILLRACE_ASSIGN_OR_RETURN(const size_t read, file->ReadAt(PagePosition(number), bytes));
  return DecodePage(base, number, std::span(bytes).first(read));
}

void EncodeSeal(Offset base, const GuardSeal& seal, uint32_t pages, std::vector<std::byte>* into) {
  const size_t start = into->size();
  ByteWriter writer(into);
  writer.WriteText(kSealMagic);
  writer.Write<uint32_t>(seal.log_bytes);
  writer.Write<int64_t>(seal.next_offset.value());
  writer.Write<int64_t>(seal.max_timestamp.value());
  writer.Write<uint32_t>(seal.offset_index_crc);
  writer.Write<uint32_t>(seal.time_index_crc);
  writer.Write<uint32_t>(seal.transaction_index_crc);
  writer.Write<uint32_t>(pages);
  writer.Write<uint32_t>(SeededCrc(base, std::span(*into).subspan(start)));
}

struct FoundSeal {
  GuardSeal seal = {};
  uint32_t pages = 0;
};

// The seal at the end of a file of `size` bytes, if there is a sound one.
absl::StatusOr<std::optional<FoundSeal>> ReadSeal(File* file, Offset base, uint64_t size) {
  if (size < kHeaderBytes + kSealBytes) return std::nullopt;
  std::array<std::byte, kSealBytes> bytes;
  MILLRACE_RETURN_IF_ERROR(ReadExactly(file, size - kSealBytes, bytes));
  ByteReader reader(bytes);
  if (reader.ReadText(kSealMagic.size()) != kSealMagic) return std::nullopt;
  FoundSeal found;
  found.seal.log_bytes = reader.Read<uint32_t>();
  found.seal.next_offset = Offset(reader.Read<int64_t>());
  found.seal.max_timestamp = Timestamp(reader.Read<int64_t>());
  found.seal.offset_index_crc = reader.Read<uint32_t>();
  found.seal.time_index_crc = reader.Read<uint32_t>();
  found.seal.transaction_index_crc = reader.Read<uint32_t>();
  found.pages = reader.Read<uint32_t>();
  const uint32_t crc = reader.Read<uint32_t>();
  if (crc != SeededCrc(base, std::span(bytes).first(kSealBytes - 4))) return std::nullopt;
  return found;
}

// The number of pages, whole or not, in a file of `size` bytes.
uint32_t CountPages(uint64_t size, bool sealed) {
  const uint64_t bytes = size - kHeaderBytes - (sealed ? kSealBytes : 0);
  return static_cast<uint32_t>((bytes + kPageBytes - 1) / kPageBytes);
}

}  // namespace

uint32_t GuardCrc(const std::byte* header) {
  return Crc32c({header, kGuardedHeaderBytes});
}

// --- BatchGuard

absl::StatusOr<BatchGuard> BatchGuard::Resume(File* file, Offset base, uint32_t log_bytes) {
  BatchGuard guard(base);
  MILLRACE_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  guard.tail_in_file_ = size > 0;
  const absl::Status header = size < kHeaderBytes ? Damaged(*file, "is too short") : CheckHeader(file, base);
  if (absl::IsDataLoss(header)) return guard;
  MILLRACE_RETURN_IF_ERROR(header);
  guard.header_written_ = true;
  MILLRACE_ASSIGN_OR_RETURN(const auto seal, ReadSeal(file, base, size));
  // From the last page down to the first that is sound and inside of the log. Pages below it were written
  // before it; if one of them is damaged, only its own batches are not covered.
  for (uint32_t pages = CountPages(size, seal.has_value()); pages > 0; --pages) {
    MILLRACE_ASSIGN_OR_RETURN(DecodedPage page, ReadPage(file, base, pages - 1));
    if (!page.sound || page.end_position > log_bytes) continue;
    guard.covered_ = page.end_position;
    if (page.entries.size() == kEntriesPerPage) {
      guard.pages_written_ = pages;
    } else {
      guard.pages_written_ = pages - 1;
      guard.entries_ = std::move(page.entries);
    }
    break;
  }
  guard.tail_in_file_ = size > PagePosition(guard.pages_written_);
  return guard;
}

void BatchGuard::Add(const std::byte* header, uint32_t batch_bytes) {
  MILLRACE_CHECK(batch_bytes >= kBatchHeaderBytes && batch_bytes <= UINT32_MAX - covered_);
  entries_.push_back({.position = covered_, .header_crc = GuardCrc(header)});
  covered_ += batch_bytes;
}

uint32_t BatchGuard::Extend(std::span<const std::byte> bytes) {
  while (bytes.size() >= kBatchHeaderBytes) {
    const BatchView batch(bytes.data());
    if (batch.magic() != 2 || batch.length() < static_cast<int32_t>(kBatchHeaderBytes - kBatchPrefixBytes) ||
        batch.size_bytes() > bytes.size()) {
      break;
    }
    Add(bytes.data(), static_cast<uint32_t>(batch.size_bytes()));
    bytes = bytes.subspan(batch.size_bytes());
  }
  return covered_;
}

void BatchGuard::SkipTo(uint32_t position) {
  MILLRACE_CHECK(position >= covered_);
  covered_ = position;
}

size_t BatchGuard::pending_bytes() const {
  return entries_.size() / kEntriesPerPage * kPageBytes;
}

absl::Status BatchGuard::PrepareFile(File* file) {
  if (tail_in_file_) {
    MILLRACE_RETURN_IF_ERROR(file->Truncate(header_written_ ? PagePosition(pages_written_) : 0));
    tail_in_file_ = false;
  }
  if (header_written_) return absl::OkStatus();
  std::vector<std::byte> header;
  EncodeHeader(base_, &header);
  MILLRACE_RETURN_IF_ERROR(file->WriteAt(0, header));
  header_written_ = true;
  return absl::OkStatus();
}

absl::Status BatchGuard::WritePages(File* file) {
  const size_t pages = entries_.size() / kEntriesPerPage;
  if (pages == 0) return absl::OkStatus();
  MILLRACE_RETURN_IF_ERROR(PrepareFile(file));
  std::vector<std::byte> bytes;
  bytes.reserve(pages * kPageBytes);
  for (size_t i = 0; i < pages; ++i) {
    const std::span page = std::span(entries_).subspan(i * kEntriesPerPage, kEntriesPerPage);
    const size_t next = (i + 1) * kEntriesPerPage;
    EncodePage(base_, pages_written_ + static_cast<uint32_t>(i), page,
               next < entries_.size() ? entries_[next].position : covered_, &bytes);
  }
  MILLRACE_RETURN_IF_ERROR(file->WriteAt(PagePosition(pages_written_), bytes));
  pages_written_ += static_cast<uint32_t>(pages);
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(pages * kEntriesPerPage));
  if (entries_.empty()) std::vector<GuardEntry>().swap(entries_);
  return absl::OkStatus();
}

absl::Status BatchGuard::WriteSealed(File* file, const GuardSeal& seal) {
  MILLRACE_RETURN_IF_ERROR(WritePages(file));
  std::vector<std::byte> tail;
  // A small guard is one write, header and all; not a truncation of what is empty, either, which makes some
  // file systems write the file when it is closed.
  const bool with_header = !header_written_ && !tail_in_file_;
  if (with_header) EncodeHeader(base_, &tail);
  if (!with_header) MILLRACE_RETURN_IF_ERROR(PrepareFile(file));
  if (!entries_.empty()) EncodePage(base_, pages_written_, entries_, covered_, &tail);
  EncodeSeal(base_, seal, pages_written_ + (entries_.empty() ? 0 : 1), &tail);
  tail_in_file_ = true;
  MILLRACE_RETURN_IF_ERROR(file->WriteAt(with_header ? 0 : PagePosition(pages_written_), tail));
  header_written_ = true;
  return absl::OkStatus();
}

absl::Status BatchGuard::TruncateTo(File* file, uint32_t position) {
  if (position >= covered_) return absl::OkStatus();
  // Back to the page in which the cut falls.
  while (pages_written_ > 0 && (entries_.empty() || entries_.front().position >= position)) {
    MILLRACE_CHECK(file != nullptr);
    absl::StatusOr<DecodedPage> page = ReadPage(file, base_, pages_written_ - 1);
    const bool sound = page.ok() && page->sound && page->entries.size() == kEntriesPerPage;
    if (!sound) {
      const absl::Status status = page.ok() ? Damaged(*file, "a page is damaged") : page.status();
      *this = BatchGuard(base_);
      return status;
    }
    --pages_written_;
    tail_in_file_ = true;
    entries_ = std::move(page->entries);
  }
  std::erase_if(entries_, [&](const GuardEntry& entry) { return entry.position >= position; });
  covered_ = position;
  // In the file nothing may speak of what is gone.
  return header_written_ && tail_in_file_ && file != nullptr ? PrepareFile(file) : absl::OkStatus();
}

uint64_t BatchGuard::FileBytes(uint64_t batches) {
  const uint64_t pages = (batches + kEntriesPerPage - 1) / kEntriesPerPage;
  return kHeaderBytes + pages * kPageHeaderBytes + batches * kGuardEntryBytes + kSealBytes;
}

// --- GuardReader

GuardReader::GuardReader(File* file, Offset base, uint64_t bytes) : file_(file), base_(base), bytes_(bytes) {}

absl::StatusOr<GuardReader> GuardReader::Open(File* file, Offset base) {
  MILLRACE_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  if (size < kHeaderBytes) return Damaged(*file, "is too short for a guard file");
  MILLRACE_RETURN_IF_ERROR(CheckHeader(file, base));
  GuardReader reader(file, base, size);
  MILLRACE_RETURN_IF_ERROR(reader.LoadSeal());
  return reader;
}

absl::Status GuardReader::LoadSeal() {
  MILLRACE_ASSIGN_OR_RETURN(const auto found, ReadSeal(file_, base_, bytes_));
  pages_ = CountPages(bytes_, found.has_value());
  // A seal that does not fit its file was put there from another.
  if (found.has_value() && found->pages == pages_) seal_ = found->seal;
  return absl::OkStatus();
}

bool GuardReader::Detach() {
  if (pages_ > 1 || (pages_ == 1 && !Load(0).ok())) return false;
  file_ = nullptr;
  return true;
}

absl::StatusOr<const GuardReader::Page*> GuardReader::Load(uint32_t number) {
  if (page_ != nullptr && page_->number == number) return page_.get();
  MILLRACE_ASSIGN_OR_RETURN(DecodedPage decoded, ReadPage(file_, base_, number));
  if (page_ == nullptr) page_ = std::make_unique<Page>();
  *page_ = {.number = number,
            .sound = decoded.sound,
            .end_position = decoded.end_position,
            .entries = std::move(decoded.entries)};
  return page_.get();
}

absl::StatusOr<const GuardReader::Page*> GuardReader::Find(uint32_t position) {
  if (page_ != nullptr && page_->sound && position >= page_->entries.front().position &&
      position < page_->end_position) {
    return page_.get();
  }
  uint32_t low = 0;
  uint32_t high = pages_;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    MILLRACE_ASSIGN_OR_RETURN(const Page* page, Load(middle));
    // A damaged page says nothing about where to go: try its neighbours upwards, within the range.
    uint32_t probe = middle;
    while (!page->sound && ++probe < high) {
      MILLRACE_ASSIGN_OR_RETURN(page, Load(probe));
    }
    if (!page->sound) {
      high = middle;
    } else if (position < page->entries.front().position) {
      // What lies between the damaged pages and this one is not known.
      high = middle;
    } else if (position >= page->end_position) {
      low = probe + 1;
    } else {
      return page;
    }
  }
  return nullptr;
}

absl::StatusOr<GuardReader::Verdict> GuardReader::Check(uint32_t position, const std::byte* header) {
  MILLRACE_ASSIGN_OR_RETURN(const Page* page, Find(position));
  if (page == nullptr) return Verdict::kNotCovered;
  const auto entry = std::ranges::lower_bound(page->entries, position, {}, &GuardEntry::position);
  if (entry == page->entries.end() || entry->position != position) return Verdict::kDiffers;
  return entry->header_crc == GuardCrc(header) ? Verdict::kMatches : Verdict::kDiffers;
}

absl::StatusOr<std::optional<uint32_t>> GuardReader::NextBatch(uint32_t position) {
  MILLRACE_ASSIGN_OR_RETURN(const Page* page, Find(position));
  if (page == nullptr) return std::nullopt;
  const auto entry = std::ranges::upper_bound(page->entries, position, {}, &GuardEntry::position);
  return entry == page->entries.end() ? page->end_position : entry->position;
}

absl::StatusOr<std::optional<GuardEntry>> GuardReader::Floor(uint32_t position) {
  MILLRACE_ASSIGN_OR_RETURN(const Page* page, Find(position));
  if (page == nullptr) return std::nullopt;
  const auto entry = std::ranges::upper_bound(page->entries, position, {}, &GuardEntry::position);
  return *std::prev(entry);
}

absl::StatusOr<uint32_t> GuardReader::CountDamagedPages() {
  uint32_t damaged = 0;
  for (uint32_t number = 0; number < pages_; ++number) {
    MILLRACE_ASSIGN_OR_RETURN(const Page* page, Load(number));
    if (!page->sound) ++damaged;
  }
  return damaged;
}

}  // namespace millrace::inline v0
