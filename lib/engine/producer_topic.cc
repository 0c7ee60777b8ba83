#include <algorithm>
#include <utility>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "engine/producer_impl.h"
#include "millrace/status.h"

namespace millrace::inline v0 {

SendRules ProducerImpl::RulesFor(const millrace::Topic& topic) const {
  const std::shared_ptr<const TopicConfig> config = topic.config();
  SendRules rules;
  rules.compression = config->compression_type.value_or(options_.compression);
  if (config->compression_type.has_value() && *config->compression_type != options_.compression) {
    switch (*config->compression_type) {
      case Compression::kGzip:
        rules.compression_level = config->compression_gzip_level;
        break;
      case Compression::kLz4:
        rules.compression_level = config->compression_lz4_level;
        break;
      case Compression::kZstd:
        rules.compression_level = config->compression_zstd_level;
        break;
      default:
        break;
    }
  } else {
    rules.compression_level = options_.compression_level;
  }
  rules.max_message_bytes = static_cast<size_t>(std::max(config->max_message_bytes, 0));
  rules.batch_bytes = options_.batch_bytes;
  if (rules.compression == Compression::kNone) {
    rules.batch_bytes = std::min(rules.batch_bytes, rules.max_message_bytes);
  }
  rules.needs_key = config->cleanup_policy.compact;
  rules.check_timestamps = config->message_timestamp_type == TimestampType::kCreateTime;
  rules.timestamp_before_max_ms = config->message_timestamp_before_max_ms;
  rules.timestamp_after_max_ms = config->message_timestamp_after_max_ms;
  rules.committed = options_.acks == Acks::kAll;
  rules.durability = config->durability;
  const bool waits_for_replicas = rules.committed && engine_->options().replicator != nullptr;
  const bool waits_for_disk = rules.durability == Durability::kPowerLoss;
  rules.immediate = options_.acks == Acks::kNone || (!waits_for_replicas && !waits_for_disk);
  return rules;
}

absl::StatusOr<const ProducerTopic::View*> ProducerTopic::Refresh() {
  MutexLock lock(&mutex_);
  if (topic_->deleted()) {
    return Error(ErrorCode::kUnknownTopicOrPartition,
                 StrCat("topic \"", topic_->name(), "\" was deleted; look it up again"));
  }
  auto view = std::make_unique<View>();
  view->version = topic_->version();
  const View* old = view_.load(std::memory_order_relaxed);
  if (old != nullptr && old->version == view->version) return old;
  view->partitions = topic_->partition_count();
  view->rules = owner_->RulesFor(*topic_);
  view->slots = std::make_unique<std::atomic<Accumulator*>[]>(static_cast<size_t>(view->partitions));
  for (int32_t i = 0; old != nullptr && i < old->partitions; ++i) {
    const auto slot = static_cast<size_t>(i);
    view->slots[slot].store(old->slots[slot].load(std::memory_order_relaxed), std::memory_order_relaxed);
  }
  views_.push_back(std::move(view));
  view_.store(views_.back().get(), std::memory_order_release);
  return views_.back().get();
}

absl::StatusOr<Accumulator*> ProducerTopic::MakeAccumulator(PartitionId partition) {
  MILLRACE_ASSIGN_OR_RETURN(std::shared_ptr<Partition> found, topic_->partition(partition));
  MILLRACE_RETURN_IF_ERROR(found->OpenLog().status());
  MutexLock lock(&mutex_);
  // The newest view: an older one may lack what was made since.
  const View& view = *views_.back();
  std::atomic<Accumulator*>& slot = view.slots[static_cast<size_t>(partition.value())];
  if (Accumulator* made = slot.load(std::memory_order_relaxed); made != nullptr) return made;
  accumulators_.push_back(std::make_shared<Accumulator>(owner_->core(), std::move(found)));
  slot.store(accumulators_.back().get(), std::memory_order_release);
  return accumulators_.back().get();
}

std::vector<std::shared_ptr<Accumulator>> ProducerTopic::Accumulators() const {
  MutexLock lock(&mutex_);
  return accumulators_;
}

void ProducerTopic::SwitchSticky(const View& view, int32_t was, Random* random) {
  if (view.partitions <= 1) return;
  // Any other, with equal chances.
  auto next = static_cast<int32_t>(random->Below(static_cast<uint64_t>(view.partitions - 1)));
  if (next >= was) ++next;
  sticky_.compare_exchange_strong(was, next, std::memory_order_relaxed);
}

}  // namespace millrace::inline v0
