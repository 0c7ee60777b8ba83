#include "coordinator/group_simulator.h"

#include <algorithm>
#include <set>

#include "coordinator/assignor.h"
#include "coordinator/consumer_protocol.h"
#include "millrace/status.h"

namespace millrace::inline v0::testing {
namespace {

constexpr int64_t kSessionMs = 6000;
constexpr int64_t kHeartbeatMs = 1000;
constexpr int64_t kFaultsMs = 60000;
constexpr int32_t kPartitions = 6;
const char* const kTopic = "t";

}  // namespace

GroupSimulator::GroupSimulator(uint64_t seed, PlantedBug bug)
    : random_(seed), bug_(bug), ids_(Random::Seeded(seed)) {
  config_.initial_rebalance_delay_ms = Pick(2) == 0 ? 0 : 500;
  clients_.resize(static_cast<size_t>(1 + Pick(6)));
  for (size_t i = 0; i < clients_.size(); ++i) {
    clients_[i].name = "c" + std::to_string(i);
    clients_[i].is_static = Pick(3) == 0;
  }
  StartCoordinator();
}

std::vector<std::string> GroupSimulator::Run() {
  for (size_t i = 0; i < clients_.size(); ++i) {
    At(Pick(3000), [this, i] { Start(i); });
  }
  At(Pick(2000), [this] { Fault(); });
  const int64_t end_ms = kFaultsMs + 2 * kSessionMs + 2 * kHeartbeatMs;
  for (;;) {
    const int64_t event = queue_.empty() ? INT64_MAX : queue_.begin()->first.first;
    const MonotonicNanos deadline = bug_ == PlantedBug::kDeafTimers ? kNever : coordinator_->NextDeadline();
    const int64_t next = std::min(event, deadline.value());
    if (next > end_ms * 1'000'000) break;
    const int64_t passed_ms = (next - now_.monotonic.value()) / 1'000'000;
    now_.monotonic = MonotonicNanos(std::max(next, now_.monotonic.value()));
    now_.wall = now_.wall + passed_ms;
    // From then on whoever is out stays out, and the others have come to stay.
    if (next > kFaultsMs * 1'000'000) faults_ = false;
    if (event <= deadline.value()) {
      Event run = std::move(queue_.begin()->second);
      queue_.erase(queue_.begin());
      run();
    } else {
      coordinator_->Advance(now_);
      AfterStep();
    }
    if (!wrong_.empty()) return wrong_;
  }
  CheckEnd();
  return wrong_;
}

void GroupSimulator::Wrong(const std::string& what) {
  wrong_.push_back(std::to_string(now_.monotonic.value() / 1'000'000) + " ms: " + what);
}

void GroupSimulator::At(int64_t delay_ms, Event event) {
  queue_[{now_.monotonic.value() + delay_ms * 1'000'000, events_++}] = std::move(event);
}

// --- The coordinator and its log

void GroupSimulator::StartCoordinator() {
  coordinator_ = std::make_unique<GroupCoordinator>(config_, ids_.get());
  for (const CoordinatorRecord& record : log_) {
    std::optional<std::span<const std::byte>> value;
    if (record.value.has_value()) value = *record.value;
    if (!coordinator_->Replay(record.key, value).ok()) Wrong("a record of the log is not understood");
  }
  coordinator_->FinishLoading(now_);
}

void GroupSimulator::CrashCoordinator() {
  ++incarnation_;
  ++counts_.restarts;
  if (bug_ == PlantedBug::kLostRecords && !log_.empty()) log_.pop_back();
  StartCoordinator();
  for (const auto& entry : FetchNow().offsets) {
    const auto found = acknowledged_.find(entry.offset.partition);
    if (found != acknowledged_.end() && entry.offset.offset < found->second) {
      Wrong("an acknowledged offset is gone after a restart");
    }
  }
  // Everybody's connection breaks; whoever waits for an answer tries again.
  for (size_t i = 0; i < clients_.size(); ++i) {
    At(Pick(300), [this, i, life = clients_[i].life] {
      Client& client = clients_[i];
      if (!client.alive || client.life != life) return;
      if (client.phase == Phase::kJoining || client.phase == Phase::kSyncing) Rejoin(i, false);
    });
  }
}

OffsetFetchResponse GroupSimulator::FetchNow() {
  OffsetFetchResponse fetched;
  OffsetFetchRequest request{.group = "g", .partitions = std::vector<TopicPartition>{}};
  for (int32_t p = 0; p < kPartitions; ++p) {
    request.partitions->push_back({.topic = kTopic, .partition = PartitionId(p)});
  }
  coordinator_->FetchOffsets(request, [&](OffsetFetchResponse response) { fetched = std::move(response); });
  auto effects = coordinator_->Take();
  for (auto& completion : effects.completions) completion();
  return fetched;
}

bool GroupSimulator::AppendFails(const std::vector<CoordinatorRecord>& records) {
  const bool fails = faults_ && Pick(40) == 0;
  if (fails) {
    ++counts_.failed_appends;
    coordinator_->OnAppended(Error(ErrorCode::kKafkaStorageError, "simulated"), now_);
    return true;
  }
  for (const CoordinatorRecord& record : records) {
    log_.push_back(record);
    CheckRecord(record);
  }
  return false;
}

void GroupSimulator::CheckRecord(const CoordinatorRecord& record) {
  if (!record.value.has_value()) return;
  const auto parsed = ParseCoordinatorRecord(record.key, *record.value);
  if (!parsed.ok()) return Wrong("a malformed record was written");
  const auto* offset = std::get_if<OffsetRecord>(&*parsed);
  if (offset == nullptr) return;
  const TopicPartition partition{.topic = offset->key.topic, .partition = PartitionId(offset->key.partition)};
  const auto [last, is_first] = logged_.try_emplace(partition, offset->value->offset);
  if (!is_first && offset->value->offset < last->second) {
    Wrong("the committed offset of " + partition.ToString() + " went back from " +
          std::to_string(last->second) + " to " + std::to_string(offset->value->offset));
  }
  last->second = offset->value->offset;
}

// Appends what the step wrote and answers; or crashes before, between or after.
void GroupSimulator::AfterStep() {
  for (;;) {
    auto effects = coordinator_->Take();
    for (auto& completion : effects.completions) completion();
    if (effects.records.empty()) return;
    const bool crashes = faults_ && Pick(60) == 0;
    if (crashes && Pick(2) == 0) return CrashCoordinator();  // nothing was written
    if (AppendFails(effects.records)) continue;
    if (crashes) return CrashCoordinator();  // written, but nobody is told
    coordinator_->OnAppended(absl::OkStatus(), now_);
  }
}

// --- The network

template <typename Response>
auto GroupSimulator::Later(size_t index, std::function<void(const Response&)> handle) {
  return [this, index, handle, life = clients_[index].life, incarnation = incarnation_](Response response) {
    At(Pick(50), [=, this] {
      if (!clients_[index].alive || clients_[index].life != life || incarnation_ != incarnation) return;
      handle(response);
    });
  };
}

void GroupSimulator::Send(std::function<void()> step) {
  At(Pick(50), [this, step = std::move(step), incarnation = incarnation_] {
    if (incarnation_ != incarnation) return;
    step();
    AfterStep();
  });
}

// --- What happens to it

void GroupSimulator::Fault() {
  if (!faults_) return;
  const auto index = static_cast<size_t>(Pick(static_cast<int64_t>(clients_.size())));
  Client& client = clients_[index];
  switch (Pick(6)) {
    case 0:
      CrashCoordinator();
      break;
    case 1:
    case 2:
      if (client.alive) Crash(index);
      break;
    case 3:
      if (client.alive) LeaveGroup(index);
      break;
    default:
      if (!client.alive) Start(index);
  }
  At(Pick(4000), [this] { Fault(); });
}

void GroupSimulator::Start(size_t index) {
  Client& client = clients_[index];
  if (client.alive || !faults_) return;
  client.alive = true;
  client.member_id.clear();
  JoinGroup(index);
  At(kHeartbeatMs, [this, index, life = client.life] { Beat(index, life); });
  At(Pick(500), [this, index, life = client.life] { Commit(index, life); });
}

void GroupSimulator::Crash(size_t index) {
  ++counts_.crashes;
  Client& client = clients_[index];
  client.alive = false;
  ++client.life;
  client.phase = Phase::kOut;
  client.committing_to = 0;
}

void GroupSimulator::LeaveGroup(size_t index) {
  const std::string id = clients_[index].member_id;
  Crash(index);
  if (id.empty()) return;
  Send([this, id] { coordinator_->Leave({.group = "g", .members = {{.member_id = id}}}, nullptr, now_); });
}

// --- What a member does

void GroupSimulator::Rejoin(size_t index, bool as_new) {
  if (as_new) clients_[index].member_id.clear();
  JoinGroup(index);
}

void GroupSimulator::JoinGroup(size_t index) {
  Client& client = clients_[index];
  client.phase = Phase::kJoining;
  const auto metadata = EncodeSubscription({.topics = {kTopic}});
  JoinGroupRequest request{
      .group = "g",
      .member_id = client.member_id,
      .session_timeout_ms = kSessionMs,
      .rebalance_timeout_ms = kSessionMs,
      .protocols = {{.name = "roundrobin", .metadata = metadata}, {.name = "range", .metadata = metadata}},
      .client_id = client.name,
      .require_known_member_id = index % 2 == 1};
  if (client.is_static) request.group_instance_id = client.name;
  auto done = Later<JoinGroupResponse>(index, [this, index](const auto& r) { OnJoined(index, r); });
  Send([this, request, done] { coordinator_->Join(request, done, now_); });
}

void GroupSimulator::OnJoined(size_t index, const JoinGroupResponse& response) {
  Client& client = clients_[index];
  if (client.phase != Phase::kJoining) return;
  const ErrorCode error = response.result.error;
  if (error == ErrorCode::kMemberIdRequired) {
    client.member_id = response.member_id;
    return JoinGroup(index);
  }
  if (error != ErrorCode::kNone) {
    return Rejoin(index, error == ErrorCode::kUnknownMemberId || error == ErrorCode::kFencedInstanceId);
  }
  client.member_id = response.member_id;
  client.generation = response.generation;
  client.phase = Phase::kSyncing;
  SyncGroupRequest request{.group = "g", .generation = response.generation, .member_id = response.member_id};
  if (client.is_static) request.group_instance_id = client.name;
  if (!response.members.empty() && !response.skip_assignment) {
    MemberSubscriptions members;
    for (const JoinGroupMember& member : response.members) {
      members[member.member_id] = *DecodeSubscription(member.metadata);
    }
    auto shares = FindAssignor(response.protocol)->Assign({{kTopic, kPartitions}}, members);
    if (bug_ == PlantedBug::kDoubleOwner && shares.size() > 1) {
      std::next(shares.begin())->second = shares.begin()->second;
    }
    for (const auto& [id, share] : shares) {
      request.assignments.push_back({.member_id = id, .assignment = EncodeAssignment({.partitions = share})});
    }
  }
  auto done = Later<SyncGroupResponse>(index, [this, index](const auto& r) { OnSynced(index, r); });
  Send([this, request, done] { coordinator_->Sync(request, done, now_); });
}

void GroupSimulator::OnSynced(size_t index, const SyncGroupResponse& response) {
  Client& client = clients_[index];
  if (client.phase != Phase::kSyncing) return;
  if (!response.result.ok()) {
    return Rejoin(index, response.result.error == ErrorCode::kUnknownMemberId ||
                             response.result.error == ErrorCode::kFencedInstanceId);
  }
  client.phase = Phase::kStable;
  client.positions.clear();
  ++counts_.assignments;
  const auto assignment = DecodeAssignment(response.assignment);
  if (!assignment.ok()) return Wrong("an assignment is malformed");
  // A static member's next incarnation takes its place.
  const std::string owner = client.is_static ? client.name : client.member_id;
  for (const TopicPartition& partition : assignment->partitions) {
    client.positions[partition] = -1;
    const auto [found, is_first] = owners_.try_emplace({client.generation, partition}, owner);
    if (!is_first && found->second != owner) {
      Wrong("generation " + std::to_string(client.generation) + " gives " + partition.ToString() + " to " +
            found->second + " and to " + owner);
    }
  }
  FetchPositions(index);
}

void GroupSimulator::FetchPositions(size_t index) {
  Client& client = clients_[index];
  OffsetFetchRequest request{.group = "g", .partitions = std::vector<TopicPartition>{}};
  for (const auto& [partition, position] : client.positions) request.partitions->push_back(partition);
  const int32_t generation = client.generation;
  auto done = Later<OffsetFetchResponse>(index, [this, index, generation](const auto& response) {
    Client& client = clients_[index];
    if (client.phase != Phase::kStable || client.generation != generation) return;
    for (const auto& entry : response.offsets) {
      client.positions[entry.offset.partition] = std::max<int64_t>(entry.offset.offset, 0);
    }
  });
  Send([this, request, done] { coordinator_->FetchOffsets(request, done); });
}

void GroupSimulator::Beat(size_t index, uint64_t life) {
  Client& client = clients_[index];
  if (!client.alive || client.life != life) return;
  At(kHeartbeatMs, [this, index, life] { Beat(index, life); });
  if (client.phase == Phase::kJoining) return;
  HeartbeatRequest request{.group = "g", .generation = client.generation, .member_id = client.member_id};
  if (client.is_static) request.group_instance_id = client.name;
  const int32_t generation = client.generation;
  auto done = Later<HeartbeatResponse>(index, [this, index, generation](const auto& response) {
    Client& client = clients_[index];
    if (client.generation != generation || client.phase == Phase::kJoining || response.result.ok()) return;
    // Members that still wait for their assignment learn of a rebalance from the answer to that.
    if (client.phase == Phase::kSyncing && response.result.error == ErrorCode::kRebalanceInProgress) return;
    Rejoin(index, response.result.error == ErrorCode::kUnknownMemberId ||
                      response.result.error == ErrorCode::kFencedInstanceId);
  });
  Send([this, request, done] { coordinator_->Heartbeat(request, done, now_); });
}

void GroupSimulator::Commit(size_t index, uint64_t life) {
  Client& client = clients_[index];
  if (!client.alive || client.life != life) return;
  At(200 + Pick(800), [this, index, life] { Commit(index, life); });
  if (client.phase != Phase::kStable || client.committing_to == incarnation_ || client.positions.empty())
    return;
  OffsetCommitRequest request{.group = "g", .generation = client.generation, .member_id = client.member_id};
  if (client.is_static) request.group_instance_id = client.name;
  for (auto& [partition, position] : client.positions) {
    if (position < 0) return;  // not fetched yet
    position += Pick(10);
    request.offsets.push_back({.partition = partition, .offset = position});
  }
  client.committing_to = incarnation_;
  auto done = Later<OffsetCommitResponse>(
      index, [this, index](const OffsetCommitResponse&) { clients_[index].committing_to = 0; });
  // Late by up to four seconds: that is how commits of generations past come about.
  const int64_t delay = Pick(8) == 0 ? Pick(4000) : 0;
  At(delay, [this, request, done, incarnation = incarnation_]() mutable {
    if (incarnation_ != incarnation) return;
    if (bug_ == PlantedBug::kNoFencing) {
      coordinator_->DescribeGroup("g", [&](const DescribeGroupResponse& group) {
        request.generation = group.generation;
        request.group_instance_id.reset();
        if (!group.members.empty()) request.member_id = group.members[0].member_id;
      });
      for (auto effects = coordinator_->Take(); auto& completion : effects.completions) completion();
    }
    auto acknowledge = [this, request, done](const OffsetCommitResponse& response) {
      for (size_t i = 0; i < response.partitions.size(); ++i) {
        if (response.partitions[i].result.ok()) {
          ++counts_.commits;
          acknowledged_[request.offsets[i].partition] = request.offsets[i].offset;
        } else {
          ++counts_.refused_commits;
        }
      }
      done(response);
    };
    Send([this, request, acknowledge] { coordinator_->CommitOffsets(request, acknowledge, now_); });
  });
}

// --- The end

void GroupSimulator::CheckEnd() {
  size_t alive = 0;
  std::set<TopicPartition> owned;
  for (const Client& client : clients_) {
    if (!client.alive) continue;
    ++alive;
    if (client.phase != Phase::kStable) Wrong(client.name + " is alive but has no assignment");
    for (const auto& [partition, position] : client.positions) {
      if (!owned.insert(partition).second) Wrong(partition.ToString() + " has two owners at the end");
    }
  }
  DescribeGroupResponse group;
  coordinator_->DescribeGroup("g", [&](DescribeGroupResponse response) { group = std::move(response); });
  for (auto effects = coordinator_->Take(); auto& completion : effects.completions) completion();
  if (group.members.size() != alive) {
    Wrong("the group has " + std::to_string(group.members.size()) + " members, but " + std::to_string(alive) +
          " are alive");
  }
  if (alive == 0) return;
  if (group.state != GroupState::kStable) Wrong("the group is not stable");
  if (owned.size() != kPartitions) Wrong("partitions belong to nobody");
}

}  // namespace millrace::inline v0::testing
