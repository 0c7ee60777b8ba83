// Writes record batches to standard output, one a line: "name codec hex". What they hold is said in
// decode_with_kafka_python.py, which reads them.

#include <cstdio>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/record.h"

namespace {

using millrace::BatchBuilder;
using millrace::Compression;
using millrace::Header;
using millrace::Offset;
using millrace::Record;
using millrace::Timestamp;

void Print(std::string_view name, Compression codec, std::span<const std::byte> batch) {
  std::printf("%.*s %d ", static_cast<int>(name.size()), name.data(), static_cast<int>(codec));
  for (const std::byte byte : batch) std::printf("%02x", static_cast<unsigned>(byte));
  std::printf("\n");
}

bool EmitMany(Compression codec) {
  BatchBuilder builder({.compression = codec,
                        .producer_id = millrace::ProducerId(99),
                        .producer_epoch = millrace::ProducerEpoch(2),
                        .base_sequence = 7,
                        .leader_epoch = millrace::LeaderEpoch(4),
                        .transactional = true});
  for (int i = 0; i < 200; ++i) {
    const std::string key = "key-" + std::to_string(i % 7);
    const std::string value(static_cast<size_t>(i) * 3, static_cast<char>('a' + i % 26));
    const Header headers[] = {{.key = "index", .value = key}, {.key = "null"}};
    Record record{.timestamp = Timestamp(1700000000000 + i * 100 - (i % 3) * 1000)};
    if (i % 5 != 0) record.key = key;
    if (i % 11 != 0) record.value = value;
    if (i % 4 == 0) record.headers = headers;
    builder.Append(record, Timestamp(0));
  }
  const auto batch = builder.Finish(Offset(5000000000));
  if (batch.ok()) Print("many", codec, *batch);
  return batch.ok();
}

}  // namespace

int main() {
  for (const Compression codec : {Compression::kNone, Compression::kGzip, Compression::kSnappy,
                                  Compression::kLz4, Compression::kZstd}) {
    if (!EmitMany(codec)) return 1;
  }
  for (const size_t size : std::initializer_list<size_t>{0, 1, 63, 64, 100, 159, 160, 1000, 5000, 9000}) {
    const std::string value(size, 'z');
    const Record record{.value = value};
    std::string batch(OneRecordBatchBound(record), '\0');
    std::byte* const into = reinterpret_cast<std::byte*>(batch.data());
    const size_t written =
        EncodeOneRecordBatch(into, record, Timestamp(1700000000123), Offset(12), millrace::LeaderEpoch(0));
    Print("one-" + std::to_string(size), Compression::kNone, {into, written});
  }
  const auto marker = EncodeControlBatch({.type = millrace::ControlType::kCommit, .coordinator_epoch = 9},
                                         millrace::ProducerId(99), millrace::ProducerEpoch(2),
                                         Timestamp(1700000000000), Offset(33), millrace::LeaderEpoch(1));
  Print("commit", Compression::kNone, marker);
  return 0;
}
