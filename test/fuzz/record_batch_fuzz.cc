// Any bytes, taken for a record batch: parsed, read, validated, and what could be read is encoded again and
// compared.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/crc32c.h"
#include "base/endian.h"
#include "millrace/record.h"
#include "record/batches.h"
#include "record/format.h"

namespace millrace {
namespace {

using record_test::BorrowedRecord;
using record_test::OwnedRecord;

constexpr size_t kDecompressedBytesMax = 1 << 20;

void Require(bool condition) {
  if (!condition) std::abort();
}

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

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* const bytes = reinterpret_cast<const std::byte*>(data);
  millrace::Take({bytes, bytes + size});
  return 0;
}
