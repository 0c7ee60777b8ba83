#include "transport/frame_reader.h"

#include <malloc.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <string>
#include <vector>

namespace millrace {
namespace {

using ByteSpan = std::span<const std::byte>;

std::vector<std::byte> Wire(std::string_view text, uint32_t length) {
  std::vector<std::byte> bytes;
  for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<std::byte>(length >> shift));
  for (const char c : text) bytes.push_back(static_cast<std::byte>(c));
  return bytes;
}
std::vector<std::byte> Wire(std::string_view text) {
  return Wire(text, static_cast<uint32_t>(text.size()));
}
std::string TextOf(const Frame& frame) {
  return {reinterpret_cast<const char*>(frame.bytes().data()), frame.size()};
}

TEST_CASE("Frames come out of a stream however it is cut") {
  std::vector<std::byte> stream;
  for (const char* text : {"one", "", "three"}) {
    for (const std::byte byte : Wire(text)) stream.push_back(byte);
  }
  for (size_t step = 1; step <= stream.size(); ++step) {
    FrameReader reader(100);
    std::vector<std::string> frames;
    for (size_t at = 0; at < stream.size(); at += step) {
      ByteSpan bytes = ByteSpan(stream).subspan(at, std::min(step, stream.size() - at));
      Frame frame;
      while (reader.Take(bytes, frame).value()) frames.push_back(TextOf(frame));
      CHECK(bytes.empty());
    }
    CHECK(frames == std::vector<std::string>{"one", "", "three"});
    CHECK_FALSE(reader.in_frame());
  }
}

TEST_CASE("Lengths outside the limit are refused before anything else") {
  for (const auto& [length, good] : std::vector<std::pair<uint32_t, bool>>{
           {0, true}, {5, true}, {6, false}, {INT32_MAX, false}, {0x80000000u, false}, {UINT32_MAX, false}}) {
    FrameReader reader(5);
    const std::vector<std::byte> wire = Wire("abcde", length);
    ByteSpan bytes(wire);
    Frame frame;
    const absl::StatusOr<bool> complete = reader.Take(bytes, frame);
    CHECK(complete.ok() == good);
    if (!good) CHECK(absl::IsInvalidArgument(complete.status()));
  }
}

TEST_CASE("A frame's memory follows its bytes, not its length") {
  FrameReader reader(INT32_MAX);
  Frame frame;
  const std::vector<std::byte> prefix = Wire("abc", 1u << 30);
  ByteSpan bytes(prefix);
  const size_t before = ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
  CHECK_FALSE(reader.Take(bytes, frame).value());
  CHECK(reader.in_frame());
  const size_t claimed = ::mallinfo2().uordblks + ::mallinfo2().hblkhd - before;
  CHECK(claimed < 8192);
  CHECK(reader.Room().size() < 8192);

  const std::vector<std::byte> more(100'000);
  bytes = more;
  CHECK_FALSE(reader.Take(bytes, frame).value());
  CHECK(reader.Room().size() <= 2 * more.size());
}

TEST_CASE("Readers share what their frames under way may hold") {
  constexpr size_t kFree = FrameReader::kFreeBytes;
  FrameBudget budget(100'000);
  const auto take = [](FrameReader& reader, size_t bytes, uint32_t length) {
    const std::vector<std::byte> wire = Wire(std::string(bytes, 'x'), length);
    ByteSpan rest(wire);
    Frame frame;
    return reader.Take(rest, frame);
  };
  {
    FrameReader small(INT32_MAX, &budget);
    CHECK_FALSE(take(small, kFree - 1, kFree).value());
    CHECK(budget.held() == 0);
    // What comes whole was never under way.
    FrameReader whole(INT32_MAX, &budget);
    CHECK(take(whole, 500'000, 500'000).value());
    CHECK(budget.held() == 0);

    FrameReader large(INT32_MAX, &budget);
    CHECK_FALSE(take(large, kFree + 1, kFree + 80'000).value());
    CHECK(budget.held() == 80'000 - (80'000 - kFree));
    CHECK(budget.held() <= budget.bytes_max());
    FrameReader refused(INT32_MAX, &budget);
    const auto taken = take(refused, kFree + 1, kFree + 80'000);
    CHECK(absl::IsResourceExhausted(taken.status()));
    CHECK(taken.status().message().find("max_unfinished_bytes") != std::string_view::npos);
    CHECK(refused.Room().empty());
    large.Drop();
    CHECK(budget.held() == 0);
    FrameReader next(INT32_MAX, &budget);
    CHECK_FALSE(take(next, kFree + 1, kFree + 10).value());
    CHECK(budget.held() == 10);
    const std::vector<std::byte> end(9);
    ByteSpan rest(end);
    Frame frame;
    CHECK(next.Take(rest, frame).value());
    CHECK(budget.held() == 0);
    CHECK_FALSE(take(next, kFree + 1, kFree + 10).value());
  }
  CHECK(budget.held() == 0);
}

TEST_CASE("A large frame can be read straight into its place") {
  FrameReader reader(1 << 20);
  const std::string text = [] {
    std::string made(300'000, '\0');
    for (size_t i = 0; i < made.size(); ++i) made[i] = static_cast<char>(i * 7 + i / 251);
    return made;
  }();
  const std::vector<std::byte> wire = Wire(text);
  ByteSpan rest(wire);
  ByteSpan head = rest.first(10);
  rest = rest.subspan(10);
  Frame frame;
  CHECK(reader.Room().empty());
  CHECK_FALSE(reader.Take(head, frame).value());
  bool complete = false;
  while (!complete) {
    const std::span<std::byte> room = reader.Room();
    REQUIRE_FALSE(room.empty());
    const size_t count = std::min<size_t>({room.size(), rest.size(), 7777});
    std::memcpy(room.data(), rest.data(), count);
    reader.Filled(count);
    rest = rest.subspan(count);
    ByteSpan none;
    complete = reader.Take(none, frame).value();
  }
  CHECK(rest.empty());
  CHECK(TextOf(frame) == text);
  CHECK(reader.Room().empty());
}

TEST_CASE("A frame can be moved, changed and copied") {
  Frame frame = Frame::CopyOf(Wire("x"));
  frame.mutable_bytes()[4] = std::byte{'y'};
  Frame moved = std::move(frame);
  CHECK(frame.bytes().empty());
  CHECK(TextOf(moved).substr(4) == "y");
  frame = std::move(moved);
  CHECK(frame.size() == 5);
  CHECK(Frame::CopyOf({}).bytes().empty());
}

}  // namespace
}  // namespace millrace
