#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "millrace/status.h"
#include "tools/consumer_groups.h"
#include "tools/times.h"

namespace millrace::inline v0::tools {
namespace {

using Plan = std::map<TopicPartition, Offset>;
constexpr std::string_view kScenarios[] = {"to-offset", "to-earliest", "to-latest",   "to-current",
                                           "shift-by",  "to-datetime", "by-duration", "from-file"};

absl::Status Malformed(std::string_view message) {
  return absl::InvalidArgumentError(ToAbsl(message));
}

// Offsets that lie outside the log are moved to its edge, and that is told.
absl::StatusOr<Offset> Within(const Call& call, Admin& admin, const TopicPartition& partition,
                              Offset wanted) {
  absl::StatusOr<Offset> begin = admin.BeginningOffset(partition);
  if (!begin.ok()) return begin.status();
  absl::StatusOr<Offset> end = admin.EndOffset(partition);
  if (!end.ok()) return end.status();
  if (wanted >= *begin && wanted <= *end) return wanted;
  const bool above = wanted > *end;
  const Offset edge = above ? *end : *begin;
  call.err() << "WARN New offset (" << wanted.value() << ") is "
             << (above ? "higher than latest" : "lower than earliest") << " offset for topic partition "
             << partition.ToString() << ". Value will be set to " << edge.value() << ".\n";
  return edge;
}

absl::StatusOr<Offset> AtTime(const Call& call, Admin& admin, const TopicPartition& partition,
                              Timestamp time) {
  absl::StatusOr<std::optional<Log::TimestampOffset>> found = admin.OffsetForTime(partition, time);
  if (!found.ok()) return found.status();
  if (found->has_value()) return (*found)->offset;
  call.err() << "\nWarn: Partition " << partition.partition.value() << " from topic " << partition.topic
             << " is empty. Falling back to latest known offset.\n";
  return admin.EndOffset(partition);
}

// "group,topic,partition,offset", or "topic,partition,offset" for the one --group; `group` alone is kept.
absl::StatusOr<Plan> PlanFromFile(const Call& call, const std::string& group) {
  absl::StatusOr<std::string> text = ReadFile(call.host.env, call.flags.Get("from-file"));
  if (!text.ok()) return text.status();
  const auto unquoted = [](std::string_view field) {
    field = Trim(field);
    if (field.size() >= 2 && field.front() == '"' && field.back() == '"')
      field = field.substr(1, field.size() - 2);
    return field;
  };
  Plan plan;
  for (const std::string& line : Split(*text, '\n')) {
    if (Trim(line).empty()) continue;
    std::vector<std::string> fields = Split(line, ',');
    if (fields.size() == 3 && call.flags.All("group").size() == 1) fields.insert(fields.begin(), group);
    if (fields.size() != 4) return Malformed(StrCat("the plan has a line that is none: ", line));
    absl::StatusOr<int64_t> partition = ParseInt("from-file", unquoted(fields[2]), 0, INT32_MAX);
    if (!partition.ok()) return partition.status();
    absl::StatusOr<int64_t> offset = ParseInt("from-file", unquoted(fields[3]), 0);
    if (!offset.ok()) return offset.status();
    if (unquoted(fields[0]) != group) continue;
    const TopicPartition place{std::string(unquoted(fields[1])),
                               PartitionId(static_cast<int32_t>(*partition))};
    plan[place] = Offset(*offset);
  }
  return plan;
}

// What the chosen scenario is given beside the partition.
struct Scenario {
  std::string_view name = {};
  int64_t number = 0;   // --to-offset, --shift-by
  Timestamp time = {};  // --to-datetime, --by-duration
};

absl::StatusOr<Scenario> ScenarioOf(const Call& call) {
  Scenario scenario;
  for (const std::string_view name : kScenarios) {
    if (!call.flags.has(name)) continue;
    if (!scenario.name.empty()) {
      return Malformed(StrCat("Option \"[", scenario.name, "]\" can't be used with option \"[", name, "]\""));
    }
    scenario.name = name;
  }
  if (scenario.name.empty() && call.flags.has("export")) scenario.name = "to-current";
  if (scenario.name.empty()) {
    return Malformed(
        "--reset-offsets takes one of these: --to-offset, --to-earliest, --to-latest, --to-current, "
        "--shift-by, "
        "--to-datetime, --by-duration, --from-file");
  }
  const std::string text = call.flags.Get(scenario.name);
  absl::StatusOr<int64_t> number = 0;
  if (scenario.name == "to-offset") number = ParseInt(scenario.name, text, 0);
  if (scenario.name == "shift-by") number = ParseInt(scenario.name, text);
  if (scenario.name == "to-datetime") number = ParseDateTime(text);
  if (scenario.name == "by-duration") number = ParseIsoDuration(text);
  if (!number.ok()) return number.status();
  scenario.number = *number;
  scenario.time = Timestamp(*number);
  if (scenario.name == "by-duration") scenario.time = call.host.env.clock->Wall() - *number;
  return scenario;
}

absl::StatusOr<Offset> NewOffset(const Call& call, Admin& admin, const Scenario& scenario,
                                 const TopicPartition& partition, const Consumer::Offsets& committed) {
  const auto at = committed.find(partition);
  if (scenario.name == "to-offset") return Within(call, admin, partition, Offset(scenario.number));
  if (scenario.name == "to-earliest") return admin.BeginningOffset(partition);
  if (scenario.name == "to-latest") return admin.EndOffset(partition);
  if (scenario.name == "to-current")
    return at == committed.end() ? admin.EndOffset(partition) : at->second.offset;
  if (scenario.name == "shift-by") {
    if (at == committed.end()) {
      return Malformed(StrCat("Cannot shift offset for partition ", partition.ToString(),
                              " since there is no current committed offset"));
    }
    const int64_t from = at->second.offset.value();
    const int64_t shifted =
        scenario.number > 0 && from > INT64_MAX - scenario.number ? INT64_MAX : from + scenario.number;
    return Within(call, admin, partition, Offset(shifted));
  }
  return AtTime(call, admin, partition, scenario.time);
}

absl::StatusOr<Plan> PlanFor(const Call& call, Cluster& cluster, Admin& admin, const Scenario& scenario,
                             const std::string& group) {
  Plan plan;
  if (scenario.name == "from-file") {
    absl::StatusOr<Plan> wanted = PlanFromFile(call, group);
    if (!wanted.ok()) return wanted.status();
    for (const auto& [partition, offset] : *wanted) {
      absl::StatusOr<Offset> within = Within(call, admin, partition, offset);
      if (!within.ok()) return within.status();
      plan[partition] = *within;
    }
    return plan;
  }
  absl::StatusOr<Consumer::Offsets> committed = admin.ListGroupOffsets(group);
  if (!committed.ok()) return committed.status();
  std::vector<TopicPartition> partitions;
  if (call.flags.has("all-topics")) {
    for (const auto& [partition, offset] : *committed) partitions.push_back(partition);
  } else {
    absl::StatusOr<std::vector<TopicPartition>> selected = SelectedPartitions(call, cluster.wire());
    if (!selected.ok()) return selected.status();
    partitions = *std::move(selected);
  }
  for (const TopicPartition& partition : partitions) {
    absl::StatusOr<Offset> offset = NewOffset(call, admin, scenario, partition, *committed);
    if (!offset.ok()) return offset.status();
    plan[partition] = *offset;
  }
  return plan;
}

void PrintPlans(Call& call, const std::map<std::string, Plan>& plans) {
  if (call.flags.has("export")) {
    const bool with_group = plans.size() != 1;
    for (const auto& [group, plan] : plans) {
      for (const auto& [partition, offset] : plan) {
        if (with_group) call.out() << group << ',';
        call.out() << partition.topic << ',' << partition.partition.value() << ',' << offset.value() << '\n';
      }
    }
    call.out() << '\n';
    return;
  }
  size_t group_width = 15;
  size_t topic_width = 15;
  for (const auto& [group, plan] : plans) {
    group_width = std::max(group_width, group.size());
    for (const auto& [partition, offset] : plan) topic_width = std::max(topic_width, partition.topic.size());
  }
  const auto line = [&](std::string_view group, std::string_view topic, std::string_view partition,
                        std::string_view offset) {
    call.out() << '\n'
               << Cell(group, group_width) << Cell(topic, topic_width) << Cell(partition, 10) << offset;
  };
  line("GROUP", "TOPIC", "PARTITION", "NEW-OFFSET");
  for (const auto& [group, plan] : plans) {
    for (const auto& [partition, offset] : plan) {
      line(group, partition.topic, StrCat(partition.partition), StrCat(offset));
    }
  }
  call.out() << '\n';
}

absl::Status ResetGroup(Call& call, Cluster& cluster, Admin& admin, const Scenario& scenario,
                        const std::string& group, Plan* plan) {
  absl::StatusOr<GroupDescription> description = admin.DescribeGroup(group);
  if (!description.ok()) return description.status();
  if (description->state != GroupState::kEmpty && description->state != GroupState::kDead) {
    return Error(ErrorCode::kNonEmptyGroup,
                 StrCat("Assignments can only be reset if the group '", group,
                        "' is inactive, but the current state is ", GroupStateName(description->state), "."));
  }
  absl::StatusOr<Plan> made = PlanFor(call, cluster, admin, scenario, group);
  if (!made.ok()) return made.status();
  *plan = *std::move(made);
  if (!call.flags.has("execute") || plan->empty()) return absl::OkStatus();
  Consumer::Offsets offsets;
  for (const auto& [partition, offset] : *plan) offsets[partition] = {.offset = offset};
  return admin.AlterGroupOffsets(group, offsets);
}

}  // namespace

int ResetOffsets(Call& call, Cluster& cluster, Admin& admin) {
  const Flags& flags = call.flags;
  if (flags.has("execute") && flags.has("dry-run")) {
    return call.Usage("Option \"[execute]\" can't be used with option \"[dry-run]\"");
  }
  if (!flags.has("topic") && !flags.has("all-topics") && !flags.has("from-file")) {
    return call.Usage("One of the reset scopes should be defined: --all-topics, --topic.");
  }
  absl::StatusOr<Scenario> scenario = ScenarioOf(call);
  if (!scenario.ok()) return call.Usage(scenario.status());
  if (!flags.has("execute") && !flags.has("dry-run") && !flags.has("export")) {
    call.err()
        << "WARN: No action will be performed as the --execute option is missing. In a future major release, "
           "the default behavior of this command will be to prompt the user before executing the reset "
           "rather "
           "than doing a dry run. You should add the --dry-run option explicitly if you are scripting this "
           "command and want to keep the current default behavior without prompting.\n";
  }
  absl::StatusOr<std::vector<std::string>> groups = SelectedGroups(call, cluster.wire());
  if (!groups.ok()) return call.Fail(groups.status());
  std::map<std::string, Plan> plans;
  bool failed = false;
  for (const std::string& group : *groups) {
    absl::Status reset = ResetGroup(call, cluster, admin, *scenario, group, &plans[group]);
    if (reset.ok()) continue;
    failed = true;
    plans[group].clear();
    call.err() << "\nError: " << ToStd(reset.message()) << '\n';
  }
  PrintPlans(call, plans);
  return failed ? kExitFailed : kExitOk;
}

}  // namespace millrace::inline v0::tools
