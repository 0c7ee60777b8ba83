// The records of `millrace.topics`, and the state they replay to.

#ifndef MILLRACE_PARTITION_TOPIC_RECORDS_H_
#define MILLRACE_PARTITION_TOPIC_RECORDS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "log/record_file.h"
#include "millrace/topic.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

inline constexpr RecordFileKind kTopicsFileKind = {
    .tag = {'T', 'O', 'P', 'C'}, .version = 1, .name = "topic registry"};
inline constexpr std::string_view kTopicsFileName = "millrace.topics";

// Payloads, big-endian; a text is {u16 length, bytes}; a config is {u16 count, count x {text name, u32
// length, value}}, holding what differs from Kafka's defaults.
enum class TopicRecordType : uint8_t {
  kCreated = 1,      // id 16 bytes, u8 flags (1: internal), i32 partitions, text name, config
  kDeleted = 2,      // id
  kPartitions = 3,   // id, i32 partitions
  kConfig = 4,       // id, config
  kProducerIds = 5,  // i64: ids below it may have been given out
};

struct TopicData {
  std::string name = {};
  TopicId id = {};
  bool internal = false;
  int32_t partitions = 0;
  TopicConfig config = {};
};

// What replaying a file gives. Single-threaded.
struct TopicsState {
  // By id.
  absl::btree_map<TopicId, TopicData> topics = {};
  int64_t producer_ids = 0;
  // Topics that were deleted, by name, and not created again. Forgotten when the file is replaced.
  std::map<std::string, TopicId, std::less<>> deleted = {};

  // Applies one record. kDataLoss: malformed, or it contradicts what came before; kUnimplemented: of a type
  // or with a setting that this version does not know.
  absl::Status Apply(uint8_t type, std::span<const std::byte> payload);
};

std::vector<std::byte> EncodeCreated(const TopicData& topic);
std::vector<std::byte> EncodeDeleted(TopicId id);
std::vector<std::byte> EncodePartitions(TopicId id, int32_t partitions);
std::vector<std::byte> EncodeConfig(TopicId id, const TopicConfig& config);
std::vector<std::byte> EncodeProducerIds(int64_t below);

}  // namespace millrace::inline v0

#endif  // MILLRACE_PARTITION_TOPIC_RECORDS_H_
