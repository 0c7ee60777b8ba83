#include <algorithm>
#include <limits>
#include <string>

#include "base/strings.h"
#include "base/varint.h"
#include "millrace/record.h"
#include "millrace/status.h"
#include "record/compression.h"
#include "record/format.h"

namespace millrace::inline v0 {
namespace {

// The zigzag bits of a length or a delta: one or two bytes nearly always.
template <typename T, const std::byte* (*Decode)(const std::byte*, const std::byte*, T*)>
inline const std::byte* ReadBits(const std::byte* at, const std::byte* end, T* bits) {
  if (end - at >= 2) [[likely]] {
    const uint32_t first = static_cast<uint32_t>(at[0]);
    if (first < 0x80) {
      *bits = first;
      return at + 1;
    }
    const uint32_t second = static_cast<uint32_t>(at[1]);
    if (second < 0x80) {
      *bits = (first & 0x7f) | (second << 7);
      return at + 2;
    }
  }
  return Decode(at, end, bits);
}

inline const std::byte* ReadVarintBits(const std::byte* at, const std::byte* end, uint32_t* bits) {
  return ReadBits<uint32_t, DecodeUnsignedVarint>(at, end, bits);
}
inline const std::byte* ReadVarlongBits(const std::byte* at, const std::byte* end, uint64_t* bits) {
  return ReadBits<uint64_t, DecodeUnsignedVarlong>(at, end, bits);
}

// A length that may not be negative, and that so many bytes are there. nullptr otherwise.
inline const std::byte* ReadLength(const std::byte* at, const std::byte* end, size_t* size) {
  uint32_t bits;
  at = ReadVarintBits(at, end, &bits);
  // An odd number stands for a negative one.
  if (at == nullptr || (bits & 1) != 0 || (bits >> 1) > static_cast<size_t>(end - at)) [[unlikely]]
    return nullptr;
  *size = bits >> 1;
  return at;
}

inline std::string_view TextAt(const std::byte* at, int32_t size) {
  return {reinterpret_cast<const char*>(at), static_cast<size_t>(size)};
}

// A length, -1 for null, and so many bytes.
inline const std::byte* ReadNullable(const std::byte* at, const std::byte* end,
                                     std::optional<std::string_view>* field) {
  uint32_t bits;
  at = ReadVarintBits(at, end, &bits);
  if (at == nullptr) [[unlikely]]
    return nullptr;
  if (bits == 1) {
    field->reset();
    return at;
  }
  const size_t size = bits >> 1;
  if ((bits & 1) != 0 || size > static_cast<size_t>(end - at)) [[unlikely]]
    return nullptr;
  field->emplace(reinterpret_cast<const char*>(at), size);
  return at + size;
}

// Walks `count` headers; the place after them, or nullptr where they do not fit.
const std::byte* SkipHeaders(const std::byte* at, const std::byte* end, uint32_t count) {
  for (; count > 0; --count) {
    size_t size;
    at = ReadLength(at, end, &size);
    if (at == nullptr) return nullptr;
    std::optional<std::string_view> value;
    at = ReadNullable(at + size, end, &value);
    if (at == nullptr) return nullptr;
  }
  return at;
}

// Of bytes that were checked.
const std::byte* ReadCheckedVarint(const std::byte* at, int32_t* value) {
  uint32_t bits = 0;
  for (int shift = 0;; shift += 7) {
    const uint32_t group = static_cast<uint32_t>(*at++);
    bits |= (group & 0x7f) << shift;
    if (group < 0x80) break;
  }
  *value = UnZigZag(bits);
  return at;
}

}  // namespace

HeaderRange::Iterator HeaderRange::begin() const {
  return Iterator(data_, count_);
}
HeaderRange::Iterator HeaderRange::end() const {
  return Iterator();
}

void HeaderRange::Iterator::Decode() {
  if (left_ == 0) return;
  int32_t size;
  next_ = ReadCheckedVarint(next_, &size);
  header_.key = TextAt(next_, size);
  next_ = ReadCheckedVarint(next_ + size, &size);
  header_.value.reset();
  if (size < 0) return;
  header_.value = TextAt(next_, size);
  next_ += size;
}

void RecordReader::Decompress(std::vector<std::byte>* buffer, size_t decompressed_bytes_max) {
  // An emptied batch keeps its codec's number in some brokers' files, and has nothing to decompress.
  if (left_ == 0 && next_ == end_) return;
  const std::span<const std::byte> compressed(next_, static_cast<size_t>(end_ - next_));
  if (decompressed_bytes_max == kDecompressedBytesByBatch)
    decompressed_bytes_max = DecompressedBytesMax(compressed.size());
  const absl::StatusOr<size_t> size =
      millrace::Decompress(batch_.compression(), compressed, decompressed_bytes_max, buffer);
  if (!size.ok()) {
    status_ = Error(ErrorCode::kCorruptMessage, StrCat("the batch at offset ", base_offset_,
                                                       " cannot be decompressed: ", size.status().message()));
    left_ = 0;
    next_ = end_;
    return;
  }
  next_ = buffer->data();
  end_ = next_ + *size;
}

bool RecordReader::Decode(RecordView* record) {
  size_t size;
  const std::byte* at = ReadLength(next_, end_, &size);
  if (at == nullptr) [[unlikely]]
    return Fail("its length passes the end of the batch");
  const std::byte* const end = at + size;
  if (size < kRecordBytesMin - 1) [[unlikely]]
    return Fail("it is shorter than any record");
  next_ = end;
  ++at;  // attributes: unused
  uint64_t timestamp_bits;
  at = ReadVarlongBits(at, end, &timestamp_bits);
  if (at == nullptr) [[unlikely]]
    return Fail("its timestamp is malformed");
  uint32_t offset_bits;
  at = ReadVarintBits(at, end, &offset_bits);
  if (at == nullptr) [[unlikely]]
    return Fail("its offset is malformed");
  const int32_t offset_delta = UnZigZag(offset_bits);
  if (offset_delta <= previous_delta_ || offset_delta > last_delta_) [[unlikely]]
    return Fail("its offset does not follow the one before it or passes the batch's last");
  at = ReadNullable(at, end, &record->key);
  if (at == nullptr) [[unlikely]]
    return Fail("its key is malformed");
  at = ReadNullable(at, end, &record->value);
  if (at == nullptr) [[unlikely]]
    return Fail("its value is malformed");
  uint32_t headers;
  at = ReadVarintBits(at, end, &headers);
  if (at == nullptr || (headers & 1) != 0) [[unlikely]]
    return Fail("its header count is malformed");
  record->headers = HeaderRange(at, headers >> 1);
  if (headers != 0) {
    at = SkipHeaders(at, end, headers >> 1);
    if (at == nullptr) return Fail("its headers are malformed");
  }
  if (at != end) [[unlikely]]
    return Fail("its fields do not add up to its length");
  record->offset = Offset(base_offset_ + offset_delta);
  // Wraps where a damaged batch asks for it: unsigned, so that it is defined.
  const uint64_t timestamp =
      static_cast<uint64_t>(base_timestamp_) + static_cast<uint64_t>(UnZigZag(timestamp_bits));
  record->timestamp = Timestamp(static_cast<int64_t>(timestamp));
  if (batch_.timestamp_type() == TimestampType::kLogAppendTime) [[unlikely]]
    record->timestamp = batch_.max_timestamp();
  previous_delta_ = offset_delta;
  --left_;
  return true;
}

bool RecordReader::Finish() {
  return Fail("there are more bytes than the batch has records");
}

bool RecordReader::Fail(std::string_view what) {
  const int32_t index = std::max(batch_.record_count(), 0) - std::max(left_, 0);
  status_ = Error(ErrorCode::kInvalidRecord, StrCat("record ", index, " of the batch at offset ",
                                                    base_offset_, " is malformed: ", what));
  left_ = 0;
  next_ = end_;
  return false;
}

}  // namespace millrace::inline v0
