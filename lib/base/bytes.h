// ByteReader and the two writers: fields in network order, bounds checked, for the file formats.

#ifndef MILLRACE_BASE_BYTES_H_
#define MILLRACE_BASE_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/endian.h"
#include "base/varint.h"

namespace millrace::inline v0 {

inline std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view AsText(std::span<const std::byte> bytes) {
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// Reads fields from a run of bytes, which it borrows. A read past the end gives zero (or nothing) and makes
// the reader fail for good: read everything, then ask ok() once. Single-threaded.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  // False once a read went past the end or met a malformed number.
  bool ok() const { return ok_; }
  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }
  // Everything was read, and nothing failed.
  bool AtEnd() const { return ok_ && remaining() == 0; }

  template <typename T>
  T Read() {
    static_assert(std::is_integral_v<T>);
    if (!Need(sizeof(T))) return 0;
    const T value = LoadBig<T>(bytes_.data() + position_);
    position_ += sizeof(T);
    return value;
  }
  // The next `length` bytes where they lie.
  std::span<const std::byte> ReadBytes(size_t length) {
    if (!Need(length)) return {};
    const auto found = bytes_.subspan(position_, length);
    position_ += length;
    return found;
  }
  std::string_view ReadText(size_t length) { return AsText(ReadBytes(length)); }
  void Skip(size_t length) { ReadBytes(length); }
  int32_t ReadVarint() { return ReadWith<int32_t>(DecodeVarint); }
  int64_t ReadVarlong() { return ReadWith<int64_t>(DecodeVarlong); }
  uint32_t ReadUnsignedVarint() { return ReadWith<uint32_t>(DecodeUnsignedVarint); }

 private:
  bool Need(size_t length) {
    if (ok_ && length <= remaining()) return true;
    ok_ = false;
    return false;
  }
  template <typename T, typename Decode>
  T ReadWith(Decode decode) {
    T value = 0;
    if (!ok_) return value;
    const std::byte* const end = bytes_.data() + bytes_.size();
    const std::byte* const next = decode(bytes_.data() + position_, end, &value);
    if (next == nullptr) {
      ok_ = false;
      return 0;
    }
    position_ = static_cast<size_t>(next - bytes_.data());
    return value;
  }

  std::span<const std::byte> bytes_;
  size_t position_ = 0;
  bool ok_ = true;
};

// Appends fields to a vector, which it borrows. Single-threaded.
class ByteWriter {
 public:
  explicit ByteWriter(std::vector<std::byte>* to) : to_(to) {}

  size_t position() const { return to_->size(); }
  template <typename T>
  void Write(std::type_identity_t<T> value) {
    std::byte bytes[sizeof(T)];
    StoreBig<T>(bytes, value);
    WriteBytes(bytes);
  }
  void WriteBytes(std::span<const std::byte> bytes) { to_->insert(to_->end(), bytes.begin(), bytes.end()); }
  void WriteText(std::string_view text) { WriteBytes(AsBytes(text)); }
  void WriteVarint(int32_t value) { WriteWith(value, EncodeVarint); }
  void WriteVarlong(int64_t value) { WriteWith(value, EncodeVarlong); }
  void WriteUnsignedVarint(uint32_t value) { WriteWith(value, EncodeUnsignedVarint); }

 private:
  template <typename T, typename Encode>
  void WriteWith(T value, Encode encode) {
    std::byte bytes[kVarlongSizeMax];
    WriteBytes({bytes, encode(bytes, value)});
  }

  std::vector<std::byte>* to_;
};

// Writes fields into a place of fixed size, which it borrows. A write past the end writes nothing and makes
// the writer fail for good: ask ok() once at the end. Single-threaded.
class SpanWriter {
 public:
  explicit SpanWriter(std::span<std::byte> to) : to_(to) {}

  bool ok() const { return ok_; }
  size_t position() const { return position_; }
  size_t remaining() const { return to_.size() - position_; }
  // What was written so far.
  std::span<const std::byte> written() const { return to_.first(position_); }

  template <typename T>
  void Write(std::type_identity_t<T> value) {
    if (!Need(sizeof(T))) return;
    StoreBig<T>(to_.data() + position_, value);
    position_ += sizeof(T);
  }
  void WriteBytes(std::span<const std::byte> bytes) {
    if (!Need(bytes.size()) || bytes.empty()) return;
    std::memcpy(to_.data() + position_, bytes.data(), bytes.size());
    position_ += bytes.size();
  }
  void WriteText(std::string_view text) { WriteBytes(AsBytes(text)); }

 private:
  bool Need(size_t length) {
    if (ok_ && length <= remaining()) return true;
    ok_ = false;
    return false;
  }

  std::span<std::byte> to_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_BASE_BYTES_H_
