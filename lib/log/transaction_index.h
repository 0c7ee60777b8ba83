// Kafka's .txnindex: the aborted transactions whose markers lie in a segment. Entries of 34 bytes,
// big-endian: int16 version 0, int64 producer id, first offset, last offset (the marker's), last stable
// offset at that time. Last offsets rise. Source: Kafka's TransactionIndex, AbortedTxn.

#ifndef MILLRACE_LOG_TRANSACTION_INDEX_H_
#define MILLRACE_LOG_TRANSACTION_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

struct AbortedTransaction {
  ProducerId producer_id = kNoProducerId;
  Offset first_offset = kNoOffset;
  Offset last_offset = kNoOffset;
  Offset last_stable_offset = kNoOffset;
  bool operator==(const AbortedTransaction&) const = default;
};

// TransactionIndex: the entries in memory, as the bytes of the file (read it with ReadWholeFile: it is
// small). No heap while empty. Thread-compatible.
class TransactionIndex {
 public:
  static constexpr size_t kEntryBytes = 34;

  explicit TransactionIndex(Offset base) : base_(base) {}
  // kDataLoss: not a whole number of entries, a version other than 0, a last offset that does not rise, lies
  // below the base or below its first offset: rebuild.
  static absl::StatusOr<TransactionIndex> FromBytes(Offset base, std::span<const std::byte> bytes);

  // Requires: `aborted.last_offset` beyond the last entry's.
  void Append(const AbortedTransaction& aborted);
  // Appends to `into` those that overlap [from, until), in the order of their last offsets. True where later
  // segments cannot hold any more of them (an entry's last stable offset is at or beyond `until`).
  bool Collect(Offset from, Offset until, std::vector<AbortedTransaction>* into) const;
  // Entry i < size().
  AbortedTransaction At(size_t i) const;
  size_t size() const { return bytes_.size() / kEntryBytes; }
  bool empty() const { return bytes_.empty(); }
  std::span<const std::byte> bytes() const { return bytes_; }

  // Removes the entries with last offset >= `offset`.
  void TruncateTo(Offset offset);
  void Clear() { std::vector<std::byte>().swap(bytes_); }

 private:
  Offset base_;
  std::vector<std::byte> bytes_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_TRANSACTION_INDEX_H_
