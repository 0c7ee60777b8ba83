#include "coordinator/group.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "coordinator/consumer_protocol.h"

namespace millrace::inline v0 {

GroupBytes GroupMember::MetadataOf(std::string_view protocol) const {
  const auto found = std::ranges::find(protocols, protocol, &GroupProtocol::name);
  return found == protocols.end() ? GroupBytes{} : found->metadata;
}

GroupMember* Group::FindMember(const std::string& id) {
  const auto found = members.find(id);
  return found == members.end() ? nullptr : &found->second;
}

int32_t Group::WaitingForJoin() const {
  return static_cast<int32_t>(
      std::ranges::count_if(members, [](const auto& m) { return m.second.join != nullptr; }));
}

bool Group::AllJoined() const {
  return pending.empty() && WaitingForJoin() == static_cast<int32_t>(members.size());
}

int32_t Group::RebalanceTimeoutMs() const {
  int32_t timeout = 0;
  for (const auto& [id, member] : members) timeout = std::max(timeout, member.rebalance_timeout_ms);
  return timeout;
}

bool Group::SupportsProtocols(std::string_view type, std::span<const GroupProtocol> protocols) const {
  if (type.empty() || protocols.empty()) return false;
  if (members.empty()) return true;
  if (type != protocol_type) return false;
  return std::ranges::any_of(protocols, [&](const GroupProtocol& protocol) {
    return std::ranges::all_of(members, [&](const auto& member) {
      return std::ranges::find(member.second.protocols, protocol.name, &GroupProtocol::name) !=
             member.second.protocols.end();
    });
  });
}

std::string Group::SelectProtocol() const {
  const auto is_shared = [&](const std::string& name) {
    return std::ranges::all_of(members, [&](const auto& member) {
      return std::ranges::find(member.second.protocols, name, &GroupProtocol::name) !=
             member.second.protocols.end();
    });
  };
  std::map<std::string, int32_t> votes;
  for (const auto& [id, member] : members) {
    for (const GroupProtocol& protocol : member.protocols) {
      if (!is_shared(protocol.name)) continue;
      ++votes[protocol.name];
      break;  // one vote each
    }
  }
  MILLRACE_CHECK(!votes.empty());  // SupportsProtocols let every member in
  return std::ranges::max_element(votes, {}, [](const auto& vote) { return vote.second; })->first;
}

std::optional<std::set<std::string>> Group::SubscribedTopics() const {
  if (consumer.has_value()) return consumer->SubscribedTopics();
  if (protocol_type != "consumer") return std::nullopt;
  std::set<std::string> topics;
  if (members.empty()) return topics;
  if (!protocol.has_value()) return std::nullopt;
  for (const auto& [id, member] : members) {
    auto subscription = DecodeSubscription(member.MetadataOf(*protocol));
    if (!subscription.ok()) return std::nullopt;
    topics.insert(subscription->topics.begin(), subscription->topics.end());
  }
  return topics;
}

MonotonicNanos Group::NextDeadline() const {
  MonotonicNanos next = std::min(join_deadline, sync_deadline);
  if (consumer.has_value()) next = std::min(next, consumer->NextDeadline());
  for (const auto& [id, member] : members) next = std::min(next, member.deadline);
  for (const auto& [id, deadline] : pending) next = std::min(next, deadline);
  return next;
}

GroupMetadataValue Group::ToStored(const std::map<std::string, GroupBytes>& assignments) const {
  GroupMetadataValue value{.protocol_type = protocol_type,
                           .generation = generation,
                           .protocol = protocol,
                           .leader = leader,
                           .current_state_timestamp = state_timestamp};
  for (const auto& [id, member] : members) {
    const auto assigned = assignments.find(id);
    value.members.push_back({.member_id = id,
                             .group_instance_id = member.instance_id,
                             .client_id = member.client_id,
                             .client_host = member.client_host,
                             .rebalance_timeout = member.rebalance_timeout_ms,
                             .session_timeout = member.session_timeout_ms,
                             .subscription = member.MetadataOf(protocol.value_or("")),
                             .assignment = assigned == assignments.end() ? GroupBytes{} : assigned->second});
  }
  return value;
}

void Group::ForgetClassic() {
  members.clear();
  static_members.clear();
  pending.clear();
  state = GroupState::kEmpty;
  generation = 0;
  protocol_type.clear();
  protocol.reset();
  leader.reset();
  join_deadline = sync_deadline = kNever;
  initial_rebalance = initial_member_added = false;
}

void Group::Adopt(MonotonicNanos now) {
  if (!stored.has_value()) return;
  generation = stored->generation;
  protocol_type = stored->protocol_type;
  protocol = stored->protocol;
  leader = stored->leader;
  state_timestamp = stored->current_state_timestamp;
  state = stored->members.empty() ? GroupState::kEmpty : GroupState::kStable;
  for (const GroupMetadataValue::Member& m : stored->members) {
    if (m.group_instance_id.has_value()) static_members[*m.group_instance_id] = m.member_id;
    // Stored before rebalance time-outs were: the session time-out stands in.
    const int32_t rebalance = m.rebalance_timeout < 0 ? m.session_timeout : m.rebalance_timeout;
    members[m.member_id] =
        GroupMember{.id = m.member_id,
                    .instance_id = m.group_instance_id,
                    .client_id = m.client_id,
                    .client_host = m.client_host,
                    .session_timeout_ms = m.session_timeout,
                    .rebalance_timeout_ms = rebalance,
                    .protocols = {{.name = protocol.value_or(""), .metadata = m.subscription}},
                    .assignment = m.assignment,
                    .synced = true,
                    .deadline = After(now, std::max(m.session_timeout, 0))};
  }
}

}  // namespace millrace::inline v0
