// FakeLog: a log of one partition in memory, for tests of the rooms above: appends can be made to fail, and
// flushes happen when the test says so.

#ifndef MILLRACE_TEST_PARTITION_FAKE_LOG_H_
#define MILLRACE_TEST_PARTITION_FAKE_LOG_H_

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "log/append_listener.h"
#include "millrace/log/log.h"
#include "millrace/status.h"
#include "partition/log_source.h"

namespace millrace::inline v0 {

// Thread-safe. Set the members before use, or from a single thread.
class FakeLog final : public Log, public LogHandle {
 public:
  explicit FakeLog(TopicConfig config) : config_(std::move(config)) {}

  // --- What the test controls
  // The next append fails with it, once.
  void FailNextAppend(absl::Status status) {
    MutexLock lock(&mutex_);
    fail_ = std::move(status);
  }
  // From now on nothing becomes durable before CompleteSync().
  void HoldSync() {
    MutexLock lock(&mutex_);
    hold_sync_ = true;
  }
  // Flushes succeed by themselves again.
  void ReleaseSync() {
    {
      MutexLock lock(&mutex_);
      hold_sync_ = false;
    }
    CompleteSync();
  }
  void CompleteSync(absl::Status status = absl::OkStatus()) {
    std::vector<std::pair<Offset, absl::AnyInvocable<void(absl::Status)>>> waiting;
    {
      MutexLock lock(&mutex_);
      if (status.ok()) flushed_ = end_;
      waiting.swap(waiting_);
    }
    for (auto& [offset, done] : waiting) done(status);
  }
  std::vector<std::shared_ptr<std::vector<std::byte>>> batches() const {
    MutexLock lock(&mutex_);
    return batches_;
  }
  // Values of all records, in order.
  std::vector<std::string> Values() const {
    std::vector<std::string> values;
    for (const auto& batch : batches()) {
      RecordReader reader(BatchView(batch->data()));
      RecordView record;
      while (reader.Next(&record)) values.emplace_back(record.value.value_or("(null)"));
    }
    return values;
  }
  TopicConfig config() const {
    MutexLock lock(&mutex_);
    return config_;
  }
  size_t listeners() const {
    MutexLock lock(&mutex_);
    return listeners_.size();
  }

  // --- LogHandle
  Log& log() override { return *this; }
  bool Arm(AppendListener* listener, Offset position) override {
    MutexLock lock(&mutex_);
    if (position < end_) return false;
    listeners_.push_back(listener);
    return true;
  }
  void Disarm(AppendListener* listener) override {
    MutexLock lock(&mutex_);
    std::erase(listeners_, listener);
  }

  // --- Log
  absl::StatusOr<AppendResult> Append(const Record& record, Timestamp now) override {
    BatchBuilder builder;
    builder.Append(record, now);
    return AppendBatch(*builder.Finish(), AppendOrigin::kClient, true);
  }
  absl::StatusOr<AppendResult> AppendBatch(std::span<std::byte> batch, AppendOrigin, bool) override {
    std::vector<AppendListener*> told;
    AppendResult result;
    {
      MutexLock lock(&mutex_);
      if (!fail_.ok()) return std::exchange(fail_, absl::OkStatus());
      if (batch.size() > static_cast<size_t>(config_.max_message_bytes)) {
        return Error(ErrorCode::kMessageTooLarge, "too large");
      }
      auto copy = std::make_shared<std::vector<std::byte>>(batch.begin(), batch.end());
      StoreBaseOffset(copy->data(), end_.value());
      const BatchView view(copy->data());
      result.first_offset = view.base_offset();
      result.last_offset = view.last_offset();
      end_ = view.next_offset();
      batches_.push_back(std::move(copy));
      told.swap(listeners_);
    }
    for (AppendListener* listener : told) listener->OnAppend();
    return result;
  }
  absl::Status SetLeaderEpoch(LeaderEpoch) override { return absl::OkStatus(); }
  absl::Status Flush() override {
    {
      MutexLock lock(&mutex_);
      if (hold_sync_) return absl::OkStatus();
    }
    CompleteSync();
    return absl::OkStatus();
  }
  void OnDurable(Offset end, absl::AnyInvocable<void(absl::Status)> done) override {
    {
      MutexLock lock(&mutex_);
      if (flushed_ < end) {
        waiting_.emplace_back(end, std::move(done));
        if (hold_sync_) return;
        done = nullptr;
      }
    }
    if (done) return done(absl::OkStatus());
    CompleteSync();
  }
  Offset flushed_offset() const override {
    MutexLock lock(&mutex_);
    return flushed_;
  }
  absl::StatusOr<std::unique_ptr<LogCursor>> NewCursor(Offset start) override {
    return std::make_unique<Cursor>(this, start);
  }
  Offset log_start_offset() const override {
    MutexLock lock(&mutex_);
    return start_;
  }
  Offset log_end_offset() const override {
    MutexLock lock(&mutex_);
    return end_;
  }
  absl::StatusOr<std::optional<TimestampOffset>> OffsetForTimestamp(Timestamp) override {
    return std::optional<TimestampOffset>();
  }
  absl::StatusOr<std::optional<TimestampOffset>> OffsetOfMaxTimestamp() override {
    return std::optional<TimestampOffset>();
  }
  std::pair<LeaderEpoch, Offset> EpochEndOffset(LeaderEpoch) const override {
    return {kNoLeaderEpoch, kNoOffset};
  }
  std::vector<ProducerStateInfo> Producers() override { return {}; }
  LogStats stats() const override {
    MutexLock lock(&mutex_);
    LogStats stats;
    stats.log_start_offset = start_;
    stats.log_end_offset = end_;
    stats.flushed_offset = flushed_;
    return stats;
  }
  absl::Status TruncateTo(Offset) override { return absl::UnimplementedError("fake"); }
  absl::Status DeleteRecordsBefore(Offset offset) override {
    MutexLock lock(&mutex_);
    start_ = offset;
    return absl::OkStatus();
  }
  absl::Status Roll() override { return absl::OkStatus(); }
  absl::Status Reconfigure(TopicConfig config) override {
    MutexLock lock(&mutex_);
    config_ = std::move(config);
    return absl::OkStatus();
  }
  absl::Status RunMaintenance() override { return absl::OkStatus(); }
  absl::StatusOr<int64_t> Compact(bool) override { return 0; }
  absl::StatusOr<std::vector<DamagedRange>> Verify() override { return std::vector<DamagedRange>(); }
  std::vector<DamagedRange> fenced() const override { return {}; }
  absl::Status ClearFenced(DamagedRange) override { return absl::OkStatus(); }
  absl::Status Revive(RecoveryReport*) override { return absl::OkStatus(); }
  absl::Status Checkpoint(std::string_view) override { return absl::UnimplementedError("fake"); }
  absl::Status Close() override { return absl::OkStatus(); }

 private:
  class Cursor final : public LogCursor {
   public:
    Cursor(FakeLog* log, Offset at) : log_(log), at_(at) {}
    absl::StatusOr<LogSlice> Next(size_t bytes_max) override {
      LogSlice slice{.next_offset = at_};
      auto joined = std::make_shared<std::vector<std::byte>>();
      for (const auto& batch : log_->batches()) {
        const BatchView view(batch->data());
        if (view.next_offset() <= at_) continue;
        if (!joined->empty() && joined->size() + batch->size() > bytes_max) break;
        joined->insert(joined->end(), batch->begin(), batch->end());
        slice.next_offset = view.next_offset();
      }
      slice.bytes = *joined;
      if (!joined->empty()) slice.pin = joined;
      at_ = slice.next_offset;
      return slice;
    }
    absl::Status Seek(Offset offset) override {
      at_ = offset;
      return absl::OkStatus();
    }
    Offset position() const override { return at_; }

   private:
    FakeLog* const log_;
    Offset at_;
  };

  static void StoreBaseOffset(std::byte* batch, int64_t offset) {
    for (int i = 7; i >= 0; --i, offset >>= 8) batch[i] = static_cast<std::byte>(offset & 0xff);
  }

  mutable Mutex mutex_;
  TopicConfig config_ ABSL_GUARDED_BY(mutex_);
  absl::Status fail_ ABSL_GUARDED_BY(mutex_);
  bool hold_sync_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::shared_ptr<std::vector<std::byte>>> batches_ ABSL_GUARDED_BY(mutex_);
  Offset start_ ABSL_GUARDED_BY(mutex_){0};
  Offset end_ ABSL_GUARDED_BY(mutex_){0};
  Offset flushed_ ABSL_GUARDED_BY(mutex_){0};
  std::vector<std::pair<Offset, absl::AnyInvocable<void(absl::Status)>>> waiting_ ABSL_GUARDED_BY(mutex_);
  std::vector<AppendListener*> listeners_ ABSL_GUARDED_BY(mutex_);
};

// Thread-safe. Logs stay when their topics are forgotten, as files would.
class FakeLogSource final : public LogSource {
 public:
  absl::StatusOr<std::shared_ptr<LogHandle>> OpenLog(const TopicPartition& partition, TopicId,
                                                     std::shared_ptr<const TopicConfig> config) override {
    MutexLock lock(&mutex_);
    if (!fail_.ok()) return std::exchange(fail_, absl::OkStatus());
    std::shared_ptr<FakeLog>& log = logs_[partition];
    if (log == nullptr) log = std::make_shared<FakeLog>(*config);
    return std::shared_ptr<LogHandle>(log);
  }
  absl::Status DeleteLogs(const std::vector<TopicPartition>& partitions) override {
    MutexLock lock(&mutex_);
    for (const TopicPartition& partition : partitions) logs_.erase(partition);
    return absl::OkStatus();
  }

  void FailNextOpen(absl::Status status) {
    MutexLock lock(&mutex_);
    fail_ = std::move(status);
  }
  // Null if nobody has used the partition.
  std::shared_ptr<FakeLog> Get(const TopicPartition& partition) const {
    MutexLock lock(&mutex_);
    const auto found = logs_.find(partition);
    return found == logs_.end() ? nullptr : found->second;
  }
  size_t size() const {
    MutexLock lock(&mutex_);
    return logs_.size();
  }

 private:
  mutable Mutex mutex_;
  std::map<TopicPartition, std::shared_ptr<FakeLog>> logs_ ABSL_GUARDED_BY(mutex_);
  absl::Status fail_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_TEST_PARTITION_FAKE_LOG_H_
