// The bytes of a record and of a batch header, for the encoders of this room.
// Format: org.apache.kafka.common.record.DefaultRecord and DefaultRecordBatch.

#ifndef MILLRACE_RECORD_FORMAT_H_
#define MILLRACE_RECORD_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/endian.h"
#include "base/varint.h"
#include "millrace/record.h"

namespace millrace::inline v0 {

// The pieces of an encoder make one function; the compilers think each too large to be inlined.
#define MILLRACE_ALWAYS_INLINE inline __attribute__((always_inline))

inline constexpr int8_t kMagic = 2;
// Where the fields of a batch header lie.
inline constexpr size_t kBaseOffsetAt = 0;
inline constexpr size_t kLengthAt = 8;
inline constexpr size_t kLeaderEpochAt = 12;
inline constexpr size_t kMagicAt = 16;
inline constexpr size_t kCrcAt = 17;
inline constexpr size_t kAttributesAt = 21;
inline constexpr size_t kLastOffsetDeltaAt = 23;
inline constexpr size_t kBaseTimestampAt = 27;
inline constexpr size_t kMaxTimestampAt = 35;
inline constexpr size_t kProducerIdAt = 43;
inline constexpr size_t kProducerEpochAt = 51;
inline constexpr size_t kBaseSequenceAt = 53;
inline constexpr size_t kRecordCountAt = 57;

inline constexpr uint16_t kTransactionalBit = 0x10;
inline constexpr uint16_t kControlBit = 0x20;
inline constexpr uint16_t kDeleteHorizonBit = 0x40;

// The least bytes of a record: seven numbers of one byte each.
inline constexpr size_t kRecordBytesMin = 7;
// The most that a record has beside its key, its value and its headers: length, attributes, timestamp delta,
// offset delta, key length, value length, header count.
inline constexpr size_t kRecordOverheadMax = 5 * kVarintSizeMax + kVarlongSizeMax + 1;

// As UnsignedVarintSize, quick for what is short.
MILLRACE_ALWAYS_INLINE size_t ShortFirstSize(uint64_t bits) {
  if (bits < 0x80) [[likely]]
    return 1;
  if (bits < 0x4000) [[likely]]
    return 2;
  return UnsignedVarintSize(bits);
}

// Of a length, which is not negative, and its zigzag form.
MILLRACE_ALWAYS_INLINE size_t LengthSize(size_t length) {
  return ShortFirstSize(uint64_t{length} << 1);
}

MILLRACE_ALWAYS_INLINE size_t NullableSize(const std::optional<std::string_view>& field) {
  return field.has_value() ? LengthSize(field->size()) + field->size() : 1;
}

// Not inline: headers are rare, and the rest is small without them.
size_t HeadersSize(std::span<const Header> headers);
std::byte* WriteHeaders(std::byte* to, std::span<const Header> headers);

// The bytes of a record that follow its length.
MILLRACE_ALWAYS_INLINE size_t RecordBodySize(const Record& record, int64_t timestamp_delta,
                                             int32_t offset_delta) {
  const size_t headers = record.headers.empty() ? 1 : HeadersSize(record.headers);
  return 1 + ShortFirstSize(ZigZag(timestamp_delta)) + ShortFirstSize(ZigZag(offset_delta)) +
         NullableSize(record.key) + NullableSize(record.value) + headers;
}

// As EncodeUnsignedVarlong, quick for what is short.
MILLRACE_ALWAYS_INLINE std::byte* WriteBits(std::byte* to, uint64_t bits) {
  if (bits < 0x80) [[likely]] {
    *to = static_cast<std::byte>(bits);
    return to + 1;
  }
  if (bits < 0x4000) [[likely]] {
    to[0] = static_cast<std::byte>(bits | 0x80);
    to[1] = static_cast<std::byte>(bits >> 7);
    return to + 2;
  }
  return EncodeUnsignedVarlong(to, bits);
}

MILLRACE_ALWAYS_INLINE std::byte* WriteLength(std::byte* to, size_t length) {
  return WriteBits(to, uint64_t{length} << 1);
}

// As memcpy, without the call where the size is that of a short line.
MILLRACE_ALWAYS_INLINE void CopyBytes(std::byte* to, const char* from, size_t size) {
  if (size - 16 <= 64 - 16) {
    // Sixteen at a time; the last overlap those before.
    const size_t last = size - 16;
    for (size_t at = 0; at < last; at += 16) std::memcpy(to + at, from + at, 16);
    std::memcpy(to + last, from + last, 16);
  } else if (size != 0) {
    std::memcpy(to, from, size);
  }
}

MILLRACE_ALWAYS_INLINE std::byte* WriteText(std::byte* to, std::string_view text) {
  to = WriteLength(to, text.size());
  CopyBytes(to, text.data(), text.size());
  return to + text.size();
}

MILLRACE_ALWAYS_INLINE std::byte* WriteNullable(std::byte* to, const std::optional<std::string_view>& field) {
  if (field.has_value()) return WriteText(to, *field);
  *to = std::byte{1};  // -1
  return to + 1;
}

// Writes a record whose body has `body_size` bytes; returns the place after it.
MILLRACE_ALWAYS_INLINE std::byte* WriteRecord(std::byte* to, const Record& record, size_t body_size,
                                              int64_t timestamp_delta, int32_t offset_delta) {
  to = WriteLength(to, body_size);
  *to++ = std::byte{0};  // attributes: none are defined
  to = WriteBits(to, ZigZag(timestamp_delta));
  to = WriteBits(to, ZigZag(offset_delta));
  to = WriteNullable(to, record.key);
  to = WriteNullable(to, record.value);
  if (record.headers.empty()) [[likely]] {
    *to = std::byte{0};
    return to + 1;
  }
  return WriteHeaders(to, record.headers);
}

// What a batch header says, but for the CRC and what the options say.
struct BatchFields {
  size_t size_bytes = 0;  // of the whole batch
  Offset base_offset = {};
  uint16_t attributes = 0;
  int32_t last_offset_delta = 0;
  int64_t base_timestamp = 0;
  int64_t max_timestamp = 0;
  int32_t record_count = 0;
};

// Writes all of the header and then the CRC, over bytes that are all there.
void WriteBatchHeader(std::byte* batch, const BatchFields& fields, const BatchOptions& options);

// The same batch as EncodeOneRecordBatch() gives, for any processor: written first, then read for its CRC.
size_t EncodeOneRecordBatchPortable(std::byte* into, const Record& record, Timestamp timestamp,
                                    Offset base_offset, LeaderEpoch leader_epoch);

}  // namespace millrace::inline v0

#endif  // MILLRACE_RECORD_FORMAT_H_
