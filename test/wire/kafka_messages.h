// A few of Kafka's messages, to exercise what the stored records do not.

#ifndef MILLRACE_TEST_WIRE_KAFKA_MESSAGES_H_
#define MILLRACE_TEST_WIRE_KAFKA_MESSAGES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/schema.h"

namespace millrace::inline v0::testing {

struct RequestHeader {
  static constexpr wire::Api kApi{.name = "RequestHeader", .valid = {1, 2}, .flexible = 2};
  int16_t request_api_key = 0;
  int16_t request_api_version = 0;
  int32_t correlation_id = 0;
  std::optional<std::string> client_id = std::string();
  bool operator==(const RequestHeader&) const = default;
  static constexpr void Fields(auto&& f) {
    f(&RequestHeader::request_api_key, {.name = "request_api_key"});
    f(&RequestHeader::request_api_version, {.name = "request_api_version"});
    f(&RequestHeader::correlation_id, {.name = "correlation_id"});
    f(&RequestHeader::client_id, {.name = "client_id", .flexible = wire::kNeverFlexible});
  }
};

struct FetchRequest {
  static constexpr wire::Api kApi{.key = 1, .name = "Fetch", .valid = {4, 18}, .flexible = 12};
  struct ReplicaState {
    int32_t replica_id = -1;
    int64_t replica_epoch = -1;
    bool operator==(const ReplicaState&) const = default;
    static constexpr void Fields(auto&& f) {
      f(&ReplicaState::replica_id, {.name = "replica_id"});
      f(&ReplicaState::replica_epoch, {.name = "replica_epoch"});
    }
  };
  struct Partition {
    int32_t partition = 0;
    int32_t current_leader_epoch = -1;
    int64_t fetch_offset = 0;
    int32_t last_fetched_epoch = -1;
    int64_t log_start_offset = -1;
    int32_t partition_max_bytes = 0;
    TopicId replica_directory_id = {};
    int64_t high_watermark = INT64_MAX;
    bool operator==(const Partition&) const = default;
    static constexpr void Fields(auto&& f) {
      using P = Partition;
      f(&P::partition, {.name = "partition"});
      f(&P::current_leader_epoch,
        {.name = "current_leader_epoch", .versions = wire::Since(9), .ignorable = true});
      f(&P::fetch_offset, {.name = "fetch_offset"});
      f(&P::last_fetched_epoch, {.name = "last_fetched_epoch", .versions = wire::Since(12)});
      f(&P::log_start_offset, {.name = "log_start_offset", .versions = wire::Since(5), .ignorable = true});
      f(&P::partition_max_bytes, {.name = "partition_max_bytes"});
      f.Tagged(0, &P::replica_directory_id,
               {.name = "replica_directory_id", .versions = wire::Since(17), .ignorable = true});
      f.Tagged(1, &P::high_watermark,
               {.name = "high_watermark", .versions = wire::Since(18), .ignorable = true});
    }
  };
  struct Topic {
    std::string topic = {};
    TopicId topic_id = {};
    std::vector<Partition> partitions = {};
    bool operator==(const Topic&) const = default;
    static constexpr void Fields(auto&& f) {
      f(&Topic::topic, {.name = "topic", .versions = wire::Until(12), .ignorable = true});
      f(&Topic::topic_id, {.name = "topic_id", .versions = wire::Since(13), .ignorable = true});
      f(&Topic::partitions, {.name = "partitions"});
    }
  };
  struct ForgottenTopic {
    std::string topic = {};
    TopicId topic_id = {};
    std::vector<int32_t> partitions = {};
    bool operator==(const ForgottenTopic&) const = default;
    static constexpr void Fields(auto&& f) {
      f(&ForgottenTopic::topic, {.name = "topic", .versions = wire::Until(12), .ignorable = true});
      f(&ForgottenTopic::topic_id, {.name = "topic_id", .versions = wire::Since(13), .ignorable = true});
      f(&ForgottenTopic::partitions, {.name = "partitions"});
    }
  };
  std::optional<std::string> cluster_id = {};
  int32_t replica_id = -1;
  ReplicaState replica_state = {};
  int32_t max_wait_ms = 0;
  int32_t min_bytes = 0;
  int32_t max_bytes = INT32_MAX;
  int8_t isolation_level = 0;
  int32_t session_id = 0;
  int32_t session_epoch = -1;
  std::vector<Topic> topics = {};
  std::vector<ForgottenTopic> forgotten_topics_data = {};
  std::string rack_id = {};
  bool operator==(const FetchRequest&) const = default;
  static constexpr void Fields(auto&& f) {
    using R = FetchRequest;
    f.Tagged(0, &R::cluster_id, {.name = "cluster_id", .versions = wire::Since(12), .ignorable = true});
    f(&R::replica_id, {.name = "replica_id", .versions = wire::Until(14)});
    f.Tagged(1, &R::replica_state, {.name = "replica_state", .versions = wire::Since(15)});
    f(&R::max_wait_ms, {.name = "max_wait_ms"});
    f(&R::min_bytes, {.name = "min_bytes"});
    f(&R::max_bytes, {.name = "max_bytes", .versions = wire::Since(3), .ignorable = true});
    f(&R::isolation_level, {.name = "isolation_level", .versions = wire::Since(4), .ignorable = true});
    f(&R::session_id, {.name = "session_id", .versions = wire::Since(7), .ignorable = true});
    f(&R::session_epoch, {.name = "session_epoch", .versions = wire::Since(7), .ignorable = true});
    f(&R::topics, {.name = "topics"});
    f(&R::forgotten_topics_data, {.name = "forgotten_topics_data", .versions = wire::Since(7)});
    f(&R::rack_id, {.name = "rack_id", .versions = wire::Since(11), .ignorable = true});
  }
};

struct ApiVersionsResponse {
  static constexpr wire::Api kApi{.key = 18, .name = "ApiVersions", .valid = {0, 4}, .flexible = 3};
  struct ApiVersion {
    int16_t api_key = 0;
    int16_t min_version = 0;
    int16_t max_version = 0;
    bool operator==(const ApiVersion&) const = default;
    static constexpr void Fields(auto&& f) {
      f(&ApiVersion::api_key, {.name = "api_key"});
      f(&ApiVersion::min_version, {.name = "min_version"});
      f(&ApiVersion::max_version, {.name = "max_version"});
    }
  };
  struct Feature {
    std::string name = {};
    int16_t first = 0;
    int16_t second = 0;
    bool operator==(const Feature&) const = default;
    static constexpr void Fields(auto&& f) {
      f(&Feature::name, {.name = "name"});
      f(&Feature::first, {.name = "min_version"});
      f(&Feature::second, {.name = "max_version"});
    }
  };
  int16_t error_code = 0;
  std::vector<ApiVersion> api_keys = {};
  int32_t throttle_time_ms = 0;
  std::vector<Feature> supported_features = {};
  int64_t finalized_features_epoch = -1;
  std::vector<Feature> finalized_features = {};
  bool zk_migration_ready = false;
  bool operator==(const ApiVersionsResponse&) const = default;
  static constexpr void Fields(auto&& f) {
    using R = ApiVersionsResponse;
    const auto tagged = [](std::string_view name) {
      return wire::Field{.name = name, .versions = wire::Since(3), .ignorable = true};
    };
    f(&R::error_code, {.name = "error_code"});
    f(&R::api_keys, {.name = "api_keys"});
    f(&R::throttle_time_ms, {.name = "throttle_time_ms", .versions = wire::Since(1), .ignorable = true});
    f.Tagged(0, &R::supported_features, tagged("supported_features"));
    f.Tagged(1, &R::finalized_features_epoch, tagged("finalized_features_epoch"));
    f.Tagged(2, &R::finalized_features, tagged("finalized_features"));
    f.Tagged(3, &R::zk_migration_ready, tagged("zk_migration_ready"));
  }
};

struct DescribeTopicPartitionsResponse {
  static constexpr wire::Api kApi{
      .key = 75, .name = "DescribeTopicPartitions", .valid = {0, 0}, .flexible = 0};
  struct Topic {
    int16_t error_code = 0;
    std::optional<std::string> name = std::string();
    TopicId topic_id = {};
    bool is_internal = false;
    std::vector<RequestHeader> partitions = {};  // none in the golden cases
    int32_t topic_authorized_operations = INT32_MIN;
    bool operator==(const Topic&) const = default;
    static constexpr void Fields(auto&& f) {
      f(&Topic::error_code, {.name = "error_code"});
      f(&Topic::name, {.name = "name"});
      f(&Topic::topic_id, {.name = "topic_id"});
      f(&Topic::is_internal, {.name = "is_internal"});
      f(&Topic::partitions, {.name = "partitions"});
      f(&Topic::topic_authorized_operations, {.name = "topic_authorized_operations"});
    }
  };
  struct Cursor {
    std::string topic_name = {};
    int32_t partition_index = 0;
    bool operator==(const Cursor&) const = default;
    static constexpr void Fields(auto&& f) {
      f(&Cursor::topic_name, {.name = "topic_name"});
      f(&Cursor::partition_index, {.name = "partition_index"});
    }
  };
  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics = {};
  std::optional<Cursor> next_cursor = {};
  bool operator==(const DescribeTopicPartitionsResponse&) const = default;
  static constexpr void Fields(auto&& f) {
    using R = DescribeTopicPartitionsResponse;
    f(&R::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&R::topics, {.name = "topics"});
    f(&R::next_cursor, {.name = "next_cursor"});
  }
};

}  // namespace millrace::inline v0::testing

#endif  // MILLRACE_TEST_WIRE_KAFKA_MESSAGES_H_
