#include <algorithm>

#include "conformance/client_suite.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

bool Lists(Admin& admin, const std::string& topic) {
  const std::vector<std::string> all = admin.ListTopics();
  return std::find(all.begin(), all.end(), topic) != all.end();
}

// A topic of one partition with the numbers 0 to 9.
std::string MakeTen(ClientHost& host, Findings* findings) {
  std::string topic = host.Unique("administered");
  if (ExpectOk(host.CreateTopic(topic, 1), "CreateTopic", findings)) {
    SendNumbers(host, topic, PartitionId(0), 0, 9, findings);
  }
  return topic;
}

void TopicsComeAndGo(ClientHost& host, Findings* findings) {
  Admin& admin = host.admin();
  const std::string topic = host.Unique("made");
  Expect(!Lists(admin, topic), "not there yet", findings);
  ExpectOk(admin.CreateTopic(topic, {.partitions = 2}).status(), "CreateTopic", findings);
  Expect(Lists(admin, topic), "listed", findings);
  ExpectCode(admin.CreateTopic(topic, {.partitions = 2}).status(), ErrorCode::kTopicAlreadyExists, "twice",
             findings);
  ExpectCode(admin.CreateTopic("no such name!", {}).status(), ErrorCode::kInvalidTopicException, "a bad name",
             findings);
  ExpectCode(admin.CreateTopic(host.Unique("none"), {.partitions = 0}).status(),
             ErrorCode::kInvalidPartitions, "no partitions", findings);
  const std::string second = host.Unique("made");
  const auto results = admin.CreateTopics({{.name = topic}, {.name = second}, {.name = ".."}});
  if (Expect(results.size() == 3, "a result for each", findings)) {
    ExpectCode(results[0].status(), ErrorCode::kTopicAlreadyExists, "the first of three", findings);
    ExpectOk(results[1].status(), "the second of three", findings);
    ExpectCode(results[2].status(), ErrorCode::kInvalidTopicException, "the third of three", findings);
  }
  SendNumbers(host, topic, PartitionId(1), 0, 4, findings);
  Expect(Is(admin.EndOffset({topic, PartitionId(1)}), Offset(5)), "its records are there", findings);
  ExpectOk(admin.AddPartitions(topic, 4), "AddPartitions", findings);
  ExpectCode(admin.AddPartitions(topic, 3), ErrorCode::kInvalidPartitions, "fewer partitions", findings);
  ExpectCode(admin.AddPartitions(host.Unique("missing"), 3), ErrorCode::kUnknownTopicOrPartition,
             "partitions of a topic that is not there", findings);
  SendNumbers(host, topic, PartitionId(3), 0, 4, findings);
  ExpectOk(admin.DeleteTopic(topic), "DeleteTopic", findings);
  Expect(!Lists(admin, topic) && Lists(admin, second), "only the one is gone", findings);
  ExpectCode(admin.DeleteTopic(topic), ErrorCode::kUnknownTopicOrPartition, "deleting it again", findings);
}

void SettingsChange(ClientHost& host, Findings* findings) {
  Admin& admin = host.admin();
  const std::string topic = host.Unique("set");
  TopicOptions options = {.partitions = 3};
  options.config.retention_ms = 1'000'000;
  ExpectOk(admin.CreateTopic(topic, options).status(), "CreateTopic", findings);
  auto described = admin.DescribeTopic(topic);
  if (!ExpectOk(described.status(), "DescribeTopic", findings)) return;
  Expect(described->name == topic && described->partitions.size() == 3 && !described->internal, "what it is",
         findings);
  Expect(described->config.retention_ms == 1'000'000, "the setting it was made with", findings);
  ExpectOk(admin.AlterTopicConfig(topic, {{.name = "max.message.bytes", .value = "5000"}}),
           "AlterTopicConfig", findings);
  described = admin.DescribeTopic(topic);
  Expect(described.ok() && described->config.max_message_bytes == 5000 &&
             described->config.retention_ms == 1'000'000,
         "one setting changed, the other kept", findings);
  ExpectCode(admin.AlterTopicConfig(topic, {{.name = "retention.ms", .value = "soon"}}),
             ErrorCode::kInvalidConfig, "a value that is none", findings);
  ExpectOk(admin.AlterTopicConfig(topic, {{.name = "retention.ms", .value = std::nullopt}}),
           "AlterTopicConfig", findings);
  described = admin.DescribeTopic(topic);
  Expect(described.ok() && described->config.retention_ms == TopicConfig().retention_ms &&
             described->config.max_message_bytes == 5000,
         "back to the default", findings);
  ExpectCode(admin.DescribeTopic(host.Unique("missing")).status(), ErrorCode::kUnknownTopicOrPartition,
             "describing what is not there", findings);
}

void RecordsAreDeleted(ClientHost& host, Findings* findings) {
  Admin& admin = host.admin();
  const TopicPartition partition = {MakeTen(host, findings), PartitionId(0)};
  if (!findings->empty()) return;
  Expect(Is(admin.DeleteRecordsBefore(partition, Offset(4)), Offset(4)), "the new start", findings);
  Expect(Is(admin.BeginningOffset(partition), Offset(4)), "the beginning", findings);
  ExpectCode(admin.DeleteRecordsBefore(partition, Offset(11)).status(), ErrorCode::kOffsetOutOfRange,
             "beyond the end", findings);
  const auto consumer = host.NewConsumer({.start = Start::kEarliest});
  if (!ExpectOk(consumer.status(), "NewConsumer", findings)) return;
  ExpectOk((*consumer)->Assign({partition}), "Assign", findings);
  KeptRecords read;
  Read(**consumer, 6, &read, findings);
  ExpectNumbers(read, partition, 4, 9, findings);
  Expect(Is(admin.DeleteRecordsBefore(partition, kNoOffset), Offset(10)), "all of them", findings);
}

void GroupsAreSeen(ClientHost& host, Findings* findings) {
  Admin& admin = host.admin();
  const std::string topic = MakeTen(host, findings);
  const std::string group = host.Unique("group");
  const TopicPartition partition = {topic, PartitionId(0)};
  if (!findings->empty()) return;
  const auto unknown = admin.DescribeGroup(group);
  Expect(unknown.ok() && unknown->state == GroupState::kDead, "a group that is not there is dead", findings);
  auto member = host.NewConsumer({.group = group, .start = Start::kEarliest, .client_id = "somebody"});
  if (!ExpectOk(member.status(), "NewConsumer", findings)) return;
  ExpectOk((*member)->Subscribe({topic}), "Subscribe", findings);
  KeptRecords read;
  Read(**member, 10, &read, findings);
  ExpectOk((*member)->CommitSync(), "CommitSync", findings);
  const auto groups = admin.ListGroups();
  Expect(groups.ok() && std::any_of(groups->begin(), groups->end(),
                                    [&](const GroupListing& listing) {
                                      return listing.group == group && listing.state == GroupState::kStable;
                                    }),
         "listed, and stable", findings);
  const auto described = admin.DescribeGroup(group);
  if (ExpectOk(described.status(), "DescribeGroup", findings)) {
    Expect(described->state == GroupState::kStable && described->protocol == "range",
           "its state and assignor", findings);
    Expect(described->members.size() == 1 && described->members[0].client_id == "somebody" &&
               described->members[0].assignment == std::vector{partition},
           "its member, and what that has", findings);
  }
  ExpectCode(admin.DeleteGroup(group), ErrorCode::kNonEmptyGroup, "deleting a group with members", findings);
  ExpectOk((*member)->Close(), "Close", findings);
  const auto offsets = admin.ListGroupOffsets(group);
  Expect(offsets.ok() && offsets->size() == 1 && offsets->at(partition).offset == Offset(10), "its offsets",
         findings);
  ExpectOk(admin.AlterGroupOffsets(group, {{partition, {.offset = Offset(3)}}}), "AlterGroupOffsets",
           findings);
  const auto altered = admin.ListGroupOffsets(group);
  Expect(altered.ok() && altered->at(partition).offset == Offset(3), "what they were set to", findings);
  ExpectOk(admin.DeleteGroupOffsets(group, {partition}), "DeleteGroupOffsets", findings);
  const auto none = admin.ListGroupOffsets(group);
  Expect(none.ok() && none->empty(), "none are left", findings);
  ExpectOk(admin.AlterGroupOffsets(group, {{partition, {.offset = Offset(3)}}}), "AlterGroupOffsets",
           findings);
  ExpectOk(admin.DeleteGroup(group), "DeleteGroup", findings);
  ExpectCode(admin.DeleteGroup(group), ErrorCode::kGroupIdNotFound, "deleting it again", findings);
}

}  // namespace

const std::vector<ClientCheck>& AdminChecks() {
  static const std::vector<ClientCheck> kChecks = {
      {"topics come and go", TopicsComeAndGo},
      {"settings change", SettingsChange},
      {"records are deleted", RecordsAreDeleted},
      {"groups are seen", GroupsAreSeen},
  };
  return kChecks;
}

}  // namespace millrace::inline v0
