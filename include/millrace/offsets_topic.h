// What the records of __consumer_offsets say: the topic in which groups and their committed offsets live.
//
//   auto said = millrace::DescribeOffsetsRecord(record);
//   // said->key:   {"type":"1","data":{"group":"g","topic":"t","partition":0}}
//   // said->value: {"version":"3","data":{"offset":7,"leaderEpoch":-1,"metadata":"","commitTimestamp":1000}}

#ifndef MILLRACE_OFFSETS_TOPIC_H_
#define MILLRACE_OFFSETS_TOPIC_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "millrace/export.h"
#include "millrace/record.h"

namespace millrace::inline v0 {

// A record of __consumer_offsets as JSON, with Kafka's names of the fields; bytes are in base64.
struct OffsetsRecordText {
  std::string key = {};
  // Nullopt for a tombstone.
  std::optional<std::string> value = std::nullopt;
};

// Knows the records of groups of both protocols: types 0 to 3, 5 to 8 and 16. Any thread; the text owns its
// bytes. kUnsupportedVersion for a type that is not known, or a newer version of one that is: such records
// are to be passed over. kInvalidRecord for bytes that are malformed. Source: Kafka's
// GroupCoordinatorRecordJsonConverters.
MILLRACE_EXPORT absl::StatusOr<OffsetsRecordText> DescribeOffsetsRecord(const RecordView& record);

}  // namespace millrace::inline v0

#endif  // MILLRACE_OFFSETS_TOPIC_H_
