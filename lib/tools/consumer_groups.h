// What the parts of kafka-consumer-groups.sh share.

#ifndef MILLRACE_TOOLS_CONSUMER_GROUPS_H_
#define MILLRACE_TOOLS_CONSUMER_GROUPS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "millrace/types.h"
#include "tools/tool.h"

namespace millrace::inline v0::tools {

// The groups of --group or --all-groups, in order.
absl::StatusOr<std::vector<std::string>> SelectedGroups(const Call& call, WireCaller& wire);
// What --topic means: "t" for every partition of t, "t:0,1" for these. kUnknownTopicOrPartition, naming them,
// for what is not there; kInvalidArgument.
absl::StatusOr<std::vector<TopicPartition>> SelectedPartitions(const Call& call, WireCaller& wire);

int DescribeGroups(Call& call, Cluster& cluster, Admin& admin);
int ResetOffsets(Call& call, Cluster& cluster, Admin& admin);

// `text` in a column of `width`, and a blank.
std::string Cell(std::string_view text, size_t width);

}  // namespace millrace::inline v0::tools

#endif  // MILLRACE_TOOLS_CONSUMER_GROUPS_H_
