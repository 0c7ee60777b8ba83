// ConsumerGroupStep: what a step of the coordinator does to a group of the consumer protocol.

#ifndef MILLRACE_COORDINATOR_CONSUMER_GROUP_STEP_H_
#define MILLRACE_COORDINATOR_CONSUMER_GROUP_STEP_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coordinator/consumer_group.h"
#include "coordinator/topic_catalog.h"

namespace millrace::inline v0 {

// The name of the one that most members ask for; of equals the first by name; the default if none asks.
std::string_view PreferredAssignor(const ConsumerGroup& group);

// After Kafka's GroupMetadataManager, TargetAssignmentBuilder and CurrentAssignmentBuilder. Nothing changes
// until the records are replayed.
class ConsumerGroupStep {
 public:
  // All borrowed. `catalog` null: there are no topics.
  ConsumerGroupStep(const ConsumerGroup& base, const TopicCatalog* catalog, int64_t wall_ms)
      : draft_(base), catalog_(catalog), wall_ms_(wall_ms) {}

  const ConsumerGroup& group() const { return draft_.group(); }
  ConsumerGroupDraft& draft() { return draft_; }

  // A member that comes or says something else of itself. Notes whether the partitions must be shared out
  // anew.
  void PutMember(const std::string& id, const ConsumerGroupMemberMetadataValue& metadata);
  // What it owns, as it is in `member`.
  void PutCurrent(const ConsumerGroupMember& member);
  void PutTarget(const std::string& id, const PartitionMap& target);
  void PutEpoch(int32_t epoch, int64_t metadata_hash);
  void PutTargetEpoch(int32_t epoch);
  void RemoveMember(const std::string& id);
  // A static member came back under another id: it is where the old one was, in epoch 0.
  void ReplaceMember(const std::string& old_id, const std::string& new_id);
  // Everything of the group, its epoch last.
  void RemoveGroup();
  void NoteChange() { changed_ = true; }

  // Looks at the topics where they or the members have changed, and raises the group's epoch if there is
  // reason to.
  void Refresh();
  // Makes the target of the group's epoch.
  void UpdateTarget();
  // One step of the member towards its target. `owned`: what it says that it has; nullopt: it did not say.
  void Reconcile(const std::string& id, const std::optional<PartitionMap>& owned);

  // What the group has seen of the catalog, once the step is through.
  std::optional<uint64_t> catalog_changes() const { return catalog_changes_; }
  std::optional<CatalogTopic> FindTopic(std::string_view name) const {
    return catalog_ == nullptr ? std::nullopt : catalog_->Find(name);
  }

 private:
  void RefreshRegexes(bool all);
  int64_t HashTopics() const;
  void TakeNext(ConsumerGroupMember member, int32_t epoch, const std::optional<PartitionMap>& owned);

  ConsumerGroupDraft draft_;
  const TopicCatalog* const catalog_;
  const int64_t wall_ms_;
  bool changed_ = false;
  std::optional<uint64_t> catalog_changes_ = std::nullopt;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_COORDINATOR_CONSUMER_GROUP_STEP_H_
