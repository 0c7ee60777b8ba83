// Opens a log that kill_writer wrote, checks that its records are the numbers from 0 on, and prints how many
// there are. Exit status 1, with the reason, if they are not.
//
//   log_check DIRECTORY [mapped|readwrite]

#include <cstdio>
#include <string>

#include "millrace/log/log.h"

namespace {

absl::StatusOr<int64_t> Count(const std::string& directory, millrace::FileBackend backend) {
  auto log = millrace::Log::Open(directory, {.config = {.segment_bytes = 64 << 10}, .backend = backend});
  if (!log.ok()) return log.status();
  auto cursor = (*log)->NewCursor(millrace::Offset(0));
  if (!cursor.ok()) return cursor.status();
  int64_t expected = 0;
  while (true) {
    auto slice = (*cursor)->Next(1 << 20);
    if (!slice.ok()) return slice.status();
    if (slice->empty()) return expected;
    for (const millrace::BatchView batch : *slice) {
      millrace::RecordReader reader(batch);
      for (millrace::RecordView record; reader.Next(&record); ++expected) {
        if (record.offset != millrace::Offset(expected) || record.value != std::to_string(expected)) {
          return absl::DataLossError("not the record expected at offset " + std::to_string(expected));
        }
      }
      if (!reader.status().ok()) return reader.status();
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const bool mapped = argc < 3 || std::string(argv[2]) == "mapped";
  const auto count =
      Count(argv[1], mapped ? millrace::FileBackend::kMapped : millrace::FileBackend::kReadWrite);
  if (count.ok()) {
    std::printf("%lld\n", static_cast<long long>(*count));
    return 0;
  }
  std::fprintf(stderr, "log_check: %s\n", std::string(count.status().message()).c_str());
  return 1;
}
