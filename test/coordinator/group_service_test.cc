#include "coordinator/group_service.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "coordinator/consumer_protocol.h"
#include "millrace/record.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

// Set by hand.
class HandClock final : public Clock {
 public:
  MonotonicNanos Monotonic() override { return MonotonicNanos(nanos.load()); }
  Timestamp Wall() override { return Timestamp(1'700'000'000'000 + nanos.load() / 1'000'000); }
  std::atomic<int64_t> nanos{1};
};

// Keeps batches, as a partition of __consumer_offsets would; answers at once, or when the test says.
class MemoryStore final : public OffsetsStore {
 public:
  using Done = absl::AnyInvocable<void(absl::Status)>;
  void Append(int32_t partition, std::span<const CoordinatorRecord> records, Timestamp timestamp,
              Done done) override {
    BatchBuilder builder;
    for (const CoordinatorRecord& record : records) {
      Record r{.key = Text(record.key)};
      if (record.value.has_value()) r.value = Text(*record.value);
      builder.Append(r, timestamp);
    }
    const auto bytes = builder.Finish();
    {
      MutexLock lock(&mutex);
      batches[partition].emplace_back(bytes->begin(), bytes->end());
      ++appends;
      if (hold) {
        held.push_back(std::move(done));
        return;
      }
    }
    done(absl::OkStatus());
  }
  void Release(const absl::Status& status = absl::OkStatus()) {
    std::deque<Done> ready;
    {
      MutexLock lock(&mutex);
      ready.swap(held);
    }
    for (Done& done : ready) done(status);
  }
  static std::string_view Text(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  Mutex mutex;
  std::map<int32_t, std::vector<std::vector<std::byte>>> batches;
  std::deque<Done> held;
  bool hold = false;
  int appends = 0;
};

struct Rig {
  Rig() { Open(); }
  void Open(GroupConfig config = {.initial_rebalance_delay_ms = 0}) {
    service = NewGroupService({.config = config,
                               .partitions = 4,
                               .store = &store,
                               .executor = executor.get(),
                               .clock = &clock,
                               .random = random.get()});
  }
  void Load() {
    for (int32_t p = 0; p < 4; ++p) {
      service->StartLoading(p);
      for (const auto& batch : store.batches[p]) {
        const auto view = BatchView::Parse(batch);
        REQUIRE(view.ok());
        REQUIRE(service->LoadBatch(p, *view).ok());
      }
      service->FinishLoading(p);
    }
  }
  void Sleep(int64_t ms) {
    clock.nanos += ms * 1'000'000;
    while (executor->RunOnce() != 0) {
    }
  }
  JoinGroupRequest Request(std::string group = "g") {
    return {.group = std::move(group),
            .session_timeout_ms = 10000,
            .protocols = {{.name = "range", .metadata = EncodeSubscription({.topics = {"t"}})}},
            .client_id = "c"};
  }
  std::string StableOne(const std::string& group = "g") {
    std::string id;
    service->Join(Request(group), [&](JoinGroupResponse r) { id = r.member_id; });
    service->Sync({.group = group, .generation = 1, .member_id = id}, [](SyncGroupResponse) {});
    return id;
  }
  void Commit(const std::string& group, int64_t offset, OffsetCommitDone done) {
    service->CommitOffsets({.group = group, .offsets = {{.partition = {.topic = "t"}, .offset = offset}}},
                           std::move(done));
  }
  int64_t Committed(const std::string& group) {
    int64_t offset = -2;
    service->FetchOffsets({.group = group, .partitions = {{{.topic = "t"}}}},
                          [&](OffsetFetchResponse r) { offset = r.offsets.at(0).offset.offset; });
    return offset;
  }

  HandClock clock;
  MemoryStore store;
  std::unique_ptr<ManualExecutor> executor = NewManualExecutor(&clock);
  std::unique_ptr<Random> random = Random::Seeded(3);
  std::unique_ptr<GroupService> service;
};

TEST_CASE("groups live where Java's hash says") {
  CHECK(OffsetsPartitionFor("", 50) == 0);
  CHECK(OffsetsPartitionFor("a", 50) == 97 % 50);
  CHECK(OffsetsPartitionFor("test-group", 50) == 12);
  CHECK(OffsetsPartitionFor("\xc3\xbc", 50) == 252 % 50);                             // one UTF-16 unit
  CHECK(OffsetsPartitionFor("\xf0\x9f\x98\x80", 50) == (31 * 0xd83d + 0xde00) % 50);  // two
  CHECK(OffsetsPartitionFor("\xff", 50) == 0xfffd % 50);
  CHECK(OffsetsPartitionFor("polygenelubricants", 50) == 0);  // hash -2^31
}

TEST_CASE("until a partition is loaded its groups are not answered for") {
  Rig rig;
  ErrorCode error = ErrorCode::kNone;
  rig.service->Join(rig.Request(), [&](JoinGroupResponse r) { error = r.result.error; });
  CHECK(error == ErrorCode::kCoordinatorLoadInProgress);
  rig.Commit("g", 1, [&](OffsetCommitResponse r) { error = r.partitions.at(0).result.error; });
  CHECK(error == ErrorCode::kCoordinatorLoadInProgress);
  rig.service->ListGroups({}, [&](ListGroupsResponse r) { error = r.result.error; });
  CHECK(error == ErrorCode::kCoordinatorLoadInProgress);
  rig.Load();
  CHECK(rig.StableOne() != "");
}

TEST_CASE("everything is there after a restart") {
  Rig rig;
  rig.Load();
  for (int i = 0; i < 20; ++i) rig.Commit("group-" + std::to_string(i), i, [](OffsetCommitResponse) {});
  const std::string id = rig.StableOne();
  CHECK(rig.store.batches.size() == 4);  // spread over all partitions
  rig.service->DeleteGroup("group-3", [](DeleteGroupResponse r) { CHECK(r.result.ok()); });
  rig.service->OnTopicsDeleted({"other"}, [](const absl::Status& s) { CHECK(s.ok()); });
  rig.Open();
  rig.Load();
  for (int i = 0; i < 20; ++i) CHECK(rig.Committed("group-" + std::to_string(i)) == (i == 3 ? -1 : i));
  size_t groups = 0;
  rig.service->ListGroups({}, [&](ListGroupsResponse r) { groups = r.groups.size(); });
  CHECK(groups == 20);
  DescribeGroupResponse described;
  rig.service->DescribeGroup("g", [&](DescribeGroupResponse r) { described = std::move(r); });
  CHECK(described.state == GroupState::kStable);
  CHECK(described.members.at(0).member_id == id);
  rig.service->DeleteOffsets({.group = "group-4", .partitions = {{.topic = "t"}}},
                             [](OffsetDeleteResponse r) { CHECK(r.result.ok()); });
  CHECK(rig.Committed("group-4") == -1);
}

TEST_CASE("the executor's timers end sessions") {
  Rig rig;
  rig.Load();
  const std::string id = rig.StableOne();
  ErrorCode error = ErrorCode::kNone;
  const auto beat = [&] {
    rig.service->Heartbeat({.group = "g", .generation = 1, .member_id = id},
                           [&](HeartbeatResponse r) { error = r.result.error; });
    return error;
  };
  rig.Sleep(9000);
  CHECK(beat() == ErrorCode::kNone);
  rig.Sleep(9999);  // the timer of the first session fires, finds a later one, and is armed again
  CHECK(beat() == ErrorCode::kNone);
  rig.Sleep(10000);
  CHECK(beat() == ErrorCode::kUnknownMemberId);
}

TEST_CASE("answers wait for the append; what comes meanwhile waits its turn") {
  Rig rig;
  rig.Load();
  rig.store.hold = true;
  std::vector<int> order;
  for (int i = 0; i < 3; ++i) {
    rig.Commit("g", i, [&order, i](OffsetCommitResponse r) {
      CHECK(r.partitions.at(0).result.ok());
      order.push_back(i);
    });
  }
  CHECK(order.empty());
  CHECK(rig.store.held.size() == 1);  // one append a partition at a time
  rig.store.Release();
  CHECK(order == std::vector<int>{0});
  rig.store.Release();
  rig.store.Release();
  CHECK(order == std::vector<int>{0, 1, 2});
  CHECK(rig.Committed("g") == 2);
  // One that fails leaves the offset as it was.
  ErrorCode error = ErrorCode::kNone;
  rig.Commit("g", 9, [&](OffsetCommitResponse r) { error = r.partitions.at(0).result.error; });
  rig.store.Release(Error(ErrorCode::kKafkaStorageError, "full"));
  CHECK(error == ErrorCode::kCoordinatorNotAvailable);
  CHECK(rig.Committed("g") == 2);
}

TEST_CASE("callbacks may call the service again") {
  Rig rig;
  rig.Load();
  int64_t committed = -2;
  rig.Commit("g", 5, [&](OffsetCommitResponse) {
    rig.Commit("g", 6, [&](OffsetCommitResponse) { committed = rig.Committed("g"); });
  });
  // The last look was queued behind its own callback's end, and has been answered by now.
  CHECK(rig.Committed("g") == 6);
  CHECK((committed == 6 || committed == -2));
}

TEST_CASE("closing answers all that wait, and everything after") {
  Rig rig;
  rig.Load();
  rig.StableOne();
  ErrorCode waiting = ErrorCode::kNone;
  rig.service->Join(rig.Request(), [&](JoinGroupResponse r) { waiting = r.result.error; });
  CHECK(waiting == ErrorCode::kNone);
  rig.store.hold = true;
  std::vector<ErrorCode> commits;
  const auto committed = [&](OffsetCommitResponse r) { commits.push_back(r.partitions.at(0).result.error); };
  rig.Commit("h", 1, committed);
  rig.Commit("h", 2, committed);
  rig.service->Close();
  CHECK(waiting == ErrorCode::kCoordinatorNotAvailable);
  CHECK(commits == std::vector<ErrorCode>{ErrorCode::kCoordinatorNotAvailable});  // the one in the queue
  rig.Commit("h", 3, committed);
  CHECK(commits.back() == ErrorCode::kCoordinatorNotAvailable);
  CHECK(rig.executor->NextDue() == kNever);
  rig.service.reset();
  rig.store.Release();  // the append under way outlives the service
  CHECK(commits.back() == ErrorCode::kNone);
  CHECK(commits.size() == 3);
}

TEST_CASE("a damaged batch is reported when loading") {
  Rig rig;
  BatchBuilder builder;
  builder.Append({.key = "x", .value = "y"}, Timestamp(1));
  const auto bytes = builder.Finish();
  const auto view = BatchView::Parse(*bytes);
  CHECK(ErrorCodeOf(rig.service->LoadBatch(0, *view)) == ErrorCode::kInvalidRecord);
}

TEST_CASE("many threads use many groups at once") {
  Rig rig;
  rig.Load();
  constexpr int kThreads = 4;
  constexpr int kRounds = 300;
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        const std::string group = "g" + std::to_string((t + i) % 7);
        rig.Commit(group, i, [&](OffsetCommitResponse r) { good += r.partitions.at(0).result.ok(); });
        rig.service->ListGroups({}, [&](ListGroupsResponse r) { good += r.result.ok(); });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  // A shard's runner may be another thread; by now all have finished.
  CHECK(good == 2 * kThreads * kRounds);
  CHECK(rig.store.appends == kThreads * kRounds);
}

}  // namespace
}  // namespace millrace::inline v0
