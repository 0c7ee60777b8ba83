#include "millrace/wire/encoder.h"

#include <algorithm>

namespace millrace::inline v0::wire {

void internal::Sink::Raw(const void* data, size_t size) {
  if (size == 0) return;
  const auto* from = static_cast<const std::byte*>(data);
  to_->insert(to_->end(), from, from + size);
}

void internal::Sink::Uvarint(uint32_t n) {
  while (n > 127) {
    Big<uint8_t>(static_cast<uint8_t>((n & 127) | 128));
    n >>= 7;
  }
  Big<uint8_t>(static_cast<uint8_t>(n));
}

void Encoder::Add(std::vector<TaggedField>* fields, uint32_t tag, Bytes&& body) {
  fields->push_back({.tag = tag, .body = std::move(body)});
}

void Encoder::WriteTagged(std::vector<TaggedField>* fields) {
  std::ranges::sort(*fields, {}, &TaggedField::tag);
  sink_.Uvarint(static_cast<uint32_t>(fields->size()));
  for (const auto& [tag, body] : *fields) {
    sink_.Uvarint(tag);
    sink_.Uvarint(static_cast<uint32_t>(body.size()));
    sink_.Raw(body.data(), body.size());
  }
}

void Encoder::Length(size_t n, size_t max, bool wide, const Field& field) {
  if (n > max) {
    Fail(field, "is too long");
  } else if (flexible()) {
    sink_.Uvarint(static_cast<uint32_t>(n + 1));
  } else if (wide) {
    sink_.Big(static_cast<uint32_t>(n));
  } else {
    sink_.Big(static_cast<uint16_t>(n));
  }
}

void Encoder::Null(bool wide) {
  if (flexible()) {
    sink_.Uvarint(0);
  } else if (wide) {
    sink_.Big(uint32_t{UINT32_MAX});
  } else {
    sink_.Big(uint16_t{UINT16_MAX});
  }
}

void Encoder::Text(std::string_view text, const Field& field) {
  Length(text.size(), INT16_MAX, false, field);
  if (status_.ok()) sink_.Raw(text.data(), text.size());
}

void Encoder::Blob(std::span<const std::byte> bytes, bool may_be_piece, const Field& field) {
  Length(bytes.size(), INT32_MAX - 1, true, field);
  if (!status_.ok()) return;
  if (may_be_piece && pieces_ != nullptr && !bytes.empty() && bytes.size() >= piece_bytes_min_) {
    pieces_->push_back({.at = to_->size(), .bytes = bytes});
  } else {
    sink_.Raw(bytes.data(), bytes.size());
  }
}

void Encoder::Fail(const Field& field, std::string_view what) {
  status_ = internal::EncodeError(field.name, version_, what);
}

}  // namespace millrace::inline v0::wire
