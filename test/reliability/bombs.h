// Decompression bombs: compressed streams that become a thousand times themselves and more. Made by repeating
// what one small piece compresses to, so that making them costs next to nothing.

#ifndef MILLRACE_TEST_RELIABILITY_BOMBS_H_
#define MILLRACE_TEST_RELIABILITY_BOMBS_H_

#include <lz4frame.h>
#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "base/crc32c.h"
#include "base/endian.h"
#include "millrace/record.h"
#include "record/compression.h"
#include "record/xerial.h"

namespace millrace::inline v0::bombs {

using Bytes = std::vector<std::byte>;

inline void Put(Bytes* to, std::initializer_list<int> bytes) {
  for (const int byte : bytes) to->push_back(static_cast<std::byte>(byte));
}
inline void Put(Bytes* to, std::span<const std::byte> bytes) {
  to->insert(to->end(), bytes.begin(), bytes.end());
}

// Members of 1 MiB of zeros each, one after the other: about 1,030 to one.
inline Bytes Gzip(size_t bytes_max) {
  Bytes member;
  Compressor compressor;
  if (!compressor.Compress(Compression::kGzip, 9, Bytes(1 << 20), &member).ok())
    throw std::logic_error("gzip does not compress");
  Bytes bomb;
  while (bomb.size() + member.size() <= bytes_max) Put(&bomb, member);
  return bomb;
}

// One member alone: a header, and runs of deflate that say "as before".
inline Bytes GzipInOne(size_t bytes_max) {
  z_stream stream = {};
  if (deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::logic_error("gzip does not compress");
  Bytes zeros(1 << 20);
  Bytes bomb(64 << 10);
  const auto deflate_zeros = [&](size_t at) {
    stream.next_in = reinterpret_cast<Bytef*>(zeros.data());
    stream.avail_in = static_cast<uInt>(zeros.size());
    stream.next_out = reinterpret_cast<Bytef*>(bomb.data() + at);
    stream.avail_out = static_cast<uInt>(bomb.size() - at);
    deflate(&stream, Z_FULL_FLUSH);
    return bomb.size() - stream.avail_out;
  };
  const size_t first = deflate_zeros(0);
  const size_t second = deflate_zeros(first);
  deflateEnd(&stream);
  bomb.resize(second);
  const Bytes run(bomb.begin() + static_cast<ptrdiff_t>(first), bomb.end());
  while (bomb.size() + run.size() <= bytes_max) Put(&bomb, run);
  return bomb;
}

// Blocks that are one byte, 128 KiB times: 32,768 to one. The frame says that it reaches back
// 2^`window_log`.
inline Bytes Zstd(size_t bytes_max, int window_log) {
  Bytes bomb;
  Put(&bomb, {0x28, 0xb5, 0x2f, 0xfd, 0x00, (window_log - 10) << 3});
  constexpr int kBlock = 128 << 10;
  constexpr int kRunOfOneByte = 1 << 1;
  constexpr int kHead = kBlock << 3 | kRunOfOneByte;
  while (bomb.size() + 4 <= bytes_max) Put(&bomb, {kHead & 0xff, kHead >> 8 & 0xff, kHead >> 16 & 0xff, 0});
  return bomb;
}

// A frame of blocks of 4 MiB: 255 to one.
inline Bytes Lz4(size_t bytes_max) {
  LZ4F_preferences_t preferences = {};
  preferences.frameInfo.blockSizeID = LZ4F_max4MB;
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  const Bytes zeros(4 << 20);
  Bytes frame(LZ4F_compressFrameBound(zeros.size(), &preferences));
  const size_t size =
      LZ4F_compressFrame(frame.data(), frame.size(), zeros.data(), zeros.size(), &preferences);
  if (LZ4F_isError(size) != 0) throw std::logic_error("lz4 does not compress");
  frame.resize(size);
  // Without content size and checksum: a header of 7 bytes, then {u32 size, block}.
  const Bytes head(frame.begin(), frame.begin() + 7);
  const Bytes block(frame.begin() + 7, frame.end() - 4);
  Bytes bomb = head;
  while (bomb.size() + block.size() + 4 <= bytes_max) Put(&bomb, block);
  return bomb;
}

// The Java library's blocks, of 1 MiB each: 21 to one.
inline Bytes Snappy(size_t bytes_max) {
  Bytes small;
  Compressor compressor;
  if (!compressor.Compress(Compression::kSnappy, std::nullopt, Bytes(32 << 10), &small).ok())
    throw std::logic_error("snappy does not compress");
  const Bytes head(small.begin(), small.begin() + kXerialHeaderBytes);
  const Bytes block(small.begin() + kXerialHeaderBytes, small.end());
  Bytes bomb = head;
  while (bomb.size() + block.size() <= bytes_max) Put(&bomb, block);
  return bomb;
}

// As a batch of one record, with the right checksum.
inline Bytes AsBatch(Compression codec, std::span<const std::byte> stream) {
  BatchBuilder builder{BatchOptions{}};
  builder.Append({.key = "key", .value = "value"}, Timestamp(1'700'000'000'000));
  const auto made = builder.Finish();
  if (!made.ok()) throw std::logic_error("no batch");
  Bytes batch(kBatchHeaderBytes + stream.size());
  std::copy_n(made->begin(), kBatchHeaderBytes, batch.begin());
  std::copy(stream.begin(), stream.end(), batch.begin() + kBatchHeaderBytes);
  StoreBig<int32_t>(batch.data() + 8, static_cast<int32_t>(batch.size() - kBatchPrefixBytes));
  StoreBig<uint16_t>(batch.data() + 21, static_cast<uint16_t>(codec));
  StoreBig<uint32_t>(batch.data() + 17, Crc32c(std::span(batch).subspan(21)));
  return batch;
}

struct Bomb {
  std::string_view name = {};
  Bytes batch = {};
  // So many times itself, about.
  int64_t times = 0;
};

// One of each kind, as batches of `bytes_max` bytes.
inline std::vector<Bomb> All(size_t bytes_max) {
  const size_t stream = bytes_max - kBatchHeaderBytes;
  return {{.name = "gzip", .batch = AsBatch(Compression::kGzip, Gzip(stream)), .times = 1000},
          {.name = "gzip in one", .batch = AsBatch(Compression::kGzip, GzipInOne(stream)), .times = 1000},
          {.name = "snappy", .batch = AsBatch(Compression::kSnappy, Snappy(stream)), .times = 20},
          {.name = "lz4", .batch = AsBatch(Compression::kLz4, Lz4(stream)), .times = 250},
          {.name = "zstd", .batch = AsBatch(Compression::kZstd, Zstd(stream, 20)), .times = 32000},
          {.name = "zstd 2^27", .batch = AsBatch(Compression::kZstd, Zstd(stream, 27)), .times = 32000},
          {.name = "zstd 2^31", .batch = AsBatch(Compression::kZstd, Zstd(stream, 31)), .times = 32000}};
}

}  // namespace millrace::inline v0::bombs

#endif  // MILLRACE_TEST_RELIABILITY_BOMBS_H_
