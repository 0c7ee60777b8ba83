// The bodies of Kafka's ConsumerProtocol; see consumer_protocol.h for their use.

#ifndef MILLRACE_COORDINATOR_CONSUMER_MESSAGES_H_
#define MILLRACE_COORDINATOR_CONSUMER_MESSAGES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/fields.h"

namespace millrace::inline v0 {

struct ConsumerProtocolSubscription {
  static constexpr wire::Api kApi{.name = "ConsumerProtocolSubscription", .valid = {0, 3}};
  struct TopicPartitions {
    std::string topic = {};
    std::vector<int32_t> partitions = {};
    bool operator==(const TopicPartitions&) const = default;
    static constexpr void Fields(auto&& f) {
      f(&TopicPartitions::topic, {.name = "topic"});
      f(&TopicPartitions::partitions, {.name = "partitions"});
    }
  };
  std::vector<std::string> topics = {};
  std::optional<wire::Bytes> user_data = {};
  std::vector<TopicPartitions> owned_partitions = {};
  int32_t generation_id = -1;
  std::optional<std::string> rack_id = {};
  bool operator==(const ConsumerProtocolSubscription&) const = default;
  static constexpr void Fields(auto&& f) {
    using S = ConsumerProtocolSubscription;
    f(&S::topics, {.name = "topics"});
    f(&S::user_data, {.name = "user_data"});
    f(&S::owned_partitions, {.name = "owned_partitions", .versions = wire::Since(1), .ignorable = true});
    f(&S::generation_id, {.name = "generation_id", .versions = wire::Since(2), .ignorable = true});
    f(&S::rack_id, {.name = "rack_id", .versions = wire::Since(3), .ignorable = true});
  }
};

struct ConsumerProtocolAssignment {
  static constexpr wire::Api kApi{.name = "ConsumerProtocolAssignment", .valid = {0, 3}};
  using TopicPartitions = ConsumerProtocolSubscription::TopicPartitions;
  std::vector<TopicPartitions> assigned_partitions = {};
  std::optional<wire::Bytes> user_data = {};
  bool operator==(const ConsumerProtocolAssignment&) const = default;
  static constexpr void Fields(auto&& f) {
    f(&ConsumerProtocolAssignment::assigned_partitions, {.name = "assigned_partitions"});
    f(&ConsumerProtocolAssignment::user_data, {.name = "user_data"});
  }
};

// What the sticky assignor sends as user data: "previous_assignment" and, since version 1, "generation". It
// carries no version: readers tell by what is left.
struct StickyUserData {
  static constexpr wire::Api kApi{.name = "StickyUserData", .valid = {0, 1}};
  using TopicPartitions = ConsumerProtocolSubscription::TopicPartitions;
  std::vector<TopicPartitions> previous_assignment = {};
  int32_t generation = -1;
  static constexpr void Fields(auto&& f) {
    f(&StickyUserData::previous_assignment, {.name = "previous_assignment"});
    f(&StickyUserData::generation, {.name = "generation", .versions = wire::Since(1), .ignorable = true});
  }
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_COORDINATOR_CONSUMER_MESSAGES_H_
