// The codecs and the numbers of variable length.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/varint.h"
#include "fuzz/fuzz_target.h"
#include "record/compression.h"

namespace millrace::inline v0::fuzz {
namespace {

// Small, so that the fuzzer finds the bound.
constexpr size_t kBytesMax = 64 << 10;

// Any bytes as a stream, and any bytes compressed and back. The buffer that is grown is no larger than the
// bound, and one that was there keeps its size.
void Codec(Compression codec, Input input) {
  Bytes output;
  const auto size = Decompress(codec, input, kBytesMax, &output);
  Require(output.size() <= kBytesMax);
  if (size.ok()) {
    Require(*size <= output.size());
    // A bound that is just met is met; one byte less is not.
    Bytes again;
    Require(Decompress(codec, input, *size, &again).ok());
    Require(std::equal(again.begin(), again.begin() + static_cast<ptrdiff_t>(*size), output.begin()));
    if (*size > 0) Require(!Decompress(codec, input, *size - 1, &again).ok());
  }
  Compressor compressor;
  Bytes compressed;
  Require(compressor.Compress(codec, std::nullopt, input, &compressed).ok());
  const auto back = Decompress(codec, compressed, input.size(), &output);
  Require(back.ok() && *back == input.size() && std::equal(input.begin(), input.end(), output.begin()));
}

std::vector<Bytes> CodecSeeds(Compression codec) {
  std::string words;
  while (words.size() < 3000) words += "a line of words, " + std::to_string(words.size() * 7919) + "\n";
  std::vector<Bytes> seeds;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{100}, words.size()}) {
    Bytes& seed = seeds.emplace_back();
    Compressor compressor;
    Require(
        compressor.Compress(codec, std::nullopt, std::as_bytes(std::span(words).first(size)), &seed).ok());
  }
  Bytes& bomb = seeds.emplace_back();
  Compressor compressor;
  Require(compressor.Compress(codec, std::nullopt, Bytes(4 * kBytesMax), &bomb).ok());
  return seeds;
}

template <typename Number, typename Decode, typename Encode>
void OneVarint(Input input, Decode decode, Encode encode) {
  const std::byte* const begin = input.data();
  const std::byte* const end = begin + input.size();
  Number value{};
  const std::byte* const next = decode(begin, end, &value);
  if (next == nullptr) return;
  Require(next > begin && next <= end);
  std::array<std::byte, kVarlongSizeMax> bytes;
  const auto size = static_cast<size_t>(encode(bytes.data(), value) - bytes.data());
  // The shortest form: no longer than what was read.
  Require(size <= static_cast<size_t>(next - begin));
  Number again{};
  Require(decode(bytes.data(), bytes.data() + size, &again) == bytes.data() + size && again == value);
  for (size_t cut = 0; cut < size; ++cut)
    Require(decode(bytes.data(), bytes.data() + cut, &again) == nullptr);
}

void Varints(Input input) {
  OneVarint<uint32_t>(input, DecodeUnsignedVarint, EncodeUnsignedVarint);
  OneVarint<uint64_t>(input, DecodeUnsignedVarlong, EncodeUnsignedVarlong);
  OneVarint<int32_t>(input, DecodeVarint, EncodeVarint);
  OneVarint<int64_t>(input, DecodeVarlong, EncodeVarlong);
}

std::vector<Bytes> VarintSeeds() {
  std::vector<Bytes> seeds;
  for (const uint64_t value : {uint64_t{0}, uint64_t{127}, uint64_t{128}, uint64_t{1} << 31,
                               uint64_t{UINT32_MAX}, uint64_t{1} << 63, UINT64_MAX}) {
    Bytes& seed = seeds.emplace_back(kVarlongSizeMax);
    seed.resize(static_cast<size_t>(EncodeUnsignedVarlong(seed.data(), value) - seed.data()));
  }
  seeds.emplace_back(kVarlongSizeMax + 2, std::byte{0x80});
  seeds.emplace_back(kVarlongSizeMax + 2, std::byte{0xff});
  return seeds;
}

}  // namespace

void AddCodecTargets(Targets* to) {
  to->push_back({.name = "varint", .run = Varints, .seeds = VarintSeeds, .cost_micros = 1});
  constexpr std::pair<const char*, Compression> kCodecs[] = {{"codec.gzip", Compression::kGzip},
                                                             {"codec.snappy", Compression::kSnappy},
                                                             {"codec.lz4", Compression::kLz4},
                                                             {"codec.zstd", Compression::kZstd}};
  for (const auto& [name, codec] : kCodecs) {
    to->push_back({.name = name,
                   .run = [codec](Input input) { Codec(codec, input); },
                   .seeds = [codec] { return CodecSeeds(codec); },
                   .cost_micros = 60});
  }
}

}  // namespace millrace::inline v0::fuzz
