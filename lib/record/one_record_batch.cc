// EncodeOneRecordBatch: the header is put together in registers, and the CRC taken from there and from the
// source of the payload, because reading back bytes that were just stored costs more than all the rest.

#include <cstring>
#include <limits>

#include "base/check.h"
#include "base/crc32c.h"
#include "base/endian.h"
#include "millrace/record.h"
#include "record/format.h"

namespace millrace::inline v0 {
namespace {

#ifdef MILLRACE_CRC32C_X86

using crc32c_internal::CopyTail;
using crc32c_internal::ExtendTail;
using crc32c_internal::LoadWord;

#define MILLRACE_HOT MILLRACE_CRC32C_TARGET inline __attribute__((always_inline))

// From this size on one stream takes longer than three and their join.
constexpr size_t kThreeStreamsMin = 160;

struct Writer {
  uint8_t* to = nullptr;
  uint64_t crc = 0;
};

// The low `size` <= 8 bytes of `word`.
MILLRACE_HOT void PutWord(Writer& writer, uint64_t word, size_t size) {
  if (size == 8) [[likely]] {
    std::memcpy(writer.to, &word, 8);
    writer.crc = _mm_crc32_u64(writer.crc, word);
  } else {
    uint8_t bytes[8];
    std::memcpy(bytes, &word, 8);
    CopyTail(writer.to, bytes, size);
    writer.crc = ExtendTail(writer.crc, bytes, size);
  }
  writer.to += size;
}

// A length that is not negative; nothing may be known about its size.
MILLRACE_HOT void PutLength(Writer& writer, size_t length) {
  for (uint64_t bits = uint64_t{length} << 1;;) {
    const bool last = bits < 0x80;
    const uint8_t group = static_cast<uint8_t>(last ? bits : bits | 0x80);
    *writer.to++ = group;
    writer.crc = _mm_crc32_u8(static_cast<uint32_t>(writer.crc), group);
    if (last) return;
    bits >>= 7;
  }
}

MILLRACE_HOT void PutText(Writer& writer, std::string_view text) {
  const uint8_t* from = reinterpret_cast<const uint8_t*>(text.data());
  size_t left = text.size();
  if (left > crc32c_internal::kThreeStreamsMax) {
    std::memcpy(writer.to, from, left);
    writer.crc = crc32c_internal::ExtendRaw(static_cast<uint32_t>(writer.crc), from, left);
  } else if (left >= kThreeStreamsMin) {
    writer.crc = crc32c_internal::ThreeStreams<true>(writer.crc, from, left, writer.to);
  } else {
    uint8_t* to = writer.to;
    for (; left >= 8; left -= 8, from += 8, to += 8) {
      const uint64_t word = LoadWord(from);
      std::memcpy(to, &word, 8);
      writer.crc = _mm_crc32_u64(writer.crc, word);
    }
    CopyTail(to, from, left);
    writer.crc = ExtendTail(writer.crc, from, left);
  }
  writer.to += text.size();
}

MILLRACE_CRC32C_TARGET void PutHeaders(Writer& writer, std::span<const Header> headers) {
  PutLength(writer, headers.size());
  for (const Header& header : headers) {
    PutLength(writer, header.key.size());
    PutText(writer, header.key);
    if (header.value.has_value()) {
      PutLength(writer, header.value->size());
      PutText(writer, *header.value);
    } else {
      PutWord(writer, 1, 1);
    }
  }
}

// A length as it is written, in the low bytes of a register. Below 8192, which is two bytes.
inline uint64_t ShortLength(size_t length, size_t* size) {
  const uint64_t bits = uint64_t{length} << 1;
  if (bits < 0x80) {
    *size = 1;
    return bits;
  }
  *size = 2;
  return (bits & 0x7f) | 0x80 | (bits >> 7 << 8);
}

// The record: its length, attributes, timestamp delta 0, offset delta 0, key, value, headers.
MILLRACE_HOT void PutRecord(Writer& writer, const Record& record, size_t body_size) {
  if (body_size < 8192 && !record.key.has_value() && record.value.has_value()) [[likely]] {
    // All that stands before the value, at most eight bytes.
    size_t body_length_size;
    size_t value_length_size;
    uint64_t prefix = ShortLength(body_size, &body_length_size);
    const uint64_t value_length = ShortLength(record.value->size(), &value_length_size);
    prefix |= (uint64_t{1} << 24 | value_length << 32) << (8 * body_length_size);
    PutWord(writer, prefix, body_length_size + 4 + value_length_size);
    PutText(writer, *record.value);
  } else {
    PutLength(writer, body_size);
    PutWord(writer, 0, 3);
    for (const auto* field : {&record.key, &record.value}) {
      if (field->has_value()) {
        PutLength(writer, (*field)->size());
        PutText(writer, **field);
      } else {
        PutWord(writer, 1, 1);
      }
    }
  }
  if (record.headers.empty()) [[likely]] {
    PutWord(writer, 0, 1);
  } else {
    PutHeaders(writer, record.headers);
  }
}

MILLRACE_CRC32C_TARGET size_t EncodeWithCrcInstructions(std::byte* into, const Record& record,
                                                        uint64_t timestamp, Offset base_offset,
                                                        LeaderEpoch leader_epoch) {
  const size_t body_size = RecordBodySize(record, 0, 0);
  const size_t size = kBatchHeaderBytes + LengthSize(body_size) + body_size;
  MILLRACE_CHECK(size <= static_cast<size_t>(std::numeric_limits<int32_t>::max()));
  uint8_t* const batch = reinterpret_cast<uint8_t*>(into);
  StoreBig<int64_t>(batch + kBaseOffsetAt, base_offset.value());
  StoreBig<int32_t>(batch + kLengthAt, static_cast<int32_t>(size - kBatchPrefixBytes));
  StoreBig<int32_t>(batch + kLeaderEpochAt, leader_epoch.value());
  batch[kMagicAt] = static_cast<uint8_t>(kMagic);
  // From the attributes on: attributes and last offset delta 0, base and max timestamp, producer id, producer
  // epoch and base sequence -1, record count 1.
  const uint64_t time = ByteSwap(timestamp);
  Writer writer{.to = batch + kAttributesAt, .crc = 0xffffffff};
  PutWord(writer, time << 48, 8);
  PutWord(writer, time >> 16 | time << 48, 8);
  PutWord(writer, time >> 16 | uint64_t{0xffff} << 48, 8);
  PutWord(writer, ~uint64_t{0}, 8);
  PutWord(writer, uint64_t{0x01000000ffffffff}, 8);
  PutRecord(writer, record, body_size);
  StoreBig<uint32_t>(batch + kCrcAt, ~static_cast<uint32_t>(writer.crc));
  return size;
}

#endif  // MILLRACE_CRC32C_X86

}  // namespace

size_t EncodeOneRecordBatchPortable(std::byte* into, const Record& record, Timestamp timestamp,
                                    Offset base_offset, LeaderEpoch leader_epoch) {
  const Timestamp time = record.timestamp != kNoTimestamp ? record.timestamp : timestamp;
  const size_t body_size = RecordBodySize(record, 0, 0);
  const size_t size = kBatchHeaderBytes + LengthSize(body_size) + body_size;
  MILLRACE_CHECK(size <= static_cast<size_t>(std::numeric_limits<int32_t>::max()));
  WriteRecord(into + kBatchHeaderBytes, record, body_size, 0, 0);
  WriteBatchHeader(into,
                   {.size_bytes = size,
                    .base_offset = base_offset,
                    .base_timestamp = time.value(),
                    .max_timestamp = time.value(),
                    .record_count = 1},
                   {.leader_epoch = leader_epoch});
  return size;
}

size_t OneRecordBatchBound(const Record& record) {
  return kBatchHeaderBytes + BatchBuilder::SizeBound(record);
}

size_t EncodeOneRecordBatch(std::byte* into, const Record& record, Timestamp timestamp, Offset base_offset,
                            LeaderEpoch leader_epoch) {
#ifdef MILLRACE_CRC32C_X86
  if (crc32c_internal::HaveCrcInstructions()) [[likely]] {
    const Timestamp time = record.timestamp != kNoTimestamp ? record.timestamp : timestamp;
    return EncodeWithCrcInstructions(into, record, static_cast<uint64_t>(time.value()), base_offset,
                                     leader_epoch);
  }
#endif
  return EncodeOneRecordBatchPortable(into, record, timestamp, base_offset, leader_epoch);
}

}  // namespace millrace::inline v0
