#include "coordinator/consumer_group_step.h"

#include <algorithm>
#include <set>

#include "coordinator/server_assignor.h"
#include "coordinator/topic_pattern.h"

namespace millrace::inline v0 {
namespace {

// FNV-1a, 64 bits.
struct TopicHash {
  uint64_t value = 0xcbf29ce484222325;
  void Add(const void* data, size_t size) {
    for (size_t i = 0; i < size; ++i) {
      value ^= static_cast<const unsigned char*>(data)[i];
      value *= 0x100000001b3;
    }
  }
};

bool OwnsAnyOf(const std::optional<PartitionMap>& owned, const PartitionMap& of) {
  // Who does not say still has what it had.
  if (!owned.has_value()) return true;
  return std::ranges::any_of(of, [&](const auto& topic) {
    const std::vector<int32_t>& has = PartitionsOf(*owned, topic.first);
    return std::ranges::any_of(topic.second,
                               [&](int32_t number) { return std::ranges::binary_search(has, number); });
  });
}

}  // namespace

std::string_view PreferredAssignor(const ConsumerGroup& group) {
  std::map<std::string_view, int> votes;
  for (const auto& [id, member] : group.members) {
    const auto& asked = member.metadata.server_assignor;
    if (asked.has_value() && FindServerAssignor(*asked) != nullptr) ++votes[*asked];
  }
  if (votes.empty()) return kDefaultServerAssignor;
  return std::ranges::max_element(votes, {}, [](const auto& vote) { return vote.second; })->first;
}

// --- Members

void ConsumerGroupStep::PutMember(const std::string& id, const ConsumerGroupMemberMetadataValue& metadata) {
  const ConsumerGroupMember* const before = group().FindMember(id);
  if (before != nullptr && before->metadata == metadata) return;
  if (before == nullptr || before->metadata.subscribed_topic_regex != metadata.subscribed_topic_regex ||
      before->metadata.server_assignor != metadata.server_assignor ||
      std::set(before->metadata.subscribed_topic_names.begin(),
               before->metadata.subscribed_topic_names.end()) !=
          std::set(metadata.subscribed_topic_names.begin(), metadata.subscribed_topic_names.end())) {
    changed_ = true;
  }
  draft_.Put(ConsumerMemberRecord{.key = {group().name, id}, .value = metadata});
}

void ConsumerGroupStep::PutCurrent(const ConsumerGroupMember& member) {
  draft_.Put(ConsumerCurrentRecord{.key = {group().name, member.id}, .value = member.ToStored()});
}

void ConsumerGroupStep::PutTarget(const std::string& id, const PartitionMap& target) {
  using Entry = ConsumerGroupTargetMemberValue::TopicPartitions;
  draft_.Put(ConsumerTargetRecord{
      .key = {group().name, id},
      .value = ConsumerGroupTargetMemberValue{.topic_partitions = FromPartitionMap<Entry>(target)}});
}

void ConsumerGroupStep::PutEpoch(int32_t epoch, int64_t metadata_hash) {
  draft_.Put(ConsumerEpochRecord{
      .key = {group().name},
      .value = ConsumerGroupMetadataValue{.epoch = epoch, .metadata_hash = metadata_hash}});
}

void ConsumerGroupStep::PutTargetEpoch(int32_t epoch) {
  draft_.Put(ConsumerTargetEpochRecord{.key = {group().name},
                                       .value = ConsumerGroupTargetMetadataValue{
                                           .assignment_epoch = epoch, .assignment_timestamp = wall_ms_}});
}

void ConsumerGroupStep::RemoveMember(const std::string& id) {
  const std::string& name = group().name;
  draft_.Put(ConsumerCurrentRecord{.key = {name, id}});
  draft_.Put(ConsumerTargetRecord{.key = {name, id}});
  draft_.Put(ConsumerMemberRecord{.key = {name, id}});
  changed_ = true;
}

void ConsumerGroupStep::ReplaceMember(const std::string& old_id, const std::string& new_id) {
  ConsumerGroupMember member = *group().FindMember(old_id);
  const PartitionMap target = group().TargetOf(old_id);
  const bool changed = changed_;
  if (old_id != new_id) RemoveMember(old_id);
  member.id = new_id;
  member.epoch = kJoinEpoch;
  member.previous_epoch = kJoinEpoch;
  member.state = ConsumerMemberState::kStable;
  member.revoking.clear();
  PutMember(new_id, member.metadata);
  if (old_id != new_id) PutTarget(new_id, target);
  PutCurrent(member);
  changed_ = changed;  // nothing has to move for it
}

void ConsumerGroupStep::RemoveGroup() {
  std::vector<std::string> ids;
  for (const auto& [id, member] : group().members) ids.push_back(id);
  for (const auto& [id, target] : group().target) {
    if (!group().members.contains(id)) ids.push_back(id);
  }
  for (const std::string& id : ids) RemoveMember(id);
  std::vector<std::string> expressions;
  for (const auto& [expression, topics] : group().regexes) expressions.push_back(expression);
  for (const std::string& one : expressions) draft_.Put(ConsumerRegexRecord{.key = {group().name, one}});
  draft_.Put(ConsumerTargetEpochRecord{.key = {group().name}});
  draft_.Put(ConsumerEpochRecord{.key = {group().name}});
}

// --- The group's epoch and target

void ConsumerGroupStep::Refresh() {
  const uint64_t changes = catalog_ == nullptr ? 0 : catalog_->changes();
  const bool topics_changed = group().catalog_changes != changes;
  catalog_changes_ = changes;
  if (!changed_ && !topics_changed) return;
  RefreshRegexes(topics_changed);
  const int64_t hash = HashTopics();
  if (!changed_ && hash == group().metadata_hash) return;
  PutEpoch(group().epoch + 1, hash);
  changed_ = false;
}

void ConsumerGroupStep::RefreshRegexes(bool all) {
  std::set<std::string> used;
  for (const auto& [id, member] : group().members) {
    const auto& expression = member.metadata.subscribed_topic_regex;
    if (expression.has_value() && !expression->empty()) used.insert(*expression);
  }
  std::vector<std::string> unused;
  for (const auto& [expression, topics] : group().regexes) {
    if (!used.contains(expression)) unused.push_back(expression);
  }
  for (const std::string& one : unused) draft_.Put(ConsumerRegexRecord{.key = {group().name, one}});
  for (const std::string& expression : used) {
    const auto known = group().regexes.find(expression);
    const bool is_known = known != group().regexes.end();
    if (is_known && !all) continue;
    const absl::StatusOr<TopicPattern> pattern = TopicPattern::Compile(expression);
    // Was checked when it came; one that another coordinator took, and we do not, keeps its topics.
    if (!pattern.ok()) continue;
    ConsumerGroupRegexValue value{.version = static_cast<int64_t>(catalog_changes_.value_or(0)),
                                  .timestamp = wall_ms_};
    if (catalog_ != nullptr) value.topics = catalog_->Names();
    std::erase_if(value.topics, [&](const std::string& name) { return !pattern->Matches(name); });
    std::ranges::sort(value.topics);
    if (is_known && known->second.topics == value.topics) continue;
    draft_.Put(ConsumerRegexRecord{.key = {group().name, expression}, .value = std::move(value)});
    changed_ = true;
  }
}

int64_t ConsumerGroupStep::HashTopics() const {
  TopicHash hash;
  bool any = false;
  for (const std::string& name : group().SubscribedTopics()) {
    const std::optional<CatalogTopic> topic = FindTopic(name);
    if (!topic.has_value()) continue;
    any = true;
    hash.Add(name.data(), name.size() + 1);
    hash.Add(topic->id.bytes.data(), topic->id.bytes.size());
    // Least byte first, whatever the machine.
    for (int i = 0; i < 4; ++i) {
      const auto byte = static_cast<unsigned char>(topic->partitions >> (8 * i));
      hash.Add(&byte, 1);
    }
  }
  return any ? static_cast<int64_t>(hash.value) : 0;
}

void ConsumerGroupStep::UpdateTarget() {
  if (group().epoch <= group().assignment_epoch) return;
  std::map<std::string, std::optional<CatalogTopic>> topics;
  ServerAssignorInput input;
  for (const auto& [id, member] : group().members) {
    ServerAssignorMember& one = input.members[id];
    one.instance_id = member.metadata.instance_id;
    one.current = group().TargetOf(id);
    for (const std::string& name : group().TopicsOf(member)) {
      const auto [found, is_new] = topics.try_emplace(name);
      if (is_new) found->second = FindTopic(name);
      if (!found->second.has_value()) continue;
      one.topics.push_back(found->second->id);
      input.partitions[found->second->id] = found->second->partitions;
    }
    std::ranges::sort(one.topics);
  }
  const ServerAssignment assignment = FindServerAssignor(PreferredAssignor(group()))(input);
  for (const auto& [id, target] : assignment) {
    if (target != group().TargetOf(id)) PutTarget(id, target);
  }
  PutTargetEpoch(group().epoch);
}

// --- A member's way to its target

void ConsumerGroupStep::Reconcile(const std::string& id, const std::optional<PartitionMap>& owned) {
  const ConsumerGroupMember* const member = group().FindMember(id);
  if (member == nullptr) return;
  switch (member->state) {
    case ConsumerMemberState::kStable:
      if (member->epoch != group().assignment_epoch) TakeNext(*member, member->epoch, owned);
      return;
    case ConsumerMemberState::kUnrevoked:
      if (OwnsAnyOf(owned, member->revoking)) return;
      return TakeNext(*member, member->epoch + 1, owned);
    case ConsumerMemberState::kUnreleased:
      return TakeNext(*member, member->epoch, owned);
  }
}

void ConsumerGroupStep::TakeNext(ConsumerGroupMember member, int32_t epoch,
                                 const std::optional<PartitionMap>& owned) {
  const ConsumerGroupCurrentMemberValue before = member.ToStored();
  const PartitionMap& target = group().TargetOf(member.id);
  PartitionMap revoked = Minus(member.assigned, target);
  PartitionMap kept = Minus(member.assigned, revoked);
  PartitionMap missing = Minus(target, kept);
  bool waits = false;
  for (auto& [topic, numbers] : missing) {
    const TopicId& of = topic;
    waits = std::erase_if(numbers,
                          [&](int32_t number) {
                            const auto owner = group().owners.find({of, number});
                            return owner != group().owners.end() && owner->second != member.id;
                          }) != 0 ||
            waits;
  }
  std::erase_if(missing, [](const auto& topic) { return topic.second.empty(); });

  if (!revoked.empty() && OwnsAnyOf(owned, revoked)) {
    member.state = ConsumerMemberState::kUnrevoked;
    member.revoking = std::move(revoked);
    member.assigned = std::move(kept);
  } else {
    member.state = waits ? ConsumerMemberState::kUnreleased : ConsumerMemberState::kStable;
    member.revoking.clear();
    member.assigned = Plus(kept, missing);
    epoch = group().assignment_epoch;
  }
  if (epoch != member.epoch) {
    member.previous_epoch = member.epoch;
    member.epoch = epoch;
  }
  if (member.ToStored() != before) PutCurrent(member);
}

}  // namespace millrace::inline v0
