// kafka-delete-records.sh: deletes the records before given offsets.

#include <map>
#include <string>

#include "base/strings.h"
#include "tools/all_tools.h"
#include "tools/json.h"

namespace millrace::inline v0::tools {
namespace {

constexpr FlagSpec kDeleteRecordsFlags[] = {
    kBootstrapServerFlag,
    kCommandConfigFlag,
    {.name = "offset-json-file",
     .takes = Takes::kValue,
     .value = "FILE",
     .help = "What to delete: {\"partitions\": [{\"topic\": \"t\", \"partition\": 0, \"offset\": 10}], "
             "\"version\": 1}. Offset -1: everything that consumers may read.",
     .required = true},
};

absl::StatusOr<std::map<TopicPartition, Offset>> ParsePlan(std::string_view text) {
  absl::StatusOr<Json> json = ParseJson(text);
  if (!json.ok()) return json.status();
  const auto wrong = [](std::string_view why) {
    return absl::InvalidArgumentError(ToAbsl(StrCat("the plan ", why)));
  };
  if (const Json* version = json->Find("version"); version != nullptr) {
    const int64_t* number = std::get_if<int64_t>(&version->value);
    if (number == nullptr || *number != 1) return wrong("has a version that is not supported; 1 is");
  }
  const Json* partitions = json->Find("partitions");
  const Json::Array* list = partitions == nullptr ? nullptr : std::get_if<Json::Array>(&partitions->value);
  if (list == nullptr) return wrong("misses the list \"partitions\"");
  std::map<TopicPartition, Offset> plan;
  for (const Json& entry : *list) {
    const Json* topic = entry.Find("topic");
    const Json* partition = entry.Find("partition");
    const Json* offset = entry.Find("offset");
    const std::string* name = topic == nullptr ? nullptr : std::get_if<std::string>(&topic->value);
    const int64_t* index = partition == nullptr ? nullptr : std::get_if<int64_t>(&partition->value);
    const int64_t* before = offset == nullptr ? nullptr : std::get_if<int64_t>(&offset->value);
    if (name == nullptr || index == nullptr || before == nullptr) {
      return wrong("has an entry without \"topic\", \"partition\" or \"offset\"");
    }
    if (*index < 0 || *index > INT32_MAX || *before < -1) return wrong("has a negative partition or offset");
    const TopicPartition place{*name, PartitionId(static_cast<int32_t>(*index))};
    if (!plan.emplace(place, Offset(*before)).second) {
      return wrong(StrCat("has the partition ", place.ToString(), " twice"));
    }
  }
  return plan;
}

int RunDeleteRecords(Call& call) {
  absl::StatusOr<std::string> text = ReadFile(call.host.env, call.flags.Get("offset-json-file"));
  if (!text.ok()) return call.Fail(text.status());
  absl::StatusOr<std::map<TopicPartition, Offset>> plan = ParsePlan(*text);
  if (!plan.ok()) return call.Fail(plan.status());
  auto cluster = call.Connect();
  if (!cluster.ok()) return call.Fail(cluster.status());
  absl::StatusOr<Admin*> admin = (*cluster)->admin();
  if (!admin.ok()) return call.Fail(admin.status());
  call.out() << "Executing records delete operation\n";
  call.out() << "Records delete operation completed:\n";
  bool failed = false;
  for (const auto& [partition, before] : *plan) {
    absl::StatusOr<Offset> start = (*admin)->DeleteRecordsBefore(partition, before);
    call.out() << "partition: " << partition.ToString();
    if (start.ok()) {
      call.out() << "\tlow_watermark: " << start->value() << '\n';
    } else {
      failed = true;
      call.out() << "\terror: " << ToStd(start.status().message()) << '\n';
    }
  }
  return failed ? kExitFailed : kExitOk;
}

}  // namespace

const Tool kDeleteRecordsTool{.name = "delete-records",
                              .script = "kafka-delete-records.sh",
                              .summary = "Delete the records of partitions before given offsets.",
                              .flags = kDeleteRecordsFlags,
                              .run = RunDeleteRecords};

}  // namespace millrace::inline v0::tools
