#include "reliability/wire_groups.h"

#include <algorithm>

#include "coordinator/assignor.h"
#include "coordinator/consumer_protocol.h"
#include "coordinator/group_records.h"
#include "millrace/record.h"
#include "millrace/status.h"

namespace millrace::inline v0::testing {
namespace {

constexpr int64_t kSessionMs = 6000;
constexpr int64_t kHeartbeatMs = 1000;
constexpr int64_t kFaultsMs = 60'000;
constexpr int64_t kNanosPerMs = 1'000'000;
constexpr int32_t kPartitions = 6;
const char* const kTopic = "t";
const char* const kGroup = "g";
const char* const kBroker = "broker:9092";

constexpr int16_t Code(ErrorCode code) {
  return static_cast<int16_t>(code);
}

BatchRange Batches(std::span<const std::byte> records) {
  return BatchRange(records);
}

}  // namespace

WireGroups::WireGroups(uint64_t seed, WireBug bug)
    : random_(seed),
      bug_(bug),
      sim_(seed),
      network_(sim_,
               {.delay_max = absl::Milliseconds(20), .split = seed % 2 == 0, .cut_probability = 0.0005}) {
  Open();
  if (!engine_->CreateTopic(kTopic, {.partitions = kPartitions}).ok()) Wrong("the topic cannot be created");
  producer_host_ = network_.NewTransport("producer");
  checker_host_ = network_.NewTransport("checker");
  members_.resize(static_cast<size_t>(1 + Pick(6)));
  for (size_t i = 0; i < members_.size(); ++i) {
    members_[i].name = "c" + std::to_string(i);
    members_[i].is_static = Pick(3) == 0;
  }
}

WireGroups::~WireGroups() {
  for (Member& member : members_) {
    member.group.reset();
    member.data.reset();
    member.host.reset();
  }
  producer_.reset();
  checker_.reset();
  broker_.reset();
  engine_.reset();
  sim_.executor->DropTasks();
}

std::vector<std::string> WireGroups::Run() {
  ConnectProducer();
  At(0, [this] { Produce(); });
  for (size_t i = 0; i < members_.size(); ++i) At(Pick(3000), [this, i] { Start(i); });
  At(Pick(2000), [this] { Fault(); });
  for (int64_t ms = 0; ms < kFaultsMs && wrong_.empty(); ms += 1000)
    sim_.executor->RunFor(1000 * kNanosPerMs);
  if (!wrong_.empty()) return wrong_;
  // From now on whoever is out stays out, and the others have come to stay.
  faults_ = false;
  network_.HealAll();
  network_.SetOptions({.delay_max = absl::Milliseconds(20)});
  if (broker_ == nullptr) Open();
  sim_.executor->RunFor((2 * kSessionMs + 2 * kHeartbeatMs) * kNanosPerMs);
  if (wrong_.empty()) CheckEnd();
  if (wrong_.empty()) CheckCommitLog();
  return wrong_;
}

void WireGroups::At(int64_t delay_ms, std::function<void()> event) {
  sim_.executor->PostAt(sim_.clock.Monotonic() + delay_ms * kNanosPerMs, std::move(event));
}

std::function<void()> WireGroups::For(size_t index, std::function<void(Member&)> step) {
  return [this, index, step = std::move(step), life = members_[index].life] {
    Member& member = members_[index];
    if (member.alive && member.life == life) step(member);
  };
}

void WireGroups::Wrong(const std::string& what) {
  wrong_.push_back(std::to_string(sim_.clock.Monotonic().value() / kNanosPerMs) + " ms: " + what);
}

// --- The broker

void WireGroups::Open() {
  auto opened = Engine::Open({.directory = "/data",
                              .env = sim_.env(),
                              .offsets_topic_num_partitions = 1,
                              .group_initial_rebalance_delay = absl::Milliseconds(Pick(2) == 0 ? 0 : 500)});
  if (!opened.ok()) return Wrong("the engine does not open: " + std::string(opened.status().message()));
  engine_ = *std::move(opened);
  broker_host_ = network_.NewTransport("broker");
  auto started = Broker::Start(
      {.engine = engine_.get(), .listeners = {{.transport = broker_host_.get(), .address = kBroker}}});
  if (!started.ok()) return Wrong("the broker does not start: " + std::string(started.status().message()));
  broker_ = *std::move(started);
  AskForCommitted();
}

void WireGroups::Restart() {
  if (broker_ == nullptr) return;
  ++counts_.closes;
  const std::unique_ptr<Broker> broker = std::move(broker_);
  if (!broker->Close(absl::ZeroDuration()).ok()) Wrong("the broker does not close");
  if (!engine_->Close().ok()) Wrong("the engine does not close");
  engine_.reset();
  broker_host_.reset();
  At(Pick(500), [this] {
    if (engine_ == nullptr) Open();
  });
}

void WireGroups::Kill() {
  if (broker_ == nullptr) return;
  ++counts_.kills;
  sim_.files->Stop();
  broker_host_.reset();
  broker_.reset();
  engine_.reset();
  if (bug_ == WireBug::kLostPower) {
    sim_.files->Crash({.seed = random_(), .keep = SimKeep::kSynced});
  } else {
    sim_.files->KillProcess();
  }
  At(Pick(500), [this] {
    if (engine_ == nullptr) Open();
  });
}

// What was acknowledged before is there.
void WireGroups::AskForCommitted() {
  if (acknowledged_commits_.empty()) return;
  checker_ = std::make_unique<WireLink>(checker_host_.get(), kBroker, nullptr);
  wire::OffsetFetchRequest request{.group_id = kGroup, .topics = {{{.name = kTopic}}}};
  for (int32_t p = 0; p < kPartitions; ++p) (*request.topics)[0].partition_indexes.push_back(p);
  checker_->Ask<wire::OffsetFetchResponse>(
      request, 7, [this, before = acknowledged_commits_](const wire::OffsetFetchResponse& response) {
        if (response.error_code != 0 || response.topics.empty()) return;  // still loading
        for (const auto& partition : response.topics[0].partitions) {
          const auto found = before.find(partition.partition_index);
          if (partition.error_code == 0 && found != before.end() &&
              partition.committed_offset < found->second)
            Wrong("an acknowledged commit is gone after a restart");
        }
      });
}

// --- What happens to members

void WireGroups::Fault() {
  if (!faults_) return;
  At(Pick(4000), [this] { Fault(); });
  const auto index = static_cast<size_t>(Pick(static_cast<int64_t>(members_.size())));
  Member& member = members_[index];
  switch (Pick(8)) {
    case 0:
      return Kill();
    case 1:
      return Restart();
    case 2:
      return Part();
    case 3:
    case 4:
      if (member.alive) {
        ++counts_.crashes;
        Stop(index);
      }
      return;
    case 5:
      if (member.alive) Leave(index);
      return;
    default:
      if (!member.alive) Start(index);
  }
}

// A member and the broker do not hear of each other for some time.
void WireGroups::Part() {
  ++counts_.parted;
  const std::string name = members_[static_cast<size_t>(Pick(static_cast<int64_t>(members_.size())))].name;
  network_.Partition(name, "broker");
  At(Pick(8000), [this, name] { network_.Heal(name, "broker"); });
}

void WireGroups::Start(size_t index) {
  Member& member = members_[index];
  if (member.alive || !faults_) return;
  member.alive = true;
  member.member_id.clear();
  member.generation = -1;
  member.host = network_.NewTransport(member.name);
  ConnectGroup(index);
  ConnectData(index);
  Join(index);
  At(kHeartbeatMs, For(index, [this, index](Member&) { Beat(index); }));
  At(Pick(500), For(index, [this, index](Member&) { Commit(index); }));
}

void WireGroups::Stop(size_t index) {
  Member& member = members_[index];
  member.alive = false;
  ++member.life;
  member.phase = Phase::kOut;
  member.committing = 0;
  member.positions.clear();
  member.group.reset();
  member.data.reset();
  member.host.reset();
}

void WireGroups::Leave(size_t index) {
  Member& member = members_[index];
  const wire::LeaveGroupRequest request{.group_id = kGroup, .members = {{.member_id = member.member_id}}};
  // The answer to a join that waits would come first: this one may have to wait for it.
  if (!member.member_id.empty()) member.group->Ask<wire::LeaveGroupResponse>(request, 4, [](const auto&) {});
  At(50, For(index, [this, index](Member&) { Stop(index); }));
}

void WireGroups::ConnectGroup(size_t index) {
  Member& member = members_[index];
  member.committing = 0;
  member.group = std::make_unique<WireLink>(member.host.get(), kBroker, [this, index] {
    ++counts_.connections_lost;
    At(50 + Pick(250), For(index, [this, index](Member& lost) {
         ConnectGroup(index);
         if (lost.phase == Phase::kJoining || lost.phase == Phase::kSyncing) return Join(index);
         if (lost.phase == Phase::kStable) FetchPositions(index);
       }));
  });
}

void WireGroups::ConnectData(size_t index) {
  Member& member = members_[index];
  member.data = std::make_unique<WireLink>(member.host.get(), kBroker, [this, index] {
    ++counts_.connections_lost;
    At(50 + Pick(250), For(index, [this, index](Member&) {
         ConnectData(index);
         Read(index);
       }));
  });
}

// --- What members do

void WireGroups::Rejoin(size_t index, int16_t error) {
  Member& member = members_[index];
  if (error == Code(ErrorCode::kUnknownMemberId) || error == Code(ErrorCode::kFencedInstanceId))
    member.member_id.clear();
  member.phase = Phase::kJoining;
  // As clients do: not at once while the coordinator loads or is elsewhere.
  const bool waits = error == Code(ErrorCode::kCoordinatorLoadInProgress) ||
                     error == Code(ErrorCode::kNotCoordinator) ||
                     error == Code(ErrorCode::kCoordinatorNotAvailable);
  At(waits ? 100 : 0, For(index, [this, index, joins = member.joins](Member& again) {
       if (again.phase == Phase::kJoining && again.joins == joins) Join(index);
     }));
}

void WireGroups::Join(size_t index) {
  Member& member = members_[index];
  member.phase = Phase::kJoining;
  const auto metadata = EncodeSubscription({.topics = {kTopic}});
  wire::JoinGroupRequest request{
      .group_id = kGroup,
      .session_timeout_ms = kSessionMs,
      .rebalance_timeout_ms = kSessionMs,
      .member_id = member.member_id,
      .protocol_type = "consumer",
      .protocols = {{.name = "roundrobin", .metadata = metadata}, {.name = "range", .metadata = metadata}}};
  if (member.is_static) request.group_instance_id = member.name;
  const uint64_t joins = ++member.joins;
  member.group->Ask<wire::JoinGroupResponse>(request, 7, [this, index, joins](const auto& answer) {
    if (members_[index].joins == joins) OnJoined(index, answer);
  });
}

void WireGroups::OnJoined(size_t index, const wire::JoinGroupResponse& response) {
  Member& member = members_[index];
  if (member.phase != Phase::kJoining) return;
  if (response.error_code == Code(ErrorCode::kMemberIdRequired)) {
    member.member_id = response.member_id;
    return Join(index);
  }
  if (response.error_code != 0) return Rejoin(index, response.error_code);
  member.member_id = response.member_id;
  member.generation = response.generation_id;
  member.phase = Phase::kSyncing;
  wire::SyncGroupRequest request{.group_id = kGroup,
                                 .generation_id = response.generation_id,
                                 .member_id = response.member_id,
                                 .protocol_type = response.protocol_type,
                                 .protocol_name = response.protocol_name,
                                 .assignments = Assign(response)};
  if (member.is_static) request.group_instance_id = member.name;
  member.group->Ask<wire::SyncGroupResponse>(request, 5,
                                             [this, index](const auto& answer) { OnSynced(index, answer); });
}

// The leader's part.
std::vector<wire::SyncGroupRequest::Assignment> WireGroups::Assign(const wire::JoinGroupResponse& response) {
  MemberSubscriptions subscriptions;
  for (const auto& member : response.members) {
    const auto subscription = DecodeSubscription(member.metadata);
    if (!subscription.ok()) Wrong("a subscription came out malformed");
    if (subscription.ok()) subscriptions[member.member_id] = *subscription;
  }
  if (subscriptions.empty()) return {};
  auto shares =
      FindAssignor(response.protocol_name.value_or(""))->Assign({{kTopic, kPartitions}}, subscriptions);
  if (bug_ == WireBug::kDoubleOwner && shares.size() > 1)
    std::next(shares.begin())->second = shares.begin()->second;
  std::vector<wire::SyncGroupRequest::Assignment> assignments;
  for (const auto& [id, share] : shares)
    assignments.push_back({.member_id = id, .assignment = EncodeAssignment({.partitions = share})});
  return assignments;
}

void WireGroups::OnSynced(size_t index, const wire::SyncGroupResponse& response) {
  Member& member = members_[index];
  if (member.phase != Phase::kSyncing) return;
  if (response.error_code != 0) return Rejoin(index, response.error_code);
  const auto assignment = DecodeAssignment(response.assignment);
  if (!assignment.ok()) return Wrong("an assignment is malformed");
  member.phase = Phase::kStable;
  member.positions.clear();
  ++counts_.assignments;
  // A static member's next incarnation takes its place.
  const std::string owner = member.is_static ? member.name : member.member_id;
  for (const TopicPartition& partition : assignment->partitions) {
    const int32_t p = partition.partition.value();
    member.positions[p] = -1;
    const auto [found, is_first] = owners_.try_emplace({member.generation, p}, owner);
    if (!is_first && found->second != owner) {
      Wrong("generation " + std::to_string(member.generation) + " gives partition " + std::to_string(p) +
            " to " + found->second + " and to " + owner);
    }
  }
  FetchPositions(index);
}

// Of partitions whose position is not known yet.
void WireGroups::FetchPositions(size_t index) {
  Member& member = members_[index];
  wire::OffsetFetchRequest request{.group_id = kGroup, .topics = {{{.name = kTopic}}}};
  for (const auto& [partition, position] : member.positions) {
    if (position < 0) (*request.topics)[0].partition_indexes.push_back(partition);
  }
  if ((*request.topics)[0].partition_indexes.empty()) return;
  const int32_t generation = member.generation;
  member.group->Ask<wire::OffsetFetchResponse>(
      request, 7, [this, index, generation](const wire::OffsetFetchResponse& response) {
        Member& asker = members_[index];
        if (asker.phase != Phase::kStable || asker.generation != generation) return;
        if (response.error_code != 0)
          return At(100, For(index, [this, index](Member&) { FetchPositions(index); }));
        for (const auto& partition : response.topics.at(0).partitions)
          asker.positions[partition.partition_index] = std::max<int64_t>(partition.committed_offset, 0);
        Read(index);
      });
}

void WireGroups::Read(size_t index) {
  Member& member = members_[index];
  if (member.phase != Phase::kStable) return;
  wire::FetchRequest request{.max_wait_ms = 300, .min_bytes = 1, .topics = {{.topic = kTopic}}};
  for (const auto& [partition, position] : member.positions) {
    if (position < 0) return;
    request.topics[0].partitions.push_back(
        {.partition = partition, .fetch_offset = position, .partition_max_bytes = 1 << 20});
  }
  if (member.positions.empty()) return;
  const int32_t generation = member.generation;
  member.data->Ask<wire::FetchResponse>(
      request, 11, [this, index, generation](const auto& answer) { OnRead(index, generation, answer); });
}

void WireGroups::OnRead(size_t index, int32_t generation, const wire::FetchResponse& response) {
  Member& member = members_[index];
  if (member.phase != Phase::kStable || member.generation != generation) return;
  bool failed = response.error_code != 0;
  for (const auto& topic : response.responses) {
    for (const auto& partition : topic.partitions) {
      failed |= partition.error_code != 0;
      if (partition.error_code == Code(ErrorCode::kOffsetOutOfRange))
        Wrong("a committed offset is beyond the records");
      if (partition.error_code == 0)
        Take(member, partition.partition_index, partition.records.value_or(std::span<const std::byte>()));
    }
  }
  At(failed ? 100 : 0, For(index, [this, index, generation](Member& again) {
       if (again.generation == generation) Read(index);
     }));
}

void WireGroups::Take(Member& member, int32_t partition, std::span<const std::byte> records) {
  const auto position = member.positions.find(partition);
  if (position == member.positions.end()) return;
  for (const BatchView batch : Batches(records)) {
    RecordReader reader(batch);
    for (RecordView record; reader.Next(&record);) {
      const int64_t offset = record.offset.value();
      if (offset < position->second) continue;
      if (offset > position->second) Wrong("offsets are left out");
      position->second = offset + 1;
      ++counts_.reads;
      read_.insert({partition, offset});
      const auto sent = acknowledged_records_.find({partition, offset});
      if (sent != acknowledged_records_.end() && record.value != sent->second)
        Wrong("a record is not what was sent");
    }
    if (!reader.status().ok()) Wrong("a batch cannot be read");
  }
}

void WireGroups::Beat(size_t index) {
  Member& member = members_[index];
  At(kHeartbeatMs, For(index, [this, index](Member&) { Beat(index); }));
  if (member.phase == Phase::kJoining) return;
  wire::HeartbeatRequest request{
      .group_id = kGroup, .generation_id = member.generation, .member_id = member.member_id};
  if (member.is_static) request.group_instance_id = member.name;
  const int32_t generation = member.generation;
  member.group->Ask<wire::HeartbeatResponse>(request, 4, [this, index, generation](const auto& answer) {
    const Member& asker = members_[index];
    if (asker.generation != generation || asker.phase == Phase::kJoining || answer.error_code == 0) return;
    const bool rebalances = answer.error_code == Code(ErrorCode::kRebalanceInProgress);
    if (rebalances && bug_ == WireBug::kDeaf) return;
    // Members that still wait for their assignment learn of a rebalance from the answer to that.
    if (asker.phase == Phase::kSyncing && rebalances) return;
    Rejoin(index, answer.error_code);
  });
}

void WireGroups::Commit(size_t index) {
  Member& member = members_[index];
  At(200 + Pick(800), For(index, [this, index](Member&) { Commit(index); }));
  if (member.phase != Phase::kStable || member.committing != 0 || member.positions.empty()) return;
  wire::OffsetCommitRequest request{.group_id = kGroup,
                                    .generation_id_or_member_epoch = member.generation,
                                    .member_id = member.member_id,
                                    .topics = {{.name = kTopic}}};
  if (member.is_static) request.group_instance_id = member.name;
  for (const auto& [partition, position] : member.positions) {
    if (position < 0) return;
    request.topics[0].partitions.push_back(
        {.partition_index = partition, .committed_offset = position + (bug_ == WireBug::kSkips ? 2 : 0)});
  }
  member.committing = ++commits_begun_;
  // Late by up to four seconds: that is how commits of generations past come about.
  At(Pick(8) == 0 ? Pick(4000) : 0, For(index, [this, index, request, commit = member.committing](Member&) {
       SendCommit(index, commit, request);
     }));
}

void WireGroups::SendCommit(size_t index, uint64_t commit, const wire::OffsetCommitRequest& request) {
  Member& member = members_[index];
  if (member.committing != commit) return;  // its connection was lost meanwhile
  member.group->Ask<wire::OffsetCommitResponse>(
      request, 8, [this, index, request](const wire::OffsetCommitResponse& response) {
        members_[index].committing = 0;
        for (size_t i = 0; i < response.topics.at(0).partitions.size(); ++i) {
          const auto& answer = response.topics[0].partitions[i];
          ++(answer.error_code == 0 ? counts_.commits : counts_.refused_commits);
          if (answer.error_code != 0) continue;
          // Answers to two members may overtake each other.
          int64_t& last = acknowledged_commits_[answer.partition_index];
          last = std::max(last, request.topics[0].partitions.at(i).committed_offset);
        }
      });
}

// --- The producer

void WireGroups::ConnectProducer() {
  producing_ = false;
  producer_ = std::make_unique<WireLink>(producer_host_.get(), kBroker,
                                         [this] { At(50, [this] { ConnectProducer(); }); });
}

void WireGroups::Produce() {
  if (!faults_) return;
  At(40, [this] { Produce(); });
  if (producing_) return;
  producing_ = true;
  const int32_t partition = static_cast<int32_t>(Pick(kPartitions));
  const std::string value = std::to_string(next_value_++);
  BatchBuilder builder{BatchOptions{}};
  builder.Append({.value = value}, sim_.clock.Wall());
  const auto batch = builder.Finish();
  const wire::ProduceRequest request{
      .acks = -1,
      .timeout_ms = 1000,
      .topic_data = {{.name = kTopic, .partition_data = {{.index = partition, .records = *batch}}}}};
  producer_->Ask<wire::ProduceResponse>(
      request, 9, [this, partition, value](const wire::ProduceResponse& response) {
        producing_ = false;
        const auto& answer = response.responses.at(0).partition_responses.at(0);
        if (answer.error_code != 0) return;
        ++counts_.records;
        acknowledged_records_[{partition, answer.base_offset}] = value;
      });
}

// --- The end

void WireGroups::CheckEnd() {
  size_t alive = 0;
  std::set<int32_t> owned;
  for (const Member& member : members_) {
    if (!member.alive) continue;
    ++alive;
    if (member.phase != Phase::kStable) Wrong(member.name + " is alive but has no assignment");
    if (member.group->malformed() || member.data->malformed()) Wrong("an answer is malformed");
    for (const auto& [partition, position] : member.positions) {
      if (!owned.insert(partition).second)
        Wrong("partition " + std::to_string(partition) + " has two owners at the end");
    }
  }
  const auto group = engine_->admin().DescribeGroup(kGroup);
  if (alive == 0) return;
  if (!group.ok()) return Wrong("the group cannot be described: " + std::string(group.status().message()));
  if (group->members.size() != alive) {
    Wrong("the group has " + std::to_string(group->members.size()) + " members, but " +
          std::to_string(alive) + " are alive");
  }
  if (owned.size() != kPartitions) Wrong("partitions belong to nobody");
  for (const auto& [record, value] : acknowledged_records_) {
    if (read_.contains(record)) continue;
    return Wrong("record " + value + ", at " + std::to_string(record.second) + " of partition " +
                 std::to_string(record.first) + ", was acknowledged and never read");
  }
}

// In `__consumer_offsets`, the offset of a partition never goes back.
void WireGroups::CheckCommitLog() {
  const auto log = engine_->PartitionLog({"__consumer_offsets", PartitionId(0)});
  if (!log.ok()) return;  // nobody has joined yet
  auto cursor = (*log)->NewCursor((*log)->log_start_offset());
  if (!cursor.ok()) return Wrong("the offsets cannot be read");
  std::map<int32_t, int64_t> last;
  for (auto slice = (*cursor)->Next(1 << 20); slice.ok() && !slice->empty();
       slice = (*cursor)->Next(1 << 20)) {
    for (const BatchView batch : *slice) {
      RecordReader reader(batch);
      for (RecordView record; reader.Next(&record);) {
        if (!record.key.has_value() || !record.value.has_value()) continue;
        const auto parsed = ParseCoordinatorRecord(std::as_bytes(std::span(*record.key)),
                                                   std::as_bytes(std::span(*record.value)));
        if (!parsed.ok()) return Wrong("a record of the coordinator is malformed");
        const auto* commit = std::get_if<OffsetRecord>(&*parsed);
        if (commit == nullptr || !commit->value.has_value()) continue;
        const auto [found, is_first] = last.try_emplace(commit->key.partition, commit->value->offset);
        if (commit->value->offset < found->second)
          Wrong("the committed offset of partition " + std::to_string(commit->key.partition) + " went back");
        found->second = commit->value->offset;
      }
    }
  }
  for (const auto& [partition, offset] : acknowledged_commits_) {
    if (last[partition] < offset) Wrong("an acknowledged commit is gone");
  }
}

}  // namespace millrace::inline v0::testing
