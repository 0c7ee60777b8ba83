// ListOffsets (key 2): where a partition begins and ends, and which offset belongs to a time. Versions 1
// to 11.
//
// Times below zero are questions of their own: -1 the end, -2 the start, -3 the record with the largest
// timestamp (version 7), -4 the start of what is local (8; here all is), -5 the end of what is remote (9) and
// -6 the start of what waits to go there (11; here neither is). Leader epochs: there has been one, 0.

#include <cstdint>
#include <set>

#include "broker/api/handlers.h"
#include "millrace/wire/messages/list_offsets.h"

namespace millrace::inline v0 {
namespace {

constexpr int64_t kLatest = -1;
constexpr int64_t kEarliest = -2;
constexpr int64_t kMaxTimestamp = -3;
constexpr int64_t kEarliestLocal = -4;
constexpr int64_t kLatestTiered = -5;
constexpr int64_t kEarliestPendingUpload = -6;

using Answer = wire::ListOffsetsResponse::Partition;

// The version that a question came with.
int16_t QuestionSince(int64_t timestamp) {
  if (timestamp >= kEarliest) return 0;
  if (timestamp == kMaxTimestamp) return 7;
  if (timestamp == kEarliestLocal) return 8;
  if (timestamp == kLatestTiered) return 9;
  return timestamp == kEarliestPendingUpload ? 11 : INT16_MAX;
}

// Kafka refuses a partition that is asked about twice, and answers it once.
std::set<int32_t> AskedTwice(const wire::ListOffsetsRequest::Topic& topic) {
  std::set<int32_t> seen;
  std::set<int32_t> twice;
  for (const auto& one : topic.partitions) {
    if (!seen.insert(one.partition_index).second) twice.insert(one.partition_index);
  }
  return twice;
}

absl::Status Find(Partition& partition, int64_t timestamp, bool committed, Answer* answer) {
  const absl::StatusOr<Log*> log = partition.OpenLog();
  if (!log.ok()) return log.status();
  answer->leader_epoch = kLeaderEpoch;
  switch (timestamp) {
    case kLatest:
      answer->offset = (committed ? partition.last_stable_offset() : partition.high_watermark()).value();
      return absl::OkStatus();
    case kEarliest:
    case kEarliestLocal:
      answer->offset = (*log)->log_start_offset().value();
      return absl::OkStatus();
    case kLatestTiered:
    case kEarliestPendingUpload:
      answer->leader_epoch = -1;
      return absl::OkStatus();
    default:
      break;
  }
  const auto found = timestamp == kMaxTimestamp ? (*log)->OffsetOfMaxTimestamp()
                                                : (*log)->OffsetForTimestamp(Timestamp(timestamp));
  if (!found.ok()) return found.status();
  if (!found->has_value() || (*found)->offset >= partition.high_watermark()) {
    answer->leader_epoch = -1;
    return absl::OkStatus();
  }
  answer->timestamp = (*found)->timestamp.value();
  answer->offset = (*found)->offset.value();
  return absl::OkStatus();
}

}  // namespace

void HandleListOffsets(BrokerImpl& broker, Request request) {
  const auto asked = request.Decode<wire::ListOffsetsRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  wire::ListOffsetsResponse response;
  for (const auto& topic : asked->topics) {
    auto& answers = response.topics.emplace_back();
    answers.name = topic.name;
    const std::set<int32_t> twice = AskedTwice(topic);
    std::set<int32_t> refused;
    for (const auto& one : topic.partitions) {
      Answer answer{.partition_index = one.partition_index};
      if (const auto found = twice.find(one.partition_index); found != twice.end()) {
        if (refused.insert(*found).second) {
          answer.error_code = CodeOf(ErrorCode::kInvalidRequest);
          answers.partitions.push_back(answer);
        }
        continue;
      }
      const auto partition = FindPartition(broker, topic.name, {}, one.partition_index);
      absl::Status status = partition.status();
      if (status.ok()) status = CheckLeaderEpoch(one.current_leader_epoch);
      if (status.ok() && request.version() < QuestionSince(one.timestamp))
        status = Error(ErrorCode::kUnsupportedVersion, "a time that is no question of this version");
      if (status.ok()) status = Find(**partition, one.timestamp, asked->isolation_level == 1, &answer);
      answer.error_code = CodeOf(status);
      if (request.version() < 4) answer.leader_epoch = -1;
      answers.partitions.push_back(answer);
    }
  }
  request.Respond(response);
}

}  // namespace millrace::inline v0
