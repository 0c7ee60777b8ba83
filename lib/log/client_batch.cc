#include "log/client_batch.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/crc32c.h"
#include "base/endian.h"
#include "base/strings.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

// Its checksum holds: clients that hear of a corrupt message would send the same again.
absl::Status Unreadable(const absl::Status& why) {
  return Error(ErrorCode::kInvalidRecord, ToStd(why.message()));
}

absl::Status CheckClientHeader(BatchView batch) {
  if (batch.has_delete_horizon())
    return Error(ErrorCode::kInvalidRecord, "clients may not set the delete horizon of a batch");
  if (batch.producer_id() >= ProducerId(0) && batch.base_sequence() < 0) {
    return Error(ErrorCode::kInvalidRecord, StrCat("a batch of producer ", batch.producer_id().value(),
                                                   " has no sequence number but ", batch.base_sequence()));
  }
  if (batch.timestamp_type() == TimestampType::kLogAppendTime)
    return Error(ErrorCode::kInvalidTimestamp, "clients may not set the timestamp type to LogAppendTime");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ClientBatch> ReadClientBatch(BatchView batch) {
  if (absl::Status status = CheckClientHeader(batch); !status.ok()) return status;
  ClientBatch result;
  // Offsets rise and stay below the count, which is that of the records: so there are no gaps.
  RecordReader reader(batch);
  for (RecordView record; reader.Next(&record);) {
    result.has_keyless |= !record.key.has_value();
    if (record.timestamp == kNoTimestamp) continue;
    if (record.timestamp < Timestamp(0)) {
      return Error(ErrorCode::kInvalidTimestamp,
                   StrCat("timestamp ", record.timestamp.value(), " is negative"));
    }
    result.oldest =
        result.oldest == kNoTimestamp ? record.timestamp : std::min(result.oldest, record.timestamp);
    result.newest =
        result.newest == kNoTimestamp ? record.timestamp : std::max(result.newest, record.timestamp);
  }
  if (!reader.status().ok()) return Unreadable(reader.status());
  return result;
}

void CorrectMaxTimestamp(std::span<std::byte> batch, Timestamp newest) {
  if (BatchView(batch.data()).max_timestamp() == newest) return;
  StoreBig<int64_t>(batch.data() + 35, newest.value());
  StoreBig<uint32_t>(batch.data() + 17, Crc32c(batch.subspan(21)));
}

absl::StatusOr<std::span<std::byte>> Recompress(BatchView batch, Compression codec, std::optional<int> level,
                                                BatchBuilder* builder) {
  builder->Reset({.compression = codec,
                  .compression_level = level,
                  .producer_id = batch.producer_id(),
                  .producer_epoch = batch.producer_epoch(),
                  .base_sequence = batch.base_sequence(),
                  .leader_epoch = batch.leader_epoch(),
                  .transactional = batch.is_transactional()});
  std::vector<Header> headers;
  RecordReader reader(batch);
  for (RecordView view; reader.Next(&view);) {
    headers.assign(view.headers.begin(), view.headers.end());
    builder->Append({.key = view.key, .value = view.value, .headers = headers, .timestamp = view.timestamp},
                    view.timestamp);
  }
  if (!reader.status().ok()) return Unreadable(reader.status());
  return builder->Finish();
}

}  // namespace millrace::inline v0
