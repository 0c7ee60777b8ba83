// Any stream of bytes, cut in any way, into a FrameReader: it must give the frames that a plain reading of
// the stream gives, refuse what that refuses, and hold no more memory than twice what came.
//
// An input is a byte that says into how large parts the rest is cut, and the stream.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "transport/frame_reader.h"

namespace millrace::inline v0 {
namespace {

constexpr int32_t kMaxFrame = 1 << 20;
using Input = std::span<const std::byte>;

void Require(bool holds) {
  if (!holds) std::abort();
}

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

}  // namespace
}  // namespace millrace::inline v0

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;  // NOLINT
  if (size == 0) return 0;
  const Input stream(reinterpret_cast<const std::byte*>(data + 1), size - 1);
  std::vector<Input> expected;
  std::vector<Frame> frames;
  const bool good = Plain(stream, expected);
  Require(InParts(stream, size_t{1} + data[0], frames) == good);
  Require(frames.size() == expected.size());
  for (size_t i = 0; i < frames.size(); ++i) {
    Require(std::equal(frames[i].bytes().begin(), frames[i].bytes().end(), expected[i].begin(),
                       expected[i].end()));
  }
  return 0;
}
