#include "partition/partition.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "partition/fake_log.h"

namespace millrace {
namespace {

class CountingListener final : public AppendListener {
 public:
  void OnAppend() override { ++calls; }
  int calls = 0;
};

// Commits when the test says so.
class ManualReplicator final : public Replicator {
 public:
  absl::Status Attach(std::shared_ptr<PartitionHandle> partition) override {
    if (!refuse_attach.ok()) return refuse_attach;
    handle = std::move(partition);
    return absl::OkStatus();
  }
  void Detach(const TopicPartition&) override {
    handle = nullptr;
    ++detached;
  }
  absl::Status CheckAppend(const TopicPartition&, bool acks_all) override {
    return acks_all ? refuse_all : absl::OkStatus();
  }
  void OnAppended(const TopicPartition&, Offset end) override { ends.push_back(end.value()); }

  std::shared_ptr<PartitionHandle> handle;
  absl::Status refuse_attach;
  absl::Status refuse_all;
  std::vector<int64_t> ends;
  int detached = 0;
};

struct World {
  explicit World(Replicator* replicator = nullptr) {
    context.logs = &logs;
    context.replicator = replicator;
    context.env = Env{}.WithDefaults();
    partition = std::make_shared<Partition>(&context, name, TopicId{}, std::make_shared<TopicConfig>());
  }
  std::shared_ptr<FakeLog> log() { return logs.Get(name); }
  absl::StatusOr<AppendResult> Append(std::string_view value, bool acks_all = true) {
    return partition->Append({.value = value}, Timestamp(1), acks_all);
  }

  const TopicPartition name{"orders", PartitionId(3)};
  FakeLogSource logs;
  PartitionContext context;
  std::shared_ptr<Partition> partition;
};

TEST_CASE("a partition opens its log when it is first used, and once") {
  World world;
  CHECK(world.log() == nullptr);
  CHECK(world.partition->high_watermark() == kNoOffset);
  world.logs.FailNextOpen(absl::ResourceExhaustedError("no descriptors"));
  CHECK(world.partition->OpenLog().status().code() == absl::StatusCode::kResourceExhausted);
  CHECK(world.partition->log_if_open() == nullptr);
  REQUIRE(world.Append("a").ok());
  CHECK(world.partition->log_if_open() == world.log().get());
  CHECK(world.partition->high_watermark() == Offset(1));
  CHECK(world.logs.size() == 1);
}

TEST_CASE("without a replicator appends are committed and readable at once") {
  World world;
  REQUIRE(world.Append("a").ok());
  absl::Status seen = absl::UnknownError("not called");
  world.partition->OnCommitted(Offset(1), true, Durability::kProcess, [&](absl::Status s) { seen = s; });
  CHECK(seen.ok());
  CountingListener listener;
  CHECK_FALSE(world.partition->Arm(&listener, Offset(0)));
  CHECK(world.partition->Arm(&listener, Offset(1)));
  REQUIRE(world.Append("b").ok());
  CHECK(listener.calls == 1);
  REQUIRE(world.Append("c").ok());
  CHECK(listener.calls == 1);
}

TEST_CASE("an acknowledgement of a durable append waits for the flush, and gets its failure") {
  World world;
  REQUIRE(world.Append("a").ok());
  world.log()->HoldSync();
  std::vector<absl::Status> seen;
  const auto note = [&](absl::Status status) { seen.push_back(status); };
  world.partition->OnCommitted(Offset(1), true, Durability::kPowerLoss, note);
  CHECK(seen.empty());
  world.log()->CompleteSync();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].ok());
  REQUIRE(world.Append("b").ok());
  world.partition->OnCommitted(Offset(2), true, Durability::kPowerLoss, note);
  world.log()->CompleteSync(absl::DataLossError("EIO"));
  REQUIRE(seen.size() == 2);
  CHECK(seen[1].code() == absl::StatusCode::kDataLoss);
}

TEST_CASE("with a replicator the high watermark decides what is acknowledged and read") {
  ManualReplicator replicator;
  World world(&replicator);
  REQUIRE(world.partition->OpenLog().ok());
  REQUIRE(replicator.handle != nullptr);
  CHECK(replicator.handle->topic_partition() == world.name);
  REQUIRE(world.Append("a").ok());
  REQUIRE(world.Append("b").ok());
  CHECK(replicator.ends == std::vector<int64_t>{1, 2});
  CHECK(world.partition->high_watermark() == Offset(0));

  std::vector<int> order;
  const auto on = [&](int which) {
    return [&order, which](absl::Status s) { order.push_back(s.ok() ? which : -which); };
  };
  world.partition->OnCommitted(Offset(2), true, Durability::kProcess, on(2));
  world.partition->OnCommitted(Offset(1), true, Durability::kProcess, on(1));
  world.partition->OnCommitted(Offset(2), false, Durability::kProcess, on(3));  // acks=1
  CHECK(order == std::vector<int>{3});
  CountingListener listener;
  REQUIRE(world.partition->Arm(&listener, Offset(1)));
  auto cursor = world.log()->NewCursor(Offset(0));
  CHECK(world.partition->ReadCommitted(cursor->get(), 1 << 20)->empty());

  replicator.handle->AdvanceHighWatermark(Offset(1));
  CHECK(order == std::vector<int>{3, 1});
  CHECK(listener.calls == 0);
  const auto slice = world.partition->ReadCommitted(cursor->get(), 1 << 20);
  REQUIRE(slice.ok());
  CHECK(slice->next_offset == Offset(1));
  CHECK((*cursor)->position() == Offset(1));
  CHECK(BatchView(slice->bytes.data()).size_bytes() == slice->bytes.size());

  replicator.handle->AdvanceHighWatermark(Offset(99));  // never past the end
  CHECK(world.partition->high_watermark() == Offset(2));
  CHECK(order == std::vector<int>{3, 1, 2});
  CHECK(listener.calls == 1);
  replicator.handle->AdvanceHighWatermark(Offset(1));  // never down
  CHECK(world.partition->high_watermark() == Offset(2));
}

TEST_CASE("a replicator may refuse a partition and an append") {
  ManualReplicator replicator;
  replicator.refuse_attach = absl::UnavailableError("not yet");
  World world(&replicator);
  CHECK(world.partition->OpenLog().status().code() == absl::StatusCode::kUnavailable);
  replicator.refuse_attach = absl::OkStatus();
  REQUIRE(world.partition->OpenLog().ok());
  replicator.refuse_all = Error(ErrorCode::kNotEnoughReplicas, "alone");
  CHECK(ErrorCodeOf(world.Append("a").status()) == ErrorCode::kNotEnoughReplicas);
  CHECK(world.log()->Values().empty());
  CHECK(world.Append("a", /*acks_all=*/false).ok());
}

TEST_CASE("deleting a partition fails what waits, wakes readers, and refuses what comes") {
  ManualReplicator replicator;
  World world(&replicator);
  REQUIRE(world.Append("a").ok());
  absl::Status seen;
  world.partition->OnCommitted(Offset(1), true, Durability::kProcess, [&](absl::Status s) { seen = s; });
  CountingListener listener;
  REQUIRE(world.partition->Arm(&listener, Offset(1)));
  world.partition->MarkDeleted();
  CHECK(ErrorCodeOf(seen) == ErrorCode::kUnknownTopicOrPartition);
  CHECK(listener.calls == 1);
  CHECK(replicator.detached == 1);
  BatchBuilder builder;
  builder.Append({.value = "b"}, Timestamp(1));
  CHECK(ErrorCodeOf(
            world.partition->AppendBatch(*builder.Finish(), AppendOrigin::kClient, true, true).status()) ==
        ErrorCode::kUnknownTopicOrPartition);
}

}  // namespace
}  // namespace millrace
