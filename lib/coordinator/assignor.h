// Assignors: how the leader of a group shares the partitions out. Same results as Kafka's clients, so that
// in-process members and Kafka clients can lead the same group.

#ifndef MILLRACE_COORDINATOR_ASSIGNOR_H_
#define MILLRACE_COORDINATOR_ASSIGNOR_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/consumer.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// What one member tells the leader (ConsumerProtocolSubscription, decoded).
struct MemberSubscription {
  std::vector<std::string> topics = {};
  // The assignor's own, see Assignor::UserData. Null is not empty.
  std::optional<std::vector<std::byte>> user_data = std::nullopt;
  // What the member holds, and since which generation (-1: not known).
  std::vector<TopicPartition> owned_partitions = {};
  int32_t generation = -1;
  std::optional<std::string> group_instance_id = std::nullopt;
  std::optional<std::string> rack_id = std::nullopt;
};

// By member id.
using MemberSubscriptions = std::map<std::string, MemberSubscription>;
using MemberAssignments = std::map<std::string, std::vector<TopicPartition>>;
// Topics that exist, and their number of partitions.
using PartitionCounts = std::map<std::string, int32_t>;

// How members behave in a rebalance (KIP-429).
enum class RebalanceProtocol : uint8_t {
  kEager,        // give up everything before joining
  kCooperative,  // keep what one has; give up what the assignment took away, then join again
};

// Stateless and thread-safe.
class Assignor {
 public:
  virtual ~Assignor() = default;

  // As members name it in JoinGroup: "range", "roundrobin", "sticky", "cooperative-sticky".
  virtual std::string_view name() const = 0;
  virtual RebalanceProtocol protocol() const { return RebalanceProtocol::kEager; }
  // Shares out the partitions of the topics that members subscribe to. Each member has an entry. Topics
  // absent from `counts` do not exist (yet) and are passed over. A cooperative assignor leaves out what
  // another member must give up first: the next rebalance hands it over.
  virtual MemberAssignments Assign(const PartitionCounts& counts,
                                   const MemberSubscriptions& members) const = 0;
  // The user data a member sends when it joins, given what it was assigned and in which generation; nullopt
  // for assignors that need none, and where `generation` is -1 (never assigned anything).
  virtual std::optional<std::vector<std::byte>> UserData(std::span<const TopicPartition> assigned,
                                                         int32_t generation) const;
};

// Lives for ever.
const Assignor& AssignorOf(AssignorKind kind);
// Null for a name that is none of ours.
const Assignor* FindAssignor(std::string_view name);

}  // namespace millrace::inline v0

#endif  // MILLRACE_COORDINATOR_ASSIGNOR_H_
