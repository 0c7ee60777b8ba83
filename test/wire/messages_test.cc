#include "millrace/wire/messages.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "millrace/status.h"
#include "wire/any_message.h"
#include "wire/golden.h"

namespace millrace::inline v0 {
namespace {

using testing::AnyMessage;
using testing::ErasedMessage;
using testing::Golden;
using wire::Bytes;
using Strings = std::vector<std::string>;

std::vector<Golden> GoldenOf(const AnyMessage& type) {
  return testing::ReadGolden("messages/" + std::string(type.api.name));
}

std::string Fnv(const std::string& text) {
  uint32_t hash = 2166136261;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619;
  char hex[9];
  std::snprintf(hex, sizeof(hex), "%08x", hash);
  return hex;
}

// Collects what is wrong with one message at one version.
class Checker {
 public:
  Checker(const AnyMessage& type, const Golden& golden, Strings* wrong)
      : type_(type), golden_(golden), wrong_(*wrong) {}

  void Check() {
    if (golden_.refused) {
      Bytes bytes;
      Expect(!type_.encode(type_.fresh(), golden_.version, &bytes).ok() && bytes.empty(),
             "defaults are taken");
      return;
    }
    const auto decoded = type_.decode(golden_.bytes, golden_.version);
    if (!decoded.ok()) return Expect(false, std::string(decoded.status().message()));
    Encodes(*decoded);
    const std::string line = type_.print(*decoded, golden_.version);
    Expect(Fnv(line) == golden_.print, "prints as " + line);
    if (golden_.name == "defaults") {
      Expect(type_.equal(*decoded, type_.fresh()), "other defaults");
      Encodes(type_.fresh());
    }
    if (golden_.version >= type_.api.flexible && golden_.name != "full") UnknownTag(*decoded);
  }

  // Every shorter and every longer message is refused.
  void CheckCuts() {
    if (golden_.refused) return;
    for (size_t n = 0; n < golden_.bytes.size(); ++n) {
      // A copy of exact size, so that a read past the end is one of the heap too.
      const Bytes cut(golden_.bytes.begin(), golden_.bytes.begin() + static_cast<ptrdiff_t>(n));
      Expect(!type_.decode(cut, golden_.version).ok(), "taken though cut at " + std::to_string(n));
    }
    Bytes more = golden_.bytes;
    more.push_back(std::byte{0});
    Expect(!type_.decode(more, golden_.version).ok(), "taken with a byte left over");
  }

 private:
  void Expect(bool holds, const std::string& what) {
    if (holds) return;
    wrong_.push_back(std::string(type_.api.name) + " " + golden_.name + " version " +
                     std::to_string(golden_.version) + ": " + what);
  }

  // To the golden bytes, whole and in pieces, and from there to the same message.
  void Encodes(const ErasedMessage& message) {
    Bytes bytes;
    Expect(type_.encode(message, golden_.version, &bytes).ok() && bytes == golden_.bytes, "other bytes");
    const auto again = type_.decode(bytes, golden_.version);
    Expect(again.ok() && type_.equal(message, *again), "another message after a round trip");

    Bytes buffer;
    std::vector<wire::Piece> pieces;
    Expect(type_.encode_pieces(message, golden_.version, &buffer, &pieces).ok(), "refused in pieces");
    Bytes whole;
    for (const auto part : wire::Gather(buffer, pieces)) whole.insert(whole.end(), part.begin(), part.end());
    Expect(whole == golden_.bytes && whole.size() == wire::WholeSize(buffer, pieces),
           "other bytes in pieces");
  }

  // A tag of a later version is passed over; one that lies about its size is refused.
  void UnknownTag(const ErasedMessage& message) {
    if (golden_.bytes.back() != std::byte{0}) return Expect(false, "tagged fields where none are set");
    Bytes tagged = golden_.bytes;
    tagged.back() = std::byte{1};
    for (const int byte : {0xff, 0x7f, 2, 0xab, 0xcd}) tagged.push_back(static_cast<std::byte>(byte));
    const auto decoded = type_.decode(tagged, golden_.version);
    Expect(decoded.ok() && type_.equal(*decoded, message), "does not pass over an unknown tag");
    tagged.pop_back();
    Expect(!type_.decode(tagged, golden_.version).ok(), "takes a tag that is cut off");
  }

  const AnyMessage& type_;
  const Golden& golden_;
  Strings& wrong_;
};

Strings CheckAll(const AnyMessage& type, const std::vector<Golden>& all) {
  Strings wrong;
  std::set<int> versions;
  for (const Golden& golden : all) {
    versions.insert(golden.version);
    Checker checker(type, golden, &wrong);
    checker.Check();
    checker.CheckCuts();
  }
  for (int version = type.api.valid.first; version <= type.api.valid.last; ++version) {
    if (versions.erase(version) == 0) {
      wrong.push_back(std::string(type.api.name) + " has no golden bytes of version " +
                      std::to_string(version));
    }
  }
  if (!versions.empty()) wrong.push_back(std::string(type.api.name) + " lacks versions");
  return wrong;
}

TEST_CASE("every message is the independent encoder's, at every version") {
  for (const AnyMessage& type : testing::AllMessages()) CHECK(CheckAll(type, GoldenOf(type)) == Strings{});
}

TEST_CASE("a version beyond the valid ones is refused") {
  for (const AnyMessage& type : testing::AllMessages()) {
    INFO(type.api.name);
    for (const int version : {type.api.valid.first - 1, type.api.valid.last + 1, -32768, 32767}) {
      Bytes bytes;
      const auto refused = static_cast<int16_t>(version);
      CHECK(ErrorCodeOf(type.encode(type.fresh(), refused, &bytes)) == ErrorCode::kUnsupportedVersion);
      CHECK(ErrorCodeOf(type.decode(bytes, refused).status()) == ErrorCode::kUnsupportedVersion);
    }
  }
}

TEST_CASE("bytes that go on are noticed to have been cut") {
  for (const AnyMessage& type : testing::AllMessages()) {
    INFO(type.api.name);
    Golden longer = GoldenOf(type).back();
    longer.bytes.push_back(std::byte{0});
    Strings wrong;
    Checker(type, longer, &wrong).CheckCuts();  // cut by a byte it is the golden one, which is taken
    CHECK(wrong.size() == 1);
  }
}

TEST_CASE("a changed byte, line or version is noticed") {
  for (const AnyMessage& type : testing::AllMessages()) {
    INFO(type.api.name);
    std::vector<Golden> all = GoldenOf(type);
    const Golden& last = all.back();
    const auto original = type.decode(last.bytes, last.version);
    REQUIRE(original.ok());
    for (size_t at = 0; at < last.bytes.size(); ++at) {
      Golden changed = last;
      changed.bytes[at] ^= std::byte{1};
      Strings wrong;
      Checker(type, changed, &wrong).Check();
      // Lines show no bytes and the beginning of strings alone: those that differ there are another message.
      const auto decoded = type.decode(changed.bytes, last.version);
      const bool is_noticed = !wrong.empty() || !type.equal(*decoded, *original);
      INFO(at);
      CHECK(is_noticed);
    }
    Golden changed = last;
    changed.print = "00000000";
    Strings wrong;
    Checker(type, changed, &wrong).Check();
    CHECK_FALSE(wrong.empty());
    const int16_t dropped = last.version;
    std::erase_if(all, [&](const Golden& golden) { return golden.version == dropped; });
    CHECK_FALSE(CheckAll(type, all).empty());
  }
}

}  // namespace
}  // namespace millrace::inline v0
