// TopicRegistry: the topics of an engine: names, ids, configs and partition counts, kept in
// `millrace.topics`, which is the authority on them.

#ifndef MILLRACE_PARTITION_TOPIC_REGISTRY_H_
#define MILLRACE_PARTITION_TOPIC_REGISTRY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "millrace/admin.h"
#include "millrace/export.h"
#include "millrace/topic.h"
#include "millrace/types.h"
#include "partition/partition.h"

namespace millrace::inline v0 {

// Topic: one topic while it exists, and what is left of it after (holders see deleted()). Thread-safe. Owned
// by shared_ptr. Partitions are made when they are first asked for.
class MILLRACE_EXPORT Topic {
 public:
  Topic(const PartitionContext* context, std::string name, TopicId id, bool internal, int32_t partitions,
        std::shared_ptr<const TopicConfig> config);

  const std::string& name() const { return name_; }
  TopicId id() const { return id_; }
  bool internal() const { return internal_; }
  int32_t partition_count() const { return count_.load(std::memory_order_acquire); }
  // Rises with every change: config, partitions, deletion. For those who cache what follows from them.
  uint32_t version() const { return version_.load(std::memory_order_acquire); }
  bool deleted() const { return deleted_.load(std::memory_order_acquire); }
  std::shared_ptr<const TopicConfig> config() const;

  // kUnknownTopicOrPartition: no such partition, or the topic was deleted.
  absl::StatusOr<std::shared_ptr<Partition>> partition(PartitionId id);
  // Null if nobody has asked for it yet.
  std::shared_ptr<Partition> partition_if_used(PartitionId id) const;

 private:
  friend class TopicRegistry;

  void SetPartitionCount(int32_t count);
  absl::Status SetConfig(const std::shared_ptr<const TopicConfig>& config);
  absl::Status Delete();
  // Deleted by another process: as Delete, but its files are not ours.
  void Forget();
  void Detach();
  std::vector<std::shared_ptr<Partition>> Used() const;

  const PartitionContext* const context_;
  const std::string name_;
  const TopicId id_;
  const bool internal_;
  std::atomic<int32_t> count_;
  std::atomic<uint32_t> version_ = 0;
  std::atomic<bool> deleted_ = false;
  mutable Mutex mutex_;
  std::shared_ptr<const TopicConfig> config_ ABSL_GUARDED_BY(mutex_);
  // Grown as needed; null where nobody has asked.
  std::vector<std::shared_ptr<Partition>> partitions_ ABSL_GUARDED_BY(mutex_);
};

// Told when topics are created or deleted or get partitions. Called without a lock held, in the thread that
// made the change; must be quick (wake a poller).
class TopicListener {
 public:
  virtual ~TopicListener() = default;
  virtual void OnTopicsChanged() = 0;
};

class RecordFile;
struct TopicsState;

// Thread-safe. Lock order: change_mutex_ (one change at a time, held over the disk) -> mutex_ (the maps)
// -> Topic::mutex_ -> Partition::mutex_.
class MILLRACE_EXPORT TopicRegistry {
 public:
  struct Options {
    // Of the engine. The file is `<directory>/millrace.topics`.
    std::string directory = {};
    // Borrowed: of what the partitions are made of; must outlive the registry and all topics.
    const PartitionContext* context = nullptr;
    bool read_only = false;
    // kPowerLoss: each change is flushed before it is answered.
    Durability durability = Durability::kProcess;
    int32_t partitions_max = 1'000'000;
    // Those that the engine makes for itself are made all the same.
    int32_t topics_max = INT32_MAX;
  };
  // Creations, and growths, that these limits have refused.
  struct Refusals {
    std::atomic<int64_t> topics = 0;
    std::atomic<int64_t> partitions = 0;
  };

  // What to create; options were validated by nobody yet.
  struct Spec {
    std::string name = {};
    int32_t partitions = 1;
    TopicConfig config = {};
    bool internal = false;
  };

  // Reads `millrace.topics`, making it if it is missing (not when read-only). A torn tail is cut; damage
  // before it is kDataLoss: topics are not guessed. kUnimplemented: a newer format. `notes` gets a line for
  // each thing done.
  static absl::StatusOr<std::unique_ptr<TopicRegistry>> Open(Options options,
                                                             std::vector<std::string>* notes = nullptr);
  ~TopicRegistry();

  // --- Look up
  // Null if there is none. A hash look-up under a short lock.
  std::shared_ptr<Topic> Find(std::string_view name) const;
  std::shared_ptr<Topic> Find(TopicId id) const;
  // Sorted by name.
  std::vector<std::shared_ptr<Topic>> All() const;
  // The id of the topic of that name of which the file said, when it was opened, that it was deleted: what is
  // still there of it may go. Of other names nothing is known.
  std::optional<TopicId> DeletedAs(std::string_view name) const {
    const auto found = deleted_.find(name);
    return found == deleted_.end() ? std::nullopt : std::optional(found->second);
  }
  // Rises when topics are created, deleted or grow: a cheap "has anything changed?" for pollers.
  uint64_t changes() const { return changes_.load(std::memory_order_acquire); }
  void AddListener(TopicListener* listener);
  // When it returns, the listener is not being called and will not be.
  void RemoveListener(TopicListener* listener);

  // --- Change. All but the last fail with kFailedPrecondition when read-only, and with what the disk says;
  // the topics are then as before.
  // One write, and one sync where asked for, for all of them. One result for each, in order. `validate_only`:
  // says what would come of it, with an id of zeros, and changes nothing.
  std::vector<absl::StatusOr<TopicId>> Create(const std::vector<Spec>& specs, bool validate_only = false);
  // The topic is gone on return; its files go in the background or with the next Open.
  absl::Status Delete(std::string_view name);
  // `validate_only`: as in Create.
  absl::Status AddPartitions(std::string_view name, int32_t partitions, bool validate_only = false);
  absl::Status AlterConfig(std::string_view name, const std::vector<ConfigChange>& changes,
                           const TopicConfig& defaults);
  // A producer id never given out before, by this engine or an earlier one over the directory.
  absl::StatusOr<ProducerId> NewProducerId();
  // Makes every change so far survive a power loss.
  absl::Status Sync();
  // Read-only: takes over what the writing process has changed since. Others: nothing.
  absl::Status Refresh();
  // The file as it would be written anew, for a copy of the engine.
  absl::Status WriteCopy(std::string_view directory) const;

  // Detaches every partition from replicator and readers; no change is possible after it. Idempotent.
  absl::Status Close();
  const Refusals& refusals() const { return refusals_; }

 private:
  explicit TopicRegistry(Options options);

  // One record to be written.
  struct Change {
    uint8_t type;
    std::vector<std::byte> payload;
  };

  absl::Status Load(std::vector<std::string>* notes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);
  absl::Status CheckWritable() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);
  // Writes the records, and syncs them where asked for. On failure nothing of them counts.
  absl::Status Write(const std::vector<Change>& changes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);
  // Replaces the file by what is so.
  absl::Status Rewrite() ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);
  void Reconcile(const TopicsState& state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);
  absl::Status CheckNew(const Spec& spec, const StringSet& in_batch, int64_t partitions) const;
  absl::Status CheckPartitionBudget(std::string_view topic, int64_t added) const;
  void Grow(Topic* topic, int32_t partitions);
  size_t topic_count() const;
  std::shared_ptr<Topic> MakeTopic(const Spec& spec, TopicId id);
  TopicId NewTopicId() const;
  void Publish(std::shared_ptr<Topic> topic);
  void Unpublish(const Topic& topic);
  void Notify();
  std::shared_ptr<const TopicConfig> Share(const TopicConfig& config);

  const Options options_;
  mutable Refusals refusals_;
  std::atomic<uint64_t> changes_ = 0;

  // Fixed at Open.
  std::map<std::string, TopicId, std::less<>> deleted_;
  mutable Mutex change_mutex_;
  std::unique_ptr<RecordFile> file_ ABSL_GUARDED_BY(change_mutex_);
  // A write failed: the file is written anew before the next change.
  bool broken_ ABSL_GUARDED_BY(change_mutex_) = false;
  // About how many records the file holds.
  int64_t records_ ABSL_GUARDED_BY(change_mutex_) = 0;
  // Read-only: length and time of the file as last read.
  std::pair<uint64_t, int64_t> seen_ ABSL_GUARDED_BY(change_mutex_) = {};
  bool closed_ ABSL_GUARDED_BY(change_mutex_) = false;
  int64_t next_producer_id_ ABSL_GUARDED_BY(change_mutex_) = 0;
  int64_t reserved_producer_id_ ABSL_GUARDED_BY(change_mutex_) = 0;

  mutable Mutex mutex_ ABSL_ACQUIRED_AFTER(change_mutex_);
  StringMap<std::shared_ptr<Topic>> by_name_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<TopicId, std::shared_ptr<Topic>> by_id_ ABSL_GUARDED_BY(mutex_);
  int64_t partitions_ ABSL_GUARDED_BY(mutex_) = 0;
  // The config most topics have, kept once.
  std::shared_ptr<const TopicConfig> common_config_ ABSL_GUARDED_BY(mutex_);

  Mutex listeners_mutex_ ABSL_ACQUIRED_AFTER(change_mutex_);
  std::vector<TopicListener*> listeners_ ABSL_GUARDED_BY(listeners_mutex_);
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_PARTITION_TOPIC_REGISTRY_H_
