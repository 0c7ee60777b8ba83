// Partitions grouped by topic, as the messages carry them, and back.

#ifndef MILLRACE_COORDINATOR_TOPIC_LISTS_H_
#define MILLRACE_COORDINATOR_TOPIC_LISTS_H_

#include <span>
#include <vector>

#include "coordinator/consumer_messages.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// Topics sorted; the partitions of each in the order given.
std::vector<ConsumerProtocolSubscription::TopicPartitions> GroupByTopic(
    std::span<const TopicPartition> partitions);
std::vector<TopicPartition> Flatten(std::span<const ConsumerProtocolSubscription::TopicPartitions> grouped);

}  // namespace millrace::inline v0

#endif  // MILLRACE_COORDINATOR_TOPIC_LISTS_H_
