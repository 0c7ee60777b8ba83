#include "log/leader_epoch_cache.h"

#include <catch2/catch.hpp>
#include <string>

namespace millrace {
namespace {

using Answer = std::pair<LeaderEpoch, Offset>;

LeaderEpochCache Sample() {
  LeaderEpochCache cache;
  cache.Assign(LeaderEpoch(2), Offset(10));
  cache.Assign(LeaderEpoch(4), Offset(30));
  cache.Assign(LeaderEpoch(7), Offset(50));
  return cache;
}

TEST_CASE("Epochs end where the next begins") {
  const LeaderEpochCache cache = Sample();
  const Offset end(80);
  CHECK(cache.EndOffsetFor(LeaderEpoch(7), end) == Answer{LeaderEpoch(7), end});
  CHECK(cache.EndOffsetFor(LeaderEpoch(8), end) == Answer{kNoLeaderEpoch, kNoOffset});
  CHECK(cache.EndOffsetFor(LeaderEpoch(6), end) == Answer{LeaderEpoch(4), Offset(50)});
  CHECK(cache.EndOffsetFor(LeaderEpoch(2), end) == Answer{LeaderEpoch(2), Offset(30)});
  CHECK(cache.EndOffsetFor(LeaderEpoch(1), end) == Answer{LeaderEpoch(1), Offset(10)});
  CHECK(cache.EndOffsetFor(kNoLeaderEpoch, end) == Answer{kNoLeaderEpoch, kNoOffset});
  CHECK(!cache.EpochAt(Offset(9)).has_value());
  CHECK(cache.EpochAt(Offset(10)) == LeaderEpoch(2));
  CHECK(cache.EpochAt(Offset(49)) == LeaderEpoch(4));
  CHECK(cache.EpochAt(Offset(1000)) == LeaderEpoch(7));
}

TEST_CASE("Without entries there has been epoch 0 alone") {
  LeaderEpochCache cache;
  const Offset end(80);
  CHECK(cache.latest() == LeaderEpoch(0));
  CHECK(cache.EndOffsetFor(LeaderEpoch(0), end) == Answer{LeaderEpoch(0), end});
  CHECK(cache.EndOffsetFor(LeaderEpoch(1), end) == Answer{kNoLeaderEpoch, kNoOffset});
  CHECK(cache.EndOffsetFor(kNoLeaderEpoch, end) == Answer{kNoLeaderEpoch, kNoOffset});
  CHECK(cache.EndOffsetFor(LeaderEpoch(-2), end) == Answer{kNoLeaderEpoch, kNoOffset});
  CHECK(!cache.Assign(LeaderEpoch(0), Offset(5)));
  CHECK(cache.empty());
  CHECK(cache.Assign(LeaderEpoch(1), Offset(5)));
  CHECK(cache.EndOffsetFor(LeaderEpoch(0), end) == Answer{LeaderEpoch(0), Offset(5)});
}

TEST_CASE("Assigning keeps both fields rising") {
  LeaderEpochCache cache = Sample();
  CHECK(!cache.Assign(LeaderEpoch(7), Offset(60)));
  CHECK(cache.entries().size() == 3);
  CHECK(cache.Assign(LeaderEpoch(8), Offset(50)));
  CHECK(cache.entries().back() == EpochEntry{LeaderEpoch(8), Offset(50)});
  CHECK(cache.entries().size() == 3);
  CHECK(cache.Assign(LeaderEpoch(3), Offset(20)));
  CHECK(cache.entries().size() == 2);
}

TEST_CASE("Truncating at either end") {
  LeaderEpochCache cache = Sample();
  CHECK(!cache.TruncateFromEnd(Offset(51)));
  CHECK(cache.TruncateFromEnd(Offset(50)));
  CHECK(cache.latest() == LeaderEpoch(4));
  cache = Sample();
  CHECK(!cache.TruncateFromStart(Offset(10)));
  CHECK(!cache.TruncateFromStart(Offset(5)));
  CHECK(cache.TruncateFromStart(Offset(35)));
  CHECK(cache.entries().size() == 2);
  CHECK(cache.entries().front() == EpochEntry{LeaderEpoch(4), Offset(35)});
}

TEST_CASE("The text is Kafka's and survives a round trip; damage is refused") {
  const LeaderEpochCache cache = Sample();
  const std::string text = cache.ToText();
  CHECK(text == "0\n3\n2 10\n4 30\n7 50\n");
  const auto loaded = LeaderEpochCache::FromText(text);
  REQUIRE(loaded.ok());
  CHECK(loaded->ToText() == text);
  CHECK(LeaderEpochCache::FromText("0\n0\n").ok());
  for (const char* bad : {"", "0", "0\n", "x\n0\n", "0\n-1\n", "0\n2\n1 1\n", "0\n1\n1\n", "0\n1\n1 2 3\n",
                          "0\n1\n1 x\n", "0\n2\n2 10\n2 20\n", "0\n2\n2 10\n3 10\n", "0\n1\n-1 5\n",
                          "0\n1\n99999999999 5\n", "0\n1\n1 -1\n"}) {
    CAPTURE(bad);
    CHECK(absl::IsDataLoss(LeaderEpochCache::FromText(bad).status()));
  }
  CHECK(absl::IsUnimplemented(LeaderEpochCache::FromText("1\n0\n").status()));
  // Every prefix but that without the last line break is too short to be taken for the whole.
  for (size_t length = 0; length + 1 < text.size(); ++length) {
    const auto cut = LeaderEpochCache::FromText(text.substr(0, length));
    if (!cut.ok()) continue;
    // A number that was cut: shorter, but well-formed.
    CHECK(length == text.size() - 2);
  }
}

}  // namespace
}  // namespace millrace
