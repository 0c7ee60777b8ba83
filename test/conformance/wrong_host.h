// Hosts whose clients have one defect each: the suite must find it.

#ifndef MILLRACE_TEST_CONFORMANCE_WRONG_HOST_H_
#define MILLRACE_TEST_CONFORMANCE_WRONG_HOST_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conformance/client_suite.h"
#include "conformance/hosts.h"

namespace millrace::inline v0 {

enum class Defect {
  kNone,
  kLosesRecords,
  kDoublesRecords,
  kForgetsHeaders,
  kForgetsTimes,
  kIgnoresPartition,
  kAcceptsTooLarge,
  kIgnoresSeek,
  kIgnoresPause,
  kIgnoresWakeup,
  kIgnoresCommit,
  kPositionOffByOne,
  kTimesOffByOne,
  kNoDescriptor,
  kDeafListener,
};

class WrongProducer final : public Producer {
 public:
  WrongProducer(std::unique_ptr<Producer> good, Defect defect) : good_(std::move(good)), defect_(defect) {}
  absl::StatusOr<TopicHandle> Topic(std::string_view name) override { return good_->Topic(name); }
  absl::Status Send(const TopicHandle& topic, const Record& record,
                    std::optional<PartitionId> partition) override {
    return Send(topic, record, nullptr, partition);
  }
  absl::Status Send(const TopicHandle& topic, const Record& record, SendCallback done,
                    std::optional<PartitionId> partition) override {
    ++sent_;
    Record changed = record;
    if (defect_ == Defect::kForgetsHeaders) changed.headers = {};
    if (defect_ == Defect::kForgetsTimes) changed.timestamp = kNoTimestamp;
    if (defect_ == Defect::kIgnoresPartition) partition = std::nullopt;
    if (defect_ == Defect::kAcceptsTooLarge && record.value.value_or("").size() > 1000)
      return absl::OkStatus();
    if (defect_ == Defect::kLosesRecords && sent_ % 7 == 0) {
      if (done != nullptr) done(Appended{});
      return absl::OkStatus();
    }
    if (defect_ == Defect::kDoublesRecords && sent_ % 7 == 0)
      good_->Send(topic, changed, partition).IgnoreError();
    return good_->Send(topic, changed, std::move(done), partition);
  }
  absl::Status Send(std::string_view topic, const Record& record) override {
    return Send(topic, record, nullptr);
  }
  absl::Status Send(std::string_view topic, const Record& record, SendCallback done) override {
    const auto handle = good_->Topic(topic);
    if (!handle.ok()) return handle.status();
    return Send(*handle, record, std::move(done), std::nullopt);
  }
  absl::Status SendBatch(const TopicHandle& topic, PartitionId partition, std::span<const Record> records,
                         BatchCallback done) override {
    return good_->SendBatch(topic, partition, records, std::move(done));
  }
  absl::Status Flush(absl::Duration timeout) override { return good_->Flush(timeout); }
  void FlushLingering() override { good_->FlushLingering(); }
  int64_t errors() const override { return good_->errors(); }
  absl::Status first_error() const override { return good_->first_error(); }
  absl::Status Close(absl::Duration timeout) override { return good_->Close(timeout); }

 private:
  std::unique_ptr<Producer> good_;
  Defect defect_;
  int sent_ = 0;
};

class WrongConsumer final : public Consumer {
 public:
  WrongConsumer(std::unique_ptr<Consumer> good, Defect defect) : good_(std::move(good)), defect_(defect) {}
  absl::Status Subscribe(std::vector<std::string> topics, RebalanceListener* listener) override {
    return good_->Subscribe(std::move(topics), Is(Defect::kDeafListener) ? nullptr : listener);
  }
  absl::Status SubscribePattern(std::string_view pattern, RebalanceListener* listener) override {
    return good_->SubscribePattern(pattern, listener);
  }
  absl::Status Assign(std::vector<TopicPartition> partitions) override {
    return good_->Assign(std::move(partitions));
  }
  absl::Status Unsubscribe() override { return good_->Unsubscribe(); }
  std::vector<TopicPartition> assignment() const override { return good_->assignment(); }
  std::vector<std::string> subscription() const override { return good_->subscription(); }
  absl::StatusOr<Batches> TryPoll() override { return good_->TryPoll(); }
  absl::StatusOr<Batches> Poll(absl::Duration timeout) override {
    return good_->Poll(Is(Defect::kIgnoresWakeup) ? std::min(timeout, absl::Milliseconds(100)) : timeout);
  }
  void Wakeup() override {
    if (!Is(Defect::kIgnoresWakeup)) good_->Wakeup();
  }
  absl::StatusOr<int> Descriptor() override {
    // One that never becomes readable.
    return Is(Defect::kNoDescriptor) ? absl::StatusOr<int>(-1) : good_->Descriptor();
  }
  absl::Status Seek(const TopicPartition& partition, Offset offset) override {
    return Is(Defect::kIgnoresSeek) ? absl::OkStatus() : good_->Seek(partition, offset);
  }
  absl::Status SeekToBeginning(const std::vector<TopicPartition>& of) override {
    return good_->SeekToBeginning(of);
  }
  absl::Status SeekToEnd(const std::vector<TopicPartition>& of) override { return good_->SeekToEnd(of); }
  absl::StatusOr<Offset> position(const TopicPartition& partition) override {
    auto at = good_->position(partition);
    if (at.ok() && Is(Defect::kPositionOffByOne)) ++*at;
    return at;
  }
  absl::StatusOr<int64_t> lag(const TopicPartition& partition) override { return good_->lag(partition); }
  absl::Status Pause(const std::vector<TopicPartition>& of) override {
    return Is(Defect::kIgnoresPause) ? absl::OkStatus() : good_->Pause(of);
  }
  absl::Status Resume(const std::vector<TopicPartition>& of) override { return good_->Resume(of); }
  std::vector<TopicPartition> paused() const override { return good_->paused(); }
  absl::StatusOr<std::map<TopicPartition, Offset>> BeginningOffsets(
      const std::vector<TopicPartition>& of) override {
    return good_->BeginningOffsets(of);
  }
  absl::StatusOr<std::map<TopicPartition, Offset>> EndOffsets(
      const std::vector<TopicPartition>& of) override {
    return good_->EndOffsets(of);
  }
  absl::StatusOr<std::map<TopicPartition, Log::TimestampOffset>> OffsetsForTimes(
      const std::map<TopicPartition, Timestamp>& times) override {
    auto found = good_->OffsetsForTimes(times);
    if (found.ok() && Is(Defect::kTimesOffByOne)) {
      for (auto& [partition, at] : *found) ++at.offset;
    }
    return found;
  }
  absl::Status CommitSync() override {
    return Is(Defect::kIgnoresCommit) ? absl::OkStatus() : good_->CommitSync();
  }
  absl::Status CommitSync(const Offsets& offsets) override {
    return Is(Defect::kIgnoresCommit) ? absl::OkStatus() : good_->CommitSync(offsets);
  }
  void CommitAsync(CommitCallback done) override { good_->CommitAsync(std::move(done)); }
  void CommitAsync(const Offsets& offsets, CommitCallback done) override {
    good_->CommitAsync(offsets, std::move(done));
  }
  absl::StatusOr<Offsets> Committed(const std::vector<TopicPartition>& of) override {
    return good_->Committed(of);
  }
  GroupMetadata group_metadata() const override { return good_->group_metadata(); }
  void EnforceRebalance() override { good_->EnforceRebalance(); }
  absl::Status Close() override { return good_->Close(); }

 private:
  bool Is(Defect defect) const { return defect_ == defect; }
  std::unique_ptr<Consumer> good_;
  Defect defect_;
};

class WrongHost final : public ClientHost {
 public:
  WrongHost(std::unique_ptr<ClientHost> good, Defect defect) : good_(std::move(good)), defect_(defect) {}
  absl::StatusOr<std::unique_ptr<Producer>> NewProducer(ProducerOptions options) override {
    if (defect_ == Defect::kAcceptsTooLarge) options.max_request_bytes = 1 << 20;
    auto made = good_->NewProducer(std::move(options));
    if (!made.ok()) return made;
    return std::make_unique<WrongProducer>(*std::move(made), defect_);
  }
  absl::StatusOr<std::unique_ptr<Consumer>> NewConsumer(ConsumerOptions options) override {
    auto made = good_->NewConsumer(std::move(options));
    if (!made.ok()) return made;
    return std::make_unique<WrongConsumer>(*std::move(made), defect_);
  }
  Admin& admin() override { return good_->admin(); }
  std::string Unique(std::string_view what) override { return good_->Unique(what); }
  absl::Status CreateTopic(const std::string& name, int32_t partitions) override {
    return good_->CreateTopic(name, partitions);
  }

 private:
  std::unique_ptr<ClientHost> good_;
  Defect defect_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_TEST_CONFORMANCE_WRONG_HOST_H_
