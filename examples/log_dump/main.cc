// Log dump: prints the batches of a .log file, Kafka's or millrace's, in the manner of kafka-dump-log.
//
//   log_dump FILE.log [--records]

#include <cstdio>
#include <string>

#include "millrace/env/file_system.h"
#include "millrace/record.h"

namespace {

std::string Text(std::optional<std::string_view> bytes) {
  return std::string(bytes.value_or("null"));
}

void PrintBatch(const millrace::BatchView& batch, uint64_t position) {
  std::printf(
      "baseOffset: %lld lastOffset: %lld count: %d baseSequence: %d lastSequence: %d producerId: %lld "
      "producerEpoch: %d "
      "partitionLeaderEpoch: %d isTransactional: %s isControl: %s position: %llu %s: %lld size: %zu magic: "
      "%d "
      "compresscodec: %d crc: %u isvalid: %s\n",
      static_cast<long long>(batch.base_offset().value()),
      static_cast<long long>(batch.last_offset().value()), batch.record_count(), batch.base_sequence(),
      batch.last_sequence(), static_cast<long long>(batch.producer_id().value()),
      batch.producer_epoch().value(), batch.leader_epoch().value(),
      batch.is_transactional() ? "true" : "false", batch.is_control() ? "true" : "false",
      static_cast<unsigned long long>(position),
      batch.timestamp_type() == millrace::TimestampType::kCreateTime ? "CreateTime" : "LogAppendTime",
      static_cast<long long>(batch.max_timestamp().value()), batch.size_bytes(), batch.magic(),
      static_cast<int>(batch.compression()), batch.crc(), batch.CrcIsValid() ? "true" : "false");
}

void PrintRecords(const millrace::BatchView& batch) {
  millrace::RecordReader reader(batch);
  for (millrace::RecordView record; reader.Next(&record);) {
    std::printf("| offset: %lld timestamp: %lld headers: %zu key: %s payload: %s\n",
                static_cast<long long>(record.offset.value()),
                static_cast<long long>(record.timestamp.value()), record.headers.size(),
                Text(record.key).c_str(), Text(record.value).c_str());
  }
  if (!reader.status().ok()) std::printf("| %s\n", std::string(reader.status().message()).c_str());
}

absl::Status Dump(const std::string& path, bool with_records) {
  millrace::FileSystem* files = millrace::FileSystem::System();
  auto file = files->Open(path, millrace::OpenMode::kRead);
  if (!file.ok()) return file.status();
  auto size = (*file)->Size();
  if (!size.ok()) return size.status();
  if (*size == 0) return absl::OkStatus();
  auto mapped = (*file)->Map(*size, millrace::MapAccess::kRead);
  if (!mapped.ok()) return mapped.status();
  std::printf("Dumping %s\n", path.c_str());
  uint64_t position = 0;
  while (position < *size) {
    auto batch = millrace::BatchView::Parse((*mapped)->bytes().subspan(position));
    if (!batch.ok()) {
      std::printf("at position %llu of %llu: %s\n", static_cast<unsigned long long>(position),
                  static_cast<unsigned long long>(*size), std::string(batch.status().message()).c_str());
      return absl::OkStatus();
    }
    PrintBatch(*batch, position);
    if (with_records) PrintRecords(*batch);
    position += batch->size_bytes();
  }
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  const bool with_records = argc == 3 && std::string(argv[2]) == "--records";
  if (argc != 2 && !with_records) {
    std::fprintf(stderr, "usage: log_dump FILE.log [--records]\n");
    return 2;
  }
  const absl::Status status = Dump(argv[1], with_records);
  if (status.ok()) return 0;
  std::fprintf(stderr, "log_dump: %s\n", std::string(status.message()).c_str());
  return 1;
}
