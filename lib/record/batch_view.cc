#include <limits>

#include "base/crc32c.h"
#include "base/strings.h"
#include "millrace/record.h"
#include "millrace/status.h"
#include "record/format.h"

namespace millrace::inline v0 {
namespace {

[[gnu::cold]] absl::Status Malformed(std::string_view what) {
  return Error(ErrorCode::kCorruptMessage, StrCat("malformed record batch: ", what));
}

[[gnu::cold]] absl::Status Malformed(const BatchView& batch, std::string_view what) {
  return Error(ErrorCode::kCorruptMessage,
               StrCat("malformed record batch at offset ", batch.base_offset(), ": ", what));
}

}  // namespace

absl::StatusOr<BatchView> BatchView::Parse(std::span<const std::byte> bytes) {
  if (bytes.size() < kBatchHeaderBytes) [[unlikely]] {
    return Malformed(StrCat(bytes.size(), " bytes are no batch header, which has ", kBatchHeaderBytes));
  }
  const BatchView batch(bytes.data());
  const int32_t length = batch.length();
  if (length < static_cast<int32_t>(kBatchHeaderBytes - kBatchPrefixBytes)) [[unlikely]] {
    return Malformed(batch, StrCat("length ", length, " is less than a header's"));
  }
  if (batch.size_bytes() > bytes.size()) [[unlikely]] {
    return Malformed(batch, StrCat("of ", batch.size_bytes(), " bytes only ", bytes.size(), " are there"));
  }
  if (batch.magic() != kMagic) [[unlikely]] {
    return Malformed(
        batch, StrCat("magic ", static_cast<int>(batch.magic()), " is not 2, the one that is supported"));
  }
  const int32_t count = batch.record_count();
  const int32_t last_delta = batch.last_offset_delta();
  const int64_t base_offset = batch.base_offset().value();
  if (last_delta < 0 || count < 0 || count - 1 > last_delta) [[unlikely]] {
    return Malformed(batch, StrCat(count, " records do not fit a last offset delta of ", last_delta));
  }
  // next_offset() must be a number, too.
  if (base_offset < 0 || base_offset >= std::numeric_limits<int64_t>::max() - last_delta) [[unlikely]] {
    return Malformed(batch, "there are no such offsets");
  }
  const uint16_t codec = batch.attributes() & 7;
  if (codec > static_cast<uint16_t>(Compression::kZstd)) [[unlikely]] {
    return Malformed(batch, StrCat("no codec has the number ", codec));
  }
  const size_t body = batch.size_bytes() - kBatchHeaderBytes;
  if (codec == 0 && static_cast<size_t>(count) > body / kRecordBytesMin) [[unlikely]] {
    return Malformed(batch, StrCat(count, " records do not fit ", body, " bytes"));
  }
  return batch;
}

int32_t BatchView::last_sequence() const {
  const int32_t base = base_sequence();
  if (base < 0) return -1;
  return static_cast<int32_t>((static_cast<uint32_t>(base) + static_cast<uint32_t>(last_offset_delta())) &
                              0x7fffffff);
}

std::optional<Timestamp> BatchView::delete_horizon() const {
  if (!has_delete_horizon()) return std::nullopt;
  return base_timestamp();
}

bool BatchView::CrcIsValid() const {
  return Crc32cExtend(0, data_ + kAttributesAt, size_bytes() - kAttributesAt) == crc();
}

absl::Status BatchView::Validate(size_t decompressed_bytes_max) const {
  if (!CrcIsValid()) {
    return Error(ErrorCode::kCorruptMessage, StrCat("the record batch at offset ", base_offset(), " of ",
                                                    size_bytes(), " bytes is damaged: its CRC does not fit"));
  }
  // A CRC over nonsense can fit, too.
  if (absl::StatusOr<BatchView> parsed = Parse(bytes()); !parsed.ok()) return parsed.status();
  const bool check_timestamps = timestamp_type() == TimestampType::kCreateTime;
  const Timestamp latest = max_timestamp();
  RecordReader reader(*this, decompressed_bytes_max);
  RecordView record;
  while (reader.Next(&record)) {
    if (check_timestamps && record.timestamp > latest) {
      return Error(ErrorCode::kInvalidRecord,
                   StrCat("the record at offset ", record.offset, " has the timestamp ", record.timestamp,
                          ", later than the latest of its batch, ", latest));
    }
  }
  return reader.status();
}

}  // namespace millrace::inline v0
