#include "millrace/offsets_topic.h"

#include <catch2/catch.hpp>
#include <string>

#include "coordinator/group_records.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

std::string_view Text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

OffsetsRecordText Described(const absl::StatusOr<CoordinatorRecord>& encoded) {
  REQUIRE(encoded.ok());
  RecordView record{.key = Text(encoded->key)};
  if (encoded->value.has_value()) record.value = Text(*encoded->value);
  const absl::StatusOr<OffsetsRecordText> text = DescribeOffsetsRecord(record);
  REQUIRE(text.ok());
  return *text;
}

ErrorCode WhyNot(std::optional<std::string_view> key, std::optional<std::string_view> value = {}) {
  return ErrorCodeOf(DescribeOffsetsRecord({.key = key, .value = value}).status());
}

TEST_CASE("Committed offsets are told with Kafka's names") {
  const OffsetCommitKey key{.group = "g\"", .topic = "t", .partition = 3};
  const OffsetsRecordText text = Described(
      MakeOffsetRecord(key, OffsetCommitValue{.offset = 7, .metadata = "m", .commit_timestamp = 9}));
  CHECK(text.key == R"({"type":"1","data":{"group":"g\"","topic":"t","partition":3}})");
  CHECK(text.value ==
        R"({"version":"3","data":{"offset":7,"leaderEpoch":-1,"metadata":"m","commitTimestamp":9}})");
  CHECK(Described(MakeOffsetRecord(key, std::nullopt)).value == std::nullopt);
  // A version with a field that others have not.
  CHECK(Described(MakeOffsetRecord(key, OffsetCommitValue{.offset = 7, .expire_timestamp = 5})).value ==
        R"({"version":"1","data":{"offset":7,"metadata":"","commitTimestamp":0,"expireTimestamp":5}})");
}

TEST_CASE("Groups of both protocols are told, bytes in base64") {
  const OffsetsRecordText classic = Described(MakeGroupRecord(
      {.group = "g"},
      GroupMetadataValue{.protocol_type = "consumer",
                         .generation = 2,
                         .protocol = std::nullopt,
                         .leader = "m",
                         .members = {{.member_id = "m", .subscription = {std::byte{0xff}}}}}));
  CHECK(classic.key == R"({"type":"2","data":{"group":"g"}})");
  CHECK(
      classic.value ==
      R"({"version":"3","data":{"protocolType":"consumer","generation":2,"protocol":null,"leader":"m",)"
      R"("currentStateTimestamp":-1,"members":[{"memberId":"m","groupInstanceId":null,"clientId":"",)"
      R"("clientHost":"","rebalanceTimeout":-1,"sessionTimeout":0,"subscription":"/w==","assignment":""}]}})");

  ConsumerMemberRecord member;
  member.key = {.group = "g", .part = "m"};
  member.value.emplace().classic.emplace().session_timeout_ms = 4;
  const OffsetsRecordText next = Described(Encode(ConsumerRecord(member)));
  CHECK(next.key == R"({"type":"5","data":{"groupId":"g","memberId":"m"}})");
  CHECK(next.value->find(R"("classicMemberMetadata":{"sessionTimeoutMs":4,"supportedProtocols":[]}})") !=
        std::string::npos);
  ConsumerRegexRecord regex;
  regex.key = {.group = "g", .part = "a.*"};
  CHECK(Described(Encode(ConsumerRecord(regex))).key ==
        R"({"type":"16","data":{"groupId":"g","regularExpression":"a.*"}})");
  ConsumerCurrentRecord current;
  current.key = {.group = "g", .part = "m"};
  TopicId id;
  id.bytes[15] = std::byte{1};
  current.value.emplace().assigned_partitions = {{.topic_id = id, .partitions = {0, 1}}};
  CHECK(Described(Encode(ConsumerRecord(current)))
            .value->find(R"("assignedPartitions":[{"topicId":")" + id.ToString() +
                         R"(","partitions":[0,1]}])") != std::string::npos);
}

TEST_CASE("What cannot be told is said to be unknown, or malformed") {
  using std::string_view_literals::operator""sv;
  CHECK(WhyNot("\0\x63"sv) == ErrorCode::kUnsupportedVersion);
  CHECK(WhyNot("\0\2\0\1g"sv, "\0\x63"sv) == ErrorCode::kUnsupportedVersion);
  CHECK(WhyNot(std::nullopt) == ErrorCode::kInvalidRecord);
  CHECK(WhyNot("\0"sv) == ErrorCode::kInvalidRecord);
  CHECK(WhyNot("\0\2\0\5g"sv) == ErrorCode::kInvalidRecord);
  CHECK(WhyNot("\0\2\0\1g"sv, "\0"sv) == ErrorCode::kInvalidRecord);
  CHECK(WhyNot("\0\2\0\1g"sv, "\0\3\0"sv) == ErrorCode::kInvalidRecord);
}

}  // namespace
}  // namespace millrace::inline v0
