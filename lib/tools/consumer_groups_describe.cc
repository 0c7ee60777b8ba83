#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "millrace/status.h"
#include "millrace/wire/messages/find_coordinator.h"
#include "tools/consumer_groups.h"

namespace millrace::inline v0::tools {
namespace {

// One line of the offsets' table; what is not known is "-".
struct OffsetRow {
  std::string topic = "-";
  std::string partition = "-";
  std::string epoch = "-";
  std::string current = "-";
  std::string end = "-";
  std::string lag = "-";
  std::string consumer = "-";
  std::string host = "-";
  std::string client = "-";
};

void AddRows(Admin& admin, std::vector<TopicPartition> partitions, const Consumer::Offsets& committed,
             const OffsetRow& who, std::vector<OffsetRow>* rows) {
  std::sort(partitions.begin(), partitions.end());
  for (const TopicPartition& partition : partitions) {
    OffsetRow row = who;
    row.topic = partition.topic;
    row.partition = StrCat(partition.partition);
    const absl::StatusOr<Offset> end = admin.EndOffset(partition);
    if (end.ok()) row.end = StrCat(*end);
    const auto at = committed.find(partition);
    if (at != committed.end()) {
      row.current = StrCat(at->second.offset);
      if (at->second.leader_epoch != kNoLeaderEpoch) row.epoch = StrCat(at->second.leader_epoch);
      if (end.ok()) row.lag = StrCat(*end - at->second.offset);
    }
    rows->push_back(std::move(row));
  }
}

std::vector<OffsetRow> OffsetRows(Admin& admin, const GroupDescription& group,
                                  const Consumer::Offsets& committed) {
  std::vector<OffsetRow> rows;
  std::set<TopicPartition> assigned;
  // Those with most partitions first, as in Kafka.
  std::vector<const GroupMemberDescription*> members;
  for (const GroupMemberDescription& member : group.members) members.push_back(&member);
  std::stable_sort(members.begin(), members.end(),
                   [](const auto* a, const auto* b) { return a->assignment.size() > b->assignment.size(); });
  for (const GroupMemberDescription* member : members) {
    assigned.insert(member->assignment.begin(), member->assignment.end());
    const OffsetRow who{
        .consumer = member->member_id, .host = member->client_host, .client = member->client_id};
    AddRows(admin, member->assignment, committed, who, &rows);
  }
  std::vector<TopicPartition> unassigned;
  for (const auto& [partition, offset] : committed) {
    if (!assigned.contains(partition)) unassigned.push_back(partition);
  }
  AddRows(admin, std::move(unassigned), committed, {}, &rows);
  return rows;
}

// Says on the error stream what state the group is in. False: there is nothing to print.
bool AnnounceState(Call& call, const GroupDescription& group, size_t rows) {
  switch (group.state) {
    case GroupState::kDead:
      call.err() << "\nError: Consumer group '" << group.group << "' does not exist.\n";
      return false;
    case GroupState::kEmpty:
      call.err() << "\nConsumer group '" << group.group << "' has no active members.\n";
      break;
    case GroupState::kStable:
      break;
    default:
      call.err() << "\nWarning: Consumer group '" << group.group << "' is rebalancing.\n";
  }
  return rows > 0;
}

void PrintOffsets(Call& call, const std::string& group, const std::vector<OffsetRow>& rows) {
  size_t group_width = std::max<size_t>(15, group.size());
  size_t topic_width = 15;
  size_t consumer_width = 15;
  size_t host_width = 15;
  for (const OffsetRow& row : rows) {
    topic_width = std::max(topic_width, row.topic.size());
    consumer_width = std::max(consumer_width, row.consumer.size());
    host_width = std::max(host_width, row.host.size());
  }
  const bool verbose = call.flags.has("verbose");
  const auto line = [&](std::string_view name, const OffsetRow& row) {
    call.out() << '\n' << Cell(name, group_width) << Cell(row.topic, topic_width) << Cell(row.partition, 10);
    if (verbose) call.out() << Cell(row.epoch, 15);
    call.out() << Cell(row.current, 15) << Cell(row.end, 15) << Cell(row.lag, 15)
               << Cell(row.consumer, consumer_width) << Cell(row.host, host_width) << row.client;
  };
  line("GROUP", {"TOPIC", "PARTITION", "LEADER-EPOCH", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG",
                 "CONSUMER-ID", "HOST", "CLIENT-ID"});
  for (const OffsetRow& row : rows) line(group, row);
  call.out() << '\n';
}

// "t:0,1;u:2".
std::string AssignmentText(const std::vector<TopicPartition>& assignment) {
  std::map<std::string, std::vector<int32_t>> by_topic;
  for (const TopicPartition& partition : assignment)
    by_topic[partition.topic].push_back(partition.partition.value());
  std::string text;
  for (auto& [topic, partitions] : by_topic) {
    std::sort(partitions.begin(), partitions.end());
    StrAppend(&text, text.empty() ? "" : ";", topic, ":");
    std::string_view comma;
    for (const int32_t partition : partitions) {
      StrAppend(&text, comma, partition);
      comma = ",";
    }
  }
  return text.empty() ? "-" : text;
}

void PrintMembers(Call& call, const GroupDescription& group) {
  size_t group_width = std::max<size_t>(15, group.group.size());
  size_t consumer_width = 15;
  size_t instance_width = 17;
  size_t host_width = 15;
  size_t client_width = 15;
  size_t assignment_width = 20;
  bool with_instance = false;
  for (const GroupMemberDescription& member : group.members) {
    consumer_width = std::max(consumer_width, member.member_id.size());
    instance_width = std::max(instance_width, member.group_instance_id.size());
    host_width = std::max(host_width, member.client_host.size());
    client_width = std::max(client_width, member.client_id.size());
    assignment_width = std::max(assignment_width, AssignmentText(member.assignment).size());
    with_instance = with_instance || !member.group_instance_id.empty();
  }
  const bool verbose = call.flags.has("verbose");
  const auto line = [&](std::string_view name, const GroupMemberDescription& member, std::string_view count,
                        std::string_view epoch, std::string_view assignment, std::string_view target) {
    call.out() << Cell(name, group_width) << Cell(member.member_id, consumer_width);
    if (with_instance) call.out() << Cell(member.group_instance_id, instance_width);
    call.out() << Cell(member.client_host, host_width) << Cell(member.client_id, client_width)
               << Cell(count, 15);
    if (verbose) {
      std::string last = Cell(target, 20);
      last.pop_back();
      call.out() << Cell(epoch, 15) << Cell(assignment, assignment_width) << Cell("-", 15) << last;
    }
    call.out() << '\n';
  };
  call.out() << '\n';
  // The heads of the verbose columns, in Kafka's words.
  const GroupMemberDescription heads{"CONSUMER-ID", "GROUP-INSTANCE-ID", "CLIENT-ID", "HOST", {}};
  call.out() << Cell("GROUP", group_width) << Cell(heads.member_id, consumer_width);
  if (with_instance) call.out() << Cell(heads.group_instance_id, instance_width);
  call.out() << Cell(heads.client_host, host_width) << Cell(heads.client_id, client_width)
             << Cell("#PARTITIONS", 15);
  if (verbose) {
    call.out() << Cell("CURRENT-EPOCH", 15) << Cell("CURRENT-ASSIGNMENT", assignment_width)
               << Cell("TARGET-EPOCH", 15) << "TARGET-ASSIGNMENT   ";
  }
  call.out() << '\n';
  for (const GroupMemberDescription& member : group.members) {
    line(group.group, member, StrCat(member.assignment.size()), "-", AssignmentText(member.assignment), "-");
  }
}

// "host:port  (id)", or "-".
std::string CoordinatorOf(WireCaller& wire, const std::string& group) {
  wire::FindCoordinatorRequest request{.coordinator_keys = {group}};
  absl::StatusOr<wire::FindCoordinatorResponse> answer = wire.Ask<wire::FindCoordinatorResponse>(request);
  if (!answer.ok() || answer->coordinators.empty() || answer->coordinators[0].error_code != 0) return "-";
  const auto& found = answer->coordinators[0];
  return StrCat(found.host, ":", found.port, "  (", found.node_id, ")");
}

void PrintState(Call& call, WireCaller& wire, const GroupDescription& group) {
  const std::string coordinator = CoordinatorOf(wire, group.group);
  const size_t group_width = std::max<size_t>(15, group.group.size());
  const size_t coordinator_width = std::max<size_t>(25, coordinator.size());
  const bool verbose = call.flags.has("verbose");
  const auto line = [&](std::string_view name, std::string_view where, std::string_view strategy,
                        std::string_view state, std::string_view epoch, std::string_view target,
                        std::string_view members) {
    call.out() << '\n'
               << Cell(name, group_width) << Cell(where, coordinator_width) << Cell(strategy, 20)
               << Cell(state, 20);
    if (verbose) call.out() << Cell(epoch, 15) << Cell(target, 25);
    call.out() << members;
  };
  line("GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE", "GROUP-EPOCH", "TARGET-ASSIGNMENT-EPOCH",
       "#MEMBERS");
  const std::string epoch =
      group.type == GroupType::kConsumer && group.generation.value() >= 0 ? StrCat(group.generation) : "-";
  line(group.group, coordinator, group.protocol.empty() ? "-" : group.protocol, GroupStateName(group.state),
       epoch, epoch, StrCat(group.members.size()));
  call.out() << '\n';
}

absl::Status DescribeOne(Call& call, Cluster& cluster, Admin& admin, const std::string& name, bool* missing) {
  absl::StatusOr<GroupDescription> group = admin.DescribeGroup(name);
  if (!group.ok()) return group.status();
  group->group = name;
  *missing = *missing || group->state == GroupState::kDead;
  if (call.flags.has("members")) {
    if (AnnounceState(call, *group, group->members.size())) PrintMembers(call, *group);
    return absl::OkStatus();
  }
  if (call.flags.has("state")) {
    if (AnnounceState(call, *group, 1)) PrintState(call, cluster.wire(), *group);
    return absl::OkStatus();
  }
  absl::StatusOr<Consumer::Offsets> committed = admin.ListGroupOffsets(name);
  if (!committed.ok()) return committed.status();
  // A group that only commits has no members and no state to speak of.
  if (group->state == GroupState::kDead && !committed->empty()) group->state = GroupState::kEmpty;
  const std::vector<OffsetRow> rows = OffsetRows(admin, *group, *committed);
  if (AnnounceState(call, *group, rows.size())) PrintOffsets(call, name, rows);
  return absl::OkStatus();
}

}  // namespace

int DescribeGroups(Call& call, Cluster& cluster, Admin& admin) {
  const int views = (call.flags.has("members") ? 1 : 0) + (call.flags.has("offsets") ? 1 : 0) +
                    (call.flags.has("state") ? 1 : 0);
  if (views > 1) return call.Usage("Of --members, --offsets and --state give one");
  absl::StatusOr<std::vector<std::string>> groups = SelectedGroups(call, cluster.wire());
  if (!groups.ok()) return call.Fail(groups.status());
  std::sort(groups->begin(), groups->end());
  bool missing = false;
  for (const std::string& group : *groups) {
    absl::Status described = DescribeOne(call, cluster, admin, group, &missing);
    if (!described.ok()) return call.Fail("Executing consumer group command failed due to", described);
  }
  return missing ? kExitFailed : kExitOk;
}

}  // namespace millrace::inline v0::tools
