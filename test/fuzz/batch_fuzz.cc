// Any bytes, taken for a record batch: parsed, read, validated, and what could be read is encoded again and
// compared.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/crc32c.h"
#include "base/endian.h"
#include "fuzz/fuzz_target.h"
#include "millrace/record.h"
#include "record/batches.h"
#include "record/format.h"

namespace millrace::inline v0::fuzz {
namespace {

using record_test::BorrowedRecord;
using record_test::OwnedRecord;

constexpr size_t kDecompressedBytesMax = 1 << 20;

void EncodeAgain(BatchView batch, const std::vector<OwnedRecord>& records) {
  BatchBuilder builder({.leader_epoch = batch.leader_epoch()});
  for (const OwnedRecord& record : records) {
    const auto delta = static_cast<int32_t>(record.offset - batch.base_offset().value());
    builder.AppendAt(delta, BorrowedRecord(record).get(), Timestamp(record.timestamp));
  }
  const auto bytes = builder.FinishWithLastDelta(batch.base_offset(), batch.last_offset_delta());
  Require(bytes.ok());
  std::vector<OwnedRecord> again;
  Require(record_test::ReadAll(BatchView(bytes->data()), &again).ok());
  Require(again == records);
}

void Take(std::vector<std::byte> input) {
  const auto batch = BatchView::Parse(input);
  if (!batch.ok()) return;
  // With the CRC made right: the fuzzer cannot guess it, and the code behind it is what is to be reached.
  const size_t size = batch->size_bytes();
  StoreBig<uint32_t>(input.data() + kCrcAt,
                     Crc32cExtend(0, input.data() + kAttributesAt, size - kAttributesAt));
  Require(batch->CrcIsValid());
  std::vector<OwnedRecord> records;
  const absl::Status read = record_test::ReadAll(*batch, &records, kDecompressedBytesMax);
  const absl::Status validated = batch->Validate(kDecompressedBytesMax);
  Require(read.ok() || !validated.ok());
  (void)batch->last_sequence();
  Require(records.size() <= static_cast<size_t>(batch->record_count()));
  if (read.ok()) Require(records.size() == static_cast<size_t>(batch->record_count()));
  EncodeAgain(*batch, records);
}

// Of each codec, with all kinds of records.
std::vector<Bytes> BatchSeeds() {
  std::vector<Bytes> seeds;
  for (const Compression codec : {Compression::kNone, Compression::kGzip, Compression::kSnappy,
                                  Compression::kLz4, Compression::kZstd}) {
    for (const int records : {0, 1, 5}) {
      BatchBuilder builder({.compression = codec});
      const std::vector<Header> headers = {{.key = "h", .value = "v"}, {.key = "null"}};
      for (int i = 0; i < records; ++i) {
        builder.Append({.key = i == 2 ? std::nullopt : std::optional<std::string_view>("key"),
                        .value = i == 3 ? std::nullopt : std::optional<std::string_view>("a value of words"),
                        .headers = i == 4 ? std::span<const Header>(headers) : std::span<const Header>()},
                       Timestamp(1000 + i));
      }
      const auto batch = builder.FinishWithLastDelta(Offset(7), std::max(records - 1, 0));
      if (batch.ok()) seeds.emplace_back(batch->data(), batch->data() + batch->size());
    }
  }
  return seeds;
}

}  // namespace

void AddBatchTargets(Targets* to) {
  to->push_back({.name = "record_batch",
                 .run = [](Input input) { Take({input.begin(), input.end()}); },
                 .seeds = BatchSeeds,
                 .cost_micros = 20});
}

}  // namespace millrace::inline v0::fuzz
