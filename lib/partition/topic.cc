#include <utility>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "millrace/status.h"
#include "partition/topic_registry.h"

namespace millrace::inline v0 {

Topic::Topic(const PartitionContext* context, std::string name, TopicId id, bool internal, int32_t partitions,
             std::shared_ptr<const TopicConfig> config)
    : context_(context),
      name_(std::move(name)),
      id_(id),
      internal_(internal),
      count_(partitions),
      config_(std::move(config)) {}

std::shared_ptr<const TopicConfig> Topic::config() const {
  MutexLock lock(&mutex_);
  return config_;
}

absl::StatusOr<std::shared_ptr<Partition>> Topic::partition(PartitionId id) {
  MutexLock lock(&mutex_);
  const int32_t count = count_.load(std::memory_order_relaxed);
  if (deleted()) {
    return Error(ErrorCode::kUnknownTopicOrPartition, StrCat("topic \"", name_, "\" was deleted"));
  }
  if (id.value() < 0 || id.value() >= count) {
    return Error(ErrorCode::kUnknownTopicOrPartition, StrCat("topic \"", name_, "\" has no partition ", id,
                                                             ": it has ", count, ", numbered from 0"));
  }
  const auto at = static_cast<size_t>(id.value());
  if (partitions_.size() <= at) partitions_.resize(at + 1);
  if (partitions_[at] == nullptr) {
    partitions_[at] = std::make_shared<Partition>(context_, TopicPartition{name_, id}, id_, config_);
  }
  return partitions_[at];
}

std::shared_ptr<Partition> Topic::partition_if_used(PartitionId id) const {
  MutexLock lock(&mutex_);
  const auto at = static_cast<size_t>(id.value());
  return id.value() >= 0 && at < partitions_.size() ? partitions_[at] : nullptr;
}

std::vector<std::shared_ptr<Partition>> Topic::Used() const {
  MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<Partition>> used;
  for (const std::shared_ptr<Partition>& partition : partitions_) {
    if (partition != nullptr) used.push_back(partition);
  }
  return used;
}

void Topic::SetPartitionCount(int32_t count) {
  MutexLock lock(&mutex_);
  count_.store(count, std::memory_order_release);
  version_.fetch_add(1, std::memory_order_release);
}

absl::Status Topic::SetConfig(const std::shared_ptr<const TopicConfig>& config) {
  {
    MutexLock lock(&mutex_);
    config_ = config;
  }
  absl::Status first;
  for (const std::shared_ptr<Partition>& partition : Used()) first.Update(partition->Reconfigure(config));
  version_.fetch_add(1, std::memory_order_release);
  return first;
}

absl::Status Topic::Delete() {
  std::vector<std::shared_ptr<Partition>> used;
  {
    MutexLock lock(&mutex_);
    deleted_.store(true, std::memory_order_release);
    version_.fetch_add(1, std::memory_order_release);
    used.swap(partitions_);
  }
  for (const std::shared_ptr<Partition>& partition : used) {
    if (partition != nullptr) partition->MarkDeleted();
  }
  std::vector<TopicPartition> names;
  const int32_t count = partition_count();
  names.reserve(static_cast<size_t>(count));
  for (int32_t i = 0; i < count; ++i) names.push_back({name_, PartitionId(i)});
  return context_->logs->DeleteLogs(names);
}

void Topic::Forget() {
  {
    MutexLock lock(&mutex_);
    deleted_.store(true, std::memory_order_release);
    version_.fetch_add(1, std::memory_order_release);
  }
  Detach();
}

void Topic::Detach() {
  for (const std::shared_ptr<Partition>& partition : Used()) partition->Detach();
}

}  // namespace millrace::inline v0
