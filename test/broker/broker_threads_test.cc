// A broker over TCP, on two loops, under clients on threads of their own: they produce, fetch, ask, make and
// delete topics, join groups and leave them, come and go; and in the midst of it the broker closes. What was
// acknowledged is there afterwards, and nobody has seen anything but the end.

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "../../examples/wire_client.h"
#include "base/strings.h"
#include "broker/client_threads.h"
#include "millrace/engine.h"
#include "millrace/env/clock.h"
#include "millrace/record.h"
#include "millrace/wire/messages/api_versions.h"
#include "millrace/wire/messages/consumer_group_heartbeat.h"
#include "millrace/wire/messages/create_topics.h"
#include "millrace/wire/messages/delete_topics.h"
#include "millrace/wire/messages/describe_groups.h"
#include "millrace/wire/messages/fetch.h"
#include "millrace/wire/messages/heartbeat.h"
#include "millrace/wire/messages/join_group.h"
#include "millrace/wire/messages/leave_group.h"
#include "millrace/wire/messages/metadata.h"
#include "millrace/wire/messages/offset_commit.h"
#include "millrace/wire/messages/produce.h"
#include "millrace/wire/messages/sync_group.h"
#include "temp_dir.h"

namespace millrace::inline v0 {
namespace {

constexpr int32_t kPartitions = 2;
constexpr int kRounds = 30;
constexpr absl::Duration kPatience = absl::Minutes(2);

bool IsAnyOf(int16_t code, std::initializer_list<ErrorCode> allowed) {
  for (const ErrorCode one : allowed) {
    if (code == static_cast<int16_t>(one)) return true;
  }
  return false;
}
absl::Status Unexpected(std::string_view what, int16_t code) {
  return absl::InternalError(ToAbsl(StrCat(what, " was answered with error ", code)));
}

// What a member of a group is told when another one comes or goes.
absl::Status GroupStatus(std::string_view what, int16_t code) {
  if (IsAnyOf(code, {ErrorCode::kNone, ErrorCode::kRebalanceInProgress, ErrorCode::kIllegalGeneration,
                     ErrorCode::kUnknownMemberId, ErrorCode::kMemberIdRequired,
                     ErrorCode::kCoordinatorNotAvailable, ErrorCode::kNotCoordinator}))
    return absl::OkStatus();
  return Unexpected(what, code);
}

struct Crowd {
  explicit Crowd(const std::string& directory) {
    auto opened = Engine::Open({.directory = directory,
                                .offsets_topic_num_partitions = 1,
                                .group_min_session_timeout = absl::Seconds(1),
                                .group_initial_rebalance_delay = absl::ZeroDuration()});
    REQUIRE(opened.ok());
    engine = *std::move(opened);
    REQUIRE(engine->CreateTopic("orders", {.partitions = kPartitions}).ok());
    for (auto* const transport : {&serving, &asking}) {
      auto tcp = NewTcpTransport({.threads = 2});
      REQUIRE(tcp.ok());
      *transport = *std::move(tcp);
    }
    StartBroker();
  }
  void StartBroker() {
    auto started = Broker::Start(
        {.engine = engine.get(), .listeners = {{.transport = serving.get(), .address = "127.0.0.1:0"}}});
    REQUIRE(started.ok());
    broker = *std::move(started);
    address = broker->bootstrap_servers();
    stopped = false;
  }
  std::unique_ptr<WireClient> Connect() const { return std::make_unique<WireClient>(asking.get(), address); }
  int64_t End(int32_t partition) const {
    const auto log = engine->PartitionLog({"orders", PartitionId(partition)});
    return log.ok() ? (*log)->log_end_offset().value() : -1;
  }

  std::unique_ptr<Engine> engine;
  std::unique_ptr<Transport> serving;
  std::unique_ptr<Transport> asking;
  std::unique_ptr<Broker> broker;
  // The broker may go while clients use it.
  std::string address;
  std::atomic<bool> stopped{false};
  std::array<std::atomic<int64_t>, kPartitions> acknowledged = {};
  std::array<std::atomic<int64_t>, kPartitions> fetched = {};
};

using Round = std::function<absl::Status()>;

// The value of each record is its offset: nothing else is written to that partition.
Round Producing(Crowd& crowd, int32_t partition) {
  std::shared_ptr<WireClient> client = crowd.Connect();
  return [&crowd, partition, client, next = crowd.End(partition)]() mutable -> absl::Status {
    BatchBuilder builder;
    const std::string value = StrCat(next);
    // Older ones would be deleted meanwhile.
    builder.Append({.value = value}, Clock::System()->Wall());
    const auto batch = builder.Finish();
    const wire::ProduceRequest request{
        .acks = -1,
        .timeout_ms = 30'000,
        .topic_data = {{.name = "orders", .partition_data = {{.index = partition, .records = *batch}}}}};
    const auto answer = client->Call<wire::ProduceResponse>(request, 8, kPatience);
    if (!answer.ok()) return answer.status();
    const auto& produced = answer->responses.at(0).partition_responses.at(0);
    if (produced.error_code != 0) return Unexpected("Produce", produced.error_code);
    if (produced.base_offset != next) return absl::InternalError("a record at another's offset");
    crowd.acknowledged[static_cast<size_t>(partition)].store(++next);
    return absl::OkStatus();
  };
}

absl::Status Follow(std::span<const std::byte> left, int64_t* next) {
  while (!left.empty()) {
    const auto batch = BatchView::Parse(left);
    if (!batch.ok()) return batch.status();
    left = left.subspan(batch->size_bytes());
    RecordReader reader(*batch);
    for (RecordView record; reader.Next(&record); ++*next) {
      if (record.value != StrCat(*next)) return absl::InternalError("a record is lost, doubled or torn");
    }
    if (!reader.status().ok()) return reader.status();
  }
  return absl::OkStatus();
}

Round Fetching(Crowd& crowd, int32_t partition) {
  std::shared_ptr<WireClient> client = crowd.Connect();
  return [&crowd, partition, client, next = crowd.End(partition)]() mutable -> absl::Status {
    const wire::FetchRequest request{
        .max_wait_ms = 500,
        .min_bytes = 1,
        .session_epoch = -1,
        .topics = {{.topic = "orders",
                    .partitions = {
                        {.partition = partition, .fetch_offset = next, .partition_max_bytes = 1 << 20}}}}};
    const auto answer = client->Call<wire::FetchResponse>(request, 11, kPatience);
    if (!answer.ok()) return answer.status();
    const auto& read = answer->responses.at(0).partitions.at(0);
    if (read.error_code != 0) return Unexpected("Fetch", read.error_code);
    const absl::Status followed = Follow(*read.records, &next);
    crowd.fetched[static_cast<size_t>(partition)].store(next);
    return followed;
  };
}

// A classic member that joins, syncs, beats, commits, and leaves again.
Round Joining(Crowd& crowd) {
  std::shared_ptr<WireClient> client = crowd.Connect();
  return [client]() -> absl::Status {
    // Short: those who are cut off stay in the group for so long, and the others wait for them.
    wire::JoinGroupRequest join{.group_id = "classic",
                                .session_timeout_ms = 1'000,
                                .rebalance_timeout_ms = 1'000,
                                .protocol_type = "consumer",
                                .protocols = {{.name = "p", .metadata = {std::byte{1}}}}};
    const auto first = client->Call<wire::JoinGroupResponse>(join, 5, kPatience);
    if (!first.ok()) return first.status();
    join.member_id = first->member_id;
    const auto joined = client->Call<wire::JoinGroupResponse>(join, 5, kPatience);
    if (!joined.ok()) return joined.status();
    if (joined->error_code != 0) return GroupStatus("JoinGroup", joined->error_code);
    const std::string member = joined->member_id;
    wire::SyncGroupRequest sync{
        .group_id = "classic", .generation_id = joined->generation_id, .member_id = member};
    if (joined->leader == member) {
      for (const auto& one : joined->members)
        sync.assignments.push_back({.member_id = one.member_id, .assignment = {std::byte{7}}});
    }
    const auto synced = client->Call<wire::SyncGroupResponse>(sync, 3, kPatience);
    if (!synced.ok()) return synced.status();
    absl::Status status = GroupStatus("SyncGroup", synced->error_code);
    const wire::HeartbeatRequest beat{
        .group_id = "classic", .generation_id = joined->generation_id, .member_id = member};
    const auto beaten = client->Call<wire::HeartbeatResponse>(beat, 3, kPatience);
    if (!beaten.ok()) return beaten.status();
    status.Update(GroupStatus("Heartbeat", beaten->error_code));
    const wire::OffsetCommitRequest commit{
        .group_id = "classic",
        .generation_id_or_member_epoch = joined->generation_id,
        .member_id = member,
        .topics = {{.name = "orders", .partitions = {{.partition_index = 0, .committed_offset = 1}}}}};
    const auto committed = client->Call<wire::OffsetCommitResponse>(commit, 7, kPatience);
    if (!committed.ok()) return committed.status();
    status.Update(GroupStatus("OffsetCommit", committed->topics.at(0).partitions.at(0).error_code));
    const auto left = client->Call<wire::LeaveGroupResponse>(
        wire::LeaveGroupRequest{.group_id = "classic", .members = {{.member_id = member}}}, 3, kPatience);
    if (!left.ok()) return left.status();
    status.Update(GroupStatus("LeaveGroup", left->error_code));
    return status;
  };
}

// A member of the consumer protocol that joins, beats a few times, and leaves again.
Round Beating(Crowd& crowd, const std::string& member) {
  std::shared_ptr<WireClient> client = crowd.Connect();
  return [client, member]() -> absl::Status {
    wire::ConsumerGroupHeartbeatRequest beat{
        .group_id = "consumers",
        .member_id = member,
        .rebalance_timeout_ms = 10'000,
        .subscribed_topic_names = std::vector<std::string>{"orders"},
        .topic_partitions = std::vector<wire::ConsumerGroupHeartbeatRequest::TopicPartitions>{}};
    for (int i = 0; i < 4; ++i) {
      const auto beaten = client->Call<wire::ConsumerGroupHeartbeatResponse>(beat, 1, kPatience);
      if (!beaten.ok()) return beaten.status();
      if (!IsAnyOf(beaten->error_code, {ErrorCode::kNone, ErrorCode::kCoordinatorNotAvailable}))
        return Unexpected("ConsumerGroupHeartbeat", beaten->error_code);
      beat = {
          .group_id = "consumers", .member_id = member, .member_epoch = i == 2 ? -1 : beaten->member_epoch};
    }
    return absl::OkStatus();
  };
}

Round MakingTopics(Crowd& crowd) {
  std::shared_ptr<WireClient> client = crowd.Connect();
  return [client]() -> absl::Status {
    const auto created = client->Call<wire::CreateTopicsResponse>(
        wire::CreateTopicsRequest{
            .topics = {{.name = "passing", .num_partitions = 3, .replication_factor = 1}},
            .timeout_ms = 30'000},
        5, kPatience);
    if (!created.ok()) return created.status();
    if (const int16_t code = created->topics.at(0).error_code;
        !IsAnyOf(code, {ErrorCode::kNone, ErrorCode::kTopicAlreadyExists}))
      return Unexpected("CreateTopics", code);
    const auto deleted = client->Call<wire::DeleteTopicsResponse>(
        wire::DeleteTopicsRequest{.topic_names = {"passing"}, .timeout_ms = 30'000}, 5, kPatience);
    if (!deleted.ok()) return deleted.status();
    const int16_t code = deleted->responses.at(0).error_code;
    return code == 0 ? absl::OkStatus() : Unexpected("DeleteTopics", code);
  };
}

// Comes, asks, and goes: each second time while a fetch waits.
Round ComingAndGoing(Crowd& crowd) {
  return [&crowd, rounds = 0]() mutable -> absl::Status {
    const auto client = crowd.Connect();
    const auto topics =
        client->Call<wire::MetadataResponse>(wire::MetadataRequest{.topics = std::nullopt}, 8, kPatience);
    if (!topics.ok()) return topics.status();
    const auto groups = client->Call<wire::DescribeGroupsResponse>(
        wire::DescribeGroupsRequest{.groups = {"classic", "consumers"}}, 4, kPatience);
    if (!groups.ok()) return groups.status();
    if (++rounds % 2 == 0) return absl::OkStatus();
    const wire::FetchRequest fetch{
        .max_wait_ms = 60'000,
        .min_bytes = 1 << 30,
        .topics = {{.topic = "orders", .partitions = {{.partition = 0, .partition_max_bytes = 1 << 20}}}}};
    const auto waited = client->Call<wire::FetchResponse>(fetch, 11, absl::ZeroDuration());
    return absl::IsDeadlineExceeded(waited.status()) ? absl::OkStatus() : waited.status();
  };
}

// What the host does beside its clients.
Round Hosting(Crowd& crowd) {
  return [&crowd]() -> absl::Status {
    if (crowd.stopped) return absl::UnavailableError("it is over");
    const auto metrics = crowd.engine->metrics().Snapshot();
    (void)crowd.engine->admin().ListTopics();
    (void)crowd.engine->admin().DescribeGroup("classic");
    return metrics.samples.empty() ? absl::InternalError("no metrics") : absl::OkStatus();
  };
}

void StartAll(Crowd& crowd, test::ClientThreads& threads) {
  for (int32_t partition = 0; partition < kPartitions; ++partition) {
    threads.Start("producer", Producing(crowd, partition));
    threads.Start("fetcher", Fetching(crowd, partition));
  }
  for (int i = 0; i < 2; ++i) {
    threads.Start("classic member", Joining(crowd));
    threads.Start("consumer member", Beating(crowd, StrCat("member-", i)));
    threads.Start("passer-by", ComingAndGoing(crowd));
  }
  threads.Start("maker of topics", MakingTopics(crowd));
  threads.Start("host", Hosting(crowd));
}

TEST_CASE("a broker closes under clients on many threads, and is started again over its engine") {
  const test::TempDir dir;
  const bool on_disk = GENERATE(false, true);
  Crowd crowd(on_disk ? dir.Path("data") : "");
  for (int round = 0; round < 3; ++round) {
    if (round > 0) crowd.StartBroker();
    test::ClientThreads threads;
    StartAll(crowd, threads);
    threads.AwaitRounds(kRounds);
    // With time, without, and by its end alone.
    if (round < 2) CHECK(crowd.broker->Close(round == 0 ? absl::Minutes(1) : absl::ZeroDuration()).ok());
    if (round == 2) crowd.broker.reset();
    CHECK_FALSE(
        crowd.Connect()->Call<wire::ApiVersionsResponse>(wire::ApiVersionsRequest{}, 0, kPatience).ok());
    crowd.stopped = true;
    threads.Join();
    CHECK(threads.findings() == "");
    CHECK(threads.fewest_rounds() >= kRounds);
    for (int32_t partition = 0; partition < kPartitions; ++partition) {
      const int64_t acknowledged = crowd.acknowledged[static_cast<size_t>(partition)];
      const int64_t end = crowd.End(partition);
      // One more may have been stored, and its answer cut off.
      CHECK(end >= acknowledged);
      CHECK(end <= acknowledged + 1);
      CHECK(crowd.fetched[static_cast<size_t>(partition)] <= end);
    }
  }
}

// The negative control: an answer that is not as it should be is a finding, and whose.
TEST_CASE("a client that is refused is found out") {
  Crowd crowd("");
  REQUIRE(crowd.broker->faults()
              .Add({.api = wire::ApiKey::kProduce, .nth = 5, .error = ErrorCode::kCorruptMessage})
              .ok());
  test::ClientThreads threads;
  StartAll(crowd, threads);
  threads.AwaitRounds(1'000'000);
  CHECK(crowd.broker->Close(absl::Minutes(1)).ok());
  crowd.stopped = true;
  threads.Join();
  CHECK(threads.findings().find("producer: INTERNAL: Produce was answered with error 2") == 0);
}

}  // namespace
}  // namespace millrace::inline v0
