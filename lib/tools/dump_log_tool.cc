// kafka-dump-log.sh: what the segments of a log hold.

#include <string>

#include "tools/all_tools.h"
#include "tools/dump_log.h"

namespace millrace::inline v0::tools {
namespace {

constexpr FlagSpec kDumpLogFlags[] = {
    {.name = "files",
     .takes = Takes::kValue,
     .value = "FILES",
     .help = "The .log, .index and .timeindex files, separated by commas.",
     .required = true},
    {.name = "print-data-log", .help = "Print keys and values too."},
    {.name = "deep-iteration", .help = "Print each record. Implied by --print-data-log."},
    {.name = "skip-record-metadata", .help = "With --print-data-log: print keys and values alone."},
    {.name = "max-bytes",
     .takes = Takes::kValue,
     .value = "BYTES",
     .help = "Look at no more than these bytes of a log."},
    {.name = "offsets-decoder",
     .help = "The log is of __consumer_offsets: print its records as JSON. Implies --print-data-log."},
    {.name = "index-sanity-check", .help = "Of indexes, tell only whether their entries rise."},
    {.name = "verify-index-only", .help = "Of indexes, tell only where they differ from their .log."},
    {.name = "value-decoder-class",
     .takes = Takes::kValue,
     .value = "CLASS",
     .help = "Accepted; values are printed as they are."},
    {.name = "key-decoder-class",
     .takes = Takes::kValue,
     .value = "CLASS",
     .help = "Accepted; keys are printed as they are."},
};

int RunDumpLog(Call& call) {
  DumpOptions options;
  options.offsets = call.flags.has("offsets-decoder");
  options.contents = options.offsets || call.flags.has("print-data-log");
  options.records = options.contents || call.flags.has("deep-iteration");
  options.skip_metadata = call.flags.has("skip-record-metadata");
  absl::StatusOr<int64_t> bytes = call.flags.IntOr("max-bytes", INT64_MAX, 1);
  if (!bytes.ok()) return call.Usage(bytes.status());
  options.bytes_max = static_cast<uint64_t>(*bytes);
  const IndexCheck check = call.flags.has("index-sanity-check")  ? IndexCheck::kSanity
                           : call.flags.has("verify-index-only") ? IndexCheck::kVerify
                                                                 : IndexCheck::kPrint;
  for (const std::string& path : Split(call.flags.Get("files"), ',')) {
    call.out() << "Dumping " << path << '\n';
    absl::Status dumped;
    if (path.ends_with(".log")) {
      dumped = DumpLog(*call.host.env.files, path, options, call.out());
    } else if (path.ends_with(".index") || path.ends_with(".timeindex")) {
      dumped = DumpIndex(*call.host.env.files, path, check, call.out());
    } else {
      call.err() << "Ignoring unknown file " << path << '\n';
    }
    if (!dumped.ok()) return call.Fail(dumped);
  }
  return kExitOk;
}

}  // namespace

const Tool kDumpLogTool{.name = "dump-log",
                        .script = "kafka-dump-log.sh",
                        .summary = "Print what segments of a log hold, Kafka's or millrace's.",
                        .flags = kDumpLogFlags,
                        .run = RunDumpLog};

}  // namespace millrace::inline v0::tools
