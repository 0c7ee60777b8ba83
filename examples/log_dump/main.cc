// Log dump: prints the batches of a .log file, Kafka's or millrace's, in the manner of kafka-dump-log. What
// it shows lies in lib/tools/dump_log.cc: a mapped file, BatchView and RecordReader.
//
//   log_dump FILE.log [--records]

#include <iostream>
#include <string>

#include "tools/dump_log.h"

int main(int argc, char** argv) {
  const bool with_records = argc == 3 && std::string(argv[2]) == "--records";
  if (argc != 2 && !with_records) {
    std::cerr << "usage: log_dump FILE.log [--records]\n";
    return 2;
  }
  std::cout << "Dumping " << argv[1] << '\n';
  const absl::Status status =
      millrace::tools::DumpLog(*millrace::FileSystem::System(), argv[1],
                               {.records = with_records, .contents = with_records}, std::cout);
  if (status.ok()) return 0;
  std::cerr << "log_dump: " << status.message() << '\n';
  return 1;
}
