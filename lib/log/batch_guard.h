// The .guard file of a segment (ours): for each batch its position and a CRC-32C of the 21 bytes of its
// header that the batch's own CRC does not cover (base offset, length, leader epoch, magic) or that are that
// CRC. With it no single damaged bit of a segment goes unseen, and a reader finds the next batch behind a
// damaged length.
//
// File: a header of 32 bytes {8 magic "millgrd1", u32 format version, u32 zero, i64 base offset, u32 zero,
// u32 crc}, then pages {u32 crc, u32 page number, u32 count, u32 end position, count x {u32 position, u32
// header crc}}, then, once the segment is sealed, a seal. All big-endian. A page holds at most 510 entries
// (4,096 bytes); all but the last are full. Page CRCs are seeded with the base offset: a page of another
// segment, or another place, does not pass. Damaged pages are never trusted: their batches count as not
// covered.

#ifndef MILLRACE_LOG_BATCH_GUARD_H_
#define MILLRACE_LOG_BATCH_GUARD_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/env/file_system.h"
#include "millrace/record.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// Bytes of a batch header that the guard covers.
inline constexpr size_t kGuardedHeaderBytes = 21;

// What is known of a sealed segment and of its indexes, which have no checksum of their own.
struct GuardSeal {
  uint32_t log_bytes = 0;
  Offset next_offset = kNoOffset;
  Timestamp max_timestamp = kNoTimestamp;
  // CRC-32C of the contents of the index files; 0 for one that is empty or not there.
  uint32_t offset_index_crc = 0;
  uint32_t time_index_crc = 0;
  uint32_t transaction_index_crc = 0;
  bool operator==(const GuardSeal&) const = default;
};

struct GuardEntry {
  uint32_t position = 0;
  uint32_t header_crc = 0;
  bool operator==(const GuardEntry&) const = default;
};

// CRC-32C of the first 21 bytes at `header`.
uint32_t GuardCrc(const std::byte* header);

// BatchGuard: the writer of one segment's guard. In memory it holds only entries that are not yet in the
// file, and none at all until Extend is called. Thread-compatible.
class BatchGuard {
 public:
  explicit BatchGuard(Offset base) : base_(base) {}

  // Continues a file: reads its last page (in a sealed file too, whose seal is dropped by the next write).
  // Where the file is damaged, foreign, or speaks of more than `log_bytes`, the result covers as much as can
  // be trusted, maybe nothing (covered_position() 0). An error only where reading fails.
  static absl::StatusOr<BatchGuard> Resume(File* file, Offset base, uint32_t log_bytes);

  // Adds the batches in `bytes`, which begin at covered_position() of the segment; whole ones only, stopping
  // at the first that cannot be one (length or magic senseless). Returns the new covered position. The caller
  // vouches for the bytes: own appends, or checked by CRC.
  uint32_t Extend(std::span<const std::byte> bytes);
  // Adds one batch, whose header is given, at covered_position().
  void Add(const std::byte* header, uint32_t batch_bytes);
  // Leaves out what lies before `position`, at or behind covered_position(): damage, in which no batch can be
  // told from another. A reader is sent past it.
  void SkipTo(uint32_t position);
  // The end of the last batch added; Extend goes on here.
  uint32_t covered_position() const { return covered_; }
  // Bytes that WritePages would write now.
  size_t pending_bytes() const;

  // Writes the full pages that are not in the file yet. Append-only (never rewrites a page), no sync. On
  // error the entries are kept for the next try.
  absl::Status WritePages(File* file);
  // Writes all, the last page too, and the seal, and cuts the file to length; no sync. Extending it
  // afterwards takes the seal off again.
  absl::Status WriteSealed(File* file, const GuardSeal& seal);

  // Forgets the batches at or beyond `position`, a batch boundary. Reads the file back where the pages are
  // there already, and cuts it; `file` may be null if nothing was written. On error: start anew from 0.
  absl::Status TruncateTo(File* file, uint32_t position);

  // Size of the file for `batches` batches, sealed.
  static uint64_t FileBytes(uint64_t batches);

 private:
  absl::Status PrepareFile(File* file);

  Offset base_;
  uint32_t covered_ = 0;
  // Full pages in the file.
  uint32_t pages_written_ = 0;
  bool header_written_ = false;
  // The file may hold something behind the full pages (a partial page, a seal, what was there before): cut it
  // before writing.
  bool tail_in_file_ = true;
  // Entries from page pages_written_ on.
  std::vector<GuardEntry> entries_;
};

// GuardReader: looks into a .guard file by pages; keeps the last page used. Single-threaded; borrows the
// File.
class GuardReader {
 public:
  // kDataLoss: not a guard file, of another segment, or its header is damaged. kUnimplemented: newer format.
  static absl::StatusOr<GuardReader> Open(File* file, Offset base);

  enum class Verdict : uint8_t {
    kMatches,     // A batch with this very header was written at this position.
    kDiffers,     // The header is damaged, or no batch starts here.
    kNotCovered,  // Beyond what the file covers, or the page that would know is damaged.
  };
  // Checks the 21 bytes at `header`, read from `position` of the segment.
  absl::StatusOr<Verdict> Check(uint32_t position, const std::byte* header);
  // The start of the first batch beyond `position`; the end of the last batch covered if that lies beyond;
  // nullopt where the file does not know.
  absl::StatusOr<std::optional<uint32_t>> NextBatch(uint32_t position);
  // The last covered batch that starts at or below `position`, nullopt where the file does not know.
  absl::StatusOr<std::optional<GuardEntry>> Floor(uint32_t position);

  // nullopt: not sealed, or the seal is damaged.
  const std::optional<GuardSeal>& seal() const { return seal_; }
  // Of a guard of one page: reads it now. True: the file is not needed any more.
  bool Detach();
  // Reads every page; the number of damaged ones.
  absl::StatusOr<uint32_t> CountDamagedPages();

 private:
  struct Page {
    uint32_t number = 0;
    bool sound = false;
    uint32_t end_position = 0;
    std::vector<GuardEntry> entries = {};
  };
  GuardReader(File* file, Offset base, uint64_t bytes);
  absl::StatusOr<const Page*> Load(uint32_t number);
  // The page that holds `position`, null if that cannot be known.
  absl::StatusOr<const Page*> Find(uint32_t position);
  absl::Status LoadSeal();

  File* file_;
  Offset base_;
  uint64_t bytes_;
  uint32_t pages_ = 0;
  std::unique_ptr<Page> page_;
  std::optional<GuardSeal> seal_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_BATCH_GUARD_H_
