#include "millrace/wire/decoder.h"

namespace millrace::inline v0::wire {

void Decoder::Fail(std::string_view field, std::string_view what) {
  if (status_.ok()) status_ = internal::DecodeError(field, version_, at_, what);
}

uint64_t Decoder::Big(size_t size, std::string_view field) {
  if (!Need(size, field)) return 0;
  uint64_t bits = 0;
  for (size_t i = 0; i < size; ++i) bits = bits << 8 | std::to_integer<uint64_t>(bytes_[at_ + i]);
  at_ += size;
  return bits;
}

uint32_t Decoder::Uvarint(std::string_view field) {
  uint64_t value = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    const uint64_t next = Big(1, field);
    if (!status_.ok()) return 0;
    value |= (next & 127) << shift;
    if (next < 128) {
      if (value > UINT32_MAX) break;
      return static_cast<uint32_t>(value);
    }
  }
  Fail(field, "is a malformed number");
  return 0;
}

int64_t Decoder::Length(bool wide, const Field& field) {
  int64_t n = 0;
  if (flexible()) {
    n = static_cast<int64_t>(Uvarint(field.name)) - 1;
  } else if (wide) {
    n = static_cast<int32_t>(Big(4, field.name));
  } else {
    n = static_cast<int16_t>(Big(2, field.name));
  }
  if (n < -1) Fail(field.name, "has a negative length");
  if (!wide && n > INT16_MAX) Fail(field.name, "is longer than 32,767 bytes");
  return n;
}

Decoder::TagHead Decoder::ReadTagHead(int64_t previous) {
  const uint32_t tag = Uvarint("tag");
  const uint32_t size = Uvarint("tag size");
  if (static_cast<int64_t>(tag) <= previous) Fail("tag", "is out of order or doubled");
  if (size > left()) Fail("tag size", "goes past the end");
  return {.tag = tag, .end = at_ + size};
}

}  // namespace millrace::inline v0::wire
