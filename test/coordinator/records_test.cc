#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "coordinator/consumer_messages.h"
#include "coordinator/consumer_protocol.h"
#include "coordinator/group_records.h"
#include "millrace/status.h"
#include "wire/golden.h"

namespace millrace::inline v0 {
namespace {

using testing::CheckGolden;
using Strings = std::vector<std::string>;

const std::string kLong(300, 'x');
const std::string kUnicode = "gr\xc3\xbcppe-\xf0\x9f\x98\x80";

wire::Bytes Fill(std::initializer_list<int> values) {
  wire::Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

TEST_CASE("stored keys and values are Kafka's bytes") {
  CHECK(CheckGolden<OffsetCommitKey>(
            "OffsetCommitKey",
            {{"defaults", {}}, {"awkward", {.group = kUnicode, .topic = kLong, .partition = INT32_MIN}}}) ==
        Strings{});
  OffsetCommitValue value{.offset = INT64_MAX,
                          .leader_epoch = INT32_MAX,
                          .metadata = kLong,
                          .commit_timestamp = INT64_MIN,
                          .expire_timestamp = 5};
  for (int i = 0; i < 16; ++i) value.topic_id.bytes[static_cast<size_t>(i)] = static_cast<std::byte>(i * 17);
  CHECK(CheckGolden<OffsetCommitValue>(
            "OffsetCommitValue",
            {{"defaults", {}},
             {"plain", {.offset = 42, .leader_epoch = 7, .metadata = "m", .commit_timestamp = 1700000000000}},
             {"awkward", value}}) == Strings{});
  CHECK(CheckGolden<GroupMetadataKey>("GroupMetadataKey",
                                      {{"defaults", {}}, {"awkward", {.group = kUnicode}}}) == Strings{});
  const GroupMetadataValue group{.protocol_type = kUnicode,
                                 .generation = -1,
                                 .protocol = "range",
                                 .leader = "m1",
                                 .current_state_timestamp = 3,
                                 .members = {{.member_id = "m1",
                                              .group_instance_id = "i1",
                                              .client_id = "c",
                                              .client_host = "/h",
                                              .rebalance_timeout = 60000,
                                              .session_timeout = 45000,
                                              .subscription = Fill({0, 1, 2, 255}),
                                              .assignment = wire::Bytes(200, std::byte{0xab})},
                                             {.client_id = kLong, .session_timeout = INT32_MAX}}};
  CHECK(CheckGolden<GroupMetadataValue>("GroupMetadataValue", {{"defaults", {}},
                                                               {"empty",
                                                                {.protocol_type = "consumer",
                                                                 .generation = 9,
                                                                 .protocol = std::nullopt,
                                                                 .leader = std::nullopt,
                                                                 .current_state_timestamp = 1700000000001}},
                                                               {"awkward", group}}) == Strings{});
}

TEST_CASE("records of groups of the consumer protocol are Kafka's bytes") {
  TopicId id;
  for (int i = 0; i < 16; ++i) id.bytes[static_cast<size_t>(i)] = static_cast<std::byte>(i * 17);
  CHECK(CheckGolden<ConsumerGroupKey<3>>("ConsumerGroupMetadataKey",
                                         {{"defaults", {}}, {"awkward", {.group = kUnicode}}}) == Strings{});
  CHECK(CheckGolden<ConsumerGroupPartKey<5>>(
            "ConsumerGroupMemberMetadataKey",
            {{"defaults", {}}, {"awkward", {.group = kUnicode, .part = kLong}}}) == Strings{});
  CHECK(CheckGolden<ConsumerGroupPartKey<16>>(
            "ConsumerGroupRegularExpressionKey",
            {{"defaults", {}}, {"awkward", {.group = kUnicode, .part = ".*"}}}) == Strings{});
  CHECK(CheckGolden<ConsumerGroupMetadataValue>(
            "ConsumerGroupMetadataValue",
            {{"defaults", {}}, {"awkward", {.epoch = INT32_MAX, .metadata_hash = INT64_MIN}}}) == Strings{});
  using Member = ConsumerGroupMemberMetadataValue;
  CHECK(CheckGolden<Member>(
            "ConsumerGroupMemberMetadataValue",
            {{"plain",
              {.instance_id = std::nullopt,
               .rack_id = std::nullopt,
               .client_id = "c",
               .client_host = "/h",
               .subscribed_topic_names = {"a", kLong},
               .subscribed_topic_regex = std::nullopt,
               .rebalance_timeout_ms = 300000,
               .server_assignor = std::nullopt}},
             {"awkward",
              {.instance_id = "i",
               .rack_id = kUnicode,
               .subscribed_topic_regex = "t.*",
               .server_assignor = "uniform",
               .classic = Member::ClassicMember{45000, {{"range", Fill({0, 1, 2, 255})}, {}}}}}}) ==
        Strings{});
  CHECK(CheckGolden<ConsumerGroupTargetMetadataValue>(
            "ConsumerGroupTargetAssignmentMetadataValue",
            {{"defaults", {}},
             {"awkward", {.assignment_epoch = 7, .assignment_timestamp = 1700000000000}}}) == Strings{});
  CHECK(CheckGolden<ConsumerGroupTargetMemberValue>(
            "ConsumerGroupTargetAssignmentMemberValue",
            {{"defaults", {}}, {"awkward", {.topic_partitions = {{id, {0, 1, INT32_MAX}}, {}}}}}) ==
        Strings{});
  CHECK(CheckGolden<ConsumerGroupCurrentMemberValue>(
            "ConsumerGroupCurrentMemberAssignmentValue",
            {{"defaults", {}},
             {"awkward",
              {.member_epoch = 5,
               .previous_member_epoch = -2,
               .state = 1,
               .assigned_partitions = {{.topic_id = id, .partitions = {3}}},
               .partitions_pending_revocation = {
                   {.topic_id = id, .partitions = {4, 5}, .assignment_epochs = {{1, 2}}}}}}}) == Strings{});
  CHECK(CheckGolden<ConsumerGroupRegexValue>(
            "ConsumerGroupRegularExpressionValue",
            {{"defaults", {}}, {"awkward", {.topics = {"a", kLong}, .version = 9, .timestamp = -1}}}) ==
        Strings{});
}

TEST_CASE("what consumers exchange is Kafka's bytes") {
  using Sub = ConsumerProtocolSubscription;
  CHECK(CheckGolden<Sub>(
            "ConsumerProtocolSubscription",
            {{"defaults", {}},
             {"plain", {.topics = {"orders"}}},
             {"awkward",
              {.topics = {"", kLong, kUnicode},
               .user_data = wire::Bytes{},
               .owned_partitions = {{.topic = "a", .partitions = {0, 1, INT32_MAX}}, {.topic = "b"}},
               .generation_id = 12,
               .rack_id = "r"}}}) == Strings{});
  CHECK(CheckGolden<ConsumerProtocolAssignment>(
            "ConsumerProtocolAssignment",
            {{"defaults", {}},
             {"awkward",
              {.assigned_partitions = {{.topic = kLong, .partitions = {3, 1}}, {.topic = ""}},
               .user_data = Fill({0, 255})}}}) == Strings{});
}

TEST_CASE("records make the way there and back, with their type and version ahead") {
  const OffsetCommitKey key{.group = "g", .topic = "t", .partition = 3};
  const OffsetCommitValue value{.offset = 9, .leader_epoch = 2, .metadata = "x", .commit_timestamp = 8};
  auto record = MakeOffsetRecord(key, value);
  REQUIRE(record.ok());
  CHECK(record->key[1] == std::byte{1});
  CHECK((*record->value)[1] == std::byte{3});
  auto parsed = ParseCoordinatorRecord(record->key, *record->value);
  REQUIRE(parsed.ok());
  CHECK(std::get<OffsetRecord>(*parsed).key == key);
  CHECK(*std::get<OffsetRecord>(*parsed).value == value);
  // Type 0 is the same with another number; expiry needs version 1.
  record->key[1] = std::byte{0};
  CHECK(std::get<OffsetRecord>(*ParseCoordinatorRecord(record->key, std::nullopt)).key == key);
  auto expiring = MakeOffsetRecord(key, OffsetCommitValue{.expire_timestamp = 77});
  CHECK(std::get<OffsetRecord>(*ParseCoordinatorRecord(expiring->key, *expiring->value))
            .value->expire_timestamp == 77);
  auto group = MakeGroupRecord({.group = "g"}, std::nullopt);
  REQUIRE(group.ok());
  CHECK_FALSE(group->value.has_value());
  CHECK(std::get<GroupRecord>(*ParseCoordinatorRecord(group->key, std::nullopt)).key.group == "g");
}

TEST_CASE("malformed records are refused, unknown types passed over") {
  const auto fails = [](std::optional<wire::Bytes> key, std::optional<wire::Bytes> value) {
    std::optional<std::span<const std::byte>> k, v;
    if (key) k = *key;
    if (value) v = *value;
    return ErrorCodeOf(ParseCoordinatorRecord(k, v).status()) == ErrorCode::kInvalidRecord;
  };
  CHECK(fails(std::nullopt, std::nullopt));
  CHECK(fails(Fill({0}), std::nullopt));
  CHECK(fails(Fill({0, 2, 0}), std::nullopt));
  CHECK(fails(Fill({0, 2, 0, 1, 'g'}), Fill({0})));
  CHECK(fails(Fill({0, 2, 0, 1, 'g'}), Fill({0, 9})));     // a version to come
  CHECK(fails(Fill({0, 2, 0, 1, 'g', 0}), std::nullopt));  // a byte too many
  CHECK(fails(Fill({0, 3, 1, 2}), std::nullopt));
  CHECK(fails(Fill({0, 5, 0, 1, 'g', 0, 1, 'm'}), Fill({0})));
  CHECK(fails(Fill({0, 8, 0, 1, 'g', 0, 1, 'm'}), Fill({0, 0, 1})));
  CHECK(std::holds_alternative<UnknownRecord>(*ParseCoordinatorRecord(Fill({0, 10, 1, 2}), std::nullopt)));
  CHECK(ErrorCodeOf(MakeOffsetRecord({.group = std::string(40000, 'g')}, std::nullopt).status()) ==
        ErrorCode::kInvalidRequest);
}

TEST_CASE("subscriptions and assignments decode, of versions to come too") {
  const MemberSubscription subscription{.topics = {"a", "b"},
                                        .user_data = Fill({1}),
                                        .owned_partitions = {{.topic = "a", .partition = PartitionId(1)},
                                                             {.topic = "a", .partition = PartitionId(0)}},
                                        .generation = 4,
                                        .rack_id = "r"};
  for (int16_t version = 0; version <= 3; ++version) {
    const auto decoded = DecodeSubscription(EncodeSubscription(subscription, version));
    REQUIRE(decoded.ok());
    CHECK(decoded->topics == subscription.topics);
    CHECK(decoded->user_data == subscription.user_data);
    CHECK(decoded->owned_partitions.size() == (version >= 1 ? 2U : 0U));
    CHECK(decoded->generation == (version >= 2 ? 4 : -1));
    CHECK(decoded->rack_id.has_value() == (version >= 3));
  }
  auto later = EncodeSubscription(subscription);
  later[1] = std::byte{9};
  later.push_back(std::byte{1});
  CHECK(DecodeSubscription(later).ok());
  CHECK_FALSE(DecodeSubscription({}).ok());
  CHECK_FALSE(DecodeSubscription(Fill({0xff, 0xff, 0, 0, 0, 0})).ok());
  const MemberAssignment assignment{.partitions = {{.topic = "a", .partition = PartitionId(7)}}};
  CHECK(*DecodeAssignment(EncodeAssignment(assignment)) == assignment);
  CHECK(DecodeAssignment({})->partitions.empty());
  CHECK_FALSE(DecodeAssignment(Fill({0})).ok());
}

}  // namespace
}  // namespace millrace::inline v0
