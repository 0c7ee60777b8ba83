// A harness for groups of the consumer protocol, and a client as KIP-848 has it. After every step the group
// is rebuilt from the log, as it is and compacted, and must be what it is live.

#ifndef MILLRACE_TEST_COORDINATOR_CONSUMER_HARNESS_H_
#define MILLRACE_TEST_COORDINATOR_CONSUMER_HARNESS_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/coordinator_harness.h"

namespace millrace::inline v0::testing {

// What of a group must be in the log, as text to compare and to show.
inline std::string PersistentState(const Group* group) {
  if (group == nullptr || !group->consumer.has_value()) return "none";
  const ConsumerGroup& g = *group->consumer;
  const auto show = [](const PartitionMap& map) {
    std::string text = "{";
    for (const auto& [id, numbers] : map) {
      text += id.ToString() + ":";
      for (const int32_t number : numbers) text += std::to_string(number) + ",";
    }
    return text + "}";
  };
  std::string text = "epoch " + std::to_string(g.epoch) + " hash " + std::to_string(g.metadata_hash) +
                     " assigned " + std::to_string(g.assignment_epoch) + "\n";
  for (const auto& [id, m] : g.members) {
    text += id + " " + m.metadata.instance_id.value_or("-") + " " + m.metadata.client_id + " " +
            m.metadata.subscribed_topic_regex.value_or("-") + " " + std::to_string(m.epoch) + " " +
            std::to_string(m.previous_epoch) + " " + std::to_string(static_cast<int>(m.state)) +
            show(m.assigned) + show(m.revoking) + (m.is_classic() ? "classic" : "");
    for (const std::string& name : m.metadata.subscribed_topic_names) text += " " + name;
    text += "\n";
  }
  for (const auto& [id, target] : g.target) text += "target " + id + show(target) + "\n";
  for (const auto& [expression, value] : g.regexes) {
    text += "regex " + expression;
    for (const std::string& topic : value.topics) text += " " + topic;
    text += "\n";
  }
  for (const auto& [instance, id] : g.static_members) text += instance + "=" + id + "\n";
  std::set<std::string> owners;
  for (const auto& [partition, id] : g.owners) {
    owners.insert(partition.first.ToString() + "-" + std::to_string(partition.second) + "=" + id);
  }
  for (const std::string& owner : owners) text += owner + "\n";
  return text;
}

class ConsumerHarness : public Harness {
 public:
  explicit ConsumerHarness(GroupConfig group_config = {.initial_rebalance_delay_ms = 0})
      : Harness(group_config) {}

  static ConsumerHeartbeatRequest JoinRequestOf(const std::string& member,
                                                std::vector<std::string> names = {"t"}) {
    return {.group = "g",
            .member_id = member,
            .rebalance_timeout_ms = 20000,
            .subscribed_topic_names = std::move(names),
            .owned = PartitionMap{},
            .client_id = "client",
            .client_host = "/127.0.0.1"};
  }
  ConsumerHeartbeatResponse Send(ConsumerHeartbeatRequest request) {
    auto slot = std::make_shared<std::optional<ConsumerHeartbeatResponse>>();
    coordinator->ConsumerHeartbeat(std::move(request), Into(slot), now);
    Settle();
    if (checks_rebuilt) CheckRebuilt();
    return **slot;
  }
  ConsumerHeartbeatResponse Beat(const std::string& member, int32_t epoch,
                                 std::optional<PartitionMap> owned = std::nullopt,
                                 std::optional<std::string> instance = std::nullopt) {
    return Send({.group = "g",
                 .member_id = member,
                 .member_epoch = epoch,
                 .instance_id = std::move(instance),
                 .owned = std::move(owned),
                 .client_id = "client",
                 .client_host = "/127.0.0.1"});
  }
  DescribeConsumerGroupResponse DescribeConsumer(const std::string& group = "g") {
    auto slot = std::make_shared<std::optional<DescribeConsumerGroupResponse>>();
    coordinator->DescribeConsumerGroup(group, Into(slot));
    Settle();
    return **slot;
  }
  std::vector<GroupListing> List() {
    auto slot = std::make_shared<std::optional<ListGroupsResponse>>();
    coordinator->ListGroups({}, Into(slot));
    Settle();
    return (*slot)->groups;
  }
  const ConsumerGroup& group() const { return *coordinator->FindGroup("g")->consumer; }

  void CheckRebuilt() {
    const std::string live = PersistentState(coordinator->FindGroup("g"));
    std::map<std::string, size_t> last;
    for (size_t i = 0; i < log.size(); ++i) last[TextOf(log[i].key)] = i;
    for (const bool compacted : {false, true}) {
      GroupCoordinator again(config, random.get(), &topics);
      for (size_t i = 0; i < log.size(); ++i) {
        if (compacted && last[TextOf(log[i].key)] != i) continue;
        std::optional<std::span<const std::byte>> value;
        if (log[i].value.has_value()) value = *log[i].value;
        if (!again.Replay(log[i].key, value).ok()) rebuilt_wrong = "a record is not understood";
      }
      again.FinishLoading(now);
      const std::string rebuilt = PersistentState(again.FindGroup("g"));
      if (rebuilt != live && rebuilt_wrong.empty()) rebuilt_wrong = "live:\n" + live + "rebuilt:\n" + rebuilt;
    }
  }
  // After each heartbeat. Costs the whole log.
  bool checks_rebuilt = true;
  // Empty: never was.
  std::string rebuilt_wrong;
};

// A member as a client has it: gives up what is no longer assigned, says so, takes what is new.
struct ConsumerClient {
  std::string id = {};
  std::vector<std::string> topics = {"t"};
  std::optional<std::string> instance = std::nullopt;
  int32_t epoch = 0;
  PartitionMap owned = {};
  bool alive = false;
  // Its last answer was lost: it says all again.
  bool unsure = false;

  ConsumerHeartbeatRequest Request() const {
    ConsumerHeartbeatRequest request = ConsumerHarness::JoinRequestOf(id, topics);
    request.member_epoch = epoch;
    request.instance_id = instance;
    request.owned = owned;
    if (epoch != 0 && !unsure) {
      request.subscribed_topic_names.reset();
      request.rebalance_timeout_ms = -1;
    }
    return request;
  }
  // False: it was fenced, has lost what it had, and joins again.
  bool Take(const ConsumerHeartbeatResponse& response) {
    unsure = false;
    if (!response.result.ok()) {
      if (response.result.error == ErrorCode::kCoordinatorNotAvailable) {
        unsure = true;
        return true;
      }
      epoch = 0;
      owned.clear();
      return false;
    }
    epoch = response.member_epoch;
    if (response.assignment.has_value()) owned = *response.assignment;
    return true;
  }
};

}  // namespace millrace::inline v0::testing

#endif  // MILLRACE_TEST_COORDINATOR_CONSUMER_HARNESS_H_
