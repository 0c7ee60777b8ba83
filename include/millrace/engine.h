// Engine: Kafka in this process. Topics, producers, consumers and consumer groups over one directory, with no
// server.
//
//   auto engine = millrace::Engine::Open({.directory = "events"});
//   (*engine)->CreateTopic("orders", {.partitions = 4}).IgnoreError();
//   auto producer = (*engine)->NewProducer();
//   (*producer)->Send("orders", {.key = "42", .value = "paid"}).IgnoreError();
//
// An engine is a guest: no signal handlers, no globals, no output, no threads but its executor's, and budgets
// for what it takes. Many engines live side by side in one process.
//
// Fork: an engine belongs to the process that opened it. In a child its mappings are gone (MADV_DONTFORK);
// the child must neither use nor destroy it, and may open other engines of its own, or this directory
// read-only.

#ifndef MILLRACE_ENGINE_H_
#define MILLRACE_ENGINE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "millrace/admin.h"
#include "millrace/consumer.h"
#include "millrace/env/env.h"
#include "millrace/export.h"
#include "millrace/log/log.h"
#include "millrace/metrics.h"
#include "millrace/producer.h"
#include "millrace/topic.h"

namespace millrace::inline v0 {

class Replicator;

// Who runs the background work.
enum class Threading : uint8_t {
  // Env::executor, or an executor of the engine's own whose threads start with the first task. The default.
  kExecutor,
  // Nobody but the host: nothing happens in the background, the host calls RunOnce() from its own loop. Calls
  // that wait (Consumer::Poll, Producer::Flush, CommitSync, ...) run what is due meanwhile, so a program that
  // has nothing else to do may simply block. Env::executor must be null.
  kHostDriven,
};

// Limits on what the engine takes from its host. It stays inside them by closing what is idle; where that is
// not enough, the call that needs more fails with kResourceExhausted and says which limit it met.
struct Budgets {
  // File descriptors and memory mappings held at once.
  int32_t descriptors = 4096;
  int32_t mappings = 16384;
  // Memory of the engine's own: buffers, indexes, tables (not the page cache under its mappings).
  uint64_t memory_bytes = uint64_t{512} << 20;
  // Bytes on disk, all topics together; UINT64_MAX: what the disk has. Appends beyond it are refused until
  // retention frees some.
  uint64_t disk_bytes = UINT64_MAX;
  // Partitions, and topics; more are refused with kPolicyViolation.
  int32_t partitions = 1'000'000;
  int32_t topics = INT32_MAX;
  // Consumer groups with members or committed offsets; a request that would make one more is refused with
  // kPolicyViolation. Those that are in the log are all read.
  int32_t groups = 1'000'000;
  // Idempotent producers that partitions remember, all partitions together, at about 200 bytes each; the ones
  // that were silent longest are forgotten for new ones. One that is forgotten may go on, but its retries are
  // no longer recognized. Each partition remembers one in any case.
  int32_t producer_ids = 1'000'000;
};

struct EngineOptions {
  // Where the data lives; created if missing. Empty: in memory alone, gone with the engine.
  std::string directory = {};
  // Null members: the system's.
  Env env = {};
  Threading threading = Threading::kExecutor;
  FileBackend backend = FileBackend::kMapped;
  // Open a directory that another process is writing: topics, consumers without groups and Assign work,
  // changes are refused.
  bool read_only = false;
  Budgets budgets = {};
  // A producer or consumer that names an unknown topic creates it with the default config
  // ("auto.create.topics.enable", on in Kafka, off here: a typing error should not make a topic).
  bool auto_create_topics = false;
  // For those ("num.partitions").
  int32_t num_partitions = 1;
  // Defaults for every topic that does not say otherwise when it is created: for each field in which
  // TopicOptions::config has Kafka's default. (To give a topic Kafka's default where this one differs, set it
  // with Admin::AlterTopicConfig.) Topics that are there keep what they have.
  TopicConfig topic_defaults = {};
  // Survival of topic creations, config changes and committed offsets: with kPowerLoss each is flushed before
  // it is answered.
  Durability registry_durability = Durability::kProcess;

  // Consumer groups: partitions of __consumer_offsets ("offsets.topic.num.partitions", 50 in Kafka; set when
  // it is first made), how long an empty group's offsets are kept ("offsets.retention.minutes"), bounds of
  // session time-outs, the wait for more members at the start of a group ("group.initial.rebalance.delay.ms",
  // 3000 in Kafka; in one process members come at once).
  int32_t offsets_topic_num_partitions = 4;
  absl::Duration offsets_retention = absl::Hours(7 * 24);
  absl::Duration group_min_session_timeout = absl::Seconds(6);
  absl::Duration group_max_session_timeout = absl::Minutes(30);
  absl::Duration group_initial_rebalance_delay = absl::ZeroDuration();
  int32_t group_max_size = INT32_MAX;
  // Groups of the consumer protocol (KIP-848): after how long without a heartbeat a member is out
  // ("group.consumer.session.timeout.ms"), how often members are told to send one
  // ("group.consumer.heartbeat.interval.ms"), how many there may be, and whether groups change from one
  // protocol to the other while their members do ("group.consumer.migration.policy").
  absl::Duration group_consumer_session_timeout = absl::Seconds(45);
  absl::Duration group_consumer_heartbeat_interval = absl::Seconds(5);
  int32_t group_consumer_max_size = INT32_MAX;
  GroupMigrationPolicy group_consumer_migration_policy = GroupMigrationPolicy::kBidirectional;
  int32_t offset_metadata_max_bytes = 4096;

  // How often retention is looked at ("log.retention.check.interval.ms"), and the cleaner's pace
  // ("log.cleaner.io.max.bytes.per.second").
  absl::Duration retention_check_interval = absl::Minutes(5);
  double cleaner_io_max_bytes_per_second = 1e18;
  // An idempotent producer that was silent for so long is forgotten ("producer.id.expiration.ms").
  absl::Duration producer_id_expiration = absl::Hours(24);
  uint64_t cleaner_dedupe_buffer_bytes = uint64_t{128} << 20;

  // Partitions, and offsets of groups, that have metrics of their own (size, offsets, lag); of the rest only
  // the topics and groups have. Each costs some 400 bytes of text when metrics are asked for.
  int32_t metrics_partitions_max = 10'000;

  // Borrowed; null: every append commits at once.
  Replicator* replicator = nullptr;

  // OK, or kInvalidConfig saying which field and why.
  MILLRACE_EXPORT absl::Status Validate() const;
};

// What Open found.
struct EngineReport {
  RecoveryReport::Shutdown shutdown = RecoveryReport::Shutdown::kClean;
  // Of those partitions for which there is something to say.
  std::map<TopicPartition, RecoveryReport> partitions = {};
  std::vector<std::string> notes = {};
};

// Thread-safe. Producers, consumers, and logs of PartitionLog must be destroyed before it.
class MILLRACE_EXPORT Engine {
 public:
  // Opens `options.directory`. kFailedPrecondition: another process (named in the message) has it open.
  // kUnimplemented: a newer format. kInvalidArgument: an option, or a directory that holds something else.
  // kPermissionDenied, kResourceExhausted: as the system says. A failed Open changes nothing.
  static absl::StatusOr<std::unique_ptr<Engine>> Open(EngineOptions options, EngineReport* report = nullptr);

  // Close(infinite).
  virtual ~Engine() = default;

  // kInvalidConfig: see the options' Validate. kFailedPrecondition: the engine is closed, or read-only (of a
  // consumer: where it names a group). kInvalidSessionTimeout: outside the engine's bounds.
  virtual absl::StatusOr<std::unique_ptr<Producer>> NewProducer(ProducerOptions options = {}) = 0;
  virtual absl::StatusOr<std::unique_ptr<Consumer>> NewConsumer(ConsumerOptions options = {}) = 0;
  // Borrowed: lives as long as the engine.
  virtual Admin& admin() = 0;

  // The commonest of Admin's, for short.
  absl::Status CreateTopic(std::string_view name, const TopicOptions& options = {}) {
    return admin().CreateTopic(name, options).status();
  }
  absl::Status DeleteTopic(std::string_view name) { return admin().DeleteTopic(name); }

  // One partition's log, for those who build on it: to compact it now, say. Not to be closed.
  // kUnknownTopicOrPartition.
  virtual absl::StatusOr<std::shared_ptr<Log>> PartitionLog(const TopicPartition& partition) = 0;

  // Everything the engine counts; `Snapshot().ToPrometheus()` gives Prometheus' text.
  virtual MetricsRegistry& metrics() = 0;

  // Host-driven engines: does what is due, at most `tasks_max` tasks; returns how many ran. Others return 0,
  // and so does a call while another thread, or a task below on this one, is inside.
  virtual size_t RunOnce(size_t tasks_max = SIZE_MAX) = 0;
  // When RunOnce has something to do, on Env::clock's Monotonic(): for the host's poll time-out. In the past
  // if something is due; kNever if nothing is planned. A call from another thread (a Send, a commit) may plan
  // something earlier: it does not wake the host's poll.
  virtual MonotonicNanos NextDue() = 0;

  // Appends what lingers in producers; they and consumers get kFailedPrecondition from now on. Flushes and
  // closes every log, stops and joins everything, and leaves nothing behind. kDeadlineExceeded: the time did
  // not suffice to close all logs cleanly; the rest is closed as a killed process would leave it (nothing
  // acknowledged is lost; the next Open repairs). Idempotent.
  virtual absl::Status Close(absl::Duration deadline = absl::InfiniteDuration()) = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENGINE_H_
