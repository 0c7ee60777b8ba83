// DescribeLogDirs (key 35): how much each partition takes on the disk. Versions 1 to 5.
//
// There is one directory, the engine's. Null topics: all. What is not there is left out. 4: how much room the
// volume has left; how much it has in all is not known here (-1).

#include <string>
#include <vector>

#include "broker/api/handlers.h"
#include "millrace/wire/messages/describe_log_dirs.h"

namespace millrace::inline v0 {
namespace {

using LogDirAnswer = wire::DescribeLogDirsResponse::LogDir;

void AddPartitionSize(Topic& topic, int32_t index, wire::DescribeLogDirsResponse::Topic* answer) {
  const auto partition = topic.partition(PartitionId(index));
  if (!partition.ok()) return;
  const absl::StatusOr<Log*> log = (*partition)->OpenLog();
  if (!log.ok()) return;
  answer->partitions.push_back({.partition_index = index, .partition_size = (*log)->stats().size_bytes});
}

void AddTopicSizes(Topic& topic, const std::vector<int32_t>* indexes, LogDirAnswer* dir) {
  wire::DescribeLogDirsResponse::Topic answer{.name = topic.name()};
  if (indexes != nullptr) {
    for (const int32_t index : *indexes) AddPartitionSize(topic, index, &answer);
  } else {
    for (int32_t i = 0; i < topic.partition_count(); ++i) AddPartitionSize(topic, i, &answer);
  }
  if (!answer.partitions.empty()) dir->topics.push_back(std::move(answer));
}

}  // namespace

void HandleDescribeLogDirs(BrokerImpl& broker, Request request) {
  const auto asked = request.Decode<wire::DescribeLogDirsRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  LogDirAnswer dir{.log_dir = broker.engine().directory()};
  if (!asked->topics.has_value()) {
    for (const std::shared_ptr<Topic>& topic : broker.engine().topics().All())
      AddTopicSizes(*topic, nullptr, &dir);
  } else {
    for (const auto& one : *asked->topics) {
      const std::shared_ptr<Topic> topic = broker.engine().topics().Find(std::string_view(one.topic));
      if (topic != nullptr) AddTopicSizes(*topic, &one.partitions, &dir);
    }
  }
  const absl::StatusOr<uint64_t> free = broker.env().files->FreeSpace(dir.log_dir);
  if (free.ok()) dir.usable_bytes = static_cast<int64_t>(std::min<uint64_t>(*free, INT64_MAX));
  request.Respond(wire::DescribeLogDirsResponse{.results = {std::move(dir)}});
}

}  // namespace millrace::inline v0
