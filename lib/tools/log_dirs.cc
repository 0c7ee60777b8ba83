// kafka-log-dirs.sh: how large partitions are, by directory, as JSON.

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "base/json_quote.h"
#include "base/strings.h"
#include "millrace/status.h"
#include "millrace/wire/messages/describe_log_dirs.h"
#include "tools/all_tools.h"
#include "tools/json.h"

namespace millrace::inline v0::tools {
namespace {

constexpr FlagSpec kLogDirsFlags[] = {
    kBootstrapServerFlag,
    kCommandConfigFlag,
    {.name = "describe", .help = "Show the directories. The one action there is."},
    {.name = "topic-list",
     .takes = Takes::kValue,
     .value = "TOPICS",
     .help = "Only these topics, separated by commas."},
    {.name = "broker-list",
     .takes = Takes::kValue,
     .value = "IDS",
     .help = "Only these brokers, separated by commas."},
};

void AppendDirectories(std::string* to, const wire::DescribeLogDirsResponse& answer,
                       const std::set<std::string>& topics) {
  std::string_view comma;
  for (const auto& directory : answer.results) {
    StrAppend(to, comma, "{\"logDir\":", JsonQuote(directory.log_dir), ",\"error\":");
    comma = ",";
    if (directory.error_code == 0) {
      to->append("null");
    } else {
      to->append(JsonQuote(ErrorCodeName(static_cast<ErrorCode>(directory.error_code))));
    }
    to->append(",\"partitions\":[");
    std::string_view between;
    for (const auto& topic : directory.topics) {
      if (!topics.empty() && !topics.contains(topic.name)) continue;
      for (const auto& partition : topic.partitions) {
        StrAppend(to, between,
                  "{\"partition\":", JsonQuote(StrCat(topic.name, "-", partition.partition_index)),
                  ",\"size\":", partition.partition_size, ",\"offsetLag\":", partition.offset_lag,
                  ",\"isFuture\":", partition.is_future_key, "}");
        between = ",";
      }
    }
    to->append("]}");
  }
}

int RunLogDirs(Call& call) {
  if (!call.flags.has("describe")) return call.Usage("Missing required argument \"[describe]\"");
  std::set<std::string> topics;
  for (const std::string& topic : Split(call.flags.Get("topic-list"), ',')) {
    if (!Trim(topic).empty()) topics.emplace(Trim(topic));
  }
  std::set<int32_t> wanted;
  for (const std::string& text : Split(call.flags.Get("broker-list"), ',')) {
    if (Trim(text).empty()) continue;
    absl::StatusOr<int64_t> id = ParseInt("broker-list", Trim(text), 0, INT32_MAX);
    if (!id.ok()) return call.Usage(id.status());
    wanted.insert(static_cast<int32_t>(*id));
  }
  auto cluster = call.Connect();
  if (!cluster.ok()) return call.Fail(cluster.status());
  WireCaller& wire = (*cluster)->wire();
  absl::StatusOr<std::vector<WireNode>> nodes = wire.Nodes();
  if (!nodes.ok()) return call.Fail(nodes.status());
  std::set<int32_t> ids;
  for (const WireNode& node : *nodes) ids.insert(node.id);
  for (const int32_t id : wanted) {
    if (!ids.contains(id))
      return call.Fail(StrCat("The given brokers do not exist from --broker-list: ", id));
  }
  if (!wanted.empty()) ids = wanted;

  call.out() << "Querying brokers for log directories information\n" << std::flush;
  std::string json = "{\"version\":1,\"brokers\":[";
  std::string names;
  for (const int32_t id : ids) {
    absl::StatusOr<wire::DescribeLogDirsResponse> answer =
        wire.Ask<wire::DescribeLogDirsResponse>(wire::DescribeLogDirsRequest{.topics = std::nullopt}, id);
    if (!answer.ok()) return call.Fail(answer.status());
    StrAppend(&json, names.empty() ? "" : ",", "{\"broker\":", id, ",\"logDirs\":[");
    AppendDirectories(&json, *answer, topics);
    json.append("]}");
    StrAppend(&names, names.empty() ? "" : ",", id);
  }
  json.append("]}");
  call.out() << "Received log directory information from brokers " << names << '\n' << json << '\n';
  return kExitOk;
}

}  // namespace

const Tool kLogDirsTool{.name = "log-dirs",
                        .script = "kafka-log-dirs.sh",
                        .summary = "Tell how large partitions are, by directory.",
                        .flags = kLogDirsFlags,
                        .run = RunLogDirs};

}  // namespace millrace::inline v0::tools
