// The records of groups of the consumer protocol (KIP-848) in __consumer_offsets, in Kafka's format: types 3
// to 8 and 16. What is persistent of such a group is what they say; see consumer_group.h.

#ifndef MILLRACE_COORDINATOR_CONSUMER_GROUP_RECORDS_H_
#define MILLRACE_COORDINATOR_CONSUMER_GROUP_RECORDS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/coordinator_record.h"
#include "millrace/types.h"
#include "millrace/wire/fields.h"

namespace millrace::inline v0 {

// Keys of types 3, 4 and 6: of the group as a whole.
template <int16_t kType>
struct ConsumerGroupKey {
  static constexpr wire::Api kApi{.key = kType, .name = "ConsumerGroupKey", .valid = {0, 0}};
  std::string group = {};
  bool operator==(const ConsumerGroupKey&) const = default;
  static constexpr void Fields(auto&& f) { f(&ConsumerGroupKey::group, {.name = "group_id"}); }
};
// Keys of types 5, 7 and 8: of one of its members. Of type 16: of one of its regular expressions.
template <int16_t kType>
struct ConsumerGroupPartKey {
  static constexpr wire::Api kApi{.key = kType, .name = "ConsumerGroupPartKey", .valid = {0, 0}};
  std::string group = {};
  // Member id, or regular expression.
  std::string part = {};
  bool operator==(const ConsumerGroupPartKey&) const = default;
  static constexpr void Fields(auto&& f) {
    f(&ConsumerGroupPartKey::group, {.name = "group_id"});
    f(&ConsumerGroupPartKey::part, {.name = kType == 16 ? "regular_expression" : "member_id"});
  }
};

// Type 3: the group, and its epoch.
struct ConsumerGroupMetadataValue {
  static constexpr wire::Api kApi{
      .key = 3, .name = "ConsumerGroupMetadataValue", .valid = {0, 0}, .flexible = 0};
  int32_t epoch = 0;
  // Of the topics that it reads: when it differs, they have changed.
  int64_t metadata_hash = 0;
  bool operator==(const ConsumerGroupMetadataValue&) const = default;
  static constexpr void Fields(auto&& f) {
    f(&ConsumerGroupMetadataValue::epoch, {.name = "epoch"});
    f.Tagged(0, &ConsumerGroupMetadataValue::metadata_hash, {.name = "metadata_hash"});
  }
};

// Type 5: what a member said of itself.
struct ConsumerGroupMemberMetadataValue {
  static constexpr wire::Api kApi{
      .key = 5, .name = "ConsumerGroupMemberMetadataValue", .valid = {0, 0}, .flexible = 0};
  struct ClassicProtocol {
    std::string name = {};
    wire::Bytes metadata = {};
    bool operator==(const ClassicProtocol&) const = default;
    static constexpr void Fields(auto&& f) {
      f(&ClassicProtocol::name, {.name = "name"});
      f(&ClassicProtocol::metadata, {.name = "metadata"});
    }
  };
  struct ClassicMember {
    int32_t session_timeout_ms = 0;
    std::vector<ClassicProtocol> supported_protocols = {};
    bool operator==(const ClassicMember&) const = default;
    static constexpr void Fields(auto&& f) {
      f(&ClassicMember::session_timeout_ms, {.name = "session_timeout_ms"});
      f(&ClassicMember::supported_protocols, {.name = "supported_protocols"});
    }
  };
  std::optional<std::string> instance_id = std::string();
  std::optional<std::string> rack_id = std::string();
  std::string client_id = {};
  std::string client_host = {};
  std::vector<std::string> subscribed_topic_names = {};
  std::optional<std::string> subscribed_topic_regex = std::string();
  int32_t rebalance_timeout_ms = -1;
  std::optional<std::string> server_assignor = std::string();
  // Of a member that speaks the classic protocol; null: it speaks the consumer protocol.
  std::optional<ClassicMember> classic = std::nullopt;
  bool operator==(const ConsumerGroupMemberMetadataValue&) const = default;
  static constexpr void Fields(auto&& f) {
    using V = ConsumerGroupMemberMetadataValue;
    f(&V::instance_id, {.name = "instance_id"});
    f(&V::rack_id, {.name = "rack_id"});
    f(&V::client_id, {.name = "client_id"});
    f(&V::client_host, {.name = "client_host"});
    f(&V::subscribed_topic_names, {.name = "subscribed_topic_names"});
    f(&V::subscribed_topic_regex, {.name = "subscribed_topic_regex"});
    f(&V::rebalance_timeout_ms, {.name = "rebalance_timeout_ms"});
    f(&V::server_assignor, {.name = "server_assignor"});
    f.Tagged(0, &V::classic, {.name = "classic_member_metadata"});
  }
};

// Type 6: the group epoch that the target assignment was made for.
struct ConsumerGroupTargetMetadataValue {
  static constexpr wire::Api kApi{
      .key = 6, .name = "ConsumerGroupTargetAssignmentMetadataValue", .valid = {0, 0}, .flexible = 0};
  int32_t assignment_epoch = 0;
  int64_t assignment_timestamp = 0;
  bool operator==(const ConsumerGroupTargetMetadataValue&) const = default;
  static constexpr void Fields(auto&& f) {
    using V = ConsumerGroupTargetMetadataValue;
    f(&V::assignment_epoch, {.name = "assignment_epoch"});
    f.Tagged(0, &V::assignment_timestamp, {.name = "assignment_timestamp", .ignorable = true});
  }
};

// Type 7: what a member shall own.
struct ConsumerGroupTargetMemberValue {
  static constexpr wire::Api kApi{
      .key = 7, .name = "ConsumerGroupTargetAssignmentMemberValue", .valid = {0, 0}, .flexible = 0};
  struct TopicPartitions {
    TopicId topic_id = {};
    std::vector<int32_t> partitions = {};
    bool operator==(const TopicPartitions&) const = default;
    static constexpr void Fields(auto&& f) {
      f(&TopicPartitions::topic_id, {.name = "topic_id"});
      f(&TopicPartitions::partitions, {.name = "partitions"});
    }
  };
  std::vector<TopicPartitions> topic_partitions = {};
  bool operator==(const ConsumerGroupTargetMemberValue&) const = default;
  static constexpr void Fields(auto&& f) {
    f(&ConsumerGroupTargetMemberValue::topic_partitions, {.name = "topic_partitions"});
  }
};

// Type 8: what a member owns, and how far it is on its way to its target.
struct ConsumerGroupCurrentMemberValue {
  static constexpr wire::Api kApi{
      .key = 8, .name = "ConsumerGroupCurrentMemberAssignmentValue", .valid = {0, 0}, .flexible = 0};
  struct TopicPartitions {
    TopicId topic_id = {};
    std::vector<int32_t> partitions = {};
    // Since which epoch each is the member's (Kafka 4.2, KIP-1251). Read over, and not written.
    std::optional<std::vector<int32_t>> assignment_epochs = std::nullopt;
    bool operator==(const TopicPartitions&) const = default;
    static constexpr void Fields(auto&& f) {
      f(&TopicPartitions::topic_id, {.name = "topic_id"});
      f(&TopicPartitions::partitions, {.name = "partitions"});
      f.Tagged(0, &TopicPartitions::assignment_epochs, {.name = "assignment_epochs"});
    }
  };
  int32_t member_epoch = 0;
  // If the answer with the member's epoch was lost, the member comes again with this one.
  int32_t previous_member_epoch = 0;
  int8_t state = 0;
  std::vector<TopicPartitions> assigned_partitions = {};
  std::vector<TopicPartitions> partitions_pending_revocation = {};
  bool operator==(const ConsumerGroupCurrentMemberValue&) const = default;
  static constexpr void Fields(auto&& f) {
    using V = ConsumerGroupCurrentMemberValue;
    f(&V::member_epoch, {.name = "member_epoch"});
    f(&V::previous_member_epoch, {.name = "previous_member_epoch"});
    f(&V::state, {.name = "state"});
    f(&V::assigned_partitions, {.name = "assigned_partitions"});
    f(&V::partitions_pending_revocation, {.name = "partitions_pending_revocation"});
  }
};

// Type 16: the topics that matched a regular expression when it was last looked at.
struct ConsumerGroupRegexValue {
  static constexpr wire::Api kApi{
      .key = 16, .name = "ConsumerGroupRegularExpressionValue", .valid = {0, 0}, .flexible = 0};
  std::vector<std::string> topics = {};
  // Of the metadata that was looked at.
  int64_t version = 0;
  int64_t timestamp = 0;
  bool operator==(const ConsumerGroupRegexValue&) const = default;
  static constexpr void Fields(auto&& f) {
    f(&ConsumerGroupRegexValue::topics, {.name = "topics"});
    f(&ConsumerGroupRegexValue::version, {.name = "version"});
    f(&ConsumerGroupRegexValue::timestamp, {.name = "timestamp"});
  }
};

// One record; without a value, a tombstone.
template <typename KeyType, typename ValueType>
struct ConsumerRecordOf {
  using Key = KeyType;
  using Value = ValueType;
  Key key = {};
  std::optional<Value> value = std::nullopt;
};
using ConsumerEpochRecord = ConsumerRecordOf<ConsumerGroupKey<3>, ConsumerGroupMetadataValue>;
using ConsumerMemberRecord = ConsumerRecordOf<ConsumerGroupPartKey<5>, ConsumerGroupMemberMetadataValue>;
using ConsumerTargetEpochRecord = ConsumerRecordOf<ConsumerGroupKey<6>, ConsumerGroupTargetMetadataValue>;
using ConsumerTargetRecord = ConsumerRecordOf<ConsumerGroupPartKey<7>, ConsumerGroupTargetMemberValue>;
using ConsumerCurrentRecord = ConsumerRecordOf<ConsumerGroupPartKey<8>, ConsumerGroupCurrentMemberValue>;
using ConsumerRegexRecord = ConsumerRecordOf<ConsumerGroupPartKey<16>, ConsumerGroupRegexValue>;
// Type 4, the partitions of the topics that a group reads, is of Kafka before 4.1 (KIP-1101 put a hash into
// type 3 instead): such records are passed over.
using ConsumerRecord = std::variant<ConsumerEpochRecord, ConsumerMemberRecord, ConsumerTargetEpochRecord,
                                    ConsumerTargetRecord, ConsumerCurrentRecord, ConsumerRegexRecord>;

// The name of its group.
const std::string& GroupOf(const ConsumerRecord& record);
// kInvalidRequest if a name does not fit its field.
absl::StatusOr<CoordinatorRecord> Encode(const ConsumerRecord& record);
// `type` and what follows it; nullopt for a type that is none of these. kInvalidRecord if malformed.
absl::StatusOr<std::optional<ConsumerRecord>> ParseConsumerRecord(
    int16_t type, std::span<const std::byte> key, std::optional<std::span<const std::byte>> value);

}  // namespace millrace::inline v0

#endif  // MILLRACE_COORDINATOR_CONSUMER_GROUP_RECORDS_H_
