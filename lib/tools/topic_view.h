// What the tools ask about topics over the wire: which there are, their partitions, their settings.

#ifndef MILLRACE_TOOLS_TOPIC_VIEW_H_
#define MILLRACE_TOOLS_TOPIC_VIEW_H_

#include <cstdint>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/types.h"
#include "millrace/wire/messages/describe_configs.h"
#include "tools/wire_caller.h"

namespace millrace::inline v0::tools {

struct PartitionView {
  int32_t partition = 0;
  int32_t leader = -1;  // -1: none
  std::vector<int32_t> replicas = {};
  std::vector<int32_t> isr = {};
  // Null: the broker does not tell.
  std::optional<std::vector<int32_t>> eligible_leaders = std::nullopt;
  std::optional<std::vector<int32_t>> last_known_eligible = std::nullopt;
};

struct TopicView {
  std::string name = {};
  TopicId id = {};
  bool internal = false;
  std::vector<PartitionView> partitions = {};  // in order
};

// Every topic, by name.
absl::StatusOr<std::vector<TopicView>> ListTopicViews(WireCaller& wire);
// These, by name, with the eligible leaders where the broker tells. kUnknownTopicOrPartition names the first
// that is not there. Creates none.
absl::StatusOr<std::vector<TopicView>> DescribeTopicViews(WireCaller& wire,
                                                          const std::vector<std::string>& names);

// DescribeConfigs of one topic, or of one broker (its id; then that broker is asked), with Kafka's numbers.
enum class ConfigResourceType : int8_t {
  kTopic = 2,
  kBroker = 4,
  kBrokerLogger = 8,
  kClientMetrics = 16,
  kGroup = 32
};
// Where the value of a setting comes from.
enum class ConfigSource : int8_t {
  kUnknown = 0,
  kDynamicTopic = 1,
  kDynamicBroker = 2,
  kDynamicDefaultBroker = 3,
  kStaticBroker = 4,
  kDefault = 5,
  kDynamicBrokerLogger = 6,
  kClientMetrics = 7,
  kGroup = 8,
};
using ConfigEntries = std::vector<wire::DescribeConfigsResponse::Config>;
absl::StatusOr<ConfigEntries> DescribeConfigs(WireCaller& wire, ConfigResourceType type,
                                              std::string_view name, bool synonyms = false);

// Topics by a list of regular expressions ("a,b.*"), each of which matches a whole name.
class TopicFilter {
 public:
  // kInvalidArgument: no regular expression.
  static absl::StatusOr<TopicFilter> Make(std::string_view expressions);
  bool Matches(const std::string& name) const;

 private:
  std::regex pattern_;
};

// "1,2,3".
std::string JoinIds(const std::vector<int32_t>& ids);

}  // namespace millrace::inline v0::tools

#endif  // MILLRACE_TOOLS_TOPIC_VIEW_H_
