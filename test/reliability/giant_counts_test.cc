// S2: lengths and counts that promise gigabytes, in a few bytes. What is allocated is bounded by what came.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "allocations.h"
#include "base/endian.h"
#include "broker/api/handlers.h"
#include "fuzz/api_messages.h"
#include "fuzz/fuzzed_broker.h"
#include "millrace/testing/sim_network.h"
#include "transport/frame_reader.h"
#include "wire/golden.h"

namespace millrace::inline v0 {
namespace {

using fuzz::Bytes;
using fuzz::FuzzedBroker;
using fuzz::Outcome;
using test::PeakMemory;
using testing::AnyMessage;
using Strings = std::vector<std::string>;

// What the decoder of a small body may take: the message itself, an error's text, and its elements' share.
constexpr size_t kSmallMax = 64 << 10;
// And the whole broker, beside what it keeps of a request that is sound.
constexpr size_t kBrokerMax = 1 << 20;
// Nothing asks malloc for more than this at once.
constexpr size_t kOneMax = 64 << 20;

// 2^31-1, -1, -2^31 and the like, as an int32, a compact length and an int16.
const std::vector<Bytes>& Giants() {
  static const auto& all = *new std::vector<Bytes>([] {
    std::vector<Bytes> giants;
    for (const char* const hex : {"7fffffff", "ffffffff", "80000000", "ffffff7f", "7fff", "8000",
                                  "ffffffff07", "ffffffff0f", "8080808008", "ffff03"}) {
      Bytes& giant = giants.emplace_back();
      for (const char* at = hex; *at != 0; at += 2)
        giant.push_back(static_cast<std::byte>(std::stoi(std::string(at, 2), nullptr, 16)));
    }
    return giants;
  }());
  return all;
}

// `golden` up to `at`, a giant, and zeros up to 20 bytes at least.
Bytes WithGiant(const Bytes& golden, size_t at, const Bytes& giant) {
  Bytes body(golden.begin(), golden.begin() + static_cast<ptrdiff_t>(at));
  body.insert(body.end(), giant.begin(), giant.end());
  if (body.size() < 20) body.resize(20);
  return body;
}

// Calls f(body) with a giant in each of the first `places_max` places of each golden message at a version.
template <typename F>
void ForEachGiant(const wire::Api& api, int16_t version, size_t places_max, F&& f) {
  for (const auto& golden : testing::ReadGolden("messages/" + std::string(api.name))) {
    if (golden.version != version || golden.refused) continue;
    for (size_t at = 0; at <= std::min(golden.bytes.size(), places_max); ++at) {
      for (const Bytes& giant : Giants()) f(WithGiant(golden.bytes, at, giant));
    }
  }
}

struct Worst {
  size_t bytes = 0;
  std::string where = {};
  void Note(size_t bytes_taken, const std::string& at) {
    if (bytes_taken <= bytes) return;
    bytes = bytes_taken;
    where = at;
  }
};

std::string At(const wire::Api& api, int version) {
  return std::string(api.name) + " version " + std::to_string(version);
}

TEST_CASE("S2: no decoder believes a length or a count") {
  if (!test::CountsAllocations()) return;
  Worst worst;
  int64_t bodies = 0;
  for (const AnyMessage& type : fuzz::ApiMessages()) {
    for (int version = type.api.valid.first; version <= type.api.valid.last; ++version) {
      const auto asked = static_cast<int16_t>(version);
      ForEachGiant(type.api, asked, 400, [&](const Bytes& body) {
        ++bodies;
        const test::LargestAllocation largest(kOneMax);
        const PeakMemory peak;
        (void)type.decode(body, asked);
        worst.Note(peak.bytes(), At(type.api, version));
        worst.Note(largest.refused() * kOneMax, At(type.api, version) + ", refused");
      });
    }
  }
  INFO(worst.where);
  CHECK(worst.bytes <= kSmallMax);
  CHECK(bodies > 100'000);
}

// Arrays of the smallest elements there are: what a large frame can make of itself. The worst is an array of
// empty strings, of one byte each, while it grows.
TEST_CASE("S2: a body takes no more than a multiple of itself, whatever it is") {
  if (!test::CountsAllocations()) return;
  constexpr size_t kBodyBytes = 256 << 10;
  constexpr size_t kTimesMax = 100;
  Worst worst;
  for (const AnyMessage& type : fuzz::ApiMessages()) {
    for (const auto& golden : testing::ReadGolden("messages/" + std::string(type.api.name))) {
      if (golden.refused || golden.name != "full") continue;
      for (size_t at = 0; at <= std::min<size_t>(golden.bytes.size(), 120); ++at) {
        for (const uint32_t bytes_each : {1u, 2u, 4u, 8u}) {
          for (const int fill : {0, 1, 255}) {
            Bytes body(golden.bytes.begin(), golden.bytes.begin() + static_cast<ptrdiff_t>(at));
            const uint32_t count = static_cast<uint32_t>(kBodyBytes) / bytes_each;
            if (golden.version >= type.api.flexible) {
              for (uint32_t left = count + 1; left != 0; left >>= 7)
                body.push_back(static_cast<std::byte>((left & 0x7f) | (left >= 128 ? 0x80 : 0)));
            } else {
              body.resize(body.size() + 4);
              StoreBig<uint32_t>(body.data() + at, count);
            }
            body.resize(body.size() + kBodyBytes, static_cast<std::byte>(fill));
            const PeakMemory peak;
            (void)type.decode(body, golden.version);
            worst.Note(peak.bytes(), At(type.api, golden.version) + " at " + std::to_string(at));
          }
        }
      }
    }
  }
  INFO(worst.where);
  CHECK(worst.bytes / kBodyBytes <= kTimesMax);
}

// The negative control: what a decoder would do that believes the count.
TEST_CASE("S2: a decoder that believes a count is caught") {
  if (!test::CountsAllocations()) return;
  const Bytes body = WithGiant({}, 0, Giants()[0]);
  {
    const PeakMemory peak;
    std::vector<int64_t> elements;
    elements.reserve(LoadBig<uint32_t>(body.data()) >> 8);
    CHECK(peak.bytes() > kSmallMax);
  }
  const test::LargestAllocation largest(kOneMax);
  bool threw = false;
  try {
    std::vector<int64_t> elements;
    elements.reserve(LoadBig<uint32_t>(body.data()));
  } catch (const std::bad_alloc&) {
    threw = true;
  }
  CHECK(threw);
  CHECK(largest.refused() == 1);
}

TEST_CASE("S2: no request of 20 bytes takes more than 1 MiB of the broker") {
  if (!test::CountsAllocations()) return;
  FuzzedBroker broker;
  Worst worst;
  int64_t asked = 0;
  for (const ApiHandler& handler : Handlers()) {
    const auto key = static_cast<int16_t>(handler.key);
    wire::Exchanges::ForEach([&]<typename E>(E) {
      if (E::kKey != key) return;
      for (int version = handler.served.first; version <= handler.served.last; ++version) {
        const auto at = static_cast<int16_t>(version);
        ForEachGiant(E::Request::kApi, at, 16, [&](const Bytes& body) {
          Bytes small(body.begin(),
                      body.begin() + std::min<ptrdiff_t>(20, static_cast<ptrdiff_t>(body.size())));
          Bytes frame = fuzz::RequestFrame(key, at, small);
          const test::LargestAllocation largest(kOneMax);
          const PeakMemory peak;
          (void)broker.Ask(std::move(frame));
          worst.Note(peak.bytes(), At(E::Request::kApi, version));
          worst.Note(largest.refused() * kOneMax, At(E::Request::kApi, version) + ", refused");
          ++asked;
        });
      }
    });
  }
  INFO(worst.where);
  CHECK(worst.bytes <= kBrokerMax);
  CHECK(asked > 10'000);
  broker.Close();
}

Bytes Prefix(uint32_t length) {
  Bytes bytes(4);
  StoreBig<uint32_t>(bytes.data(), length);
  return bytes;
}

// Before a byte of the frame itself is there, and with few.
TEST_CASE("S2: the length of a frame reserves nothing") {
  if (!test::CountsAllocations()) return;
  for (const int32_t limit : {1024, 100 << 20, INT32_MAX}) {
    for (const uint32_t length :
         {uint32_t{1024}, uint32_t{100 << 20}, uint32_t{INT32_MAX}, uint32_t{1} << 31, UINT32_MAX}) {
      INFO(limit << " " << length);
      const PeakMemory peak;
      FrameReader reader(limit);
      Bytes stream = Prefix(length);
      stream.resize(104);
      std::span<const std::byte> bytes = stream;
      Frame frame;
      const auto taken = reader.Take(bytes, frame);
      CHECK(taken.ok() == (length <= static_cast<uint32_t>(limit)));
      (void)reader.Room();
      CHECK(peak.bytes() <= 16 << 10);
    }
  }
}

// socket.request.max.bytes, at the door of the broker.
TEST_CASE("S2: a frame over the limit ends its connection at once") {
  SimEnv sim(1);
  SimNetwork network(sim);
  auto engine = Engine::Open({.directory = "/data", .env = sim.env(), .offsets_topic_num_partitions = 1});
  REQUIRE(engine.ok());
  const auto transport = network.NewTransport("broker");
  ListenOptions options;
  options.connection.max_frame_bytes = 1000;
  auto broker = Broker::Start(
      {.engine = engine->get(),
       .listeners = {{.transport = transport.get(), .address = "broker:9092", .options = options}}});
  REQUIRE(broker.ok());
  for (const auto& [length, closes] :
       {std::pair(uint32_t{1000}, false), std::pair(uint32_t{1001}, true),
        std::pair(uint32_t{INT32_MAX}, true), std::pair(uint32_t{1} << 31, true)}) {
    INFO(length);
    const PeakMemory peak;
    const auto peer = network.ConnectRaw("client", "broker:9092");
    REQUIRE(peer != nullptr);
    sim.executor->RunFor(1'000'000'000);
    REQUIRE(peer->Write(Prefix(length)));
    sim.executor->RunFor(1'000'000'000);
    std::vector<std::byte> answer;
    CHECK(peer->Read(answer) == !closes);
    CHECK(answer.empty());
    CHECK(peak.bytes() <= kBrokerMax);
  }
}

}  // namespace
}  // namespace millrace::inline v0
