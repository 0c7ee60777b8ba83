// A GroupCoordinator with a log beside it: steps are settled at once, time is set by hand, and a restart
// replays the log.

#ifndef MILLRACE_TEST_COORDINATOR_COORDINATOR_HARNESS_H_
#define MILLRACE_TEST_COORDINATOR_COORDINATOR_HARNESS_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/consumer_protocol.h"
#include "coordinator/group_coordinator.h"
#include "millrace/status.h"

namespace millrace::inline v0::testing {

// Topics by hand.
class FakeCatalog final : public TopicCatalog {
 public:
  void Set(const std::string& name, int32_t partitions) {
    CatalogTopic& topic = topics_[name];
    if (topic.name.empty()) {
      topic.name = name;
      ++ids_;
      topic.id.bytes[14] = static_cast<std::byte>(ids_ >> 8);
      topic.id.bytes[15] = static_cast<std::byte>(ids_ & 0xff);
    }
    topic.partitions = partitions;
    ++changes_;
  }
  void Delete(const std::string& name) { changes_ += topics_.erase(name); }

  uint64_t changes() const override { return changes_; }
  std::optional<CatalogTopic> Find(std::string_view name) const override {
    const auto found = topics_.find(name);
    return found == topics_.end() ? std::nullopt : std::optional(found->second);
  }
  std::optional<CatalogTopic> Find(const TopicId& id) const override {
    for (const auto& [name, topic] : topics_) {
      if (topic.id == id) return topic;
    }
    return std::nullopt;
  }
  std::vector<std::string> Names() const override {
    std::vector<std::string> names;
    for (const auto& [name, topic] : topics_) names.push_back(name);
    return names;
  }

 private:
  std::map<std::string, CatalogTopic, std::less<>> topics_;
  uint64_t changes_ = 1;
  int ids_ = 0;
};

class Harness {
 public:
  explicit Harness(GroupConfig group_config = {.initial_rebalance_delay_ms = 0}) : config(group_config) {
    Restart();
  }

  // Forgets everything but the log, which the new coordinator replays.
  void Restart() {
    coordinator = std::make_unique<GroupCoordinator>(config, random.get(), &topics);
    for (const CoordinatorRecord& record : log) {
      std::optional<std::span<const std::byte>> value;
      if (record.value.has_value()) value = *record.value;
      replayed_ok = replayed_ok && coordinator->Replay(record.key, value).ok();
    }
    coordinator->FinishLoading(now);
  }

  // Answers callers and appends, until there is nothing left to do.
  void Settle() {
    for (;;) {
      auto effects = coordinator->Take();
      if (effects.completions.empty() && effects.records.empty()) return;
      for (auto& completion : effects.completions) completion();
      if (effects.records.empty()) continue;
      ++appends;
      const absl::Status status = append_error;
      if (status.ok()) log.insert(log.end(), effects.records.begin(), effects.records.end());
      coordinator->OnAppended(status, now);
    }
  }

  void Sleep(int64_t ms) {
    now.monotonic = After(now.monotonic, ms);
    now.wall = now.wall + ms;
    coordinator->Advance(now);
    Settle();
  }

  // One pending answer each: empty until it comes.
  template <typename T>
  using Slot = std::shared_ptr<std::optional<T>>;
  template <typename T>
  static auto Into(const Slot<T>& slot) {
    return [slot](T response) { *slot = std::move(response); };
  }

  static JoinGroupRequest JoinRequest(std::string member = {}, std::optional<std::string> instance = {}) {
    return {.group = "g",
            .member_id = std::move(member),
            .group_instance_id = std::move(instance),
            .session_timeout_ms = 10000,
            .rebalance_timeout_ms = 20000,
            .protocols = {{.name = "range", .metadata = EncodeSubscription({.topics = {"t"}})}},
            .client_id = "client",
            .client_host = "/127.0.0.1"};
  }
  Slot<JoinGroupResponse> Join(JoinGroupRequest request = JoinRequest()) {
    auto slot = std::make_shared<std::optional<JoinGroupResponse>>();
    coordinator->Join(std::move(request), Into(slot), now);
    Settle();
    return slot;
  }
  // The leader gives every member in `assigned` its own name as assignment.
  Slot<SyncGroupResponse> Sync(const std::string& member, int32_t generation,
                               const std::vector<std::string>& assigned = {},
                               std::optional<std::string> instance = {}) {
    SyncGroupRequest request{.group = "g",
                             .generation = generation,
                             .member_id = member,
                             .group_instance_id = std::move(instance)};
    for (const std::string& id : assigned) {
      const auto bytes = std::as_bytes(std::span(id));
      request.assignments.push_back({.member_id = id, .assignment = {bytes.begin(), bytes.end()}});
    }
    return Sync(std::move(request));
  }
  Slot<SyncGroupResponse> Sync(SyncGroupRequest request) {
    auto slot = std::make_shared<std::optional<SyncGroupResponse>>();
    coordinator->Sync(std::move(request), Into(slot), now);
    Settle();
    return slot;
  }
  ErrorCode Heartbeat(const std::string& member, int32_t generation,
                      std::optional<std::string> instance = {}) {
    auto slot = std::make_shared<std::optional<HeartbeatResponse>>();
    coordinator->Heartbeat({.group = "g",
                            .generation = generation,
                            .member_id = member,
                            .group_instance_id = std::move(instance)},
                           Into(slot), now);
    Settle();
    return (*slot)->result.error;
  }
  LeaveGroupResponse Leave(std::vector<LeaveGroupRequest::Member> members, const std::string& group = "g") {
    auto slot = std::make_shared<std::optional<LeaveGroupResponse>>();
    coordinator->Leave({.group = group, .members = std::move(members)}, Into(slot), now);
    Settle();
    return **slot;
  }
  ErrorCode Commit(const std::string& member, int32_t generation, int64_t offset, int32_t partition = 0,
                   std::string metadata = {}, const std::string& group = "g") {
    auto slot = std::make_shared<std::optional<OffsetCommitResponse>>();
    coordinator->CommitOffsets({.group = group,
                                .generation = generation,
                                .member_id = member,
                                .offsets = {{.partition = {.topic = "t", .partition = PartitionId(partition)},
                                             .offset = offset,
                                             .metadata = std::move(metadata)}}},
                               Into(slot), now);
    Settle();
    return (*slot)->partitions.at(0).result.error;
  }
  // -1: none.
  int64_t Committed(int32_t partition = 0, const std::string& group = "g") {
    auto slot = std::make_shared<std::optional<OffsetFetchResponse>>();
    coordinator->FetchOffsets(
        {.group = group, .partitions = {{{.topic = "t", .partition = PartitionId(partition)}}}}, Into(slot));
    Settle();
    return (*slot)->offsets.at(0).offset.offset;
  }
  DescribeGroupResponse Describe(const std::string& group = "g") {
    auto slot = std::make_shared<std::optional<DescribeGroupResponse>>();
    coordinator->DescribeGroup(group, Into(slot));
    Settle();
    return **slot;
  }
  ErrorCode Delete(const std::string& group = "g") {
    auto slot = std::make_shared<std::optional<DeleteGroupResponse>>();
    coordinator->DeleteGroup(group, Into(slot));
    Settle();
    return (*slot)->result.error;
  }

  // A stable group of one member; its id.
  std::string StableOne(std::optional<std::string> instance = {}) {
    const auto joined = Join(JoinRequest({}, std::move(instance)));
    const std::string id = (*joined)->member_id;
    Sync(id, (*joined)->generation, {id});
    return id;
  }

  GroupConfig config;
  FakeCatalog topics;
  std::unique_ptr<Random> random = Random::Seeded(1);
  GroupCoordinator::Now now{.monotonic = MonotonicNanos(1'000'000), .wall = Timestamp(1'700'000'000'000)};
  std::vector<CoordinatorRecord> log = {};
  absl::Status append_error = absl::OkStatus();
  int appends = 0;
  bool replayed_ok = true;
  std::unique_ptr<GroupCoordinator> coordinator;
};

inline std::string TextOf(const GroupBytes& bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace millrace::inline v0::testing

#endif  // MILLRACE_TEST_COORDINATOR_COORDINATOR_HARNESS_H_
