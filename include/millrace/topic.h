// Topics: their configuration, by Kafka's names and with Kafka's defaults, and what the engine tells of them.

#ifndef MILLRACE_TOPIC_H_
#define MILLRACE_TOPIC_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/export.h"
#include "millrace/record.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// What happens to old records. Both at once: compact, and delete what is past retention. Neither: they are
// kept for ever.
struct CleanupPolicy {
  bool remove = true;    // "delete"
  bool compact = false;  // "compact"
  bool operator==(const CleanupPolicy&) const = default;
};

// TopicConfig: one topic's settings. Kafka's name for a field is its own with '.' for '_' ("segment.bytes"),
// its default is Kafka's; what Kafka lacks is marked. Durations (`_ms`) are milliseconds, sizes (`_bytes`)
// bytes; -1 stands for unlimited in the two of retention.
struct TopicConfig {
  CleanupPolicy cleanup_policy = {};

  // A segment is closed and a new one begun when it would pass this size, ...
  int64_t segment_bytes = int64_t{1} << 30;
  // ... when its first record is this old, less a random part of segment_jitter_ms, ...
  int64_t segment_ms = int64_t{7} * 24 * 3600 * 1000;
  int64_t segment_jitter_ms = 0;
  // ... or when its index would pass this size.
  int64_t segment_index_bytes = 10 << 20;
  // One index entry for about so many bytes of log: smaller finds faster, larger takes less memory.
  int64_t index_interval_bytes = 4096;
  // Allocate and pre-write a whole segment when it is created: no page fault in its whole life, at the price
  // of the space.
  bool preallocate = false;

  // A closed segment whose newest record is older than this is deleted.
  int64_t retention_ms = int64_t{7} * 24 * 3600 * 1000;
  // The oldest segments are deleted while the partition stays at least this large without them.
  int64_t retention_bytes = -1;
  // How long a deleted file lingers under the suffix ".deleted", for readers in other processes.
  int64_t file_delete_delay_ms = 60'000;

  // Compaction: how long a tombstone stays readable after it was compacted; the share of uncompacted bytes
  // that starts a cleaning; the youngest age to compact; the age at which a record is compacted whatever the
  // share is.
  int64_t delete_retention_ms = int64_t{24} * 3600 * 1000;
  double min_cleanable_dirty_ratio = 0.5;
  int64_t min_compaction_lag_ms = 0;
  int64_t max_compaction_lag_ms = INT64_MAX;

  // The largest batch that is accepted, after compression.
  int32_t max_message_bytes = 1'048'588;
  TimestampType message_timestamp_type = TimestampType::kCreateTime;
  // A record stamped further before or after the present than this is refused (create time only).
  int64_t message_timestamp_before_max_ms = INT64_MAX;
  int64_t message_timestamp_after_max_ms = 3'600'000;

  // What an acknowledgement survives ("durability": "process", "interval" or "power-loss"). Not Kafka's,
  // where kPowerLoss would be flush.messages=1.
  Durability durability = Durability::kProcess;
  // With kInterval: flush after so many records, or so long after the first unflushed one; with neither
  // given, each second. With any other durability they mean nothing.
  int64_t flush_messages = INT64_MAX;
  int64_t flush_ms = INT64_MAX;

  // The codec of stored batches; nullopt ("producer"): as they come.
  std::optional<Compression> compression_type = std::nullopt;
  int32_t compression_gzip_level = -1;
  int32_t compression_lz4_level = 9;
  int32_t compression_zstd_level = 3;

  // Replicas that must have an append before acks=all is answered. Meaningful with a Replicator.
  int32_t min_insync_replicas = 1;

  bool operator==(const TopicConfig&) const = default;

  // OK, or kInvalidConfig naming the field, its value and what is allowed.
  MILLRACE_EXPORT absl::Status Validate() const;

  // Sets one field from Kafka's text form ("retention.ms", "1000"). kInvalidConfig: unknown name, or not a
  // value of its type; nothing is changed then. Whether a number is in its range, Validate says.
  MILLRACE_EXPORT absl::Status Set(std::string_view name, std::string_view value);
  // One field's text form; nullopt for an unknown name.
  MILLRACE_EXPORT std::optional<std::string> Get(std::string_view name) const;
  // Every name that Set accepts, sorted.
  MILLRACE_EXPORT static std::vector<std::string_view> Names();
  // Those fields that differ from the defaults, as text. Set() over a default config gives an equal one.
  MILLRACE_EXPORT std::map<std::string, std::string> Overrides() const;
};

// OK, or kInvalidTopicException saying what is wrong: empty, ".", "..", over 249 characters, or a character
// outside [a-zA-Z0-9._-] (org.apache.kafka.common.internals.Topic).
MILLRACE_EXPORT absl::Status ValidateTopicName(std::string_view name);

struct PartitionDescription {
  PartitionId partition{0};
  LeaderEpoch leader_epoch{0};
  Offset log_start_offset{0};
  // The ends of what consumers may read and of what was appended: each the offset that comes next. Equal
  // without a Replicator.
  Offset high_watermark{0};
  Offset log_end_offset{0};
  int64_t size_bytes = 0;
  // Stretches lost to damage, [first, second); reads there fail with kDataLoss until Admin::ClearFenced.
  std::vector<std::pair<Offset, Offset>> fenced = {};
};

struct TopicDescription {
  std::string name = {};
  TopicId id = {};
  // Made by the engine for itself ("__consumer_offsets").
  bool internal = false;
  TopicConfig config = {};
  std::vector<PartitionDescription> partitions = {};
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_TOPIC_H_
