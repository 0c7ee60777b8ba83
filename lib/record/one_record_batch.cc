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

// From this size on copying first and letting the fastest code read the source again is quicker than both at
// once.
constexpr size_t kCopyFirstMin = 1024;

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
  if (left >= kCopyFirstMin) {
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

// The batch header: CRC of what follows its own place, and what must be known before the record.
MILLRACE_HOT Writer PutBatchHeader(uint8_t* batch, size_t size, uint64_t timestamp, Offset base_offset,
                                   LeaderEpoch leader_epoch) {
  StoreBig<uint64_t>(batch + kBaseOffsetAt, static_cast<uint64_t>(base_offset.value()));
  StoreBig<uint64_t>(batch + kLengthAt,
                     uint64_t{size - kBatchPrefixBytes} << 32 | static_cast<uint32_t>(leader_epoch.value()));
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
  return writer;
}

MILLRACE_HOT void PutCrc(uint8_t* batch, const Writer& writer) {
  StoreBig<uint32_t>(batch + kCrcAt, ~static_cast<uint32_t>(writer.crc));
}

// The value and after it the header count 0. 8 <= its size < kThreeStreamsMin.
MILLRACE_HOT void PutShortValueAndNoHeaders(Writer& writer, std::string_view value) {
  const uint8_t* const from = reinterpret_cast<const uint8_t*>(value.data());
  uint8_t* const to = writer.to;
  uint64_t crc = writer.crc;
  size_t at = 0;
  for (; at + 32 <= value.size(); at += 32) {
    const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at));
    const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at + 16));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + at), low);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + at + 16), high);
    for (size_t word = 0; word < 32; word += 8) crc = _mm_crc32_u64(crc, LoadWord(from + at + word));
  }
  for (; at + 8 <= value.size(); at += 8) {
    const uint64_t word = LoadWord(from + at);
    std::memcpy(to + at, &word, 8);
    crc = _mm_crc32_u64(crc, word);
  }
  // The rest of the value and the zero are the high bytes of a word that overlaps what was stored.
  const size_t rest = value.size() - at + 1;
  const uint64_t last = LoadWord(from + value.size() - 8) >> 8;
  std::memcpy(to + value.size() - 7, &last, 8);
  uint64_t tail = last >> (64 - 8 * rest);
  if (rest == 8) {
    crc = _mm_crc32_u64(crc, tail);
  } else {
    if (rest & 4) {
      crc = _mm_crc32_u32(static_cast<uint32_t>(crc), static_cast<uint32_t>(tail));
      tail >>= 32;
    }
    if (rest & 2) {
      crc = _mm_crc32_u16(static_cast<uint32_t>(crc), static_cast<uint16_t>(tail));
      tail >>= 16;
    }
    if (rest & 1) crc = _mm_crc32_u8(static_cast<uint32_t>(crc), static_cast<uint8_t>(tail));
  }
  writer.crc = crc;
}

// A length of 64 to 8191 as it is written, in two bytes.
inline uint64_t TwoByteLength(size_t length) {
  return (length << 1 & 0x7f) | 0x80 | (uint64_t{length} >> 6 << 8);
}

// A length below 8192 as it is written, in one byte or two.
inline uint64_t ShortLength(size_t length) {
  return length < 64 ? uint64_t{length} << 1 : TwoByteLength(length);
}

// The most usual record: a value of a short line and nothing else. 64 <= value.size() < kThreeStreamsMin, so
// that all that stands between the batch header and the value is one word.
MILLRACE_HOT size_t EncodeShortValue(uint8_t* batch, std::string_view value, uint64_t timestamp,
                                     Offset base_offset, LeaderEpoch leader_epoch) {
  constexpr size_t kPrefixBytes = 8;
  const size_t size = kBatchHeaderBytes + kPrefixBytes + value.size() + 1;
  Writer writer = PutBatchHeader(batch, size, timestamp, base_offset, leader_epoch);
  // Length (of all but itself), attributes 0, timestamp delta 0, offset delta 0, key -1, value length.
  PutWord(writer,
          TwoByteLength(kPrefixBytes - 2 + value.size() + 1) | uint64_t{1} << 40 |
              TwoByteLength(value.size()) << 48,
          8);
  PutShortValueAndNoHeaders(writer, value);
  PutCrc(batch, writer);
  return size;
}

// Any record.
MILLRACE_CRC32C_TARGET size_t EncodeRecord(uint8_t* batch, const Record& record, uint64_t timestamp,
                                           Offset base_offset, LeaderEpoch leader_epoch) {
  const size_t body_size = RecordBodySize(record, 0, 0);
  const size_t size = kBatchHeaderBytes + LengthSize(body_size) + body_size;
  MILLRACE_CHECK(size <= static_cast<size_t>(std::numeric_limits<int32_t>::max()));
  Writer writer = PutBatchHeader(batch, size, timestamp, base_offset, leader_epoch);
  if (body_size < 8192 && !record.key.has_value() && record.value.has_value()) {
    // All that stands before the value, at most eight bytes: length, attributes 0, deltas 0, key -1, value
    // length.
    const size_t length_size = LengthSize(body_size);
    const uint64_t after = uint64_t{1} << 24 | ShortLength(record.value->size()) << 32;
    PutWord(writer, ShortLength(body_size) | after << (8 * length_size),
            length_size + 4 + LengthSize(record.value->size()));
    PutText(writer, *record.value);
  } else {
    PutLength(writer, body_size);
    PutWord(writer, 0, 3);  // attributes, timestamp delta, offset delta
    for (const auto* field : {&record.key, &record.value}) {
      if (field->has_value()) {
        PutLength(writer, (*field)->size());
        PutText(writer, **field);
      } else {
        PutWord(writer, 1, 1);
      }
    }
  }
  if (record.headers.empty()) {
    PutWord(writer, 0, 1);
  } else {
    PutHeaders(writer, record.headers);
  }
  PutCrc(batch, writer);
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

#ifdef MILLRACE_CRC32C_X86
namespace {
MILLRACE_CRC32C_TARGET size_t EncodeWithCrcInstructions(std::byte* into, const Record& record,
                                                        Timestamp timestamp, Offset base_offset,
                                                        LeaderEpoch leader_epoch) {
  uint8_t* const batch = reinterpret_cast<uint8_t*>(into);
  const Timestamp time = record.timestamp != kNoTimestamp ? record.timestamp : timestamp;
  const uint64_t milliseconds = static_cast<uint64_t>(time.value());
  if (!record.key.has_value() && record.headers.empty() && record.value.has_value() &&
      record.value->size() - 64 < kThreeStreamsMin - 64) [[likely]] {
    return EncodeShortValue(batch, *record.value, milliseconds, base_offset, leader_epoch);
  }
  return EncodeRecord(batch, record, milliseconds, base_offset, leader_epoch);
}
}  // namespace
#endif

size_t EncodeOneRecordBatch(std::byte* into, const Record& record, Timestamp timestamp, Offset base_offset,
                            LeaderEpoch leader_epoch) {
#ifdef MILLRACE_CRC32C_X86
  if (crc32c_internal::HaveCrcInstructions()) [[likely]] {
    return EncodeWithCrcInstructions(into, record, timestamp, base_offset, leader_epoch);
  }
#endif
  return EncodeOneRecordBatchPortable(into, record, timestamp, base_offset, leader_epoch);
}

}  // namespace millrace::inline v0
