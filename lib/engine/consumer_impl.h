// ConsumerImpl: the in-process Consumer. Reads straight from the logs; groups through a ConsumerMembership.

#ifndef MILLRACE_ENGINE_CONSUMER_IMPL_H_
#define MILLRACE_ENGINE_CONSUMER_IMPL_H_

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/group_service.h"
#include "engine/engine_impl.h"
#include "engine/group_member.h"
#include "engine/mailbox.h"
#include "log/append_listener.h"
#include "millrace/consumer.h"

namespace millrace::inline v0 {

// Single-threaded, but for Wakeup(). Everything that other threads have to tell comes through the mailbox or
// the wake word.
class ConsumerImpl final : public Consumer,
                           private ConsumerMembership::Delegate,
                           private EngineClient,
                           private TopicListener {
 public:
  // `engine` is borrowed and outlives the consumer.
  ConsumerImpl(EngineImpl* engine, ConsumerOptions options);
  // False: the engine is closed.
  bool Register();
  ~ConsumerImpl() override;

  absl::Status Subscribe(std::vector<std::string> topics, RebalanceListener* listener) override;
  absl::Status SubscribePattern(std::string_view pattern, RebalanceListener* listener) override;
  absl::Status Assign(std::vector<TopicPartition> partitions) override;
  absl::Status Unsubscribe() override;
  std::vector<TopicPartition> assignment() const override { return Owned(); }
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

  absl::Status CommitSync() override { return CommitSync(Positions()); }
  absl::Status CommitSync(const Offsets& offsets) override;
  void CommitAsync(CommitCallback done) override { CommitAsync(Positions(), std::move(done)); }
  void CommitAsync(const Offsets& offsets, CommitCallback done) override;
  absl::StatusOr<Offsets> Committed(const std::vector<TopicPartition>& of) override;

  GroupMetadata group_metadata() const override;
  void EnforceRebalance() override;
  absl::Status Close() override;

 private:
  // One partition that is read.
  struct Source {
    std::shared_ptr<const TopicPartition> name;
    std::shared_ptr<Partition> partition;
    // The partition's, open.
    Log* log = nullptr;
    // Null until it is known where to begin.
    std::unique_ptr<LogCursor> cursor;
    Offset position = kNoOffset;
    bool paused = false;
    std::shared_ptr<TopicMeter> meter;
    // Handed out, and not in the metrics yet.
    int64_t uncounted_bytes = 0;
    // Where to begin was asked of the group (or must be).
    bool awaits_committed = false;
  };
  using Sources = std::map<TopicPartition, Source>;

  // Wakes the consumer when something was appended. Shared with the partitions it is armed at.
  class Listener final : public AppendListener {
   public:
    explicit Listener(std::shared_ptr<WakeWord> wake) : wake_(std::move(wake)) {}
    void OnAppend() override { wake_->Wake(); }

   private:
    const std::shared_ptr<WakeWord> wake_;
  };

  // EngineClient, TopicListener: from any thread.
  void OnEngineClosing() override {}
  void OnEngineClosed() override { wake_->Wake(); }
  void OnTopicsChanged() override { wake_->Wake(); }
  void Observe(ClientTotals* totals) override { ++totals->consumers; }

  // ConsumerMembership::Delegate
  PartitionCounts CountPartitions(const std::vector<std::string>& topics) override;
  std::vector<TopicPartition> Owned() const override;
  void PrepareRebalance() override;
  void Add(const std::vector<TopicPartition>& partitions) override;
  void Remove(const std::vector<TopicPartition>& partitions, bool lost) override;

  absl::Status CheckOpen() const;
  absl::StatusOr<std::shared_ptr<Partition>> OpenPartition(const TopicPartition& name);
  absl::Status StartMember();
  void RefreshSubscription();
  absl::Status RunGroup();
  absl::StatusOr<Source*> Find(const TopicPartition& partition);
  std::vector<TopicPartition> OrAll(const std::vector<TopicPartition>& partitions) const;
  // Requires that the partition's log was opened.
  void AddSource(const TopicPartition& name, std::shared_ptr<Partition> partition);
  void ListReadable();

  // --- Where to begin
  absl::Status MoveTo(Source& source, Offset offset);
  absl::Status Reset(Source& source);
  void AskCommitted();
  void OnCommitted(const OffsetFetchResponse& response);

  // --- Fetching
  absl::StatusOr<Batches> Fetch();
  absl::StatusOr<bool> FetchFrom(Source& source, size_t bytes_max, Batches* into);
  absl::StatusOr<Batches> Spin(MonotonicNanos until);
  // Adds what was handed out to the engine's metrics. Not for each poll: by the 64 KiB or 1,000 polls, and
  // before waiting.
  void PublishCounts();
  void CountPoll(const Batches& batches) {
    constexpr int64_t kBytes = 64 * 1024;
    constexpr int64_t kPolls = 1000;
    ++uncounted_.polls;
    if (batches.empty() && uncounted_.polls < kPolls) [[likely]]
      return;
    if (uncounted_.bytes >= kBytes || uncounted_.polls >= kPolls) PublishCounts();
  }
  bool Arm();
  void Disarm();

  // --- Committing
  Offsets Positions() const;
  absl::Status CheckCommit(const Offsets& offsets) const;
  OffsetCommitRequest CommitRequest(const Offsets& offsets) const;
  absl::Status CommitOnce(const Offsets& offsets);
  void AutoCommit(MonotonicNanos now);
  // Blocks until `done` is set by another thread's callback (or by a task, which it runs where the host
  // drives). False after `deadline`.
  bool Await(const std::atomic<bool>& done, MonotonicNanos deadline);

  EngineImpl* const engine_;
  const ConsumerOptions options_;
  const Env env_;
  bool registered_ = false;
  const std::shared_ptr<WakeWord> wake_;
  const std::shared_ptr<Mailbox> mailbox_;
  const std::shared_ptr<Listener> listener_;
  std::atomic<bool> wakeup_{false};
  bool closing_ = false;
  bool closed_ = false;

  GroupService* groups_ = nullptr;
  std::unique_ptr<ConsumerMembership> member_;
  bool subscribed_ = false;
  std::vector<std::string> subscribed_topics_;
  std::optional<std::regex> pattern_;
  RebalanceListener* rebalance_listener_ = nullptr;
  uint64_t seen_topics_version_ = 0;

  Sources sources_;
  // Those with a cursor that are not paused, in the order they are asked.
  std::vector<Source*> readable_;
  size_t next_readable_ = 0;
  std::vector<Source*> armed_;

  struct {
    int64_t records = 0;
    int64_t bytes = 0;
    int64_t polls = 0;
  } uncounted_;
  bool asking_committed_ = false;
  bool must_ask_committed_ = false;
  MonotonicNanos ask_committed_at_;
  MonotonicNanos next_auto_commit_;
  // An error met where it could not be returned; the next poll returns it.
  absl::Status deferred_error_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENGINE_CONSUMER_IMPL_H_
