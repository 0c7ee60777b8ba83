// All that an engine's directory holds, as text: what a golden directory is compared by.

#ifndef MILLRACE_TEST_RELIABILITY_DESCRIBE_ENGINE_H_
#define MILLRACE_TEST_RELIABILITY_DESCRIBE_ENGINE_H_

#include <string>
#include <string_view>

#include "absl/strings/str_format.h"
#include "millrace/engine.h"

namespace millrace::testing {

inline std::string Shown(std::optional<std::string_view> text) {
  if (!text.has_value()) return "null";
  // Long values are runs of one letter.
  if (text->size() > 40)
    return absl::StrFormat("'%s'... (%d bytes)", std::string(text->substr(0, 8)), text->size());
  return "'" + std::string(*text) + "'";
}

inline std::string DescribeLog(Log& log) {
  std::string text =
      absl::StrFormat("  from %d to %d\n", log.log_start_offset().value(), log.log_end_offset().value());
  for (int32_t epoch = 0; epoch < 10; ++epoch) {
    const auto [found, end] = log.EpochEndOffset(LeaderEpoch(epoch));
    if (found == LeaderEpoch(epoch))
      text += absl::StrFormat("  leader epoch %d ends at %d\n", epoch, end.value());
  }
  for (const ProducerStateInfo& producer : log.Producers())
    text += absl::StrFormat("  producer %d, epoch %d, sequence %d\n", producer.producer_id.value(),
                            producer.producer_epoch.value(), producer.last_sequence);
  auto cursor = log.NewCursor(log.log_start_offset());
  while (cursor.ok()) {
    const auto slice = (*cursor)->Next(1 << 20);
    if (!slice.ok()) return text + "  " + std::string(slice.status().message()) + "\n";
    if (slice->empty()) break;
    for (const BatchView batch : *slice) {
      text += absl::StrFormat("  batch at %d: codec %d, epoch %d, producer %d\n", batch.base_offset().value(),
                              static_cast<int>(batch.compression()), batch.leader_epoch().value(),
                              batch.producer_id().value());
      RecordReader reader(batch);
      for (RecordView record; reader.Next(&record);) {
        text += absl::StrFormat("    %d at %d: %s = %s", record.offset.value(), record.timestamp.value(),
                                Shown(record.key), Shown(record.value));
        for (const Header header : record.headers)
          text += absl::StrFormat(" {%s: %s}", std::string(header.key), Shown(header.value));
        text += "\n";
      }
      if (!reader.status().ok()) text += "    " + std::string(reader.status().message()) + "\n";
    }
  }
  return text;
}

inline std::string DescribeEngine(Engine& engine) {
  std::string text;
  Admin& admin = engine.admin();
  for (const std::string& name : admin.ListTopics()) {
    const auto topic = admin.DescribeTopic(name);
    if (!topic.ok()) return std::string(topic.status().message());
    text += absl::StrFormat("topic %s, id %s\n", name, topic->id.ToString());
    for (const std::string_view setting : TopicConfig::Names()) {
      const std::string value = *topic->config.Get(setting);
      if (value != *TopicConfig().Get(setting))
        text += absl::StrFormat("  %s=%s\n", std::string(setting), value);
    }
    for (size_t i = 0; i < topic->partitions.size(); ++i) {
      text += absl::StrFormat(" partition %d\n", i);
      const auto log = engine.PartitionLog({name, PartitionId(static_cast<int32_t>(i))});
      text += log.ok() ? DescribeLog(**log) : std::string(log.status().message());
    }
  }
  const auto groups = admin.ListGroups();
  if (!groups.ok()) return std::string(groups.status().message());
  for (const GroupListing& group : *groups) {
    text += "group " + group.group + "\n";
    const auto offsets = admin.ListGroupOffsets(group.group);
    if (!offsets.ok()) return std::string(offsets.status().message());
    for (const auto& [partition, offset] : *offsets)
      text += absl::StrFormat("  %s at %d %s\n", partition.ToString(), offset.offset.value(),
                              Shown(offset.metadata));
  }
  return text;
}

}  // namespace millrace::testing

#endif  // MILLRACE_TEST_RELIABILITY_DESCRIBE_ENGINE_H_
