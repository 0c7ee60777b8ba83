#include "coordinator/consumer_group.h"

#include <algorithm>

namespace millrace::inline v0 {

ConsumerGroupCurrentMemberValue ConsumerGroupMember::ToStored() const {
  using Entry = ConsumerGroupCurrentMemberValue::TopicPartitions;
  return {.member_epoch = epoch,
          .previous_member_epoch = previous_epoch,
          .state = static_cast<int8_t>(state),
          .assigned_partitions = FromPartitionMap<Entry>(assigned),
          .partitions_pending_revocation = FromPartitionMap<Entry>(revoking)};
}

// --- Replay

void ConsumerGroup::Replay(const ConsumerRecord& record) {
  if (const auto* of_epoch = std::get_if<ConsumerEpochRecord>(&record)) {
    epoch = of_epoch->value.has_value() ? of_epoch->value->epoch : 0;
    metadata_hash = of_epoch->value.has_value() ? of_epoch->value->metadata_hash : 0;
  } else if (const auto* of_member = std::get_if<ConsumerMemberRecord>(&record)) {
    if (!of_member->value.has_value()) return Remove(of_member->key.part);
    ConsumerGroupMember& member = FindOrCreate(of_member->key.part);
    member.metadata = *of_member->value;
    if (member.metadata.instance_id.has_value()) static_members[*member.metadata.instance_id] = member.id;
  } else if (const auto* of_target_epoch = std::get_if<ConsumerTargetEpochRecord>(&record)) {
    assignment_epoch = of_target_epoch->value.has_value() ? of_target_epoch->value->assignment_epoch : 0;
  } else if (const auto* of_target = std::get_if<ConsumerTargetRecord>(&record)) {
    if (of_target->value.has_value()) {
      target[of_target->key.part] = ToPartitionMap(of_target->value->topic_partitions);
    } else {
      target.erase(of_target->key.part);
    }
  } else if (const auto* of_current = std::get_if<ConsumerCurrentRecord>(&record)) {
    if (of_current->value.has_value()) {
      SetOwned(FindOrCreate(of_current->key.part), *of_current->value);
    } else if (const auto found = members.find(of_current->key.part); found != members.end()) {
      SetOwned(found->second, {.previous_member_epoch = -1});
    }
  } else if (const auto* of_regex = std::get_if<ConsumerRegexRecord>(&record)) {
    if (of_regex->value.has_value()) {
      regexes[of_regex->key.part] = *of_regex->value;
    } else {
      regexes.erase(of_regex->key.part);
    }
  }
}

// A compacted log may tell what a member owns before it tells who it is.
ConsumerGroupMember& ConsumerGroup::FindOrCreate(const std::string& id) {
  ConsumerGroupMember& member = members[id];
  if (!member.id.empty() || id.empty()) return member;
  member.id = id;
  member.metadata.instance_id = member.metadata.rack_id = member.metadata.server_assignor = std::nullopt;
  member.metadata.subscribed_topic_regex = std::nullopt;
  return member;
}

void ConsumerGroup::Remove(const std::string& id) {
  const auto found = members.find(id);
  if (found == members.end()) return;
  SetOwned(found->second, {});
  if (const auto& instance = found->second.metadata.instance_id; instance.has_value()) {
    const auto at = static_members.find(*instance);
    if (at != static_members.end() && at->second == id) static_members.erase(at);
  }
  members.erase(found);
}

void ConsumerGroup::SetOwned(ConsumerGroupMember& member, const ConsumerGroupCurrentMemberValue& value) {
  Disown(member.assigned, member.id);
  Disown(member.revoking, member.id);
  member.epoch = value.member_epoch;
  member.previous_epoch = value.previous_member_epoch;
  // A state that is not known is one of a later version: what the member shall do is found out anew.
  member.state = value.state == 1   ? ConsumerMemberState::kUnrevoked
                 : value.state == 0 ? ConsumerMemberState::kStable
                                    : ConsumerMemberState::kUnreleased;
  member.assigned = ToPartitionMap(value.assigned_partitions);
  member.revoking = ToPartitionMap(value.partitions_pending_revocation);
  Own(member.assigned, member.id);
  Own(member.revoking, member.id);
}

void ConsumerGroup::Own(const PartitionMap& partitions, const std::string& member) {
  for (const auto& [topic, numbers] : partitions) {
    for (const int32_t number : numbers) owners[{topic, number}] = member;
  }
}

void ConsumerGroup::Disown(const PartitionMap& partitions, const std::string& member) {
  for (const auto& [topic, numbers] : partitions) {
    for (const int32_t number : numbers) {
      const auto found = owners.find({topic, number});
      if (found != owners.end() && found->second == member) owners.erase(found);
    }
  }
}

// --- Questions

const ConsumerGroupMember* ConsumerGroup::FindMember(std::string_view id) const {
  const auto found = members.find(id);
  return found == members.end() ? nullptr : &found->second;
}

GroupState ConsumerGroup::State() const {
  if (members.empty()) return GroupState::kEmpty;
  if (epoch > assignment_epoch) return GroupState::kAssigning;
  const bool settled =
      std::ranges::all_of(members, [this](const auto& m) { return m.second.IsAt(assignment_epoch); });
  return settled ? GroupState::kStable : GroupState::kReconciling;
}

std::set<std::string> ConsumerGroup::TopicsOf(const ConsumerGroupMember& member) const {
  const auto& names = member.metadata.subscribed_topic_names;
  std::set<std::string> topics(names.begin(), names.end());
  if (member.metadata.subscribed_topic_regex.has_value()) {
    const auto found = regexes.find(*member.metadata.subscribed_topic_regex);
    if (found != regexes.end()) topics.insert(found->second.topics.begin(), found->second.topics.end());
  }
  return topics;
}

std::set<std::string> ConsumerGroup::SubscribedTopics() const {
  std::set<std::string> topics;
  for (const auto& [id, member] : members) topics.merge(TopicsOf(member));
  return topics;
}

const PartitionMap& ConsumerGroup::TargetOf(std::string_view member) const {
  static const PartitionMap kNone;
  const auto found = target.find(member);
  return found == target.end() ? kNone : found->second;
}

bool ConsumerGroup::IsWaiting(const ConsumerGroupMember& member) const {
  const PartitionMap missing = Minus(TargetOf(member.id), member.assigned);
  return std::ranges::any_of(missing, [&](const auto& topic) {
    return std::ranges::any_of(topic.second, [&](int32_t number) {
      const auto owner = owners.find({topic.first, number});
      return owner != owners.end() && owner->second != member.id;
    });
  });
}

MonotonicNanos ConsumerGroup::NextDeadline() const {
  MonotonicNanos next = kNever;
  for (const auto& [id, member] : members) {
    next = std::min({next, member.session_deadline, member.rebalance_deadline});
  }
  return next;
}

// --- Draft

void ConsumerGroupDraft::Put(const ConsumerRecord& record) {
  auto encoded = Encode(record);
  if (!encoded.ok()) return status_.Update(encoded.status());
  if (!copy_.has_value()) copy_.emplace(*base_);
  copy_->Replay(record);
  records_.push_back(*std::move(encoded));
}

}  // namespace millrace::inline v0
