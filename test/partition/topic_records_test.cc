#include "partition/topic_records.h"

#include <catch2/catch.hpp>
#include <vector>

#include "millrace/status.h"

namespace millrace {
namespace {

TopicId Id(int n) {
  TopicId id;
  id.bytes[15] = static_cast<std::byte>(n);
  return id;
}

uint8_t T(TopicRecordType type) {
  return static_cast<uint8_t>(type);
}

TopicData Sample() {
  TopicData topic{.name = "orders", .id = Id(7), .internal = true, .partitions = 12};
  topic.config.retention_ms = 5;
  topic.config.cleanup_policy = {.remove = true, .compact = true};
  topic.config.durability = Durability::kPowerLoss;
  return topic;
}

TEST_CASE("the records of a topic replay to what they were made from") {
  TopicsState state;
  const TopicData topic = Sample();
  REQUIRE(state.Apply(T(TopicRecordType::kCreated), EncodeCreated(topic)).ok());
  const TopicData& got = state.topics.at(Id(7));
  CHECK(got.name == "orders");
  CHECK(got.internal);
  CHECK(got.partitions == 12);
  CHECK(got.config == topic.config);

  REQUIRE(state.Apply(T(TopicRecordType::kPartitions), EncodePartitions(Id(7), 20)).ok());
  CHECK(state.topics.at(Id(7)).partitions == 20);
  TopicConfig config;
  config.segment_bytes = 4096;
  REQUIRE(state.Apply(T(TopicRecordType::kConfig), EncodeConfig(Id(7), config)).ok());
  CHECK(state.topics.at(Id(7)).config == config);
  REQUIRE(state.Apply(T(TopicRecordType::kProducerIds), EncodeProducerIds(3000)).ok());
  CHECK(state.producer_ids == 3000);
  REQUIRE(state.Apply(T(TopicRecordType::kDeleted), EncodeDeleted(Id(7))).ok());
  CHECK(state.topics.empty());
}

TEST_CASE("records that contradict what came before are refused") {
  TopicsState state;
  REQUIRE(state.Apply(T(TopicRecordType::kCreated), EncodeCreated(Sample())).ok());
  CHECK_FALSE(state.Apply(T(TopicRecordType::kCreated), EncodeCreated(Sample())).ok());
  CHECK_FALSE(state.Apply(T(TopicRecordType::kPartitions), EncodePartitions(Id(7), 11)).ok());
  CHECK_FALSE(state.Apply(T(TopicRecordType::kDeleted), EncodeDeleted(Id(8))).ok());
  REQUIRE(state.Apply(T(TopicRecordType::kProducerIds), EncodeProducerIds(3000)).ok());
  CHECK_FALSE(state.Apply(T(TopicRecordType::kProducerIds), EncodeProducerIds(2000)).ok());
  CHECK(ErrorCodeOf(state.Apply(99, EncodeDeleted(Id(7)))) == ErrorCode::kUnsupportedVersion);
}

TEST_CASE("every truncation of a record is refused, and so is a byte too many") {
  const std::vector<std::byte> whole = EncodeCreated(Sample());
  for (size_t n = 0; n < whole.size(); ++n) {
    TopicsState state;
    INFO(n);
    CHECK_FALSE(state.Apply(T(TopicRecordType::kCreated), std::span(whole).first(n)).ok());
  }
  std::vector<std::byte> longer = whole;
  longer.push_back(std::byte{0});
  TopicsState state;
  CHECK_FALSE(state.Apply(T(TopicRecordType::kCreated), longer).ok());
}

}  // namespace
}  // namespace millrace
