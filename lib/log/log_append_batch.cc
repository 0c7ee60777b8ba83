// Looking at batches that are there already before they are appended: a client's, a producer's of this
// process, a leader's.

#include <optional>

#include "absl/strings/str_format.h"
#include "base/return_if_error.h"
#include "log/client_batch.h"
#include "log/log_impl.h"
#include "millrace/status.h"

namespace millrace::inline v0 {

absl::Status LogImpl::CheckBatch(BatchView batch, std::span<const std::byte> bytes, AppendOrigin origin,
                                 bool trusted) const {
  if (batch.size_bytes() != bytes.size()) {
    return Error(ErrorCode::kCorruptMessage,
                 absl::StrFormat("%s: the batch says it has %d bytes, but %d were given", name_,
                                 batch.size_bytes(), bytes.size()));
  }
  if (trusted) return absl::OkStatus();
  if (!batch.CrcIsValid()) {
    return Error(ErrorCode::kCorruptMessage,
                 absl::StrFormat("%s: the batch does not fit its checksum", name_));
  }
  if (origin == AppendOrigin::kReplication) return absl::OkStatus();
  if (batch.record_count() <= 0 || batch.last_offset_delta() != batch.record_count() - 1) {
    return Error(ErrorCode::kInvalidRecord,
                 absl::StrFormat("%s: a batch of %d records ends at offset delta %d", name_,
                                 batch.record_count(), batch.last_offset_delta()));
  }
  if (origin == AppendOrigin::kClient && batch.is_control()) {
    return Error(ErrorCode::kInvalidRecord,
                 absl::StrFormat("%s: clients may not append control batches", name_));
  }
  return absl::OkStatus();
}

absl::Status LogImpl::CheckSize(size_t batch_bytes) const {
  if (batch_bytes <= static_cast<size_t>(config_.max_message_bytes)) return absl::OkStatus();
  return Error(ErrorCode::kMessageTooLarge,
               absl::StrFormat("%s: a batch of %d bytes is over max.message.bytes %d", name_, batch_bytes,
                               config_.max_message_bytes));
}

absl::StatusOr<AppendResult> LogImpl::AppendBatch(std::span<std::byte> batch, AppendOrigin origin,
                                                  bool trusted) {
  absl::StatusOr<BatchView> view = BatchView::Parse(batch);
  if (!view.ok()) {
    return Error(ErrorCode::kCorruptMessage,
                 absl::StrFormat("%s: %s", name_, std::string(view.status().message())));
  }
  MILLRACE_RETURN_IF_ERROR(CheckBatch(*view, batch, origin, trusted));
  std::optional<ClientBatch> client;
  std::optional<BatchBuilder> recompressed;
  if (origin == AppendOrigin::kClient && !trusted) {
    {
      // Before anything is decompressed.
      GateLock lock(&gate_);
      MILLRACE_RETURN_IF_ERROR(CheckSize(batch.size()));
    }
    absl::StatusOr<ClientBatch> read = ReadClientBatch(*view);
    if (!read.ok()) return InLog(read.status());
    client = *read;
    CorrectMaxTimestamp(batch, client->newest);
    MILLRACE_ASSIGN_OR_RETURN(batch, InCodec(batch, &recompressed));
  }
  gate_.Lock();
  const absl::Status allowed = client.has_value() ? CheckClientBatch(*client) : absl::OkStatus();
  absl::StatusOr<AppendResult> result =
      allowed.ok() ? AppendBatchLocked(batch, origin) : absl::StatusOr<AppendResult>(allowed);
  if (gate_.UnlockAndCheck()) [[unlikely]]
    TellListeners();
  return result;
}

absl::Status LogImpl::InLog(const absl::Status& status) const {
  return Error(ErrorCodeOf(status), absl::StrFormat("%s: %s", name_, status.message()));
}

// What the topic's settings say of a client's records.
absl::Status LogImpl::CheckClientBatch(const ClientBatch& batch) const {
  if (config_.cleanup_policy.compact && batch.has_keyless) {
    return Error(ErrorCode::kInvalidRecord,
                 absl::StrFormat("%s is compacted: a record needs a key (cleanup.policy)", name_));
  }
  // The newest is looked at as that of any batch.
  if (config_.message_timestamp_before_max_ms == INT64_MAX) return absl::OkStatus();
  return CheckTimestamp(batch.oldest);
}

// `batch`, or it in the topic's codec, which `builder` then holds.
absl::StatusOr<std::span<std::byte>> LogImpl::InCodec(std::span<std::byte> batch,
                                                      std::optional<BatchBuilder>* builder) {
  const BatchView view(batch.data());
  std::optional<int> level;
  Compression codec = view.compression();
  {
    GateLock lock(&gate_);
    codec = config_.compression_type.value_or(codec);
    if (codec == Compression::kGzip) level = config_.compression_gzip_level;
    if (codec == Compression::kLz4) level = config_.compression_lz4_level;
    if (codec == Compression::kZstd) level = config_.compression_zstd_level;
  }
  if (codec == view.compression()) return batch;
  return Recompress(view, codec, level, &builder->emplace());
}

}  // namespace millrace::inline v0
