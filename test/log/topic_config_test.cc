#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "millrace/status.h"
#include "millrace/topic.h"

namespace millrace {
namespace {

absl::Status SetAndValidate(std::string_view name, std::string_view value) {
  TopicConfig config;
  const absl::Status status = config.Set(name, value);
  return status.ok() ? config.Validate() : status;
}

TEST_CASE("The defaults are valid and Kafka's") {
  const TopicConfig config;
  CHECK(config.Validate().ok());
  CHECK(config.Overrides().empty());
  const std::pair<std::string_view, std::string_view> want[] = {{"cleanup.policy", "delete"},
                                                                {"compression.type", "producer"},
                                                                {"delete.retention.ms", "86400000"},
                                                                {"file.delete.delay.ms", "60000"},
                                                                {"flush.messages", "9223372036854775807"},
                                                                {"index.interval.bytes", "4096"},
                                                                {"max.message.bytes", "1048588"},
                                                                {"message.timestamp.type", "CreateTime"},
                                                                {"min.cleanable.dirty.ratio", "0.5"},
                                                                {"preallocate", "false"},
                                                                {"retention.ms", "604800000"},
                                                                {"segment.bytes", "1073741824"},
                                                                {"segment.index.bytes", "10485760"},
                                                                {"durability", "process"}};
  for (const auto& [name, value] : want) {
    CAPTURE(std::string(name));
    CHECK(config.Get(name) == std::string(value));
  }
  CHECK(std::ranges::is_sorted(TopicConfig::Names()));
}

TEST_CASE("Every field goes through its text and back") {
  const std::pair<std::string_view, std::string_view> values[] = {{"cleanup.policy", "compact,delete"},
                                                                  {"compression.gzip.level", "3"},
                                                                  {"compression.lz4.level", "17"},
                                                                  {"compression.type", "zstd"},
                                                                  {"compression.zstd.level", "-7"},
                                                                  {"delete.retention.ms", "1"},
                                                                  {"durability", "power-loss"},
                                                                  {"file.delete.delay.ms", "0"},
                                                                  {"flush.messages", "10"},
                                                                  {"flush.ms", "11"},
                                                                  {"index.interval.bytes", "0"},
                                                                  {"max.compaction.lag.ms", "12"},
                                                                  {"max.message.bytes", "13"},
                                                                  {"message.timestamp.after.max.ms", "14"},
                                                                  {"message.timestamp.before.max.ms", "15"},
                                                                  {"message.timestamp.type", "LogAppendTime"},
                                                                  {"min.cleanable.dirty.ratio", "0.25"},
                                                                  {"min.compaction.lag.ms", "5"},
                                                                  {"min.insync.replicas", "2"},
                                                                  {"preallocate", "true"},
                                                                  {"retention.bytes", "16"},
                                                                  {"retention.ms", "-1"},
                                                                  {"segment.bytes", "1024"},
                                                                  {"segment.index.bytes", "12"},
                                                                  {"segment.jitter.ms", "17"},
                                                                  {"segment.ms", "18"}};
  TopicConfig config;
  for (const auto& [name, value] : values) {
    CAPTURE(std::string(name));
    CHECK(config.Set(name, value).ok());
    CHECK(config.Get(name) == std::string(value));
  }
  CHECK(std::size(values) == TopicConfig::Names().size());
  CHECK(config.Validate().ok());
  TopicConfig again;
  const auto overrides = config.Overrides();
  CHECK(overrides.size() == std::size(values));
  for (const auto& [name, value] : overrides) CHECK(again.Set(name, value).ok());
  CHECK(again == config);
}

TEST_CASE("Values of the wrong type or out of range are refused with a name") {
  const std::pair<std::string_view, std::string_view> bad[] = {{"segment.bytes", "1023"},
                                                               {"segment.bytes", "2147483648"},
                                                               {"segment.bytes", "1e9"},
                                                               {"segment.bytes", ""},
                                                               {"segment.ms", "0"},
                                                               {"segment.index.bytes", "11"},
                                                               {"retention.ms", "-2"},
                                                               {"retention.bytes", "-2"},
                                                               {"flush.messages", "0"},
                                                               {"flush.ms", "-1"},
                                                               {"max.message.bytes", "2147483648"},
                                                               {"min.cleanable.dirty.ratio", "1.01"},
                                                               {"min.cleanable.dirty.ratio", "nan"},
                                                               {"min.cleanable.dirty.ratio", "-0.1"},
                                                               {"cleanup.policy", "delete,shred"},
                                                               {"compression.type", "none"},
                                                               {"compression.gzip.level", "0"},
                                                               {"compression.gzip.level", "10"},
                                                               {"compression.lz4.level", "0"},
                                                               {"compression.zstd.level", "23"},
                                                               {"message.timestamp.type", "createtime"},
                                                               {"preallocate", "1"},
                                                               {"durability", "ram"},
                                                               {"min.insync.replicas", "0"},
                                                               {"max.compaction.lag.ms", "0"}};
  for (const auto& [name, value] : bad) {
    CAPTURE(std::string(name), std::string(value));
    const absl::Status status = SetAndValidate(name, value);
    CHECK(ErrorCodeOf(status) == ErrorCode::kInvalidConfig);
    CHECK(std::string(status.message()).find(name) != std::string::npos);
  }
  CHECK(ErrorCodeOf(SetAndValidate("no.such.name", "1")) == ErrorCode::kInvalidConfig);
  CHECK(!TopicConfig().Get("no.such.name").has_value());
  CHECK(SetAndValidate("segment.bytes", " 2048 ").ok());
  CHECK(SetAndValidate("preallocate", "TRUE").ok());
  TopicConfig config{.min_compaction_lag_ms = 10, .max_compaction_lag_ms = 9};
  CHECK(!config.Validate().ok());
  config = {.durability = static_cast<Durability>(9)};
  CHECK(!config.Validate().ok());
  // What could not be set leaves the old value.
  config = {};
  CHECK(!config.Set("cleanup.policy", "compact,x").ok());
  CHECK(config == TopicConfig());
}

TEST_CASE("Topic names follow Kafka's rules") {
  for (const std::string good : {"a", "A-z_0.9", "...", "__consumer_offsets"})
    CHECK(ValidateTopicName(good).ok());
  CHECK(ValidateTopicName(std::string(249, 'x')).ok());
  for (const std::string bad : {"", ".", "..", "a/b", "a b", "\xc3\xa4", "a\n"}) {
    CAPTURE(bad);
    CHECK(ErrorCodeOf(ValidateTopicName(bad)) == ErrorCode::kInvalidTopicException);
  }
  CHECK(!ValidateTopicName(std::string(250, 'x')).ok());
  CHECK(!ValidateTopicName(std::string("a\0b", 3)).ok());
}

}  // namespace
}  // namespace millrace
