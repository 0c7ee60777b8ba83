// Every fuzz target over its seeds and over what a fixed random sequence makes of them: what the fuzzers
// found once stays found, with any compiler and without their engine.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "fuzz/fuzz_target.h"
#include "millrace/wire/messages.h"
#include "setting.h"

namespace millrace::inline v0::fuzz {
namespace {

std::string Hex(const Bytes& bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    char digits[3];
    std::snprintf(digits, sizeof(digits), "%02x", std::to_integer<unsigned>(byte));
    text += digits;
  }
  return text;
}

// What is wrong with this input; empty: nothing.
std::string Try(const Target& target, const Bytes& input) {
  // A copy of exact size, so that a read past the end is one of the heap too.
  const Bytes copy(input.begin(), input.end());
  try {
    target.run(copy);
  } catch (const std::exception& error) {
    return target.name + ": " + error.what() + " with " + Hex(input);
  }
  return {};
}

// Changes that a fuzzer makes: bits, bytes, numbers that are extreme, cuts, stretches twice or gone.
Bytes Mutated(Bytes input, const Bytes& other, std::mt19937_64& random) {
  static constexpr uint64_t kExtremes[] = {0, 0x7f, 0x7fff, 0x7fffffff, 0xffffffff, 0x80000000, UINT64_MAX};
  for (auto changes = 1 + random() % 4; changes > 0; --changes) {
    const size_t at = input.empty() ? 0 : random() % input.size();
    const auto place = input.begin() + static_cast<ptrdiff_t>(at);
    const size_t stretch = std::min<size_t>(input.size() - at, 1 + random() % 16);
    switch (random() % 8) {
      case 0:
        if (!input.empty()) *place ^= std::byte{1} << (random() % 8);
        break;
      case 1:
        if (!input.empty()) *place = static_cast<std::byte>(random());
        break;
      case 2: {
        const uint64_t value = kExtremes[random() % std::size(kExtremes)];
        const size_t bytes = std::min<size_t>(input.size() - at, size_t{1} << (random() % 4));
        for (size_t i = 0; i < bytes; ++i)
          input[at + i] = static_cast<std::byte>(value >> 8 * (bytes - 1 - i));
        break;
      }
      case 3:
        input.resize(at);
        break;
      case 4:
        input.erase(place, place + static_cast<ptrdiff_t>(stretch));
        break;
      case 5: {
        const Bytes twice(place, place + static_cast<ptrdiff_t>(stretch));
        input.insert(place, twice.begin(), twice.end());
        break;
      }
      case 6:
        input.insert(place, 1 + random() % 4, static_cast<std::byte>(random()));
        break;
      default:
        input.resize(at);
        if (!other.empty()) {
          const auto from = other.begin() + static_cast<ptrdiff_t>(random() % other.size());
          input.insert(input.end(), from, other.end());
        }
    }
  }
  return input;
}

// Seeds, then mutations of them, `inputs` in all at least.
std::vector<std::string> Run(const Target& target, size_t inputs) {
  std::vector<std::string> wrong;
  const auto note = [&](std::string what) {
    if (!what.empty() && wrong.size() < 3) wrong.push_back(std::move(what));
  };
  std::vector<Bytes> seeds = target.seeds();
  for (const Bytes& seed : seeds) note(Try(target, seed));
  if (seeds.empty()) seeds.emplace_back();
  std::mt19937_64 random(static_cast<uint64_t>(test::Setting("MILLRACE_SEED", 42)));
  for (size_t i = seeds.size(); i < inputs && wrong.empty(); ++i) {
    Bytes input = Mutated(seeds[random() % seeds.size()], seeds[random() % seeds.size()], random);
    if (input.size() >= target.head_bytes && random() % 4 == 0) {
      std::generate_n(input.begin(), target.head_bytes, [&] { return static_cast<std::byte>(random()); });
    }
    note(Try(target, input));
  }
  return wrong;
}

// About as long for each target as its share of this.
size_t InputsOf(const Target& target) {
  const auto micros = test::Setting("MILLRACE_FUZZ_CORPUS_MICROS", 500'000);
  return static_cast<size_t>(
      std::clamp<int64_t>(micros / target.cost_micros, 50, std::max<int64_t>(micros / 25, 50)));
}

std::vector<std::string> RunAll(const char* prefix) {
  std::vector<std::string> wrong;
  int targets = 0;
  for (const Target& target : AllTargets()) {
    if (!target.name.starts_with(prefix)) continue;
    ++targets;
    for (std::string& what : Run(target, InputsOf(target))) wrong.push_back(std::move(what));
  }
  if (targets == 0) wrong.push_back("no target begins with " + std::string(prefix));
  return wrong;
}

using Strings = std::vector<std::string>;

TEST_CASE("every message takes any bytes") {
  CHECK(RunAll("api.") == Strings{});
  CHECK(RunAll("request_frame") == Strings{});
  CHECK(RunAll("frame") == Strings{});
}

TEST_CASE("the broker answers or closes, whatever it is sent") {
  CHECK(RunAll("broker") == Strings{});
}

TEST_CASE("batches, codecs and numbers take any bytes") {
  for (const char* const prefix : {"record_batch", "codec.", "varint"}) CHECK(RunAll(prefix) == Strings{});
}

TEST_CASE("the files of a log take any bytes") {
  CHECK(RunAll("log.") == Strings{});
  CHECK(RunAll("recovery") == Strings{});
}

TEST_CASE("coordinators take any records, protocols and patterns") {
  CHECK(RunAll("group.") == Strings{});
  CHECK(RunAll("stored.") == Strings{});
}

TEST_CASE("configuration takes any text") {
  for (const char* const prefix : {"config.", "address", "http"}) CHECK(RunAll(prefix) == Strings{});
}

// What fuzzers found: test/fuzz/found/TARGET/NAME holds the input.
TEST_CASE("what was found once stays mended") {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(MILLRACE_FUZZ_FOUND_DIRECTORY)) {
    if (!entry.is_regular_file() || entry.path().extension() == ".md") continue;
    const auto target = FindTarget(entry.path().parent_path().filename().string());
    INFO(entry.path().string());
    REQUIRE(target.has_value());
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    CHECK(Try(*target, ToInput(text)) == "");
  }
}

// The list is generated: each message, at each version, with seeds of its own.
TEST_CASE("there is a target for each message and version") {
  std::set<std::string> names;
  for (const Target& target : AllTargets()) CHECK(names.insert(target.name).second);
  wire::Exchanges::ForEach([&]<typename E>(E) {
    for (const wire::Api& api : {E::Request::kApi, E::Response::kApi}) {
      INFO(api.name);
      CHECK(names.contains("api." + std::string(api.name)));
      for (int version = api.valid.first; version <= api.valid.last; ++version) {
        const auto target = FindTarget("api." + std::string(api.name) + "." + std::to_string(version));
        REQUIRE(target.has_value());
        CHECK_FALSE(target->seeds().empty());
      }
    }
    CHECK(FindTarget("key." + std::to_string(E::kKey)).has_value());
  });
  for (const char* const none : {"api.FetchRequest.99", "api.Nothing", "key.9999", "key.", ""})
    CHECK_FALSE(FindTarget(none).has_value());
}

// The negative controls: targets that believe what they read.
TEST_CASE("a target that breaks its promise is noticed") {
  const auto seeds = [] { return std::vector<Bytes>{Bytes(40, std::byte{1})}; };
  const Target believes{.name = "planted.length",
                        .run =
                            [](Input input) {
                              if (input.size() < 4) return;
                              const auto length =
                                  std::to_integer<size_t>(input[2]) << 8 | std::to_integer<size_t>(input[3]);
                              Require(length <= 0x7ffe, "the length is believed");
                            },
                        .seeds = seeds};
  CHECK_FALSE(Run(believes, 5000).empty());
  const Target one_seed{
      .name = "planted.seed", .run = [](Input input) { Require(input.size() != 40); }, .seeds = seeds};
  CHECK_FALSE(Run(one_seed, 1).empty());
  const Target good{.name = "planted.nothing", .run = [](Input) {}, .seeds = seeds};
  CHECK(Run(good, 1000).empty());
}

}  // namespace
}  // namespace millrace::inline v0::fuzz
