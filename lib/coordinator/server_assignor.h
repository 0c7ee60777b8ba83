// Server-side assignors of the consumer protocol (KIP-848): how the coordinator shares partitions out.

#ifndef MILLRACE_COORDINATOR_SERVER_ASSIGNOR_H_
#define MILLRACE_COORDINATOR_SERVER_ASSIGNOR_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/partition_map.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

struct ServerAssignorMember {
  std::optional<std::string> instance_id = std::nullopt;
  // That it reads; rising, each once.
  std::vector<TopicId> topics = {};
  // Its target so far. Of two members no partition is in both.
  PartitionMap current = {};
};
struct ServerAssignorInput {
  // By member id.
  std::map<std::string, ServerAssignorMember> members = {};
  // Topics that exist, and their number of partitions; others are passed over.
  std::map<TopicId, int32_t> partitions = {};
};
// Has an entry for each member. Each partition that somebody reads is given to one that reads it.
using ServerAssignment = std::map<std::string, PartitionMap>;

// "uniform": as balanced as can be, moving as little as can be. Where all read the same topics, no member has
// two partitions more than another, and only what is above that moves. Else no partition could move to a
// member with two fewer that reads it.
ServerAssignment AssignUniform(const ServerAssignorInput& input);
// "range": of each topic a run of partitions to each of its readers. Readers of the same topics stand in the
// same order in all of them, so that partitions of one number go to one member where the topics have as many
// (what is joined must be read together). Who was there stays ahead of who came later.
ServerAssignment AssignRange(const ServerAssignorInput& input);

using ServerAssignor = ServerAssignment (*)(const ServerAssignorInput&);
// Null for a name that is none of "uniform" and "range".
ServerAssignor FindServerAssignor(std::string_view name);
// Of groups whose members do not choose.
inline constexpr std::string_view kDefaultServerAssignor = "uniform";

}  // namespace millrace::inline v0

#endif  // MILLRACE_COORDINATOR_SERVER_ASSIGNOR_H_
