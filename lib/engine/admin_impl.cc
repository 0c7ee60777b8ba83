#include "engine/admin_impl.h"

#include <utility>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "engine/log_directory.h"
#include "engine/offsets_topic.h"
#include "log/log_files.h"
#include "log/text_checkpoints.h"
#include "millrace/status.h"

namespace millrace::inline v0 {

// --- Topics

absl::StatusOr<TopicId> AdminImpl::CreateTopic(std::string_view name, const TopicOptions& options) {
  return CreateTopics({{.name = std::string(name), .options = options}}).front();
}

std::vector<absl::StatusOr<TopicId>> AdminImpl::CreateTopics(const std::vector<CreateTopicRequest>& topics) {
  return CreateTopics(topics, /*validate_only=*/false);
}

std::vector<absl::StatusOr<TopicId>> AdminImpl::CreateTopics(const std::vector<CreateTopicRequest>& topics,
                                                             bool validate_only) {
  if (absl::Status open = engine_->CheckOpen(/*for_change=*/true); !open.ok()) {
    return std::vector<absl::StatusOr<TopicId>>(topics.size(), open);
  }
  // Its partitions are counted by the engine's options, and it must be compacted: nobody makes it by hand.
  std::vector<absl::StatusOr<TopicId>> results(
      topics.size(), Error(ErrorCode::kInvalidTopicException,
                           StrCat("topic \"", kOffsetsTopicName,
                                  "\" is the engine's own, which makes it for the first consumer group")));
  std::vector<TopicRegistry::Spec> specs;
  std::vector<size_t> places;
  for (size_t i = 0; i < topics.size(); ++i) {
    const CreateTopicRequest& topic = topics[i];
    if (topic.name == kOffsetsTopicName && engine_->topics().Find(topic.name) == nullptr) continue;
    specs.push_back({.name = topic.name,
                     .partitions = topic.options.partitions,
                     .config = engine_->WithDefaults(topic.options.config)});
    places.push_back(i);
  }
  std::vector<absl::StatusOr<TopicId>> created = engine_->topics().Create(specs, validate_only);
  for (size_t i = 0; i < places.size(); ++i) results[places[i]] = std::move(created[i]);
  if (validate_only || engine_->options().replicator == nullptr) return results;
  for (size_t i = 0; i < topics.size(); ++i) {
    const std::shared_ptr<Topic> topic = results[i].ok() ? engine_->topics().Find(topics[i].name) : nullptr;
    if (topic == nullptr) continue;
    if (absl::Status status = engine_->Attach(*topic); !status.ok()) results[i] = status;
  }
  return results;
}

absl::Status AdminImpl::DeleteTopic(std::string_view name) {
  MILLRACE_RETURN_IF_ERROR(engine_->CheckOpen(/*for_change=*/true));
  if (name == kOffsetsTopicName) {
    return Error(ErrorCode::kInvalidTopicException,
                 StrCat("topic \"", name, "\" holds the offsets of all groups and cannot be deleted"));
  }
  MILLRACE_RETURN_IF_ERROR(engine_->topics().Delete(name));
  if (engine_->topics().Find(kOffsetsTopicName) == nullptr) return absl::OkStatus();
  MILLRACE_ASSIGN_OR_RETURN(GroupService * groups, engine_->Groups());
  return engine_->Await<absl::Status>(
      [&](auto done) { groups->OnTopicsDeleted({std::string(name)}, std::move(done)); });
}

absl::Status AdminImpl::AddPartitions(std::string_view name, int32_t partitions) {
  return AddPartitions(name, partitions, /*validate_only=*/false);
}

absl::Status AdminImpl::AddPartitions(std::string_view name, int32_t partitions, bool validate_only) {
  MILLRACE_RETURN_IF_ERROR(engine_->CheckOpen(/*for_change=*/true));
  if (name == kOffsetsTopicName) {
    return Error(
        ErrorCode::kInvalidTopicException,
        StrCat("topic \"", name, "\" keeps its partitions: they say where each group's offsets are"));
  }
  MILLRACE_RETURN_IF_ERROR(engine_->topics().AddPartitions(name, partitions, validate_only));
  if (validate_only) return absl::OkStatus();
  const std::shared_ptr<Topic> topic = engine_->topics().Find(name);
  return topic == nullptr ? absl::OkStatus() : engine_->Attach(*topic);
}

absl::Status AdminImpl::AlterTopicConfig(std::string_view name, const std::vector<ConfigChange>& changes) {
  MILLRACE_RETURN_IF_ERROR(engine_->CheckOpen(/*for_change=*/true));
  return engine_->topics().AlterConfig(name, changes, *engine_->topic_defaults());
}

std::vector<std::string> AdminImpl::ListTopics(bool with_internal) {
  engine_->Refresh().IgnoreError();
  std::vector<std::string> names;
  for (const std::shared_ptr<Topic>& topic : engine_->topics().All()) {
    if (with_internal || !topic->internal()) names.push_back(topic->name());
  }
  return names;
}

absl::StatusOr<TopicDescription> AdminImpl::DescribeTopic(std::string_view name) {
  MILLRACE_RETURN_IF_ERROR(engine_->CheckOpen());
  MILLRACE_RETURN_IF_ERROR(engine_->Refresh());
  const std::shared_ptr<Topic> topic = engine_->topics().Find(name);
  if (topic == nullptr) {
    return Error(ErrorCode::kUnknownTopicOrPartition, StrCat("there is no topic \"", name, "\""));
  }
  return Describe(*topic);
}

absl::StatusOr<TopicDescription> AdminImpl::DescribeTopic(TopicId id) {
  MILLRACE_RETURN_IF_ERROR(engine_->CheckOpen());
  const std::shared_ptr<Topic> topic = engine_->topics().Find(id);
  if (topic == nullptr) {
    return Error(ErrorCode::kUnknownTopicId, StrCat("there is no topic with the id ", id.ToString()));
  }
  return Describe(*topic);
}

absl::StatusOr<TopicDescription> AdminImpl::Describe(Topic& topic) {
  TopicDescription described{.name = topic.name(),
                             .id = topic.id(),
                             .internal = topic.internal(),
                             .config = *topic.config(),
                             .partitions = {}};
  const int32_t count = topic.partition_count();
  described.partitions.reserve(static_cast<size_t>(count));
  for (int32_t i = 0; i < count; ++i) {
    MILLRACE_ASSIGN_OR_RETURN(const std::shared_ptr<Partition> partition, topic.partition(PartitionId(i)));
    MILLRACE_ASSIGN_OR_RETURN(Log * log, partition->OpenLog());
    const LogStats stats = log->stats();
    PartitionDescription one{.partition = PartitionId(i),
                             .leader_epoch = stats.leader_epoch,
                             .log_start_offset = stats.log_start_offset,
                             .high_watermark = partition->high_watermark(),
                             .log_end_offset = stats.log_end_offset,
                             .size_bytes = stats.size_bytes};
    for (const DamagedRange& range : log->fenced()) one.fenced.emplace_back(range.first, range.next);
    described.partitions.push_back(std::move(one));
  }
  return described;
}

// --- Records

absl::StatusOr<AdminImpl::Opened> AdminImpl::Open(const TopicPartition& partition) {
  MILLRACE_RETURN_IF_ERROR(engine_->CheckOpen());
  Opened opened;
  MILLRACE_ASSIGN_OR_RETURN(opened.partition, engine_->FindPartition(partition));
  MILLRACE_ASSIGN_OR_RETURN(opened.log, opened.partition->OpenLog());
  return opened;
}

absl::StatusOr<Offset> AdminImpl::DeleteRecordsBefore(const TopicPartition& partition, Offset before) {
  MILLRACE_RETURN_IF_ERROR(engine_->CheckOpen(/*for_change=*/true));
  MILLRACE_ASSIGN_OR_RETURN(const Opened opened, Open(partition));
  const Offset committed = opened.partition->high_watermark();
  if (before == kNoOffset) before = committed;
  if (before > committed || before.value() < 0) {
    return Error(ErrorCode::kOffsetOutOfRange,
                 StrCat("cannot delete the records of ", partition.ToString(), " before offset ", before,
                        ": committed records end at ", committed));
  }
  if (before > opened.log->log_start_offset()) {
    MILLRACE_RETURN_IF_ERROR(opened.log->DeleteRecordsBefore(before));
  }
  return opened.log->log_start_offset();
}

absl::StatusOr<Offset> AdminImpl::BeginningOffset(const TopicPartition& partition) {
  MILLRACE_ASSIGN_OR_RETURN(const Opened opened, Open(partition));
  return opened.log->log_start_offset();
}

absl::StatusOr<Offset> AdminImpl::EndOffset(const TopicPartition& partition) {
  MILLRACE_ASSIGN_OR_RETURN(const Opened opened, Open(partition));
  return opened.partition->high_watermark();
}

absl::StatusOr<std::optional<Log::TimestampOffset>> AdminImpl::OffsetForTime(const TopicPartition& partition,
                                                                             Timestamp timestamp) {
  MILLRACE_ASSIGN_OR_RETURN(const Opened opened, Open(partition));
  return opened.log->OffsetForTimestamp(timestamp);
}

absl::Status AdminImpl::FlushTopic(std::string_view name) {
  MILLRACE_RETURN_IF_ERROR(engine_->CheckOpen(/*for_change=*/true));
  MILLRACE_ASSIGN_OR_RETURN(const std::shared_ptr<Topic> topic, engine_->FindTopic(name));
  // The topic itself, too: its records are no use without it.
  MILLRACE_RETURN_IF_ERROR(engine_->topics().Sync());
  for (int32_t i = 0; i < topic->partition_count(); ++i) {
    // What nobody has used since the engine was opened was flushed when it was closed, or is opened here.
    MILLRACE_ASSIGN_OR_RETURN(const std::shared_ptr<Partition> partition, topic->partition(PartitionId(i)));
    MILLRACE_ASSIGN_OR_RETURN(Log * log, partition->OpenLog());
    MILLRACE_RETURN_IF_ERROR(log->Flush());
  }
  return absl::OkStatus();
}

// --- Damage and copies

absl::StatusOr<std::map<TopicPartition, std::vector<DamagedRange>>> AdminImpl::Verify() {
  MILLRACE_RETURN_IF_ERROR(engine_->CheckOpen());
  std::map<TopicPartition, std::vector<DamagedRange>> damaged;
  for (const TopicPartition& name : engine_->logs().Partitions()) {
    absl::StatusOr<Opened> opened = Open(name);
    if (ErrorCodeOf(opened.status()) == ErrorCode::kUnknownTopicOrPartition) continue;  // deleted meanwhile
    MILLRACE_RETURN_IF_ERROR(opened.status());
    MILLRACE_ASSIGN_OR_RETURN(std::vector<DamagedRange> ranges, opened->log->Verify());
    if (!ranges.empty()) damaged.emplace(name, std::move(ranges));
  }
  return damaged;
}

absl::Status AdminImpl::ClearFenced(const TopicPartition& partition, DamagedRange range) {
  MILLRACE_RETURN_IF_ERROR(engine_->CheckOpen(/*for_change=*/true));
  MILLRACE_ASSIGN_OR_RETURN(const Opened opened, Open(partition));
  return opened.log->ClearFenced(range);
}

absl::StatusOr<RecoveryReport> AdminImpl::Revive(const TopicPartition& partition) {
  MILLRACE_RETURN_IF_ERROR(engine_->CheckOpen(/*for_change=*/true));
  MILLRACE_ASSIGN_OR_RETURN(const Opened opened, Open(partition));
  RecoveryReport report;
  MILLRACE_RETURN_IF_ERROR(opened.log->Revive(&report));
  return report;
}

namespace {

absl::Status CopyBrokerConfigs(const EngineImpl& engine, std::string_view to) {
  FileSystem* const files = engine.env().files;
  const auto bytes = ReadTextFile(files, JoinPath(engine.directory(), kBrokerConfigsFileName));
  if (absl::IsNotFound(bytes.status())) return absl::OkStatus();
  MILLRACE_RETURN_IF_ERROR(bytes.status());
  return WriteTextFile(files, JoinPath(to, kBrokerConfigsFileName), *bytes);
}

}  // namespace

absl::Status AdminImpl::Checkpoint(std::string_view directory) {
  MILLRACE_RETURN_IF_ERROR(engine_->CheckOpen(/*for_change=*/true));
  // The logs first: a topic that is made in between is an empty one in the copy, and the log of one that is
  // deleted in between goes when the copy is opened.
  MILLRACE_RETURN_IF_ERROR(engine_->logs().Checkpoint(directory));
  absl::Status status = engine_->topics().WriteCopy(directory);
  if (status.ok()) status = CopyBrokerConfigs(*engine_, directory);
  if (!status.ok()) RemoveTree(engine_->env().files, std::string(directory));
  return status;
}

}  // namespace millrace::inline v0
