#include "log/batch_filter.h"

#include <limits>
#include <utility>

#include "base/check.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

Timestamp After(Timestamp now, int64_t delay_ms) {
  const int64_t room = std::numeric_limits<int64_t>::max() - now.value();
  return Timestamp(delay_ms > room ? std::numeric_limits<int64_t>::max() : now.value() + delay_ms);
}

}  // namespace

BatchFilter::BatchFilter(Options options, const std::vector<ProducerStateInfo>& producers)
    : options_(options) {
  for (const ProducerStateInfo& producer : producers) {
    producers_[producer.producer_id] = {.epoch = producer.producer_epoch, .sequence = producer.last_sequence};
  }
}

bool BatchFilter::IsLastOfProducer(BatchView batch) const {
  if (batch.producer_id() == kNoProducerId) return false;
  const auto found = producers_.find(batch.producer_id());
  if (found == producers_.end() || found->second.epoch != batch.producer_epoch()) return false;
  // Of a producer that wrote nothing in its epoch yet, the marker that began it.
  if (found->second.sequence < 0) return batch.is_control();
  return !batch.is_control() && batch.last_sequence() == found->second.sequence;
}

absl::StatusOr<BatchFilter::Verdict> BatchFilter::Judge(BatchView batch) {
  Verdict verdict{.keep_empty = IsLastOfProducer(batch)};
  if (!batch.is_control()) {
    verdict.discardable = options_.transactions->OnBatch(batch);
    verdict.discard_records = verdict.discardable;
    return verdict;
  }
  std::optional<ControlMarker> marker;
  RecordReader reader(batch, &plain_, options_.decompressed_bytes_max);
  RecordView record;
  if (reader.Next(&record)) marker = ParseControlMarker(record);
  MILLRACE_RETURN_IF_ERROR(reader.status());
  verdict.discardable =
      options_.transactions->OnControlBatch(batch, marker, batch.record_count() == 0, &verdict.aborted);
  const std::optional<Timestamp> horizon = batch.delete_horizon();
  verdict.discard_records = verdict.discardable && horizon.has_value() && *horizon <= options_.now;
  if (batch.record_count() == 0) verdict.discard_records = true;
  return verdict;
}

bool BatchFilter::Keeps(BatchView batch, const RecordView& record, CleaningStats* stats) const {
  if (record.offset >= options_.map->end_offset()) return true;
  if (!record.key.has_value()) {
    ++stats->invalid_records;
    return false;
  }
  const Offset latest = options_.map->Get(*record.key);
  if (record.offset < latest) return false;
  if (record.value.has_value()) return true;
  const std::optional<Timestamp> horizon = batch.delete_horizon();
  return !horizon.has_value() || options_.now < *horizon;
}

absl::StatusOr<BatchFilter::Result> BatchFilter::Filter(BatchView batch, CleaningStats* stats) {
  MILLRACE_ASSIGN_OR_RETURN(const Verdict verdict, Judge(batch));
  ++stats->batches_read;
  stats->records_read += batch.record_count();
  stats->bytes_read += static_cast<int64_t>(batch.size_bytes());
  Result result{.aborted = verdict.aborted};
  if (verdict.discard_records && !verdict.keep_empty) return result;
  bool tombstones = false;
  size_t kept = 0;
  keep_.clear();
  if (!verdict.discard_records) {
    RecordReader reader(batch, &plain_, options_.decompressed_bytes_max);
    RecordView record;
    while (reader.Next(&record)) {
      const bool keep = batch.is_control() || Keeps(batch, record, stats);
      keep_.push_back(keep);
      kept += keep ? 1 : 0;
      if (keep && !batch.is_control() && !record.value.has_value()) tombstones = true;
    }
    MILLRACE_RETURN_IF_ERROR(reader.status());
  }
  // An empty batch that has to stay stays as it is, like one that loses nothing.
  const bool whole = kept == static_cast<size_t>(batch.record_count());
  const bool stamp =
      (tombstones || (verdict.discardable && batch.is_control())) && !batch.has_delete_horizon() && kept > 0;
  if (kept == 0 && !verdict.keep_empty) return result;
  if (whole && !stamp) {
    result.bytes = batch.bytes();
  } else if (kept == 0) {
    MILLRACE_ASSIGN_OR_RETURN(result.bytes, Empty(batch));
  } else {
    MILLRACE_ASSIGN_OR_RETURN(result.bytes, Rewrite(batch, stamp));
  }
  stats->records_written += static_cast<int64_t>(kept);
  stats->bytes_written += static_cast<int64_t>(result.bytes.size());
  return result;
}

BatchOptions BatchFilter::OptionsFor(BatchView batch) const {
  BatchOptions options{.timestamp_type = batch.timestamp_type(),
                       .producer_id = batch.producer_id(),
                       .producer_epoch = batch.producer_epoch(),
                       .base_sequence = batch.base_sequence(),
                       .leader_epoch = batch.leader_epoch(),
                       .transactional = batch.is_transactional(),
                       .control = batch.is_control(),
                       .delete_horizon = batch.delete_horizon()};
  if (batch.is_control()) return options;
  options.compression = options_.compression.value_or(batch.compression());
  if (options.compression == Compression::kGzip) options.compression_level = options_.gzip_level;
  if (options.compression == Compression::kLz4) options.compression_level = options_.lz4_level;
  if (options.compression == Compression::kZstd) options.compression_level = options_.zstd_level;
  return options;
}

absl::StatusOr<std::span<const std::byte>> BatchFilter::Rewrite(BatchView batch, bool stamp_horizon) {
  BatchOptions options = OptionsFor(batch);
  if (stamp_horizon) options.delete_horizon = After(options_.now, options_.delete_retention_ms);
  builder_.Reset(options);
  const bool append_time = batch.timestamp_type() == TimestampType::kLogAppendTime;
  RecordReader reader(batch, &plain_, options_.decompressed_bytes_max);
  RecordView view;
  for (size_t i = 0; reader.Next(&view); ++i) {
    if (!keep_[i]) continue;
    headers_.clear();
    for (const Header& header : view.headers) headers_.push_back(header);
    const Record record{
        .key = view.key, .value = view.value, .headers = headers_, .timestamp = view.timestamp};
    const Timestamp time = append_time ? batch.max_timestamp() : view.timestamp;
    builder_.AppendAt(static_cast<int32_t>(view.offset - batch.base_offset()), record, time);
  }
  MILLRACE_RETURN_IF_ERROR(reader.status());
  MILLRACE_ASSIGN_OR_RETURN(const std::span<std::byte> bytes,
                            builder_.FinishWithLastDelta(batch.base_offset(), batch.last_offset_delta()));
  return std::span<const std::byte>(bytes);
}

absl::StatusOr<std::span<const std::byte>> BatchFilter::Empty(BatchView batch) {
  BatchOptions options = OptionsFor(batch);
  options.compression = Compression::kNone;
  options.compression_level = std::nullopt;
  options.delete_horizon = std::nullopt;
  builder_.Reset(options);
  MILLRACE_ASSIGN_OR_RETURN(
      const std::span<std::byte> bytes,
      builder_.FinishWithLastDelta(batch.base_offset(), batch.last_offset_delta(), batch.max_timestamp()));
  return std::span<const std::byte>(bytes);
}

}  // namespace millrace::inline v0
