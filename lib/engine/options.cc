// Validation of the options of engines and producers.

#include <string_view>
#include <type_traits>

#include "absl/time/time.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "millrace/engine.h"
#include "millrace/producer.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

absl::Status Invalid(std::string_view field, std::string_view allowed) {
  return Error(ErrorCode::kInvalidConfig, StrCat(field, " must be ", allowed));
}

template <typename Value>
absl::Status Invalid(std::string_view field, std::string_view allowed, const Value& given) {
  if constexpr (std::is_same_v<Value, absl::Duration>) {
    return Invalid(field, StrCat(allowed, ", not ", absl::FormatDuration(given)));
  } else {
    return Invalid(field, StrCat(allowed, ", not ", given));
  }
}

}  // namespace

absl::Status ProducerOptions::Validate() const {
  constexpr size_t kBytesMax = size_t{1} << 30;
  if (acks != Acks::kNone && acks != Acks::kLeader && acks != Acks::kAll) {
    return Invalid("ProducerOptions::acks", "kNone, kLeader or kAll");
  }
  if (linger < absl::ZeroDuration() || linger > absl::Hours(1)) {
    return Invalid("ProducerOptions::linger", "from zero to an hour", linger);
  }
  if (batch_bytes < kBatchHeaderBytes || batch_bytes > kBytesMax) {
    return Invalid("ProducerOptions::batch_bytes", StrCat("from 61 to ", kBytesMax), batch_bytes);
  }
  if (max_request_bytes == 0 || max_request_bytes > kBytesMax) {
    return Invalid("ProducerOptions::max_request_bytes", StrCat("from 1 to ", kBytesMax), max_request_bytes);
  }
  if (buffer_bytes < kBatchHeaderBytes)
    return Invalid("ProducerOptions::buffer_bytes", "at least 61", buffer_bytes);
  if (max_block < absl::ZeroDuration()) {
    return Invalid("ProducerOptions::max_block", "zero (never block) or longer", max_block);
  }
  if (static_cast<uint8_t>(compression) > static_cast<uint8_t>(Compression::kZstd)) {
    return Invalid("ProducerOptions::compression", "one of Compression's values");
  }
  if (!compression_level.has_value()) return absl::OkStatus();
  switch (compression) {
    case Compression::kGzip:
      if (*compression_level < -1 || *compression_level > 9) {
        return Invalid("ProducerOptions::compression_level", "from -1 to 9 for gzip", *compression_level);
      }
      return absl::OkStatus();
    case Compression::kLz4:
      if (*compression_level < 1 || *compression_level > 17) {
        return Invalid("ProducerOptions::compression_level", "from 1 to 17 for lz4", *compression_level);
      }
      return absl::OkStatus();
    case Compression::kZstd:
      if (*compression_level < -131072 || *compression_level > 22) {
        return Invalid("ProducerOptions::compression_level", "from -131072 to 22 for zstd",
                       *compression_level);
      }
      return absl::OkStatus();
    default:
      return Invalid("ProducerOptions::compression_level", "left out: the codec has none");
  }
}

namespace {

absl::Status CheckBudgets(const Budgets& budgets) {
  if (budgets.descriptors < 64)
    return Invalid("EngineOptions::budgets.descriptors", "at least 64", budgets.descriptors);
  if (budgets.mappings < 64)
    return Invalid("EngineOptions::budgets.mappings", "at least 64", budgets.mappings);
  if (budgets.memory_bytes < (uint64_t{1} << 20)) {
    return Invalid("EngineOptions::budgets.memory_bytes", "at least 1 MiB", budgets.memory_bytes);
  }
  if (budgets.partitions < 1)
    return Invalid("EngineOptions::budgets.partitions", "at least 1", budgets.partitions);
  if (budgets.topics < 1) return Invalid("EngineOptions::budgets.topics", "at least 1", budgets.topics);
  if (budgets.groups < 1) return Invalid("EngineOptions::budgets.groups", "at least 1", budgets.groups);
  if (budgets.producer_ids < 1)
    return Invalid("EngineOptions::budgets.producer_ids", "at least 1", budgets.producer_ids);
  return absl::OkStatus();
}

}  // namespace

absl::Status EngineOptions::Validate() const {
  MILLRACE_RETURN_IF_ERROR(CheckBudgets(budgets));
  if (metrics_partitions_max < 0)
    return Invalid("EngineOptions::metrics_partitions_max", "zero or more", metrics_partitions_max);
  if (num_partitions < 1) return Invalid("EngineOptions::num_partitions", "at least 1", num_partitions);
  if (offsets_topic_num_partitions < 1) {
    return Invalid("EngineOptions::offsets_topic_num_partitions", "at least 1", offsets_topic_num_partitions);
  }
  if (offsets_retention <= absl::ZeroDuration()) {
    return Invalid("EngineOptions::offsets_retention", "longer than zero", offsets_retention);
  }
  if (group_min_session_timeout <= absl::ZeroDuration() ||
      group_max_session_timeout < group_min_session_timeout) {
    return Invalid("EngineOptions::group_min_session_timeout",
                   "longer than zero and no longer than group_max_session_timeout",
                   group_min_session_timeout);
  }
  if (group_initial_rebalance_delay < absl::ZeroDuration()) {
    return Invalid("EngineOptions::group_initial_rebalance_delay", "zero or longer",
                   group_initial_rebalance_delay);
  }
  if (group_max_size < 1) return Invalid("EngineOptions::group_max_size", "at least 1", group_max_size);
  if (group_consumer_max_size < 1) {
    return Invalid("EngineOptions::group_consumer_max_size", "at least 1", group_consumer_max_size);
  }
  if (group_consumer_session_timeout < absl::Milliseconds(1) ||
      group_consumer_session_timeout > absl::Milliseconds(INT32_MAX)) {
    return Invalid("EngineOptions::group_consumer_session_timeout", "between 1 ms and 24 days",
                   group_consumer_session_timeout);
  }
  if (group_consumer_heartbeat_interval < absl::Milliseconds(1) ||
      group_consumer_heartbeat_interval >= group_consumer_session_timeout) {
    return Invalid("EngineOptions::group_consumer_heartbeat_interval",
                   "at least 1 ms and below group_consumer_session_timeout",
                   group_consumer_heartbeat_interval);
  }
  if (offset_metadata_max_bytes < 0) {
    return Invalid("EngineOptions::offset_metadata_max_bytes", "zero or more", offset_metadata_max_bytes);
  }
  if (producer_id_expiration < absl::Milliseconds(1)) {
    return Invalid("EngineOptions::producer_id_expiration", "at least 1 ms", producer_id_expiration);
  }
  if (retention_check_interval <= absl::ZeroDuration()) {
    return Invalid("EngineOptions::retention_check_interval", "longer than zero", retention_check_interval);
  }
  if (!(cleaner_io_max_bytes_per_second > 0)) {
    return Invalid("EngineOptions::cleaner_io_max_bytes_per_second", "more than zero",
                   cleaner_io_max_bytes_per_second);
  }
  if (cleaner_dedupe_buffer_bytes < (uint64_t{1} << 10)) {
    return Invalid("EngineOptions::cleaner_dedupe_buffer_bytes", "at least 1 KiB",
                   cleaner_dedupe_buffer_bytes);
  }
  if (read_only && directory.empty()) {
    return Invalid("EngineOptions::read_only", "off for an engine that lives in memory alone");
  }
  if (threading == Threading::kHostDriven && env.executor != nullptr) {
    return Invalid("EngineOptions::env.executor", "null in a host-driven engine, which has its own");
  }
  return topic_defaults.Validate();
}

}  // namespace millrace::inline v0
