// What a batch from elsewhere holds, looked at record by record before it is stored: its checksum says that
// it came as it was sent, not that it makes sense. A batch that no consumer can read would stop all of them.
// After Kafka's LogValidator.

#ifndef MILLRACE_LOG_CLIENT_BATCH_H_
#define MILLRACE_LOG_CLIENT_BATCH_H_

#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/record.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

struct ClientBatch {
  // A record without a key, which compaction could not keep.
  bool has_keyless = false;
  // Of the records that have a timestamp; kNoTimestamp: none has.
  Timestamp oldest = kNoTimestamp;
  Timestamp newest = kNoTimestamp;
};

// Requires: a batch that Parse() accepted, whose CRC fits and whose last offset delta is that of its count.
// kInvalidRecord: a malformed record; an attribute that is not a client's to set; an idempotent producer
// without a sequence. kInvalidTimestamp: the log's time instead of the producer's; a time below zero.
// kCorruptMessage: cannot be decompressed.
absl::StatusOr<ClientBatch> ReadClientBatch(BatchView batch);

// Its header's latest timestamp becomes `newest`, as its records say; indexes and retention trust the header.
void CorrectMaxTimestamp(std::span<std::byte> batch, Timestamp newest);

// The batch with its records in another codec; the bytes are `builder`'s. Requires: read as above.
absl::StatusOr<std::span<std::byte>> Recompress(BatchView batch, Compression codec, std::optional<int> level,
                                                BatchBuilder* builder);

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_CLIENT_BATCH_H_
