// S3: what a few megabytes of compressed bytes can make of themselves. Whoever reads them stops at a bound
// that is independent of what they claim, and says so.

#include <catch2/catch.hpp>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "allocations.h"
#include "fuzz/fuzzed_broker.h"
#include "log/fake_cleanable_log.h"
#include "millrace/consumer.h"
#include "reliability/bombs.h"
#include "tools/dump_log.h"

namespace millrace::inline v0 {
namespace {

using bombs::Bomb;
using fuzz::FuzzedBroker;
using fuzz::Outcome;
using test::PeakMemory;

constexpr size_t kExtraMax = size_t{64} << 20;
// What a topic takes by default, and what a topic may be told to take.
constexpr size_t kOrdinaryBytes = 1 << 20;
constexpr size_t kLargeBytes = 10 << 20;

bool SaysWhy(const absl::Status& status) {
  return std::string(status.message()).find("becomes more than the") != std::string::npos;
}

TEST_CASE("S3: reading a bomb stops at the bound") {
  if (!test::CountsAllocations()) return;
  for (const size_t bytes : {kOrdinaryBytes, kLargeBytes}) {
    for (const Bomb& bomb : bombs::All(bytes)) {
      INFO(bomb.name << " of " << bytes);
      REQUIRE(bomb.batch.size() > bytes / 2);
      const auto batch = BatchView::Parse(bomb.batch);
      REQUIRE(batch.ok());
      REQUIRE(batch->CrcIsValid());
      const PeakMemory peak;
      const absl::Status status = batch->Validate();
      // Twenty times 1 MiB is within the bound: then it is only malformed.
      CHECK_FALSE(status.ok());
      if (static_cast<size_t>(bomb.times) * bytes > DecompressedBytesMax(bytes)) {
        INFO(std::string(status.message()));
        CHECK(SaysWhy(status));
      }
      CHECK(peak.bytes() <= kExtraMax);
    }
  }
}

// The negative control: with the bound that a trusting reader would set, the same bytes take what they ask.
TEST_CASE("S3: a reader without a bound is caught") {
  if (!test::CountsAllocations()) return;
  for (const Bomb& bomb : bombs::All(kOrdinaryBytes)) {
    if (bomb.times < 1000) continue;
    INFO(bomb.name);
    const test::LargestAllocation largest(size_t{300} << 20);
    const PeakMemory peak;
    bool is_caught = false;
    try {
      (void)BatchView(bomb.batch.data()).Validate(size_t{512} << 20);
      is_caught = peak.bytes() > kExtraMax;
    } catch (const std::bad_alloc&) {
      is_caught = true;
    }
    CHECK(is_caught);
  }
}

// Good streams are not taken for bombs: up to the bound, and beyond it where the reader says so.
TEST_CASE("S3: what fits the bound is read, and a larger bound is the reader's choice") {
  BatchBuilder builder({.compression = Compression::kGzip});
  const std::string value(size_t{40} << 20, 'v');
  builder.Append({.key = "key", .value = value}, Timestamp(1));
  const auto batch = builder.Finish();
  REQUIRE(batch.ok());
  CHECK(SaysWhy(BatchView(batch->data()).Validate()));
  CHECK(BatchView(batch->data()).Validate(size_t{41} << 20).ok());
}

// A batch inside a record's value is bytes like any others.
TEST_CASE("S3: a bomb within a batch is not opened") {
  if (!test::CountsAllocations()) return;
  const Bomb inner = bombs::All(kOrdinaryBytes)[0];
  BatchBuilder builder({.compression = Compression::kZstd});
  const std::string_view value(reinterpret_cast<const char*>(inner.batch.data()), inner.batch.size());
  builder.Append({.key = "key", .value = value}, Timestamp(1));
  const auto outer = builder.Finish();
  REQUIRE(outer.ok());
  const PeakMemory peak;
  RecordReader reader(BatchView(outer->data()));
  RecordView record;
  REQUIRE(reader.Next(&record));
  CHECK(record.value == value);
  CHECK(peak.bytes() <= kExtraMax);
}

wire::ProduceResponse::Partition Produce(FuzzedBroker* broker, std::string_view topic,
                                         std::span<const std::byte> batch) {
  constexpr int16_t kVersion = 9;
  wire::ProduceRequest request{.acks = -1, .timeout_ms = 1000};
  request.topic_data = {{.name = std::string(topic), .partition_data = {{.index = 0, .records = batch}}}};
  bombs::Bytes body;
  REQUIRE(wire::Encode(request, kVersion, &body).ok());
  bombs::Bytes answer;
  REQUIRE(broker->Ask(fuzz::RequestFrame(wire::ProduceRequest::kApi.key, kVersion, body), &answer) ==
          Outcome::kAnswered);
  size_t used = 0;
  REQUIRE(wire::DecodePrefix<wire::ResponseHeader>(answer, 1, &used).ok());
  const auto response = wire::Decode<wire::ProduceResponse>(std::span(answer).subspan(used), kVersion);
  REQUIRE(response.ok());
  return response->responses.at(0).partition_responses.at(0);
}

int16_t Code(ErrorCode code) {
  return static_cast<int16_t>(code);
}

bombs::Bytes Good() {
  BatchBuilder builder{BatchOptions{}};
  builder.Append({.key = "key", .value = "good"}, Timestamp(1'700'000'000'000));
  const auto made = builder.Finish();
  REQUIRE(made.ok());
  return {made->begin(), made->end()};
}

TEST_CASE("S3: a broker refuses a bomb, and takes what follows") {
  if (!test::CountsAllocations()) return;
  FuzzedBroker broker;
  for (const Bomb& bomb : bombs::All(kOrdinaryBytes)) {
    INFO(bomb.name);
    const PeakMemory peak;
    const auto answer = Produce(&broker, fuzz::kFuzzTopic, bomb.batch);
    CHECK(answer.error_code == Code(ErrorCode::kInvalidRecord));
    CHECK(answer.error_message.has_value());
    CHECK(Produce(&broker, fuzz::kFuzzTopic, Good()).error_code == 0);
    CHECK(peak.bytes() <= kExtraMax);
  }
  const Bomb large = bombs::All(kLargeBytes)[0];
  CHECK(Produce(&broker, fuzz::kFuzzTopic, large.batch).error_code == Code(ErrorCode::kMessageTooLarge));
}

// One that came from a leader that took it, or was stored before.
TEST_CASE("S3: a consumer steps over a bomb that is stored") {
  if (!test::CountsAllocations()) return;
  FuzzedBroker broker;
  auto log = broker.engine().PartitionLog({std::string(fuzz::kFuzzTopic), PartitionId(0)});
  REQUIRE(log.ok());
  const std::vector<Bomb> all = bombs::All(kOrdinaryBytes);
  for (const Bomb& bomb : all) {
    for (bombs::Bytes batch : {bomb.batch, Good()})
      REQUIRE((*log)->AppendBatch(batch, AppendOrigin::kCoordinator, /*trusted=*/true).ok());
  }

  auto consumer = broker.engine().NewConsumer({.start = Start::kEarliest});
  REQUIRE(consumer.ok());
  REQUIRE((*consumer)->Assign({{.topic = std::string(fuzz::kFuzzTopic), .partition = PartitionId(0)}}).ok());
  size_t opened = 0;
  size_t refused = 0;
  for (int polls = 0; polls < 100 && opened < all.size(); ++polls) {
    const PeakMemory peak;
    const auto batches = (*consumer)->TryPoll();
    REQUIRE(batches.ok());
    for (const Batch& batch : *batches) {
      auto at = batch.begin();
      for (; at != batch.end(); ++at) opened += at->value == "good" ? 1 : 0;
      refused += at.status().ok() ? 0 : 1;
    }
    CHECK(peak.bytes() <= kExtraMax);
  }
  CHECK(opened == all.size());
  CHECK(refused == all.size());
}

TEST_CASE("S3: a compacted topic refuses what it could not compact") {
  if (!test::CountsAllocations()) return;
  FuzzedBroker broker;
  for (const Bomb& bomb : bombs::All(kOrdinaryBytes)) {
    INFO(bomb.name);
    const PeakMemory peak;
    const auto answer = Produce(&broker, fuzz::kFuzzCompactedTopic, bomb.batch);
    CHECK(answer.error_code == Code(ErrorCode::kInvalidRecord));
    CHECK(answer.error_message.has_value());
    CHECK(peak.bytes() <= kExtraMax);
  }
  BatchBuilder builder({.compression = Compression::kLz4});
  builder.Append({.key = "key", .value = "good"}, Timestamp(1'700'000'000'000));
  const auto keyed = builder.Finish();
  REQUIRE(keyed.ok());
  CHECK(Produce(&broker, fuzz::kFuzzCompactedTopic, *keyed).error_code == 0);
  builder.Reset({.compression = Compression::kLz4});
  builder.Append({.key = "key", .value = "good"}, Timestamp(1'700'000'000'000));
  builder.Append({.value = "no key"}, Timestamp(1'700'000'000'000));
  const auto keyless = builder.Finish();
  REQUIRE(keyless.ok());
  const auto refused = Produce(&broker, fuzz::kFuzzCompactedTopic, *keyless);
  CHECK(refused.error_code == Code(ErrorCode::kInvalidRecord));
  REQUIRE(refused.record_errors.size() == 1);
  CHECK(refused.record_errors[0].batch_index == 1);
}

// A topic that became compacted after it took the bomb.
TEST_CASE("S3: compaction stops at the bound and says why") {
  if (!test::CountsAllocations()) return;
  for (const Bomb& bomb : bombs::All(kLargeBytes)) {
    INFO(bomb.name);
    SimEnv sim(1);
    REQUIRE(sim.files->CreateDirectory("/log").ok());
    log_test::FakeCleanableLog log(sim.files.get(), "/log");
    REQUIRE(log.AddSegment(Offset(0), {bomb.batch}, Offset(1)).ok());
    const auto plan = PlanCleaning(sim.files.get(), log, kNoOffset, Timestamp(1'700'000'000'000));
    REQUIRE(plan.ok());
    Cleaning cleaning(sim.files.get(), &log, *plan, {.dedupe_buffer_bytes = 1 << 20},
                      Timestamp(1'700'000'000'000), {3, 4});
    const PeakMemory peak;
    const absl::Status status = cleaning.Run();
    INFO(std::string(status.message()));
    CHECK_FALSE(status.ok());
    CHECK(SaysWhy(status));
    // It reads a piece of the segment at a time, which has to hold the batch.
    CHECK(peak.bytes() <= kExtraMax + 2 * kLargeBytes);
    CHECK(log.ClosedSegments().size() == 1);
  }
}

TEST_CASE("S3: a dump of a log says where a bomb is") {
  if (!test::CountsAllocations()) return;
  SimEnv sim(1);
  REQUIRE(sim.files->CreateDirectory("/log").ok());
  for (const Bomb& bomb : bombs::All(kLargeBytes)) {
    INFO(bomb.name);
    const std::string path = "/log/00000000000000000000.log";
    auto file = sim.files->Open(path, OpenMode::kCreate);
    REQUIRE(file.ok());
    REQUIRE((*file)->Truncate(0).ok());
    REQUIRE((*file)->WriteAt(0, bomb.batch).ok());
    std::ostringstream out;
    const PeakMemory peak;
    REQUIRE(tools::DumpLog(*sim.files, path, {.records = true, .contents = true}, out).ok());
    CHECK(peak.bytes() <= kExtraMax + kLargeBytes);
    CHECK(out.str().find("becomes more than the") != std::string::npos);
  }
}

TEST_CASE("S3: looking a time up opens no bomb beyond the bound") {
  if (!test::CountsAllocations()) return;
  FuzzedBroker broker;
  for (const Bomb& bomb : bombs::All(kOrdinaryBytes)) Produce(&broker, fuzz::kFuzzTopic, bomb.batch);
  wire::ListOffsetsRequest request;
  request.topics = {{.name = std::string(fuzz::kFuzzTopic), .partitions = {{.timestamp = 1}}}};
  bombs::Bytes body;
  REQUIRE(wire::Encode(request, 5, &body).ok());
  const PeakMemory peak;
  CHECK(broker.Ask(fuzz::RequestFrame(wire::ListOffsetsRequest::kApi.key, 5, body)) == Outcome::kAnswered);
  CHECK(peak.bytes() <= kExtraMax);
}

}  // namespace
}  // namespace millrace::inline v0
