// RemoteProducer: a Producer over a cluster.

#ifndef MILLRACE_REMOTE_REMOTE_PRODUCER_H_
#define MILLRACE_REMOTE_REMOTE_PRODUCER_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "millrace/remote.h"
#include "remote/client_conf.h"

namespace millrace::inline v0 {

class RemoteProducer final : public Producer {
 public:
  static absl::StatusOr<std::unique_ptr<Producer>> Make(const std::string& bootstrap_servers,
                                                        const RemoteOptions& remote, ProducerOptions options);
  RemoteProducer(const RemoteOptions& remote, ProducerOptions options);
  ~RemoteProducer() override;

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
  int64_t errors() const override;
  absl::Status first_error() const override;
  absl::Status Close(absl::Duration timeout) override;

 private:
  struct TopicState;
  struct SentBatch;
  struct Pending;

  absl::Status Start(const std::string& bootstrap_servers);
  // Takes `pending` if OK.
  absl::Status Produce(TopicState* topic, const Record& record, std::optional<PartitionId> partition,
                       std::unique_ptr<Pending> pending);
  absl::Status CheckPartition(TopicState* topic, PartitionId partition);
  absl::Status Reserve(size_t bytes, std::string_view topic);
  void Release(size_t bytes);

  static void OnEvent(rd_kafka_t* client, rd_kafka_event_t* event, void* opaque);
  static int32_t OnChoose(const rd_kafka_topic_t* topic, const void* key, size_t key_bytes,
                          int32_t partitions, void* topic_opaque, void* message_opaque);
  void OnDelivered(const rd_kafka_message_t& message);
  void CountError(const absl::Status& status);

  const RemoteOptions remote_;
  const ProducerOptions options_;
  ClientOwner owner_;
  rdk::Client client_;
  rdk::Queue background_;
  std::atomic<bool> closed_ = false;
  // The thread that runs callbacks, while it runs one.
  std::atomic<uintptr_t> callback_thread_ = 0;

  mutable Mutex mutex_;
  CondVar released_;
  std::map<std::string, std::shared_ptr<TopicState>, std::less<>> topics_ ABSL_GUARDED_BY(mutex_);
  size_t reserved_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t errors_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status first_error_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_REMOTE_REMOTE_PRODUCER_H_
