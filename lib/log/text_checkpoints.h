// Kafka's small text files: partition.metadata, meta.properties and the offset checkpoints. Written for
// Kafka's tools; what millrace itself relies on lies in checksummed files of its own. None of them has a
// checksum: a reader that gets kDataLoss ignores the file and writes it anew.

#ifndef MILLRACE_LOG_TEXT_CHECKPOINTS_H_
#define MILLRACE_LOG_TEXT_CHECKPOINTS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/env/file_system.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// None of these files is read beyond this size.
inline constexpr uint64_t kTextFileBytesMax = uint64_t{64} << 20;

// partition.metadata: "version: 0\ntopic_id: <22 characters>". Source: Kafka's PartitionMetadataFile.
std::string EncodePartitionMetadata(const TopicId& id);
// kDataLoss: malformed. kUnimplemented: a version other than 0.
absl::StatusOr<TopicId> DecodePartitionMetadata(std::string_view text);

// meta.properties, version 1. Source: Kafka's MetaProperties, PropertiesUtils.
struct MetaProperties {
  // 22 characters of URL-safe base64, as Kafka's random uuids; any text without line breaks is kept.
  std::string cluster_id = {};
  int32_t node_id = 0;
  std::string directory_id = {};
  bool operator==(const MetaProperties&) const = default;
};
std::string EncodeMetaProperties(const MetaProperties& properties);
absl::StatusOr<MetaProperties> DecodeMetaProperties(std::string_view text);

// recovery-point-offset-checkpoint, log-start-offset-checkpoint, replication-offset-checkpoint,
// cleaner-offset-checkpoint: "0\n<count>\n" and a line "<topic> <partition> <offset>\n" each.
// Source: Kafka's OffsetCheckpointFile.
struct CheckpointEntry {
  TopicPartition partition = {};
  Offset offset = kNoOffset;
  bool operator==(const CheckpointEntry&) const = default;
};
std::string EncodeOffsetCheckpoint(const std::vector<CheckpointEntry>& entries);
// kDataLoss: malformed, wrong count, a partition twice, a negative number. kUnimplemented: version not 0.
absl::StatusOr<std::vector<CheckpointEntry>> DecodeOffsetCheckpoint(std::string_view text);

// Any of them: text of a whole file, and its atomic replacement (see WriteFileAtomically).
absl::StatusOr<std::string> ReadTextFile(FileSystem* files, std::string_view path);
absl::Status WriteTextFile(FileSystem* files, std::string_view path, std::string_view text, bool sync = true);

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_TEXT_CHECKPOINTS_H_
