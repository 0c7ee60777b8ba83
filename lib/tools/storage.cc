// kafka-storage.sh: makes cluster ids, and prepares and shows the directories of a server.

#include <string>
#include <utility>

#include "base/strings.h"
#include "millrace/server.h"
#include "tools/all_tools.h"
#include "tools/server_files.h"

namespace millrace::inline v0::tools {
namespace {

constexpr FlagSpec kStorageFlags[] = {
    {.name = "config",
     .takes = Takes::kValue,
     .value = "FILE",
     .help = "The server's properties file.",
     .letter = 'c'},
    {.name = "cluster-id",
     .takes = Takes::kValue,
     .value = "UUID",
     .help = "With format: the id of the cluster, as random-uuid makes it.",
     .letter = 't'},
    {.name = "ignore-formatted",
     .help = "With format: no error where the directory is formatted already.",
     .letter = 'g'},
    {.name = "standalone", .help = "With format: accepted; a server here is always alone.", .letter = 's'},
    {.name = "no-initial-controllers",
     .help = "With format: accepted; there are no controllers here.",
     .letter = 'N'},
    {.name = "release-version",
     .takes = Takes::kValue,
     .value = "VERSION",
     .help = "With format: accepted.",
     .letter = 'r'},
    {.name = "feature",
     .takes = Takes::kValue,
     .value = "NAME=LEVEL",
     .help = "With format: accepted.",
     .repeated = true,
     .letter = 'f'},
};

int FormatDirectory(Call& call, const ServerConfig& config) {
  if (!call.flags.has("cluster-id")) return call.Usage("Missing required argument \"[cluster-id]\"");
  const std::string cluster_id = call.flags.Get("cluster-id");
  const std::string& directory = config.engine.directory;
  const absl::Status formatted = FormatStorage(config, cluster_id);
  if (absl::IsAlreadyExists(formatted)) {
    if (call.flags.has("ignore-formatted")) {
      call.out() << "All of the log directories are already formatted.\n";
      return kExitOk;
    }
    return call.Fail(
        StrCat("Log directory ", directory,
               " is already formatted. Use --ignore-formatted to ignore this directory and format the "
               "others."));
  }
  if (!formatted.ok()) return call.Fail(formatted);
  call.out() << "Formatting metadata directory " << directory << " with cluster id " << cluster_id << ".\n";
  return kExitOk;
}

int PrintInfo(Call& call, const ServerConfig& config) {
  absl::StatusOr<StorageInfo> info = DescribeStorage(config);
  if (!info.ok()) return call.Fail(info.status());
  if (!info->formatted) {
    call.out() << "Found log directory:\n  " << info->directory << "\n\n"
               << "Found problem:\n  " << info->directory << " is not formatted.\n\n";
    return kExitFailed;
  }
  call.out() << "Found log directory:\n  " << info->directory << "\n\n"
             << "Found metadata: {cluster.id=" << info->cluster_id << ", directory.id=" << info->directory_id
             << ", node.id=" << info->node_id << ", version=1}\n\n";
  return kExitOk;
}

int RunStorage(Call& call) {
  const std::string action = call.flags.positional().empty() ? std::string() : call.flags.positional()[0];
  if (action == "random-uuid") {
    call.out() << RandomUuid(call.host.env.random) << '\n';
    return kExitOk;
  }
  if (action != "format" && action != "info") {
    return call.Usage(action.empty()
                          ? "An action is wanted: random-uuid, format or info"
                          : StrCat("No action '", action, "': random-uuid, format or info is wanted"));
  }
  if (!call.flags.has("config")) return call.Usage("Missing required argument \"[config]\"");
  absl::StatusOr<ServerConfig> config = ReadServerConfig(call.host.env, call.flags.Get("config"), {});
  if (!config.ok()) return call.Fail(config.status());
  return action == "format" ? FormatDirectory(call, *config) : PrintInfo(call, *config);
}

}  // namespace

const Tool kStorageTool{.name = "storage",
                        .script = "kafka-storage.sh",
                        .summary = "Make cluster ids, prepare and show the directories of a server.",
                        .flags = kStorageFlags,
                        .run = RunStorage,
                        .positional_max = 1,
                        .positional = "random-uuid | format | info"};

}  // namespace millrace::inline v0::tools
