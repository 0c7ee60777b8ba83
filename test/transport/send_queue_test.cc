#include "transport/send_queue.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace millrace {
namespace {

std::vector<std::byte> BytesOf(std::string_view text) {
  const auto* const data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

// Sends everything, `step` bytes at a time, seeing `window` pieces at a time.
std::string Drain(SendQueue& queue, size_t step, size_t window) {
  std::string out;
  std::vector<SendQueue::Piece> pieces(window);
  while (!queue.empty()) {
    const size_t count = queue.Gather(pieces);
    REQUIRE(count > 0);
    std::string seen;
    for (size_t i = 0; i < count; ++i) {
      CHECK_FALSE(pieces[i].empty());
      seen.append(reinterpret_cast<const char*>(pieces[i].data()), pieces[i].size());
    }
    const size_t sent = std::min(step, seen.size());
    out += seen.substr(0, sent);
    QueuedFrames done;
    queue.Consume(sent, done);
  }
  return out;
}

TEST_CASE("Frames go out with their lengths and splices in place, however they are cut") {
  const std::string middle = "MIDDLE";
  const auto* const data = reinterpret_cast<const std::byte*>(middle.data());
  for (size_t step = 1; step < 40; ++step) {
    for (const size_t window : {1U, 2U, 3U, 64U}) {
      SendQueue queue;
      OutgoingFrame spliced{.bytes = BytesOf("abcd")};
      spliced.splices = {
          {.at = 0, .bytes = {data, 1}}, {.at = 2, .bytes = {data, 6}}, {.at = 4, .bytes = {}}};
      queue.Push(*MakeQueuedFrame(std::move(spliced)));
      queue.Push(*MakeQueuedFrame({}));
      queue.Push(*MakeQueuedFrame({.bytes = BytesOf("end")}));
      CHECK(queue.unsent_bytes() == 4 + 11 + 4 + 4 + 3);
      CHECK(Drain(queue, step, window) == std::string("\0\0\0\x0bMabMIDDLEcd\0\0\0\0\0\0\0\x03"
                                                      "end",
                                                      26));
      CHECK(queue.unsent_bytes() == 0);
    }
  }
}

TEST_CASE("Pins go with the last byte of their frame") {
  const auto pin = std::make_shared<std::string>("pinned");
  SendQueue queue;
  OutgoingFrame frame;
  frame.splices.push_back({.bytes = {reinterpret_cast<const std::byte*>(pin->data()), 6}, .pin = pin});
  queue.Push(*MakeQueuedFrame(std::move(frame)));
  {
    QueuedFrames done;
    queue.Consume(9, done);
  }
  CHECK(pin.use_count() == 2);
  {
    QueuedFrames done;
    queue.Consume(1, done);
    CHECK(pin.use_count() == 2);
  }
  CHECK(pin.use_count() == 1);
}

TEST_CASE("A queue of very many frames is dropped without recursion") {
  SendQueue queue;
  for (int i = 0; i < 300'000; ++i) queue.Push(*MakeQueuedFrame({}));
  const QueuedFrames dropped = queue.TakeAll();
  CHECK(dropped.front() != nullptr);
  CHECK(queue.empty());
  CHECK(queue.unsent_bytes() == 0);
}

TEST_CASE("Frames that cannot be sent are refused") {
  const std::byte byte{};
  OutgoingFrame huge;
  // Two gigabytes of pieces over a byte that is never read.
  huge.splices.push_back({.bytes = {&byte, size_t{INT32_MAX} + 1}});
  CHECK(absl::IsInvalidArgument(MakeQueuedFrame(std::move(huge)).status()));
  OutgoingFrame largest;
  largest.splices.push_back({.bytes = {&byte, size_t{INT32_MAX}}});
  CHECK(MakeQueuedFrame(std::move(largest)).ok());
}

}  // namespace
}  // namespace millrace
