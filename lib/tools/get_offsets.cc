// kafka-get-offsets.sh: the first, last or other offsets of partitions.

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "millrace/status.h"
#include "millrace/wire/messages/list_offsets.h"
#include "tools/all_tools.h"
#include "tools/topic_view.h"

namespace millrace::inline v0::tools {
namespace {

constexpr FlagSpec kGetOffsetsFlags[] = {
    {.name = "bootstrap-server",
     .takes = Takes::kValue,
     .value = "HOST:PORT",
     .help = "The broker to ask, or several, separated by commas.",
     .required = true,
     .alias = "broker-list"},
    kCommandConfigFlag,
    {.name = "topic",
     .takes = Takes::kValue,
     .value = "TOPIC",
     .help = "The topic; a regular expression. Default: all."},
    {.name = "partitions",
     .takes = Takes::kValue,
     .value = "IDS",
     .help = "The partitions, separated by commas. Default: all."},
    {.name = "topic-partitions",
     .takes = Takes::kValue,
     .value = "PATTERNS",
     .help = "Topics with partitions, separated by commas: 't:0', 't:2-5' (5 is out), 't:-5', 't.*', ':3'."},
    {.name = "time",
     .takes = Takes::kValue,
     .value = "TIME",
     .help = "Which offset: -1 or latest (the default), -2 or earliest, -3 or max-timestamp, -4 or "
             "earliest-local, -5 or latest-tiered, or a time in milliseconds since 1970 (of the first record "
             "from then on)."},
    {.name = "exclude-internal-topics", .help = "Leave out internal topics."},
};

// One of --topic-partitions: a topic's pattern and a range of partitions.
struct PartitionPattern {
  TopicFilter topic;
  int64_t first = 0;
  int64_t end = INT64_MAX;
};

absl::StatusOr<PartitionPattern> ParsePattern(std::string_view text) {
  const size_t colon = text.rfind(':');
  const std::string_view name = text.substr(0, colon);
  absl::StatusOr<TopicFilter> filter = TopicFilter::Make(name.empty() ? ".*" : name);
  if (!filter.ok()) return filter.status();
  PartitionPattern pattern{.topic = *std::move(filter)};
  if (colon == std::string_view::npos) return pattern;
  const std::string_view range = text.substr(colon + 1);
  const size_t dash = range.find('-');
  const auto number = [&](std::string_view digits, int64_t* to) -> absl::Status {
    if (digits.empty()) return absl::OkStatus();
    absl::StatusOr<int64_t> value = ParseInt("topic-partitions", digits, 0, INT32_MAX);
    if (!value.ok()) return value.status();
    *to = *value;
    return absl::OkStatus();
  };
  absl::Status read = number(range.substr(0, dash), &pattern.first);
  if (read.ok() && dash != std::string_view::npos) read = number(range.substr(dash + 1), &pattern.end);
  if (!read.ok()) return read;
  if (dash == std::string_view::npos && !range.empty()) pattern.end = pattern.first + 1;
  return pattern;
}

absl::StatusOr<int64_t> ParseOffsetTime(const Flags& flags) {
  constexpr std::pair<std::string_view, int64_t> kNames[] = {
      {"latest", -1}, {"earliest", -2}, {"max-timestamp", -3}, {"earliest-local", -4}, {"latest-tiered", -5}};
  const std::string text = flags.Get("time", "latest");
  for (const auto& [name, number] : kNames) {
    if (text == name) return number;
  }
  absl::StatusOr<int64_t> number = ParseInt("time", text, -5);
  if (number.ok()) return number;
  return absl::InvalidArgumentError(ToAbsl(StrCat(
      "Malformed time argument ", text,
      ". Please use -1 or latest / -2 or earliest / -3 or max-timestamp / -4 or earliest-local / -5 or "
      "latest-tiered, or a specified long format timestamp")));
}

struct Selection {
  std::vector<PartitionPattern> patterns = {};
  std::set<int64_t> partitions = {};  // empty: all
  bool exclude_internal = false;

  bool Has(const TopicView& topic, int32_t partition) const {
    if (exclude_internal && topic.internal) return false;
    if (!partitions.empty() && !partitions.contains(partition)) return false;
    return std::any_of(patterns.begin(), patterns.end(), [&](const PartitionPattern& pattern) {
      return partition >= pattern.first && partition < pattern.end && pattern.topic.Matches(topic.name);
    });
  }
};

absl::StatusOr<Selection> SelectionOf(const Flags& flags) {
  if (flags.has("topic-partitions") && (flags.has("topic") || flags.has("partitions"))) {
    return absl::InvalidArgumentError("--topic-partitions cannot be used with --topic or --partitions");
  }
  Selection selection{.exclude_internal = flags.has("exclude-internal-topics")};
  if (flags.has("topic-partitions")) {
    for (const std::string& text : Split(flags.Get("topic-partitions"), ',')) {
      absl::StatusOr<PartitionPattern> pattern = ParsePattern(Trim(text));
      if (!pattern.ok()) return pattern.status();
      selection.patterns.push_back(*std::move(pattern));
    }
    return selection;
  }
  absl::StatusOr<TopicFilter> filter = TopicFilter::Make(flags.Get("topic", ".*"));
  if (!filter.ok()) return filter.status();
  selection.patterns.push_back({.topic = *std::move(filter)});
  if (!flags.has("partitions")) return selection;
  for (const std::string& text : Split(flags.Get("partitions"), ',')) {
    absl::StatusOr<int64_t> number = ParseInt("partitions", Trim(text), 0, INT32_MAX);
    if (!number.ok()) return number.status();
    selection.partitions.insert(*number);
  }
  return selection;
}

// Each leader is asked once. Partitions that it cannot answer for are told on the error stream and left out.
using FoundOffsets = std::map<TopicPartition, int64_t>;
absl::StatusOr<FoundOffsets> AskOffsets(Call& call, WireCaller& wire, const std::vector<TopicView>& topics,
                                        const Selection& selection, int64_t time) {
  std::map<int32_t, wire::ListOffsetsRequest> requests;
  FoundOffsets found;
  for (const TopicView& topic : topics) {
    std::map<int32_t, std::vector<wire::ListOffsetsRequest::Partition>> by_leader;
    for (const PartitionView& partition : topic.partitions) {
      if (!selection.Has(topic, partition.partition)) continue;
      if (partition.leader < 0) {
        call.err() << "Error: topic-partition " << topic.name << ":" << partition.partition
                   << " does not have a leader. Skip getting offsets\n";
        continue;
      }
      by_leader[partition.leader].push_back({.partition_index = partition.partition, .timestamp = time});
    }
    for (auto& [leader, partitions] : by_leader) {
      requests[leader].topics.push_back({.name = topic.name, .partitions = std::move(partitions)});
    }
  }
  for (auto& [leader, request] : requests) {
    request.replica_id = -1;
    absl::StatusOr<wire::ListOffsetsResponse> answer = wire.Ask<wire::ListOffsetsResponse>(request, leader);
    if (!answer.ok()) return answer.status();
    for (const auto& topic : answer->topics) {
      for (const auto& partition : topic.partitions) {
        if (partition.error_code != 0) {
          call.err() << "Skip getting offsets for topic-partition " << topic.name << ":"
                     << partition.partition_index
                     << " due to error: " << ErrorCodeName(static_cast<ErrorCode>(partition.error_code))
                     << '\n';
          continue;
        }
        found[{topic.name, PartitionId(partition.partition_index)}] = partition.offset;
      }
    }
  }
  return found;
}

int RunGetOffsets(Call& call) {
  absl::StatusOr<int64_t> time = ParseOffsetTime(call.flags);
  if (!time.ok()) return call.Usage(time.status());
  absl::StatusOr<Selection> selection = SelectionOf(call.flags);
  if (!selection.ok()) return call.Usage(selection.status());
  auto cluster = call.Connect();
  if (!cluster.ok()) return call.Fail(cluster.status());
  absl::StatusOr<std::vector<TopicView>> topics = ListTopicViews((*cluster)->wire());
  if (!topics.ok()) return call.Fail(topics.status());
  const bool any = std::any_of(topics->begin(), topics->end(), [&](const TopicView& topic) {
    return std::any_of(topic.partitions.begin(), topic.partitions.end(), [&](const PartitionView& partition) {
      return selection->Has(topic, partition.partition);
    });
  });
  if (!any) return call.Fail("Could not match any topic-partitions with the specified filters");
  absl::StatusOr<FoundOffsets> found = AskOffsets(call, (*cluster)->wire(), *topics, *selection, *time);
  if (!found.ok()) return call.Fail(found.status());
  for (const auto& [partition, offset] : *found) {
    call.out() << partition.topic << ':' << partition.partition.value() << ':';
    if (offset >= 0) call.out() << offset;
    call.out() << '\n';
  }
  return kExitOk;
}

}  // namespace

const Tool kGetOffsetsTool{.name = "get-offsets",
                           .script = "kafka-get-offsets.sh",
                           .summary = "Tell the first, last or other offsets of partitions.",
                           .flags = kGetOffsetsFlags,
                           .run = RunGetOffsets};

}  // namespace millrace::inline v0::tools
