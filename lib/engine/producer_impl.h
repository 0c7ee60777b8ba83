// ProducerImpl: the in-process Producer.

#ifndef MILLRACE_ENGINE_PRODUCER_IMPL_H_
#define MILLRACE_ENGINE_PRODUCER_IMPL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "engine/accumulator.h"
#include "engine/engine_impl.h"
#include "engine/light_lock.h"
#include "engine/producer_core.h"
#include "millrace/producer.h"
#include "partition/topic_registry.h"

namespace millrace::inline v0 {

class ProducerImpl;

// ProducerTopic: what a TopicHandle points to: a topic, the rules its config sets, and an accumulator for
// each partition that was sent to. Thread-safe.
class ProducerTopic {
 public:
  // All that a Send looks at, in one immutable piece, but for the slots, which are filled as partitions are
  // used.
  struct View {
    uint32_t version = 0;
    int32_t partitions = 0;
    SendRules rules = {};
    std::unique_ptr<std::atomic<Accumulator*>[]> slots = nullptr;

    // Null where nothing was sent yet.
    Accumulator* At(int32_t partition) const {
      return slots[static_cast<size_t>(partition)].load(std::memory_order_acquire);
    }
  };

  ProducerTopic(ProducerImpl* owner, std::shared_ptr<Topic> topic)
      : owner_(owner), topic_(std::move(topic)) {}

  ProducerImpl* owner() const { return owner_; }
  Topic& topic() const { return *topic_; }

  // The view that fits the topic's present state. kUnknownTopicOrPartition once the topic was deleted.
  absl::StatusOr<const View*> Current() {
    if (const View* view = Fresh(); view != nullptr) return view;
    return Refresh();
  }
  // The same where nothing has changed since the last time; else null.
  const View* Fresh() const {
    const View* view = view_.load(std::memory_order_acquire);
    return view != nullptr && view->version == topic_->version() ? view : nullptr;
  }
  absl::StatusOr<Accumulator*> At(const View& view, PartitionId partition) {
    if (Accumulator* found = view.At(partition.value()); found != nullptr) return found;
    return MakeAccumulator(partition);
  }
  // For records without a key: the partition that gathers them now.
  int32_t sticky() const { return sticky_.load(std::memory_order_relaxed); }
  // Another one. `was`: the one that is done with; somebody else may have changed it already.
  void SwitchSticky(const View& view, int32_t was, Random* random);
  // Unbatched sends: counts bytes and switches when a batch's worth went to one partition.
  void CountSticky(const View& view, int32_t partition, size_t bytes, Random* random) {
    const size_t sent = sticky_bytes_.load(std::memory_order_relaxed) + bytes;
    sticky_bytes_.store(sent, std::memory_order_relaxed);
    if (sent >= view.rules.batch_bytes) [[unlikely]] {
      sticky_bytes_.store(0, std::memory_order_relaxed);
      SwitchSticky(view, partition, random);
    }
  }

  std::vector<std::shared_ptr<Accumulator>> Accumulators() const;

 private:
  absl::StatusOr<const View*> Refresh();
  absl::StatusOr<Accumulator*> MakeAccumulator(PartitionId partition);

  ProducerImpl* const owner_;
  const std::shared_ptr<Topic> topic_;
  std::atomic<const View*> view_ = nullptr;
  std::atomic<int32_t> sticky_ = 0;
  std::atomic<size_t> sticky_bytes_ = 0;

  mutable Mutex mutex_;
  // Old views stay: somebody may be looking at one. They change with the topic's config, seldom.
  std::vector<std::unique_ptr<View>> views_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Accumulator>> accumulators_ ABSL_GUARDED_BY(mutex_);
};

// Thread-safe. Lock order: ProducerTopic::mutex_, Accumulator's lock, list_mutex_; topics_lock_ is a leaf.
class ProducerImpl final : public Producer, public EngineClient {
 public:
  ProducerImpl(EngineImpl* engine, const ProducerOptions& options, ProducerId producer_id);
  ~ProducerImpl() override;

  absl::StatusOr<TopicHandle> Topic(std::string_view name) override;
  absl::Status Send(const TopicHandle& topic, const Record& record,
                    std::optional<PartitionId> partition) override;
  absl::Status Send(const TopicHandle& topic, const Record& record, SendCallback done,
                    std::optional<PartitionId> partition) override;
  absl::Status Send(std::string_view topic, const Record& record) override;
  absl::Status Send(std::string_view topic, const Record& record, SendCallback done) override;
  absl::Status SendBatch(const TopicHandle& topic, PartitionId partition, std::span<const Record> records,
                         BatchCallback done) override;
  absl::Status Flush(absl::Duration timeout) override;
  void FlushLingering() override;
  int64_t errors() const override { return core_->errors(); }
  absl::Status first_error() const override { return core_->first_error(); }
  absl::Status Close(absl::Duration timeout) override;

  // --- EngineClient
  void OnEngineClosing() override { FlushLingering(); }
  void OnEngineClosed() override;
  void Observe(ClientTotals* totals) override;

  // For ProducerTopic.
  SendRules RulesFor(const millrace::Topic& topic) const;
  const std::shared_ptr<ProducerCore>& core() const { return core_; }

 private:
  using View = ProducerTopic::View;
  // Keeps timer tasks off a producer that is gone.
  struct Token {
    Mutex mutex;
    ProducerImpl* producer ABSL_GUARDED_BY(mutex) = nullptr;
  };
  // Where a record goes; `sticky`: only because the batch of that partition is open.
  struct Route {
    int32_t partition = 0;
    bool sticky = false;
  };

  absl::StatusOr<std::shared_ptr<ProducerTopic>> FindTopic(std::string_view name);
  absl::Status SendTo(ProducerTopic* topic, const Record& record, SendCallback* done,
                      std::optional<PartitionId> partition);
  absl::Status SendSlow(ProducerTopic* topic, const Record& record, size_t bound, SendCallback* done,
                        PartitionId partition, bool sticky);
  absl::Status SendAtOnce(ProducerTopic* topic, const View& view, const Record& record, size_t bound,
                          SendCallback* done, std::optional<PartitionId> partition);
  absl::Status AppendAtOnce(Accumulator* at, const SendRules& rules, const Record& record, size_t bound,
                            SendCallback* done, Timestamp now);
  Route Choose(ProducerTopic* topic, const View& view, const Record& record,
               std::optional<PartitionId> partition);
  absl::Status CheckRecord(const ProducerTopic& topic, const View& view, const Record& record, size_t bound,
                           std::optional<PartitionId> partition) const;
  absl::Status CheckTimestamp(const ProducerTopic& topic, const SendRules& rules, const Record& record) const;
  // Appends what lingers; where that frees nothing, waits for acknowledgements until `*deadline`, which is
  // set on the first call. OK: try again.
  absl::Status MakeRoom(size_t bytes, std::optional<MonotonicNanos>* deadline);
  absl::Status ClosedError() const;
  absl::Status BadHandle() const;

  void List(std::shared_ptr<Accumulator> accumulator);
  void ArmTimer(MonotonicNanos when) ABSL_EXCLUSIVE_LOCKS_REQUIRED(list_mutex_);
  void RunTimer();
  std::vector<std::shared_ptr<Accumulator>> AllAccumulators() const;
  // Batches sent, up to a count, that are to be acknowledged.
  using Awaited = std::vector<std::pair<std::shared_ptr<Accumulator>, uint64_t>>;
  bool WaitForAcks(const Awaited& awaited, MonotonicNanos deadline);

  EngineImpl* const engine_;
  const std::shared_ptr<ProducerCore> core_;
  const ProducerOptions& options_;
  // No linger: every Send appends.
  const bool at_once_;
  const int64_t linger_ns_;
  Clock* const clock_;
  std::atomic<bool> engine_closed_ = false;
  bool registered_ = false;

  mutable LightLock topics_lock_{engine_->env()};
  StringMap<std::shared_ptr<ProducerTopic>> topics_ ABSL_GUARDED_BY(topics_lock_);

  Mutex list_mutex_;
  // Accumulators with an open batch, and some that had one lately.
  std::vector<std::shared_ptr<Accumulator>> open_ ABSL_GUARDED_BY(list_mutex_);
  bool timer_armed_ ABSL_GUARDED_BY(list_mutex_) = false;
  TimerId timer_ ABSL_GUARDED_BY(list_mutex_);
  const std::shared_ptr<Token> token_ = std::make_shared<Token>();

  friend absl::StatusOr<std::unique_ptr<Producer>> MakeProducer(EngineImpl* engine,
                                                                const ProducerOptions& options);
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENGINE_PRODUCER_IMPL_H_
