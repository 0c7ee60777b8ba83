// Positions and commits of a remote consumer, and its end.

#include <utility>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "millrace/status.h"
#include "remote/partition_lists.h"
#include "remote/remote_consumer.h"

namespace millrace::inline v0 {

absl::StatusOr<RemoteConsumer::Source*> RemoteConsumer::Find(const TopicPartition& partition) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  const auto found = sources_.find(partition);
  if (found == sources_.end()) {
    return absl::FailedPreconditionError(StrCat(partition.ToString(), " is not assigned to this consumer"));
  }
  return &found->second;
}

absl::Status RemoteConsumer::FindAll(const std::vector<TopicPartition>& partitions,
                                     std::vector<Source*>* found) {
  for (const TopicPartition& partition : partitions) {
    MILLRACE_ASSIGN_OR_RETURN(Source* const source, Find(partition));
    found->push_back(source);
  }
  return absl::OkStatus();
}

absl::Status RemoteConsumer::Seek(const TopicPartition& partition, Offset offset) {
  MILLRACE_ASSIGN_OR_RETURN(Source* const source, Find(partition));
  if (offset < Offset(0)) {
    return Error(ErrorCode::kOffsetOutOfRange,
                 StrCat("cannot seek to offset ", offset, " of ", partition.ToString()));
  }
  source->position = offset;
  source->must_seek = true;
  return absl::OkStatus();
}

absl::Status RemoteConsumer::SeekToBeginning(const std::vector<TopicPartition>& partitions) {
  const std::vector<TopicPartition> all = partitions.empty() ? assignment() : partitions;
  std::vector<Source*> sources;
  MILLRACE_RETURN_IF_ERROR(FindAll(all, &sources));
  MILLRACE_ASSIGN_OR_RETURN(const auto offsets, BeginningOffsets(all));
  for (const auto& [name, offset] : offsets) MILLRACE_RETURN_IF_ERROR(Seek(name, offset));
  return absl::OkStatus();
}

absl::Status RemoteConsumer::SeekToEnd(const std::vector<TopicPartition>& partitions) {
  const std::vector<TopicPartition> all = partitions.empty() ? assignment() : partitions;
  std::vector<Source*> sources;
  MILLRACE_RETURN_IF_ERROR(FindAll(all, &sources));
  MILLRACE_ASSIGN_OR_RETURN(const auto offsets, EndOffsets(all));
  for (const auto& [name, offset] : offsets) MILLRACE_RETURN_IF_ERROR(Seek(name, offset));
  return absl::OkStatus();
}

absl::StatusOr<Offset> RemoteConsumer::position(const TopicPartition& partition) {
  MILLRACE_ASSIGN_OR_RETURN(Source* const source, Find(partition));
  if (source->position != kNoOffset) return source->position;
  return Error(
      ErrorCode::kOffsetOutOfRange,
      StrCat(partition.ToString(), " has no position: nothing is committed and no start is given; Seek"));
}

absl::StatusOr<int64_t> RemoteConsumer::lag(const TopicPartition& partition) {
  MILLRACE_ASSIGN_OR_RETURN(const Offset at, position(partition));
  MILLRACE_ASSIGN_OR_RETURN(const auto ends, EndOffsets({partition}));
  return ends.begin()->second - at;
}

absl::Status RemoteConsumer::Pause(const std::vector<TopicPartition>& partitions) {
  std::vector<Source*> sources;
  MILLRACE_RETURN_IF_ERROR(FindAll(partitions, &sources));
  const rdk::PartitionList list = rdk::ListOf(partitions);
  MILLRACE_RETURN_IF_ERROR(rdk::ToStatus(rd_kafka_pause_partitions(client_.get(), list.get()), "pausing"));
  MILLRACE_RETURN_IF_ERROR(rdk::StatusOf(*list, "pausing"));
  for (Source* const source : sources) source->paused = true;
  return absl::OkStatus();
}

absl::Status RemoteConsumer::Resume(const std::vector<TopicPartition>& partitions) {
  std::vector<Source*> sources;
  MILLRACE_RETURN_IF_ERROR(FindAll(partitions, &sources));
  const rdk::PartitionList list = rdk::ListOf(partitions);
  MILLRACE_RETURN_IF_ERROR(rdk::ToStatus(rd_kafka_resume_partitions(client_.get(), list.get()), "resuming"));
  MILLRACE_RETURN_IF_ERROR(rdk::StatusOf(*list, "resuming"));
  for (Source* const source : sources) {
    // What was handed out while it was paused was dropped: back to where this consumer is.
    if (std::exchange(source->paused, false) && source->position != kNoOffset) source->must_seek = true;
  }
  return absl::OkStatus();
}

std::vector<TopicPartition> RemoteConsumer::paused() const {
  std::vector<TopicPartition> names;
  for (const auto& [name, source] : sources_) {
    if (source.paused) names.push_back(name);
  }
  return names;
}

absl::StatusOr<std::map<TopicPartition, Offset>> RemoteConsumer::BeginningOffsets(
    const std::vector<TopicPartition>& of) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  return rdk::FindOffsets(client_.get(), of, rdk::kEarliestTime, remote_.timeout);
}

absl::StatusOr<std::map<TopicPartition, Offset>> RemoteConsumer::EndOffsets(
    const std::vector<TopicPartition>& of) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  return rdk::FindOffsets(client_.get(), of, rdk::kLatestTime, remote_.timeout);
}

absl::StatusOr<std::map<TopicPartition, Log::TimestampOffset>> RemoteConsumer::OffsetsForTimes(
    const std::map<TopicPartition, Timestamp>& times) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  std::map<TopicPartition, int64_t> asked;
  for (const auto& [name, time] : times) {
    if (time < Timestamp(0)) {
      return Error(ErrorCode::kInvalidTimestamp,
                   StrCat("asked for ", name.ToString(), " at the time ", time));
    }
    asked.emplace(name, time.value());
  }
  MILLRACE_ASSIGN_OR_RETURN(const auto offsets, rdk::FindOffsets(client_.get(), asked, remote_.timeout));
  std::map<TopicPartition, Log::TimestampOffset> found;
  for (const auto& [name, offset] : offsets) {
    if (offset == kNoOffset) continue;
    found.emplace(name, Log::TimestampOffset{.timestamp = times.at(name), .offset = offset});
  }
  return found;
}

// --- Commits

Consumer::Offsets RemoteConsumer::Positions(bool uncommitted_only) const {
  Offsets offsets;
  for (const auto& [name, source] : sources_) {
    if (source.position == kNoOffset || (uncommitted_only && source.position == source.committed)) continue;
    offsets.emplace(name, OffsetAndMetadata{.offset = source.position});
  }
  return offsets;
}

void RemoteConsumer::NoteCommitted(const Offsets& offsets) {
  for (const auto& [name, at] : offsets) {
    if (const auto found = sources_.find(name); found != sources_.end()) found->second.committed = at.offset;
  }
}

void RemoteConsumer::AutoCommit() {
  if (!options_.auto_commit || options_.group.empty()) return;
  if (rdk::Left(next_auto_commit_) > absl::ZeroDuration()) return;
  next_auto_commit_ = rdk::DeadlineIn(options_.auto_commit_interval);
  const Offsets positions = Positions(/*uncommitted_only=*/true);
  if (!positions.empty()) CommitAsync(positions, nullptr);
}

absl::Status RemoteConsumer::CommitSync() {
  return CommitSync(Positions(/*uncommitted_only=*/false));
}

absl::Status RemoteConsumer::CommitSync(const Offsets& offsets) {
  MILLRACE_RETURN_IF_ERROR(CheckGroup());
  if (offsets.empty()) return absl::OkStatus();
  const rdk::PartitionList list = rdk::ListOf(offsets);
  struct Result {
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    absl::Status status = absl::OkStatus();
  } result;
  // Without a queue: the callback runs before the call returns.
  const rd_kafka_resp_err_t error = rd_kafka_commit_queue(
      client_.get(), list.get(), nullptr,
      [](rd_kafka_t*, rd_kafka_resp_err_t failed, rd_kafka_topic_partition_list_t* answered, void* opaque) {
        auto* const into = static_cast<Result*>(opaque);
        into->error = failed;
        if (answered != nullptr) into->status = rdk::StatusOf(*answered, "committing");
      },
      &result);
  MILLRACE_RETURN_IF_ERROR(result.status);
  MILLRACE_RETURN_IF_ERROR(rdk::ToStatus(error != RD_KAFKA_RESP_ERR_NO_ERROR ? error : result.error,
                                         StrCat("committing for group \"", options_.group, "\"")));
  NoteCommitted(offsets);
  return absl::OkStatus();
}

void RemoteConsumer::CommitAsync(CommitCallback done) {
  CommitAsync(Positions(/*uncommitted_only=*/false), std::move(done));
}

void RemoteConsumer::CommitAsync(const Offsets& offsets, CommitCallback done) {
  absl::Status started = CheckGroup();
  if (started.ok() && !offsets.empty()) {
    const rdk::PartitionList list = rdk::ListOf(offsets);
    auto commit =
        std::make_unique<Commit>(Commit{.consumer = this, .offsets = offsets, .done = std::move(done)});
    Commit* const key = commit.get();
    commits_.emplace(key, std::move(commit));
    const rd_kafka_resp_err_t error =
        rd_kafka_commit_queue(client_.get(), list.get(), queue_.get(), OnCommitted, key);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    started = rdk::ToStatus(error, "committing");
    done = std::move(key->done);
    commits_.erase(key);
  }
  if (done != nullptr) done(started);
}

void RemoteConsumer::OnCommitted(rd_kafka_t* client, rd_kafka_resp_err_t error,
                                 rd_kafka_topic_partition_list_t* list, void* opaque) {
  (void)client;
  auto* const key = static_cast<Commit*>(opaque);
  RemoteConsumer* const self = key->consumer;
  const auto found = self->commits_.find(key);
  if (found == self->commits_.end()) return;
  const std::unique_ptr<Commit> commit = std::move(found->second);
  self->commits_.erase(found);
  absl::Status status = absl::OkStatus();
  if (list != nullptr) status = rdk::StatusOf(*list, "committing");
  status.Update(rdk::ToStatus(error, StrCat("committing for group \"", self->options_.group, "\"")));
  if (status.ok()) self->NoteCommitted(commit->offsets);
  if (commit->done != nullptr) commit->done(status);
}

absl::StatusOr<Consumer::Offsets> RemoteConsumer::Committed(const std::vector<TopicPartition>& of) {
  MILLRACE_RETURN_IF_ERROR(CheckGroup());
  const rdk::PartitionList list = rdk::ListOf(of);
  MILLRACE_RETURN_IF_ERROR(
      rdk::ToStatus(rd_kafka_committed(client_.get(), list.get(), rdk::ToMilliseconds(remote_.timeout)),
                    StrCat("asking for the offsets of group \"", options_.group, "\"")));
  return rdk::OffsetsOf(*list, "the committed offset of");
}

GroupMetadata RemoteConsumer::group_metadata() const {
  GroupMetadata metadata = {.group = options_.group, .group_instance_id = options_.group_instance_id};
  char* const member = closed_ ? nullptr : rd_kafka_memberid(client_.get());
  if (member != nullptr) {
    metadata.member_id = member;
    rd_kafka_mem_free(client_.get(), member);
  }
  return metadata;
}

absl::Status RemoteConsumer::Close() {
  if (closed_ || client_ == nullptr) return absl::OkStatus();
  absl::Status status = absl::OkStatus();
  if (options_.auto_commit && !options_.group.empty()) {
    const Offsets positions = Positions(/*uncommitted_only=*/true);
    if (!positions.empty()) status.Update(CommitSync(positions));
  }
  // Callbacks of commits and of the rebalance run in here.
  status.Update(rdk::ToStatus(rd_kafka_consumer_close(client_.get()), "closing the consumer"));
  closed_ = true;
  sources_.clear();
  for (auto& [key, commit] : std::exchange(commits_, {})) {
    if (commit->done != nullptr)
      commit->done(absl::AbortedError("the consumer was closed before the answer came"));
  }
  return status;
}

RemoteConsumer::~RemoteConsumer() {
  Close().IgnoreError();
  if (descriptor_ != nullptr) rd_kafka_queue_io_event_enable(queue_.get(), -1, nullptr, 0);
  queue_.reset();
  client_.reset();
}

}  // namespace millrace::inline v0
