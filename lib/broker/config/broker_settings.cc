// The table of the broker's settings. Names, types, defaults and documentation follow Kafka's configuration
// (org.apache.kafka.server.config, SocketServerConfigs, GroupCoordinatorConfig); those of "millrace." are
// not Kafka's.

#include <algorithm>
#include <iterator>

#include "broker/config/broker_configs.h"

namespace millrace::inline v0 {
namespace {

using enum ConfigType;

using Overrides = std::map<std::string, int32_t>;

template <typename T>
using PlaceOf = T& (*)(ServerConfig&);

// A place in a ServerConfig, by the path to it.
#define MILLRACE_PLACE(type, path) PlaceOf<type>([](ServerConfig& config) -> type& { return config.path; })

constexpr BrokerSetting kBrokerSettings[] = {
    {"auto.create.topics.enable", kBoolean, MILLRACE_PLACE(bool, broker.auto_create_topics), "true", 0, 0, "",
     false, "Create a topic that a client asks for and that is not there, if the client agrees."},
    {"broker.rack", kString, MILLRACE_PLACE(std::string, broker.rack), "", 0, 0, "", false,
     "The rack of this broker, as clients are told."},
    {"connections.max.idle.ms", kLong, MILLRACE_PLACE(absl::Duration, listen.connection.idle_timeout),
     "600000", 1, INT64_MAX / 1'000'000, "ms", false,
     "A connection without a byte either way for so long is closed."},
    {"fetch.max.bytes", kInt, MILLRACE_PLACE(int32_t, broker.fetch_max_bytes), "57671680", 1024, INT32_MAX,
     "bytes", false, "The most that one fetch is answered with."},
    {"group.consumer.heartbeat.interval.ms", kInt,
     MILLRACE_PLACE(absl::Duration, engine.group_consumer_heartbeat_interval), "5000", 1, INT32_MAX, "ms",
     false, "How often members of groups of the consumer protocol are told to send a heartbeat."},
    {"group.consumer.max.size", kInt, MILLRACE_PLACE(int32_t, engine.group_consumer_max_size), "2147483647",
     1, INT32_MAX, "", false, "The most members that a group of the consumer protocol may have."},
    {"group.consumer.migration.policy", kString,
     MILLRACE_PLACE(GroupMigrationPolicy, engine.group_consumer_migration_policy), "bidirectional", 0, 0, "",
     false, "Which way groups may change their protocol: disabled, upgrade, downgrade or bidirectional."},
    {"group.consumer.session.timeout.ms", kInt,
     MILLRACE_PLACE(absl::Duration, engine.group_consumer_session_timeout), "45000", 1, INT32_MAX, "ms",
     false, "After so long without a heartbeat a member of a group of the consumer protocol is out."},
    {"group.initial.rebalance.delay.ms", kInt,
     MILLRACE_PLACE(absl::Duration, engine.group_initial_rebalance_delay), "3000", 0, INT32_MAX, "ms", false,
     "How long an empty group waits for more members before its first rebalance."},
    {"group.max.session.timeout.ms", kInt, MILLRACE_PLACE(absl::Duration, engine.group_max_session_timeout),
     "1800000", 1, INT32_MAX, "ms", false, "The longest session time-out a member may ask for."},
    {"group.max.size", kInt, MILLRACE_PLACE(int32_t, engine.group_max_size), "2147483647", 1, INT32_MAX, "",
     false, "The most members that a group may have."},
    {"group.min.session.timeout.ms", kInt, MILLRACE_PLACE(absl::Duration, engine.group_min_session_timeout),
     "6000", 1, INT32_MAX, "ms", false, "The shortest session time-out a member may ask for."},
    {"log.cleaner.dedupe.buffer.size", kLong, MILLRACE_PLACE(uint64_t, engine.cleaner_dedupe_buffer_bytes),
     "134217728", 1024, INT64_MAX, "bytes", false, "Memory for the keys of one round of compaction."},
    {"log.cleaner.io.max.bytes.per.second", kDouble,
     MILLRACE_PLACE(double, engine.cleaner_io_max_bytes_per_second), "1.7976931348623157E308", 1, INT64_MAX,
     "bytes/s", false, "What compaction may read and write in a second."},
    {"log.dirs", kList, MILLRACE_PLACE(std::string, engine.directory), "/tmp/kafka-logs", 0, 0, "", false,
     "The directory of the data; one."},
    {"log.retention.check.interval.ms", kLong,
     MILLRACE_PLACE(absl::Duration, engine.retention_check_interval), "300000", 1, INT64_MAX / 1'000'000,
     "ms", false, "How often it is looked whether records are past their retention."},
    {"max.connections", kInt, MILLRACE_PLACE(int32_t, broker.max_connections), "2147483647", 1, INT32_MAX, "",
     false,
     "Connections that may be open at once on all listeners; one too many is closed. "
     "listener.name.NAME.max.connections limits those of one."},
    {"max.connections.per.ip", kInt, MILLRACE_PLACE(int32_t, broker.max_connections_per_ip), "2147483647", 0,
     INT32_MAX, "", false, "Connections that may be open at once from one address; one too many is closed."},
    {"max.connections.per.ip.overrides", kString,
     MILLRACE_PLACE(Overrides, broker.max_connections_per_ip_overrides), "", 0, INT32_MAX, "", false,
     "Addresses with another number of connections than max.connections.per.ip, as 127.0.0.1:100,::1:5."},
    {"max.incremental.fetch.session.cache.slots", kInt, MILLRACE_PLACE(int32_t, broker.fetch_sessions_max),
     "1000", 0, INT32_MAX, "", false, "Fetch sessions that are kept at once; 0: none."},
    {"millrace.frame.timeout.ms", kLong, MILLRACE_PLACE(absl::Duration, listen.connection.frame_timeout),
     "60000", 1, INT64_MAX / 1'000'000, "ms", false,
     "A request must have come whole so long after its first byte, or its connection is closed."},
    {"millrace.max.disk.bytes", kLong, MILLRACE_PLACE(uint64_t, engine.budgets.disk_bytes),
     "9223372036854775807", 1, INT64_MAX, "bytes", false,
     "The most that all topics together may take on disk; appends beyond it are refused."},
    {"millrace.max.groups", kInt, MILLRACE_PLACE(int32_t, engine.budgets.groups), "1000000", 1, INT32_MAX, "",
     false, "The most groups there may be; more are refused."},
    {"millrace.max.memory.bytes", kLong, MILLRACE_PLACE(uint64_t, engine.budgets.memory_bytes), "536870912",
     1 << 20, INT64_MAX, "bytes", false, "Memory for buffers, indexes and tables of the engine."},
    {"millrace.max.partitions", kInt, MILLRACE_PLACE(int32_t, engine.budgets.partitions), "1000000", 1,
     INT32_MAX, "", false, "The most partitions there may be; more are refused."},
    {"millrace.max.producer.ids", kInt, MILLRACE_PLACE(int32_t, engine.budgets.producer_ids), "1000000", 1,
     INT32_MAX, "", false,
     "Idempotent producers that all partitions together remember; the longest silent are forgotten for new "
     "ones."},
    {"millrace.max.topics", kInt, MILLRACE_PLACE(int32_t, engine.budgets.topics), "2147483647", 1, INT32_MAX,
     "", false, "The most topics there may be; more are refused."},
    {"millrace.metrics.listener", kString, MILLRACE_PLACE(std::string, metrics_address), "", 0, 0, "", false,
     "Where metrics are served, as host:port; empty: nowhere."},
    {"node.id", kInt, MILLRACE_PLACE(int32_t, broker.node_id), "1", 0, INT32_MAX, "", false,
     "The number of this broker."},
    {"num.network.threads", kInt, MILLRACE_PLACE(int32_t, network_threads), "3", 1, 1024, "", false,
     "Threads that serve connections."},
    {"num.partitions", kInt, MILLRACE_PLACE(int32_t, engine.num_partitions), "1", 1, INT32_MAX, "", false,
     "Partitions of a topic that is created without saying how many."},
    {"offset.metadata.max.bytes", kInt, MILLRACE_PLACE(int32_t, engine.offset_metadata_max_bytes), "4096", 0,
     INT32_MAX, "bytes", false, "The longest text that may be kept with a committed offset."},
    {"offsets.retention.minutes", kInt, MILLRACE_PLACE(absl::Duration, engine.offsets_retention), "10080", 1,
     INT32_MAX, "minutes", false, "How long the offsets of an empty group are kept."},
    {"offsets.topic.num.partitions", kInt, MILLRACE_PLACE(int32_t, engine.offsets_topic_num_partitions), "50",
     1, INT32_MAX, "", false, "Partitions of __consumer_offsets, when it is first made."},
    {"producer.id.expiration.ms", kInt, MILLRACE_PLACE(absl::Duration, engine.producer_id_expiration),
     "86400000", 1, INT32_MAX, "ms", false,
     "An idempotent producer that was silent for so long is forgotten."},
    {"queued.max.request.bytes", kLong, MILLRACE_PLACE(int64_t, broker.queued_request_bytes_max), "536870912",
     -1, INT64_MAX, "bytes", false,
     "While requests of so many bytes were not answered, nothing more is read from any connection; -1 or 0: "
     "no limit, as by default in Kafka."},
    {"socket.request.max.bytes", kInt, MILLRACE_PLACE(int32_t, listen.connection.max_frame_bytes),
     "104857600", 1, INT32_MAX, "bytes", false, "A larger request ends its connection."},
};
static_assert(std::ranges::is_sorted(kBrokerSettings, {}, &BrokerSetting::name));

#undef MILLRACE_PLACE

constexpr TopicSetting kTopicSettings[] = {
    {"cleanup.policy", kList, "log.cleanup.policy", "What happens to old records: delete, compact, or both."},
    {"compression.gzip.level", kInt, "compression.gzip.level", "The level where compression.type is gzip."},
    {"compression.lz4.level", kInt, "compression.lz4.level", "The level where compression.type is lz4."},
    {"compression.type", kString, "compression.type", "The codec of stored batches; producer: as they come."},
    {"compression.zstd.level", kInt, "compression.zstd.level", "The level where compression.type is zstd."},
    {"delete.retention.ms", kLong, "log.cleaner.delete.retention.ms",
     "How long a tombstone stays readable after it was compacted."},
    {"durability", kString, "millrace.durability",
     "What an acknowledgement means: process, interval or power-loss. Not Kafka's."},
    {"file.delete.delay.ms", kLong, "log.segment.delete.delay.ms", "How long a deleted file lingers."},
    {"flush.messages", kLong, "log.flush.interval.messages",
     "With durability=interval: flush after so many records."},
    {"flush.ms", kLong, "log.flush.interval.ms",
     "With durability=interval: flush so long after the first unflushed record."},
    {"index.interval.bytes", kInt, "log.index.interval.bytes", "One index entry for about so much of log."},
    {"max.compaction.lag.ms", kLong, "log.cleaner.max.compaction.lag.ms",
     "The age at which a record is compacted in any case."},
    {"max.message.bytes", kInt, "message.max.bytes", "The largest batch that is accepted."},
    {"message.timestamp.after.max.ms", kLong, "log.message.timestamp.after.max.ms",
     "A record stamped further in the future is refused."},
    {"message.timestamp.before.max.ms", kLong, "log.message.timestamp.before.max.ms",
     "A record stamped further in the past is refused."},
    {"message.timestamp.type", kString, "log.message.timestamp.type",
     "Whose timestamp a record has: CreateTime or LogAppendTime."},
    {"min.cleanable.dirty.ratio", kDouble, "log.cleaner.min.cleanable.ratio",
     "The share of uncompacted bytes that starts a cleaning."},
    {"min.compaction.lag.ms", kLong, "log.cleaner.min.compaction.lag.ms", "The youngest age to compact."},
    {"min.insync.replicas", kInt, "min.insync.replicas",
     "Replicas that must have an append before acks=all is answered."},
    {"preallocate", kBoolean, "log.preallocate", "Allocate a whole segment when it is created."},
    {"retention.bytes", kLong, "log.retention.bytes",
     "Old segments are deleted while the partition stays at least this large; -1: never for their size."},
    {"retention.ms", kLong, "log.retention.ms",
     "A segment whose newest record is older is deleted; -1: never for its age."},
    {"segment.bytes", kInt, "log.segment.bytes", "A segment ends when it would pass this size."},
    {"segment.index.bytes", kInt, "log.index.size.max.bytes",
     "A segment ends when its index would pass this size."},
    {"segment.jitter.ms", kLong, "log.roll.jitter.ms", "A random part of this is taken off segment.ms."},
    {"segment.ms", kLong, "log.roll.ms", "A segment ends when its first record is this old."},
};
static_assert(std::ranges::is_sorted(kTopicSettings, {}, &TopicSetting::name));

constexpr int64_t kMinute = 60'000;
constexpr int64_t kHour = 60 * kMinute;
constexpr SettingAlias kAliases[] = {
    {"broker.id", "node.id", 1, 0},
    {"log.dir", "log.dirs", 1, 0},
    {"log.retention.hours", "log.retention.ms", kHour, 0},
    {"log.retention.minutes", "log.retention.ms", kMinute, 1},
    {"log.roll.hours", "log.roll.ms", kHour, 0},
    {"log.roll.jitter.hours", "log.roll.jitter.ms", kHour, 0},
};

constexpr std::string_view kController =
    "has no effect: a single node is its own controller, and opens no listener for it";
constexpr std::string_view kOneNode = "has no effect: there is a single node, and so one replica";
constexpr std::string_view kOwnWay = "has no effect: millrace does this in its own way";
constexpr std::string_view kNotYet = "has no effect: there is no TLS, SASL or authorization yet";
// Those that end with '*' stand for all that begin so; the first that fits counts.
constexpr NotedSetting kNoted[] = {
    {"controller.*", kController},
    {"metadata.log.*", kController},
    {"metadata.max.*", kController},
    {"default.replication.factor", kOneNode},
    {"offsets.topic.replication.factor", kOneNode},
    {"transaction.state.log.*", kOneNode},
    {"share.coordinator.state.topic.*", kOneNode},
    {"replica.*", kOneNode},
    {"num.replica.fetchers", kOneNode},
    {"inter.broker.listener.name", kOneNode},
    {"security.inter.broker.protocol", kOneNode},
    {"unclean.leader.election.enable", kOneNode},
    {"ssl.*", kNotYet},
    {"sasl.*", kNotYet},
    {"super.users", kNotYet},
    {"num.io.threads", kOwnWay},
    {"num.recovery.threads.per.data.dir", kOwnWay},
    {"background.threads", kOwnWay},
    {"socket.send.buffer.bytes", kOwnWay},
    {"socket.receive.buffer.bytes", kOwnWay},
    {"socket.listen.backlog.size", kOwnWay},
    {"queued.max.requests", kOwnWay},
    {"log.flush.scheduler.interval.ms", kOwnWay},
    {"log.flush.offset.checkpoint.interval.ms", kOwnWay},
    {"log.cleaner.enable", kOwnWay},
    {"log.cleaner.threads", kOwnWay},
    {"log.cleaner.io.buffer.size", kOwnWay},
    {"log.cleaner.backoff.ms", kOwnWay},
    {"group.coordinator.*", kOwnWay},
    {"offsets.*", kOwnWay},
};

}  // namespace

std::span<const BrokerSetting> BrokerSettings() {
  return kBrokerSettings;
}

const BrokerSetting* FindBrokerSetting(std::string_view name) {
  const auto* const found = std::ranges::lower_bound(kBrokerSettings, name, {}, &BrokerSetting::name);
  return found != std::end(kBrokerSettings) && found->name == name ? found : nullptr;
}

std::span<const TopicSetting> TopicSettings() {
  return kTopicSettings;
}

const TopicSetting* FindTopicSetting(std::string_view name) {
  const auto* const found = std::ranges::lower_bound(kTopicSettings, name, {}, &TopicSetting::name);
  return found != std::end(kTopicSettings) && found->name == name ? found : nullptr;
}

const TopicSetting* FindTopicSettingByBrokerName(std::string_view broker_name) {
  const auto* const found = std::ranges::find(kTopicSettings, broker_name, &TopicSetting::broker_name);
  return found != std::end(kTopicSettings) ? found : nullptr;
}

std::span<const SettingAlias> SettingAliases() {
  return kAliases;
}

const NotedSetting* FindNotedSetting(std::string_view name) {
  const auto* const found = std::ranges::find_if(kNoted, [&](const NotedSetting& noted) {
    if (!noted.name.ends_with('*')) return noted.name == name;
    return name.starts_with(noted.name.substr(0, noted.name.size() - 1));
  });
  return found != std::end(kNoted) ? found : nullptr;
}

}  // namespace millrace::inline v0
