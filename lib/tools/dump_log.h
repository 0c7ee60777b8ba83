// Prints the batches and records of a .log file, Kafka's or millrace's, as Kafka's DumpLogSegments.

#ifndef MILLRACE_TOOLS_DUMP_LOG_H_
#define MILLRACE_TOOLS_DUMP_LOG_H_

#include <cstdint>
#include <ostream>
#include <string_view>

#include "absl/status/status.h"
#include "millrace/env/file_system.h"

namespace millrace::inline v0::tools {

struct DumpOptions {
  // Each record: its metadata, and its key and value.
  bool records = false;
  bool contents = false;
  bool skip_metadata = false;
  // Records are those of __consumer_offsets: see millrace/offsets_topic.h.
  bool offsets = false;
  // No more than this many bytes of the file.
  uint64_t bytes_max = UINT64_MAX;
};

// Errors: those of opening and mapping the file. Bytes behind the last whole batch are told in a line, and
// are no error; batches with a wrong checksum are marked, and their records left out.
absl::Status DumpLog(FileSystem& files, std::string_view path, const DumpOptions& options, std::ostream& out);

enum class IndexCheck { kPrint, kSanity, kVerify };
// A .index or .timeindex file. kPrint: its entries; kSanity: that they rise, in one line; kVerify: nothing
// but what follows. Both kPrint and kVerify hold each entry of an offset index against the .log beside it,
// and tell where they differ. kDataLoss: entries that do not rise (kSanity), or an index whose log differs
// (kVerify and kPrint).
absl::Status DumpIndex(FileSystem& files, std::string_view path, IndexCheck check, std::ostream& out);

}  // namespace millrace::inline v0::tools

#endif  // MILLRACE_TOOLS_DUMP_LOG_H_
