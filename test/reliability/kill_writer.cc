// The victim of kill_test: appends numbered records to a log for as long as it lives, and writes the number
// of each to standard output once it was acknowledged. Goes on at the number after the last one it finds in
// the log.
//
//   kill_writer DIRECTORY append|batch|flush|early|steps [mapped|readwrite]
//
// "steps" comes to an end: it appends, rolls, flushes, does what is due, and closes. "early" is the negative
// control: it acknowledges a hundred numbers before it appends them.

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "millrace/log/log.h"

namespace {

using millrace::Log;
using millrace::Offset;

void Acknowledge(int64_t number) {
  if (write(STDOUT_FILENO, &number, sizeof number) != sizeof number) _exit(3);
}

absl::Status AppendOne(Log& log, const std::string& value) {
  return log.Append({.key = "k", .value = value}).status();
}

absl::Status AppendBatch(Log& log, int64_t first, int count) {
  millrace::BatchBuilder builder;
  for (int i = 0; i < count; ++i) {
    const std::string value = std::to_string(first + i);
    builder.Append({.key = "k", .value = value}, millrace::Timestamp(first));
  }
  auto batch = builder.Finish();
  if (!batch.ok()) return batch.status();
  return log.AppendBatch(*batch).status();
}

absl::Status Steps(Log& log) {
  for (int64_t number = log.log_end_offset().value(); number < 60; ++number) {
    if (absl::Status status = AppendOne(log, std::to_string(number)); !status.ok()) return status;
    Acknowledge(number);
    absl::Status status;
    if (number % 20 == 19) status = log.Roll();
    if (number % 25 == 24) status.Update(log.Flush());
    if (number % 30 == 29) status.Update(log.RunMaintenance());
    if (!status.ok()) return status;
  }
  return log.Close();
}

absl::Status Run(const std::string& directory, const std::string& mode, millrace::FileBackend backend) {
  // Small segments, so that rolls, new extents and preparations are among what gets interrupted.
  const millrace::LogOptions options = {
      .config = {.segment_bytes = 64 << 10,
                 .retention_ms = -1,  // records are stamped with their numbers
                 .durability =
                     mode == "flush" ? millrace::Durability::kPowerLoss : millrace::Durability::kProcess},
      .backend = backend};
  auto opened = Log::Open(directory, options);
  if (!opened.ok()) return opened.status();
  Log& log = **opened;
  if (mode == "steps") return Steps(log);
  for (int64_t number = log.log_end_offset().value();; ++number) {
    constexpr int64_t kAhead = 100;
    if (mode == "early" && number % kAhead == 0) {
      for (int64_t ahead = number; ahead < number + kAhead; ++ahead) Acknowledge(ahead);
    }
    if (mode == "batch") {
      constexpr int kCount = 7;
      if (absl::Status status = AppendBatch(log, number, kCount); !status.ok()) return status;
      number += kCount - 1;
    } else if (absl::Status status = AppendOne(log, std::to_string(number)); !status.ok()) {
      return status;
    }
    if (mode == "flush") {
      if (absl::Status status = log.Flush(); !status.ok()) return status;
    }
    if (mode != "early") Acknowledge(number);
    if (number % 64 == 0) {
      if (absl::Status status = log.RunMaintenance(); !status.ok()) return status;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const bool mapped = argc < 4 || std::string(argv[3]) == "mapped";
  const absl::Status status =
      Run(argv[1], argv[2], mapped ? millrace::FileBackend::kMapped : millrace::FileBackend::kReadWrite);
  if (status.ok()) return 0;
  std::fprintf(stderr, "kill_writer: %s\n", std::string(status.message()).c_str());
  return 1;
}
