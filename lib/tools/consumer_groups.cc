// kafka-consumer-groups.sh: list, describe, reset and delete consumer groups.

#include "tools/consumer_groups.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/strings.h"
#include "millrace/status.h"
#include "millrace/wire/messages/list_groups.h"
#include "tools/all_tools.h"
#include "tools/topic_view.h"

namespace millrace::inline v0::tools {
namespace {

constexpr FlagSpec kGroupsFlags[] = {
    kBootstrapServerFlag,
    kCommandConfigFlag,
    {.name = "timeout",
     .takes = Takes::kValue,
     .value = "MS",
     .help = "How long an answer may take. Accepted; the client's settings say it."},
    {.name = "list", .help = "List the groups."},
    {.name = "describe", .help = "Show groups, with their lag."},
    {.name = "delete", .help = "Delete groups that have no members."},
    {.name = "reset-offsets",
     .help = "Set the offsets of groups that have no members. Shows what it would do, unless --execute is "
             "there."},
    {.name = "delete-offsets", .help = "Forget the offsets of a group for topics."},
    {.name = "validate-regex",
     .takes = Takes::kValue,
     .value = "REGEX",
     .help = "Say whether a regular expression is valid."},
    {.name = "group",
     .takes = Takes::kValue,
     .value = "GROUP",
     .help = "The group. May be repeated.",
     .repeated = true},
    {.name = "all-groups", .help = "All groups."},
    {.name = "topic",
     .takes = Takes::kValue,
     .value = "TOPIC[:0,1]",
     .help = "The topic, or some of its partitions. May be repeated.",
     .repeated = true},
    {.name = "all-topics", .help = "With --reset-offsets: all topics for which the group has offsets."},
    {.name = "members", .help = "With --describe: the members."},
    {.name = "offsets", .help = "With --describe: the offsets (the default)."},
    {.name = "state",
     .takes = Takes::kMaybeValue,
     .value = "STATES",
     .help = "With --describe: the state. With --list: show it, and only groups in these states."},
    {.name = "type",
     .takes = Takes::kMaybeValue,
     .value = "TYPES",
     .help = "With --list: show the type, and only groups of these types (classic, consumer)."},
    {.name = "verbose", .help = "With --describe: more columns."},
    {.name = "dry-run", .help = "With --reset-offsets: only show what would be done (the default)."},
    {.name = "execute", .help = "With --reset-offsets: do it."},
    {.name = "export", .help = "With --reset-offsets: print the offsets as CSV, for --from-file."},
    {.name = "to-offset",
     .takes = Takes::kValue,
     .value = "N",
     .help = "With --reset-offsets: to this offset."},
    {.name = "to-earliest", .help = "With --reset-offsets: to the first record."},
    {.name = "to-latest", .help = "With --reset-offsets: to the end."},
    {.name = "to-current",
     .help = "With --reset-offsets: to where the group is; where it has no offset, to the end."},
    {.name = "shift-by",
     .takes = Takes::kValue,
     .value = "N",
     .help = "With --reset-offsets: so many records on, or back."},
    {.name = "to-datetime",
     .takes = Takes::kValue,
     .value = "TIME",
     .help = "With --reset-offsets: to the first record of that time or later: YYYY-MM-DDTHH:mm:ss.sss."},
    {.name = "by-duration",
     .takes = Takes::kValue,
     .value = "DURATION",
     .help = "With --reset-offsets: to the first record that is not older: PnDTnHnMnS."},
    {.name = "from-file",
     .takes = Takes::kValue,
     .value = "FILE",
     .help = "With --reset-offsets: to the offsets of a CSV file."},
};

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return lower;
}

// "Classic".
std::string TypeText(std::string_view type) {
  std::string text(type);
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 32);
  return text;
}

// The set that "--state Stable,Empty" names, in small letters; empty for all.
std::set<std::string> Wanted(const Flags& flags, std::string_view flag) {
  std::set<std::string> wanted;
  for (const std::string& one : Split(flags.Get(flag), ',')) {
    if (!Trim(one).empty()) wanted.insert(Lower(Trim(one)));
  }
  return wanted;
}

// Each broker knows the groups that it coordinates.
absl::StatusOr<std::vector<wire::ListGroupsResponse::Group>> AllGroups(WireCaller& wire) {
  absl::StatusOr<std::vector<WireNode>> nodes = wire.Nodes();
  if (!nodes.ok()) return nodes.status();
  std::vector<wire::ListGroupsResponse::Group> all;
  for (const WireNode& node : *nodes) {
    absl::StatusOr<wire::ListGroupsResponse> answer =
        wire.Ask<wire::ListGroupsResponse>(wire::ListGroupsRequest{}, node.id);
    if (!answer.ok()) return answer.status();
    if (absl::Status status = AnswerStatus(answer->error_code); !status.ok()) return status;
    all.insert(all.end(), answer->groups.begin(), answer->groups.end());
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.group_id < b.group_id; });
  return all;
}

int ListGroups(Call& call, WireCaller& wire) {
  const std::set<std::string> states = Wanted(call.flags, "state");
  const std::set<std::string> types = Wanted(call.flags, "type");
  for (const std::string& type : types) {
    if (type != "classic" && type != "consumer") {
      return call.Usage(
          StrCat("Invalid types list '", call.flags.Get("type"), "'. Valid types are: Classic, Consumer"));
    }
  }
  absl::StatusOr<std::vector<wire::ListGroupsResponse::Group>> groups = AllGroups(wire);
  if (!groups.ok()) return call.Fail(groups.status());
  const bool with_state = call.flags.has("state");
  const bool with_type = call.flags.has("type");
  std::erase_if(*groups, [&](const wire::ListGroupsResponse::Group& group) {
    return (!states.empty() && !states.contains(Lower(group.group_state))) ||
           (!types.empty() && !types.contains(Lower(group.group_type))) ||
           (group.protocol_type != "consumer" && !group.protocol_type.empty());
  });
  if (!with_state && !with_type) {
    for (const auto& group : *groups) call.out() << group.group_id << '\n';
    return kExitOk;
  }
  size_t width = 15;
  for (const auto& group : *groups) width = std::max(width, group.group_id.size());
  width += 10;
  const auto line = [&](std::string_view group, std::string_view type, std::string_view state) {
    std::string text = Cell(group, width);
    if (with_type) StrAppend(&text, Cell(type, 20));
    if (with_state) StrAppend(&text, Cell(state, 20));
    text.pop_back();  // the blank behind the last column
    call.out() << text << '\n';
  };
  line("GROUP", "TYPE", "STATE");
  for (const auto& group : *groups) line(group.group_id, TypeText(group.group_type), group.group_state);
  return kExitOk;
}

int DeleteGroups(Call& call, Cluster& cluster, Admin& admin) {
  absl::StatusOr<std::vector<std::string>> groups = SelectedGroups(call, cluster.wire());
  if (!groups.ok()) return call.Fail(groups.status());
  std::string done;
  std::vector<std::pair<std::string, absl::Status>> failed;
  for (const std::string& group : *groups) {
    absl::Status deleted = admin.DeleteGroup(group);
    if (!deleted.ok()) {
      failed.emplace_back(group, std::move(deleted));
    } else {
      StrAppend(&done, done.empty() ? "'" : ", '", group, "'");
    }
  }
  if (failed.empty()) {
    call.out() << "Deletion of requested consumer groups (" << done << ") was successful.\n";
    return kExitOk;
  }
  call.err() << "\nError: Deletion of some consumer groups failed:\n";
  for (const auto& [group, why] : failed) {
    call.err() << "* Group '" << group << "' could not be deleted due to: " << ToStd(why.message()) << '\n';
  }
  if (!done.empty()) call.out() << "\nThese consumer groups were deleted successfully: " << done << '\n';
  return kExitFailed;
}

int DeleteOffsets(Call& call, Cluster& cluster, Admin& admin) {
  if (call.flags.All("group").size() != 1) return call.Usage("--delete-offsets takes one --group");
  if (!call.flags.has("topic")) return call.Usage("Missing required argument \"[topic]\"");
  const std::string group = call.flags.Get("group");
  absl::StatusOr<std::vector<TopicPartition>> partitions = SelectedPartitions(call, cluster.wire());
  if (!partitions.ok()) return call.Fail(partitions.status());
  const absl::Status deleted = admin.DeleteGroupOffsets(group, *partitions);
  if (!deleted.ok()) return call.Fail(deleted);
  size_t width = 15;
  for (const TopicPartition& partition : *partitions) width = std::max(width, partition.topic.size());
  call.out() << "Request succeeded for deleting offsets from group " << group << ".\n";
  call.out() << '\n' << Cell("TOPIC", width) << Cell("PARTITION", 10) << Cell("STATUS", 14);
  for (const TopicPartition& partition : *partitions) {
    call.out() << '\n'
               << Cell(partition.topic, width) << Cell(StrCat(partition.partition), 10)
               << Cell("Successful", 14);
  }
  call.out() << '\n';
  return kExitOk;
}

int ValidateRegex(Call& call) {
  const std::string regex = call.flags.Get("validate-regex");
  const bool valid = TopicFilter::Make(regex).ok();
  call.out() << "The regular expression `" << regex << "` is " << (valid ? "valid.\n" : "invalid.\n");
  return valid ? kExitOk : kExitFailed;
}

int RunConsumerGroups(Call& call) {
  const Flags& flags = call.flags;
  int actions = 0;
  for (const std::string_view action :
       {"list", "describe", "delete", "reset-offsets", "delete-offsets", "validate-regex"}) {
    actions += flags.has(action) ? 1 : 0;
  }
  if (actions != 1) {
    return call.Usage(
        "Command must include exactly one action: --list, --describe, --delete, --reset-offsets, "
        "--delete-offsets, --validate-regex");
  }
  if (flags.has("validate-regex")) return ValidateRegex(call);
  if (!flags.has("list") && flags.has("group") == flags.has("all-groups")) {
    return call.Usage("This action takes one of these options: --group, --all-groups");
  }
  auto cluster = call.Connect();
  if (!cluster.ok()) return call.Fail(cluster.status());
  absl::StatusOr<Admin*> admin = (*cluster)->admin();
  if (!admin.ok()) return call.Fail(admin.status());
  if (flags.has("list")) return ListGroups(call, (*cluster)->wire());
  if (flags.has("describe")) return DescribeGroups(call, **cluster, **admin);
  if (flags.has("delete")) return DeleteGroups(call, **cluster, **admin);
  if (flags.has("reset-offsets")) return ResetOffsets(call, **cluster, **admin);
  return DeleteOffsets(call, **cluster, **admin);
}

}  // namespace

std::string Cell(std::string_view text, size_t width) {
  std::string cell(text);
  if (cell.size() < width) cell.append(width - cell.size(), ' ');
  cell.push_back(' ');
  return cell;
}

absl::StatusOr<std::vector<std::string>> SelectedGroups(const Call& call, WireCaller& wire) {
  if (!call.flags.has("all-groups")) return call.flags.All("group");
  absl::StatusOr<std::vector<wire::ListGroupsResponse::Group>> all = AllGroups(wire);
  if (!all.ok()) return all.status();
  std::vector<std::string> groups;
  for (const auto& group : *all) groups.push_back(group.group_id);
  std::sort(groups.begin(), groups.end());
  return groups;
}

absl::StatusOr<std::vector<TopicPartition>> SelectedPartitions(const Call& call, WireCaller& wire) {
  std::vector<std::string> names;
  std::map<std::string, std::set<int32_t>> chosen;  // empty: all
  for (const std::string& topic : call.flags.All("topic")) {
    const size_t colon = topic.find(':');
    std::set<int32_t>& partitions = chosen[topic.substr(0, colon)];
    if (colon == std::string::npos) continue;
    for (const std::string& one : Split(std::string_view(topic).substr(colon + 1), ',')) {
      absl::StatusOr<int64_t> number = ParseInt("topic", one, 0, INT32_MAX);
      if (!number.ok()) return number.status();
      partitions.insert(static_cast<int32_t>(*number));
    }
  }
  for (const auto& [topic, partitions] : chosen) names.push_back(topic);
  absl::StatusOr<std::vector<TopicView>> topics = DescribeTopicViews(wire, names);
  if (!topics.ok()) return topics.status();
  std::vector<TopicPartition> selected;
  for (const TopicView& topic : *topics) {
    std::set<int32_t>& wanted = chosen[topic.name];
    const bool all = wanted.empty();
    for (const PartitionView& partition : topic.partitions) {
      if (!all && wanted.erase(partition.partition) == 0) continue;
      selected.push_back({topic.name, PartitionId(partition.partition)});
    }
    if (!wanted.empty()) {
      return Error(ErrorCode::kUnknownTopicOrPartition,
                   StrCat("The partitions \"", topic.name, "-", *wanted.begin(), "\" do not exist"));
    }
  }
  return selected;
}

const Tool kConsumerGroupsTool{.name = "consumer-groups",
                               .script = "kafka-consumer-groups.sh",
                               .summary = "List, describe, reset and delete consumer groups.",
                               .flags = kGroupsFlags,
                               .run = RunConsumerGroups};

}  // namespace millrace::inline v0::tools
