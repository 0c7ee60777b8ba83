// MirrorImpl: the loop of a mirror.

#ifndef MILLRACE_REMOTE_MIRROR_IMPL_H_
#define MILLRACE_REMOTE_MIRROR_IMPL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "millrace/env/clock.h"
#include "millrace/mirror.h"

namespace millrace::inline v0 {

// How far one partition is. `source` is the next offset to be forwarded, `destination` where the
// destination's end was when the one before was acknowledged.
struct MirrorPosition {
  Offset source{0};
  Offset destination{0};
  bool operator==(const MirrorPosition&) const = default;
};

// MirrorAcks: what the destination has acknowledged. Outlives the mirror until the last callback has run.
// Thread-safe.
class MirrorAcks {
 public:
  void Begin(const TopicPartition& partition, MirrorPosition at);
  void Sent(size_t bytes);
  // A record that needs no sending, because the destination has it.
  void Skip(const TopicPartition& partition, Offset source);
  // The answer for one record. Those behind a failed one do not count.
  void Answer(const TopicPartition& partition, Offset source, size_t bytes,
              const absl::StatusOr<Appended>& result);

  std::map<TopicPartition, MirrorPosition> positions() const;
  size_t in_flight_bytes() const;
  int64_t acknowledged() const;
  // The first failure.
  absl::Status status() const;
  // Until at most `bytes` are under way, something has failed, or `deadline`.
  void Await(size_t bytes, MonotonicNanos deadline);

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  std::map<TopicPartition, MirrorPosition> positions_ ABSL_GUARDED_BY(mutex_);
  size_t in_flight_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t acknowledged_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

class MirrorImpl final : public Mirror {
 public:
  MirrorImpl(MirrorSide source, MirrorSide destination, MirrorOptions options)
      : source_(source), destination_(destination), options_(std::move(options)) {}
  ~MirrorImpl() override { LetGo(); }

  absl::StatusOr<int64_t> Run(absl::Duration timeout) override;
  absl::Status Drain(absl::Duration timeout) override;
  absl::Status Close(absl::Duration timeout) override;

 private:
  // What the destination holds already, of one partition.
  using Landed = std::set<Offset>;

  absl::Status SetUp();
  absl::StatusOr<std::vector<TopicPartition>> FindPartitions();
  absl::StatusOr<int32_t> DestinationPartitions(const std::string& topic, int32_t wanted);
  absl::Status BeginAt(const std::vector<TopicPartition>& partitions);
  absl::StatusOr<Landed> LookAt(const TopicPartition& partition, Offset from);
  absl::Status RunOnce(MonotonicNanos deadline);
  absl::Status Forward(const Batches& batches);
  absl::Status SendOne(const Batch& batch, const RecordView& record);
  absl::Status Commit();
  absl::Status CheckPartitions();
  void LetGo();
  const std::string& NameOf(const std::string& from) const;

  const MirrorSide source_;
  const MirrorSide destination_;
  const MirrorOptions options_;
  bool closed_ = false;

  std::unique_ptr<Consumer> consumer_;
  std::unique_ptr<Producer> producer_;
  std::shared_ptr<MirrorAcks> acks_;
  std::map<std::string, TopicHandle> handles_;
  std::map<TopicPartition, Landed> landed_;
  std::map<TopicPartition, MirrorPosition> committed_;
  std::vector<TopicPartition> partitions_;
  std::vector<Header> headers_;
  MonotonicNanos next_commit_{0};
  MonotonicNanos next_refresh_{0};
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_REMOTE_MIRROR_IMPL_H_
