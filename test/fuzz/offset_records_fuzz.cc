// Any bytes, taken for records of __consumer_offsets: parsed, and replayed by a coordinator that then serves
// the groups it found. Input: runs of key length, value length (255: none), key, value.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "coordinator/group_coordinator.h"

namespace millrace::inline v0 {

void FuzzOffsetRecords(std::span<const std::byte> input) {
  const auto random = Random::Seeded(1);
  GroupCoordinator coordinator(GroupConfig{}, random.get());
  const auto take = [&](size_t wanted) {
    const auto taken = input.first(std::min(wanted, input.size()));
    input = input.subspan(taken.size());
    return taken;
  };
  while (input.size() >= 2) {
    const auto lengths = take(2);
    const auto key = take(static_cast<uint8_t>(lengths[0]));
    std::optional<std::span<const std::byte>> value;
    if (lengths[1] != std::byte{255}) value = take(static_cast<uint8_t>(lengths[1]));
    if (!coordinator.Replay(key, value).ok()) return;
  }
  GroupCoordinator::Now now{.monotonic = MonotonicNanos(1), .wall = Timestamp(1)};
  coordinator.FinishLoading(now);
  const auto settle = [&] {
    for (int i = 0; i < 100; ++i) {
      auto effects = coordinator.Take();
      for (auto& completion : effects.completions) completion();
      if (effects.records.empty()) return;
      coordinator.OnAppended(absl::OkStatus(), now);
    }
    std::abort();
  };
  std::vector<std::string> groups;
  coordinator.ListGroups({}, [&](ListGroupsResponse response) {
    for (const GroupListing& group : response.groups) groups.push_back(group.group);
  });
  settle();
  for (const std::string& group : groups) {
    coordinator.DescribeGroup(group, [](const DescribeGroupResponse&) {});
    coordinator.FetchOffsets({.group = group}, [](const OffsetFetchResponse&) {});
    coordinator.DeleteOffsets({.group = group, .partitions = {{.topic = "t"}}},
                              [](const OffsetDeleteResponse&) {});
    settle();
    coordinator.Join(
        {.group = group, .protocols = {{.name = "range"}}}, [](const JoinGroupResponse&) {}, now);
    settle();
  }
  for (int i = 0; i < 8; ++i) {
    now.monotonic =
        std::max(now.monotonic, std::min(coordinator.NextDeadline(), MonotonicNanos(INT64_MAX / 4)));
    coordinator.Advance(now);
    settle();
  }
}

}  // namespace millrace::inline v0

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  millrace::FuzzOffsetRecords({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
