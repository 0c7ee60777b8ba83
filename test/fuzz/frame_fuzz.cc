// Any stream of bytes, cut in any way, into a FrameReader: it must give the frames that a plain reading of
// the stream gives, refuse what that refuses, and hold no more memory than twice what came.
//
// An input is a byte that says into how large parts the rest is cut, and the stream.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "fuzz/fuzz_target.h"
#include "transport/frame_reader.h"

namespace millrace::inline v0::fuzz {
namespace {

constexpr int32_t kMaxFrame = 1 << 20;

// The frames of the stream, by the book. False: it has a bad length after them.
bool Plain(Input stream, std::vector<Input>& frames) {
  while (stream.size() >= 4) {
    uint32_t length = 0;
    for (size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<uint8_t>(stream[i]);
    if (length > kMaxFrame) return false;
    if (stream.size() - 4 < length) break;
    frames.push_back(stream.subspan(4, length));
    stream = stream.subspan(4 + length);
  }
  return true;
}

// Feeds it in parts; every other part goes straight into the room there is, as far as it fits.
bool InParts(Input stream, size_t part, std::vector<Frame>& frames) {
  FrameReader reader(kMaxFrame);
  size_t came = 0;
  for (size_t turn = 0; came < stream.size(); ++turn) {
    Input bytes = stream.subspan(came, std::min(part, stream.size() - came));
    came += bytes.size();
    const std::span<std::byte> room = turn % 2 == 0 ? std::span<std::byte>() : reader.Room();
    Require(room.size() <= 2 * came + 4096);
    const size_t direct = std::min(room.size(), bytes.size());
    if (direct > 0) std::memcpy(room.data(), bytes.data(), direct);
    reader.Filled(direct);
    bytes = bytes.subspan(direct);
    while (true) {
      Frame frame;
      const auto complete = reader.Take(bytes, frame);
      if (!complete.ok()) return false;
      if (!*complete) break;
      frames.push_back(std::move(frame));
    }
    Require(bytes.empty());
  }
  return true;
}

void FuzzFrames(Input input) {
  if (input.empty()) return;
  const Input stream = input.subspan(1);
  std::vector<Input> expected;
  std::vector<Frame> frames;
  const bool good = Plain(stream, expected);
  Require(InParts(stream, size_t{1} + std::to_integer<size_t>(input[0]), frames) == good);
  Require(frames.size() == expected.size());
  for (size_t i = 0; i < frames.size(); ++i) {
    Require(std::equal(frames[i].bytes().begin(), frames[i].bytes().end(), expected[i].begin(),
                       expected[i].end()));
  }
}

std::vector<Bytes> FrameSeeds() {
  std::vector<Bytes> seeds;
  for (const unsigned part : {0u, 1u, 7u, 255u}) {
    for (const uint32_t last : {0u, 3u, 1u << 20, 1u << 31, UINT32_MAX}) {
      Bytes seed = {static_cast<std::byte>(part)};
      for (const uint32_t length : {0u, 5u, 300u, last}) {
        for (int shift = 24; shift >= 0; shift -= 8) seed.push_back(static_cast<std::byte>(length >> shift));
        seed.resize(seed.size() + std::min(length, 300u), static_cast<std::byte>(part));
      }
      seeds.push_back(std::move(seed));
    }
  }
  return seeds;
}

}  // namespace

void AddFrameTargets(Targets* to) {
  to->push_back({.name = "frame", .run = FuzzFrames, .seeds = FrameSeeds});
}

}  // namespace millrace::inline v0::fuzz
