// ConsumerProtocol: what members of type "consumer" put into JoinGroup and SyncGroup: an int16 version and
// one of these (org.apache.kafka.clients.consumer.internals.ConsumerProtocol).

#ifndef MILLRACE_COORDINATOR_CONSUMER_PROTOCOL_H_
#define MILLRACE_COORDINATOR_CONSUMER_PROTOCOL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/assignor.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

inline constexpr int16_t kConsumerProtocolVersion = 3;

struct MemberAssignment {
  std::vector<TopicPartition> partitions = {};
  std::optional<std::vector<std::byte>> user_data = std::nullopt;
  bool operator==(const MemberAssignment&) const = default;
};

// Version prefix and body. `version` 0 to 3; what a version lacks is left out. Topics are written sorted.
std::vector<std::byte> EncodeSubscription(const MemberSubscription& subscription,
                                          int16_t version = kConsumerProtocolVersion);
std::vector<std::byte> EncodeAssignment(const MemberAssignment& assignment,
                                        int16_t version = kConsumerProtocolVersion);

// A version later than 3 is read as 3, as Kafka's clients do; bytes left over are ignored then.
// kInvalidRequest for malformed bytes. Empty bytes are an empty assignment (Kafka sends them to
// members that the leader left out); an empty subscription is malformed.
absl::StatusOr<MemberSubscription> DecodeSubscription(std::span<const std::byte> bytes);
absl::StatusOr<MemberAssignment> DecodeAssignment(std::span<const std::byte> bytes);

}  // namespace millrace::inline v0

#endif  // MILLRACE_COORDINATOR_CONSUMER_PROTOCOL_H_
