// RemoteConsumer: a Consumer over a cluster. Positions and commits are kept here; librdkafka fetches, and is
// a member of the group.

#ifndef MILLRACE_REMOTE_REMOTE_CONSUMER_H_
#define MILLRACE_REMOTE_REMOTE_CONSUMER_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/env/parker.h"
#include "millrace/remote.h"
#include "remote/batch_maker.h"
#include "remote/client_conf.h"

namespace millrace::inline v0 {

class RemoteConsumer final : public Consumer {
 public:
  static absl::StatusOr<std::unique_ptr<Consumer>> Make(const std::string& bootstrap_servers,
                                                        const RemoteOptions& remote, ConsumerOptions options);
  RemoteConsumer(const RemoteOptions& remote, ConsumerOptions options);
  ~RemoteConsumer() override;

  absl::Status Subscribe(std::vector<std::string> topics, RebalanceListener* listener) override;
  absl::Status SubscribePattern(std::string_view pattern, RebalanceListener* listener) override;
  absl::Status Assign(std::vector<TopicPartition> partitions) override;
  absl::Status Unsubscribe() override;
  std::vector<TopicPartition> assignment() const override;
  std::vector<std::string> subscription() const override;

  absl::StatusOr<Batches> TryPoll() override;
  absl::StatusOr<Batches> Poll(absl::Duration timeout) override;
  void Wakeup() override;
  absl::StatusOr<int> Descriptor() override;

  absl::Status Seek(const TopicPartition& partition, Offset offset) override;
  absl::Status SeekToBeginning(const std::vector<TopicPartition>& partitions) override;
  absl::Status SeekToEnd(const std::vector<TopicPartition>& partitions) override;
  absl::StatusOr<Offset> position(const TopicPartition& partition) override;
  absl::StatusOr<int64_t> lag(const TopicPartition& partition) override;
  absl::Status Pause(const std::vector<TopicPartition>& partitions) override;
  absl::Status Resume(const std::vector<TopicPartition>& partitions) override;
  std::vector<TopicPartition> paused() const override;
  absl::StatusOr<std::map<TopicPartition, Offset>> BeginningOffsets(
      const std::vector<TopicPartition>& of) override;
  absl::StatusOr<std::map<TopicPartition, Offset>> EndOffsets(const std::vector<TopicPartition>& of) override;
  absl::StatusOr<std::map<TopicPartition, Log::TimestampOffset>> OffsetsForTimes(
      const std::map<TopicPartition, Timestamp>& times) override;

  absl::Status CommitSync() override;
  absl::Status CommitSync(const Offsets& offsets) override;
  void CommitAsync(CommitCallback done) override;
  void CommitAsync(const Offsets& offsets, CommitCallback done) override;
  absl::StatusOr<Offsets> Committed(const std::vector<TopicPartition>& of) override;
  GroupMetadata group_metadata() const override;
  void EnforceRebalance() override;
  absl::Status Close() override;

 private:
  // One assigned partition.
  struct Source {
    std::shared_ptr<const TopicPartition> name = nullptr;
    // The next offset to be read; kNoOffset: nowhere (Start::kNone), the caller seeks.
    Offset position = kNoOffset;
    Offset committed = kNoOffset;
    bool paused = false;
    // librdkafka is still to be told of `position`.
    bool must_seek = false;
  };
  using Sources = std::map<TopicPartition, Source>;
  // A commit that waits for its answer.
  struct Commit {
    RemoteConsumer* consumer = nullptr;
    Offsets offsets = {};
    CommitCallback done = nullptr;
  };

  absl::Status Start(const std::string& bootstrap_servers);
  absl::Status CheckOpen() const;
  absl::Status CheckGroup() const;
  absl::StatusOr<Source*> Find(const TopicPartition& partition);
  absl::Status FindAll(const std::vector<TopicPartition>& partitions, std::vector<Source*>* found);

  // What there is, or comes until `deadline`. Always looks once.
  absl::StatusOr<Batches> PollUntil(MonotonicNanos deadline);
  absl::StatusOr<Batches> Gathered();
  void Take(rdk::Message message);
  void TellSeeks();
  void RefreshPattern();

  // Where reading is to begin in `partitions`: what was committed, else what `start` says.
  absl::Status FindStarts(const std::vector<TopicPartition>& partitions, Sources* into);
  static void OnRebalance(rd_kafka_t* client, rd_kafka_resp_err_t error,
                          rd_kafka_topic_partition_list_t* list, void* opaque);
  void OnAssigned(const rd_kafka_topic_partition_list_t& list);
  void OnRevoked(const rd_kafka_topic_partition_list_t& list);
  absl::Status SubscribeTo(const std::vector<std::string>& topics);

  Offsets Positions(bool uncommitted_only) const;
  void NoteCommitted(const Offsets& offsets);
  void AutoCommit();
  static void OnCommitted(rd_kafka_t* client, rd_kafka_resp_err_t error,
                          rd_kafka_topic_partition_list_t* list, void* opaque);

  const RemoteOptions remote_;
  const ConsumerOptions options_;
  ClientOwner owner_;
  rdk::Client client_;
  rdk::Queue queue_;
  std::unique_ptr<EventDescriptor> descriptor_;
  std::atomic<bool> wakeup_ = false;
  bool closed_ = false;

  bool subscribed_ = false;
  std::vector<std::string> topics_;
  std::optional<std::regex> pattern_;
  MonotonicNanos next_refresh_{0};
  RebalanceListener* listener_ = nullptr;
  bool enforce_rebalance_ = false;

  Sources sources_;
  BatchMaker maker_;
  absl::Status deferred_error_;
  MonotonicNanos next_auto_commit_{0};
  // Commits that librdkafka has not answered.
  std::map<Commit*, std::unique_ptr<Commit>> commits_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_REMOTE_REMOTE_CONSUMER_H_
