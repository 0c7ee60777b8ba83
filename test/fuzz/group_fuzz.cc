// What a group coordinator reads: its own records, which it replays and then serves the groups it found; the
// bytes of the consumer protocol; regular expressions over topics.
//
// An input of "group.records" is runs of key length, value length (255: none), key, value.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "coordinator/consumer_messages.h"
#include "coordinator/consumer_protocol.h"
#include "coordinator/group_coordinator.h"
#include "coordinator/group_records.h"
#include "coordinator/topic_pattern.h"
#include "fuzz/fuzz_target.h"
#include "millrace/wire/schema.h"
#include "wire/golden.h"

namespace millrace::inline v0::fuzz {
namespace {

void FuzzOffsetRecords(Input input) {
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
    throw Broken("the coordinator does not come to rest");
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

// A body of the schema codec, the version in front.
template <typename T>
void Schema(Input input) {
  if (input.empty()) return;
  const int versions = T::kApi.valid.last - T::kApi.valid.first + 1;
  const auto version = static_cast<int16_t>(T::kApi.valid.first + std::to_integer<int>(input[0]) % versions);
  const auto message = wire::Decode<T>(input.subspan(1), version);
  if (!message.ok()) return;
  Bytes once;
  Require(wire::Encode(*message, version, &once).ok());
  const auto again = wire::Decode<T>(once, version);
  Require(again.ok() && wire::Equal(*message, *again));
}

template <typename T>
void AddSchemaTarget(Targets* to) {
  const std::string name(T::kApi.name);
  to->push_back({.name = "stored." + name,
                 .run = Schema<T>,
                 .seeds =
                     [name] {
                       std::vector<Bytes> seeds;
                       for (const testing::Golden& golden : testing::ReadGolden(name)) {
                         const int version = golden.version - T::kApi.valid.first;
                         Bytes& seed = seeds.emplace_back(1, static_cast<std::byte>(version));
                         seed.insert(seed.end(), golden.bytes.begin(), golden.bytes.end());
                       }
                       // No golden bytes of its own: what its defaults give.
                       for (int version = T::kApi.valid.first; version <= T::kApi.valid.last; ++version) {
                         Bytes& seed =
                             seeds.emplace_back(1, static_cast<std::byte>(version - T::kApi.valid.first));
                         Require(wire::Encode(T{}, static_cast<int16_t>(version), &seed).ok());
                       }
                       return seeds;
                     },
                 .head_bytes = 1});
}

void Protocol(Input input) {
  if (const auto read = DecodeSubscription(input); read.ok()) {
    const auto again = DecodeSubscription(EncodeSubscription(*read));
    Require(again.ok() && EncodeSubscription(*again) == EncodeSubscription(*read));
  }
  if (const auto read = DecodeAssignment(input); read.ok()) {
    const auto again = DecodeAssignment(EncodeAssignment(*read));
    Require(again.ok() && EncodeAssignment(*again) == EncodeAssignment(*read));
  }
}

std::vector<Bytes> ProtocolSeeds() {
  std::vector<Bytes> seeds = {{}};
  for (int16_t version = 0; version <= kConsumerProtocolVersion; ++version) {
    seeds.push_back(EncodeSubscription({.topics = {"a", "topic"}}, version));
    seeds.push_back(EncodeAssignment({.partitions = {{.topic = "a", .partition = PartitionId(0)},
                                                     {.topic = "b", .partition = PartitionId(7)}}},
                                     version));
  }
  return seeds;
}

// The pattern, a zero byte, and names that end with one.
void Pattern(Input input) {
  std::string_view text = AsText(input);
  const auto take = [&] {
    const std::string_view taken = text.substr(0, text.find('\0'));
    text.remove_prefix(std::min(text.size(), taken.size() + 1));
    return taken;
  };
  const std::string_view expression = take();
  const auto pattern = TopicPattern::Compile(expression);
  if (!pattern.ok()) return Require(!pattern.status().message().empty());
  const std::string twice = "(?:" + std::string(expression) + ")|(?:" + std::string(expression) + ")";
  const auto either = TopicPattern::Compile(twice);
  const bool plain = expression.find("(?i)") == std::string_view::npos;
  for (int names = 0; names < 8 && !text.empty(); ++names) {
    const std::string_view name = take().substr(0, 249);
    const bool matches = pattern->Matches(name);
    Require(matches == pattern->Matches(name));
    // Either of the same: no more and no less (where twice the pattern is not too large).
    if (plain && either.ok()) Require(either->Matches(name) == matches);
  }
}

std::vector<Bytes> PatternSeeds() {
  using namespace std::string_literals;
  std::vector<Bytes> seeds;
  for (const std::string& seed :
       {"a.*\0abc\0b\0"s, "(?i)To[p-z]ic-\\d+\0topic-1\0"s, "(a|b)*c{2,3}?\0abcc\0"s,
        "((a+)+)+$\0aaaaaaaaaaaab\0"s, "[^\\w.]|\\s\\S\0-\0"s, "^\\Ax\\z$\0x\0"s, "(((((((((()\0"s,
        "a{1000}{1000}\0"s, "(?P<n>x)(?:y)\0xy\0"s, "[[:alpha:]]\0a\0"s, "\\x41\\Q.\\E\0A.\0"s})
    seeds.push_back(ToInput(seed));
  return seeds;
}

// Records as coordinators write them, in runs as FuzzGroupRecords reads them.
std::vector<Bytes> GroupRecordSeeds() {
  std::vector<Bytes> seeds;
  Bytes all;
  const auto add = [&](const CoordinatorRecord& record) {
    if (record.key.size() > 255 || (record.value.has_value() && record.value->size() > 254)) return;
    Bytes run = {static_cast<std::byte>(record.key.size()),
                 static_cast<std::byte>(record.value.has_value() ? record.value->size() : 255)};
    run.insert(run.end(), record.key.begin(), record.key.end());
    if (record.value.has_value()) run.insert(run.end(), record.value->begin(), record.value->end());
    all.insert(all.end(), run.begin(), run.end());
    seeds.push_back(std::move(run));
  };
  const auto group = [&](const absl::StatusOr<CoordinatorRecord>& record) {
    Require(record.ok());
    add(*record);
  };
  group(MakeOffsetRecord({.group = "g", .topic = "t"}, OffsetCommitValue{.offset = 5}));
  group(MakeGroupRecord({.group = "g"}, GroupMetadataValue{.protocol_type = "consumer", .generation = 3}));
  group(MakeGroupRecord({.group = "g"},
                        GroupMetadataValue{.protocol_type = "consumer",
                                           .generation = 3,
                                           .protocol = "range",
                                           .leader = "m",
                                           .members = {{.member_id = "m", .session_timeout = 9}}}));
  group(Encode(ConsumerEpochRecord{.key = {.group = "k"}, .value = ConsumerGroupMetadataValue{}}));
  group(Encode(
      ConsumerMemberRecord{.key = {.group = "k", .part = "m"}, .value = ConsumerGroupMemberMetadataValue{}}));
  group(
      Encode(ConsumerTargetEpochRecord{.key = {.group = "k"}, .value = ConsumerGroupTargetMetadataValue{}}));
  group(Encode(
      ConsumerTargetRecord{.key = {.group = "k", .part = "m"}, .value = ConsumerGroupTargetMemberValue{}}));
  group(Encode(
      ConsumerCurrentRecord{.key = {.group = "k", .part = "m"}, .value = ConsumerGroupCurrentMemberValue{}}));
  group(
      Encode(ConsumerRegexRecord{.key = {.group = "k", .part = "t.*"}, .value = ConsumerGroupRegexValue{}}));
  seeds.push_back(all);
  return seeds;
}

}  // namespace

void AddGroupTargets(Targets* to) {
  to->push_back(
      {.name = "group.records", .run = FuzzOffsetRecords, .seeds = GroupRecordSeeds, .cost_micros = 40});
  to->push_back({.name = "group.protocol", .run = Protocol, .seeds = ProtocolSeeds});
  to->push_back({.name = "group.pattern", .run = Pattern, .seeds = PatternSeeds, .cost_micros = 30});
  AddSchemaTarget<OffsetCommitKey>(to);
  AddSchemaTarget<OffsetCommitValue>(to);
  AddSchemaTarget<GroupMetadataKey>(to);
  AddSchemaTarget<GroupMetadataValue>(to);
  AddSchemaTarget<ConsumerGroupMetadataValue>(to);
  AddSchemaTarget<ConsumerGroupMemberMetadataValue>(to);
  AddSchemaTarget<ConsumerGroupTargetMetadataValue>(to);
  AddSchemaTarget<ConsumerGroupTargetMemberValue>(to);
  AddSchemaTarget<ConsumerGroupCurrentMemberValue>(to);
  AddSchemaTarget<ConsumerGroupRegexValue>(to);
  AddSchemaTarget<ConsumerProtocolSubscription>(to);
  AddSchemaTarget<ConsumerProtocolAssignment>(to);
  AddSchemaTarget<StickyUserData>(to);
}

}  // namespace millrace::inline v0::fuzz
