#include "record/compression.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <initializer_list>
#include <random>
#include <string>
#include <vector>

#include "base/endian.h"
#include "millrace/status.h"
#include "record/batches.h"
#include "record/xerial.h"

namespace millrace {
namespace {

constexpr Compression kCodecs[] = {Compression::kGzip, Compression::kSnappy, Compression::kLz4,
                                   Compression::kZstd};

std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::vector<std::byte> Compressed(Compression codec, const std::string& text) {
  Compressor compressor;
  std::vector<std::byte> output;
  REQUIRE(compressor.Compress(codec, std::nullopt, Bytes(text), &output).ok());
  return output;
}

bool Equal(const std::vector<std::byte>& output, size_t size, const std::string& text) {
  return size == text.size() && (size == 0 || std::memcmp(output.data(), text.data(), size) == 0);
}

TEST_CASE("All sizes come back, through one compressor and one buffer") {
  std::mt19937_64 random(21);
  for (const Compression codec : kCodecs) {
    Compressor compressor;
    std::vector<std::byte> buffer;
    for (const size_t size : std::initializer_list<size_t>{0, 1, 2, 100, 4095, 4096, 4097, 32767, 32768,
                                                           32769, 65536, 100000, 500000, 10}) {
      const std::string text = record_test::RandomText(random, size);
      std::vector<std::byte> output(3, std::byte{7});
      REQUIRE(compressor.Compress(codec, std::nullopt, Bytes(text), &output).ok());
      REQUIRE((output[0] == std::byte{7} && output[2] == std::byte{7}));
      const auto got = Decompress(codec, std::span(output).subspan(3), 1 << 20, &buffer);
      REQUIRE(got.ok());
      REQUIRE(Equal(buffer, *got, text));
    }
  }
}

TEST_CASE("The bound is exact") {
  std::mt19937_64 random(22);
  for (const Compression codec : kCodecs) {
    for (const size_t size : std::initializer_list<size_t>{1, 5000, 65536, 200001}) {
      INFO(static_cast<int>(codec) << " " << size);
      const std::string text = record_test::RandomText(random, size);
      const std::vector<std::byte> input = Compressed(codec, text);
      std::vector<std::byte> output;
      const auto fits = Decompress(codec, input, size, &output);
      REQUIRE(fits.ok());
      CHECK(Equal(output, *fits, text));
      CHECK(output.capacity() <= size);
      std::vector<std::byte> smaller;
      const auto passed = Decompress(codec, input, size - 1, &smaller);
      REQUIRE_FALSE(passed.ok());
      CHECK(passed.status().code() == absl::StatusCode::kDataLoss);
      CHECK(smaller.capacity() <= size - 1);
    }
  }
}

TEST_CASE("A bomb ends at the bound, in little memory") {
  const std::string zeros(64 << 20, '\0');
  for (const Compression codec : kCodecs) {
    INFO(static_cast<int>(codec));
    const std::vector<std::byte> bomb = Compressed(codec, zeros);
    std::vector<std::byte> output;
    const auto got = Decompress(codec, bomb, 1 << 20, &output);
    REQUIRE_FALSE(got.ok());
    CHECK(ErrorCodeOf(got.status()) == ErrorCode::kCorruptMessage);
    CHECK(output.capacity() <= 1 << 20);
    CHECK(std::string(got.status().message()).find("1048576") != std::string::npos);
  }
}

TEST_CASE("A batch that is a bomb is refused by reader and Validate") {
  for (const Compression codec : kCodecs) {
    BatchBuilder builder({.compression = codec});
    const std::string zeros(8 << 20, '\0');
    builder.Append({.value = zeros}, Timestamp(0));
    const auto bytes = builder.Finish();
    REQUIRE(bytes.ok());
    const BatchView batch(bytes->data());
    CHECK(batch.Validate().ok());
    CHECK(ErrorCodeOf(batch.Validate(1 << 20)) == ErrorCode::kCorruptMessage);
    std::vector<std::byte> buffer;
    RecordReader reader(batch, &buffer, 1 << 20);
    RecordView record;
    CHECK_FALSE(reader.Next(&record));
    CHECK(ErrorCodeOf(reader.status()) == ErrorCode::kCorruptMessage);
    CHECK(buffer.capacity() <= 1 << 20);
  }
}

TEST_CASE("A buffer is used again, whatever was in it") {
  std::vector<std::byte> buffer;
  for (const Compression codec : kCodecs) {
    for (const size_t size : std::initializer_list<size_t>{100000, 10, 5000}) {
      const std::string text(size, static_cast<char>('a' + size % 26));
      const auto got = Decompress(codec, Compressed(codec, text), 1 << 20, &buffer);
      REQUIRE(got.ok());
      CHECK(Equal(buffer, *got, text));
    }
  }
}

TEST_CASE("Streams that are cut, continued or spoiled are refused or at least bounded") {
  std::mt19937_64 random(23);
  const std::string text = record_test::RandomText(random, 3000);
  for (const Compression codec : kCodecs) {
    const std::vector<std::byte> good = Compressed(codec, text);
    std::vector<std::byte> output;
    for (size_t size = 0; size < good.size(); ++size) {
      const std::vector<std::byte> cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
      // The framing of snappy has no end: with the header alone it is a stream of nothing.
      const bool ends_here = codec == Compression::kSnappy && size == kXerialHeaderBytes;
      INFO(static_cast<int>(codec) << " cut to " << size);
      CHECK(Decompress(codec, cut, 1 << 20, &output).ok() == ends_here);
    }
    std::vector<std::byte> longer = good;
    longer.push_back(std::byte{0x55});
    CHECK_FALSE(Decompress(codec, longer, 1 << 20, &output).ok());
    for (int round = 0; round < 500; ++round) {
      std::vector<std::byte> spoiled = good;
      spoiled[random() % spoiled.size()] ^= static_cast<std::byte>(1 + random() % 255);
      std::vector<std::byte> place;
      const auto got = Decompress(codec, spoiled, 5000, &place);
      CHECK(place.capacity() <= 5000);
      if (got.ok()) CHECK(*got <= 5000);
    }
  }
}

// A frame of blocks that are stored as they are, and that says it may reach back 2^`window_log` bytes.
std::vector<std::byte> WideFrame(int window_log, const std::string& text) {
  std::vector<std::byte> frame;
  for (const int byte : {0x28, 0xb5, 0x2f, 0xfd, 0x00, (window_log - 10) << 3})
    frame.push_back(static_cast<std::byte>(byte));
  constexpr size_t kBlockMax = 100'000;
  size_t at = 0;
  do {
    const size_t size = std::min(kBlockMax, text.size() - at);
    const size_t head = size << 3 | (at + size == text.size() ? 1 : 0);
    for (int shift = 0; shift < 24; shift += 8) frame.push_back(static_cast<std::byte>(head >> shift));
    frame.insert(frame.end(), Bytes(text).begin() + static_cast<ptrdiff_t>(at),
                 Bytes(text).begin() + static_cast<ptrdiff_t>(at + size));
    at += size;
  } while (at < text.size());
  return frame;
}

TEST_CASE("A zstd frame may reach back as far as it likes") {
  for (const size_t size : {0, 1, 5000, 3'000'000}) {
    const std::string text = std::string(size / 2, 'a') + std::string(size - size / 2, 'b');
    for (const int window_log : {20, 23, 24, 27, 31}) {
      INFO(size << " " << window_log);
      const std::vector<std::byte> wide = WideFrame(window_log, text);
      std::vector<std::byte> output;
      const auto got = Decompress(Compression::kZstd, wide, size, &output);
      REQUIRE(got.ok());
      CHECK(Equal(output, *got, text));
      if (size > 0) CHECK_FALSE(Decompress(Compression::kZstd, wide, size - 1, &output).ok());
      // Behind a frame of another kind, and with one behind it.
      std::vector<std::byte> frames = Compressed(Compression::kZstd, text);
      frames.insert(frames.end(), wide.begin(), wide.end());
      const auto both = Decompress(Compression::kZstd, frames, 2 * size, &output);
      REQUIRE(both.ok());
      CHECK(Equal(output, *both, text + text));
      frames.pop_back();
      CHECK_FALSE(Decompress(Compression::kZstd, frames, 2 * size, &output).ok());
    }
  }
}

TEST_CASE("A snappy block that claims more than it can hold gets no memory") {
  // Claims 1 GiB less one in four bytes.
  std::vector<std::byte> block = {std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff},
                                  std::byte{0x03}};
  std::vector<std::byte> output;
  CHECK_FALSE(Decompress(Compression::kSnappy, block, size_t{1} << 31, &output).ok());
  CHECK(output.capacity() == 0);
}

TEST_CASE("Snappy is framed as the Java library does") {
  const std::vector<std::byte> framed = Compressed(Compression::kSnappy, std::string(40000, 'a'));
  REQUIRE(framed.size() > 20);
  CHECK(std::memcmp(framed.data(), "\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16) == 0);
  // Two blocks: 32 KiB, and the rest.
  const size_t first = LoadBig<uint32_t>(framed.data() + 16);
  REQUIRE(framed.size() > 24 + first);
  const size_t second = LoadBig<uint32_t>(framed.data() + 20 + first);
  CHECK(framed.size() == 24 + first + second);
}

}  // namespace
}  // namespace millrace
