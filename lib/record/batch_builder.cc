#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/crc32c.h"
#include "millrace/record.h"
#include "record/compression.h"
#include "record/format.h"

namespace millrace::inline v0 {
namespace {

constexpr size_t kFirstCapacity = 4096;
constexpr size_t kBatchBytesMax = std::numeric_limits<int32_t>::max();

uint16_t AttributesOf(const BatchOptions& options) {
  unsigned bits = static_cast<unsigned>(options.compression);
  bits |= static_cast<unsigned>(options.timestamp_type) << 3;
  if (options.transactional) bits |= kTransactionalBit;
  if (options.control) bits |= kControlBit;
  if (options.delete_horizon.has_value()) bits |= kDeleteHorizonBit;
  return static_cast<uint16_t>(bits);
}

// Wraps where the caller's timestamps are absurdly far apart; the reader wraps back.
int64_t Difference(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

}  // namespace

size_t HeadersSize(std::span<const Header> headers) {
  size_t size = LengthSize(headers.size());
  for (const Header& header : headers) {
    size += LengthSize(header.key.size()) + header.key.size() + NullableSize(header.value);
  }
  return size;
}

std::byte* WriteHeaders(std::byte* to, std::span<const Header> headers) {
  to = WriteLength(to, headers.size());
  for (const Header& header : headers) to = WriteNullable(WriteText(to, header.key), header.value);
  return to;
}

void WriteBatchHeader(std::byte* batch, const BatchFields& fields, const BatchOptions& options) {
  StoreBig<int64_t>(batch + kBaseOffsetAt, fields.base_offset.value());
  StoreBig<int32_t>(batch + kLengthAt, static_cast<int32_t>(fields.size_bytes - kBatchPrefixBytes));
  StoreBig<int32_t>(batch + kLeaderEpochAt, options.leader_epoch.value());
  StoreBig<int8_t>(batch + kMagicAt, kMagic);
  StoreBig<uint16_t>(batch + kAttributesAt, fields.attributes);
  StoreBig<int32_t>(batch + kLastOffsetDeltaAt, fields.last_offset_delta);
  StoreBig<int64_t>(batch + kBaseTimestampAt, fields.base_timestamp);
  StoreBig<int64_t>(batch + kMaxTimestampAt, fields.max_timestamp);
  StoreBig<int64_t>(batch + kProducerIdAt, options.producer_id.value());
  StoreBig<int16_t>(batch + kProducerEpochAt, options.producer_epoch.value());
  StoreBig<int32_t>(batch + kBaseSequenceAt, options.base_sequence);
  StoreBig<int32_t>(batch + kRecordCountAt, fields.record_count);
  StoreBig<uint32_t>(batch + kCrcAt,
                     Crc32cExtend(0, batch + kAttributesAt, fields.size_bytes - kAttributesAt));
}

BatchBuilder::BatchBuilder(BatchOptions options) {
  Reset(options);
}
BatchBuilder::~BatchBuilder() = default;
BatchBuilder::BatchBuilder(BatchBuilder&&) noexcept = default;
BatchBuilder& BatchBuilder::operator=(BatchBuilder&&) noexcept = default;

void BatchBuilder::Reset(BatchOptions options) {
  options_ = options;
  used_ = kBatchHeaderBytes;
  count_ = 0;
  last_delta_ = -1;
  base_timestamp_ = options.delete_horizon.value_or(kNoTimestamp).value();
  max_timestamp_ = kNoTimestamp.value();
  finished_ = false;
}

size_t BatchBuilder::SizeBound(const Record& record) {
  size_t size = kRecordOverheadMax;
  if (record.key.has_value()) size += record.key->size();
  if (record.value.has_value()) size += record.value->size();
  for (const Header& header : record.headers) {
    size += 2 * kVarintSizeMax + header.key.size();
    if (header.value.has_value()) size += header.value->size();
  }
  return size;
}

void BatchBuilder::Grow(size_t more) {
  MILLRACE_CHECK(more <= kBatchBytesMax && used_ <= kBatchBytesMax - more);
  const size_t wanted = std::max({used_ + more, 2 * capacity_, kFirstCapacity});
  const size_t capacity = std::min(wanted, kBatchBytesMax);
  auto buffer = std::make_unique_for_overwrite<std::byte[]>(capacity);
  if (capacity_ != 0) std::memcpy(buffer.get(), buffer_.get(), used_);
  buffer_ = std::move(buffer);
  capacity_ = capacity;
}

void BatchBuilder::Append(const Record& record, Timestamp timestamp) {
  AppendAt(last_delta_ + 1, record, timestamp);
}

void BatchBuilder::AppendAt(int32_t offset_delta, const Record& record, Timestamp timestamp) {
  MILLRACE_CHECK(!finished_ && offset_delta > last_delta_);
  const bool own_time =
      record.timestamp != kNoTimestamp && options_.timestamp_type == TimestampType::kCreateTime;
  const int64_t time = own_time ? record.timestamp.value() : timestamp.value();
  if (count_ == 0) {
    max_timestamp_ = time;
    if (!options_.delete_horizon.has_value()) base_timestamp_ = time;
  }
  const int64_t timestamp_delta = Difference(time, base_timestamp_);
  const size_t body_size = RecordBodySize(record, timestamp_delta, offset_delta);
  const size_t size = LengthSize(body_size) + body_size;
  if (used_ + size > capacity_) [[unlikely]]
    Grow(size);
  std::byte* const to = buffer_.get() + used_;
  // From the sizes, not from where the writing ends: so the next record need not wait for this one.
  used_ += size;
  max_timestamp_ = std::max(max_timestamp_, time);
  last_delta_ = offset_delta;
  ++count_;
  WriteRecord(to, record, body_size, timestamp_delta, offset_delta);
}

absl::StatusOr<std::span<std::byte>> BatchBuilder::Finish(Offset base_offset) {
  MILLRACE_CHECK(count_ > 0);
  return FinishWithLastDelta(base_offset, last_delta_);
}

absl::StatusOr<std::span<std::byte>> BatchBuilder::FinishWithLastDelta(Offset base_offset,
                                                                       int32_t last_offset_delta,
                                                                       Timestamp max_timestamp) {
  MILLRACE_CHECK(!finished_ && last_offset_delta >= std::max(last_delta_, 0));
  BatchFields fields{.size_bytes = used_,
                     .base_offset = base_offset,
                     .attributes = AttributesOf(options_),
                     .last_offset_delta = last_offset_delta,
                     .base_timestamp = base_timestamp_,
                     .max_timestamp = count_ == 0 ? max_timestamp.value() : max_timestamp_,
                     .record_count = count_};
  std::byte* batch = buffer_.get();
  if (count_ == 0) {
    // Nothing to compress: as Kafka writes an emptied batch.
    if (capacity_ < kBatchHeaderBytes) Grow(0);
    batch = buffer_.get();
    fields.attributes = static_cast<uint16_t>(fields.attributes & ~7u);
  } else if (options_.compression != Compression::kNone) {
    if (compressor_ == nullptr) compressor_ = std::make_unique<Compressor>();
    compressed_.resize(kBatchHeaderBytes);
    const std::span<const std::byte> records(batch + kBatchHeaderBytes, used_ - kBatchHeaderBytes);
    absl::Status status =
        compressor_->Compress(options_.compression, options_.compression_level, records, &compressed_);
    if (!status.ok()) return status;
    MILLRACE_CHECK(compressed_.size() <= kBatchBytesMax);
    batch = compressed_.data();
    fields.size_bytes = compressed_.size();
  }
  finished_ = true;
  WriteBatchHeader(batch, fields, options_);
  return std::span<std::byte>(batch, fields.size_bytes);
}

std::optional<ControlMarker> ParseControlMarker(const RecordView& record) {
  // Key: version i16, type i16. Value: version i16, coordinator epoch i32. A later version may add to the
  // end.
  if (!record.key.has_value() || record.key->size() < 4) return std::nullopt;
  if (!record.value.has_value() || record.value->size() < 6) return std::nullopt;
  const int16_t type = LoadBig<int16_t>(record.key->data() + 2);
  const bool known =
      type == static_cast<int16_t>(ControlType::kAbort) || type == static_cast<int16_t>(ControlType::kCommit);
  if (LoadBig<int16_t>(record.key->data()) < 0 || LoadBig<int16_t>(record.value->data()) < 0 || !known) {
    return std::nullopt;
  }
  return ControlMarker{.type = static_cast<ControlType>(type),
                       .coordinator_epoch = LoadBig<int32_t>(record.value->data() + 2)};
}

std::vector<std::byte> EncodeControlBatch(ControlMarker marker, ProducerId producer_id,
                                          ProducerEpoch producer_epoch, Timestamp timestamp,
                                          Offset base_offset, LeaderEpoch leader_epoch) {
  char key[4] = {};
  StoreBig<int16_t>(key + 2, static_cast<int16_t>(marker.type));
  char value[6] = {};
  StoreBig<int32_t>(value + 2, marker.coordinator_epoch);
  const BatchOptions options{.producer_id = producer_id,
                             .producer_epoch = producer_epoch,
                             .leader_epoch = leader_epoch,
                             .transactional = true,
                             .control = true};
  const Record record{.key = std::string_view(key, sizeof key),
                      .value = std::string_view(value, sizeof value)};
  std::vector<std::byte> batch(kBatchHeaderBytes + BatchBuilder::SizeBound(record));
  const size_t body_size = RecordBodySize(record, 0, 0);
  std::byte* const end = WriteRecord(batch.data() + kBatchHeaderBytes, record, body_size, 0, 0);
  batch.resize(static_cast<size_t>(end - batch.data()));
  WriteBatchHeader(batch.data(),
                   {.size_bytes = batch.size(),
                    .base_offset = base_offset,
                    .attributes = AttributesOf(options),
                    .base_timestamp = timestamp.value(),
                    .max_timestamp = timestamp.value(),
                    .record_count = 1},
                   options);
  return batch;
}

}  // namespace millrace::inline v0
