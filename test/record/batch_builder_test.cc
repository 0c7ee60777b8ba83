#include <catch2/catch.hpp>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "millrace/record.h"
#include "millrace/status.h"
#include "record/batches.h"

namespace millrace {
namespace {

using record_test::BorrowedRecord;
using record_test::OwnedRecord;
using record_test::RandomRecord;
using record_test::ReadAll;

constexpr Compression kCodecs[] = {Compression::kNone, Compression::kGzip, Compression::kSnappy,
                                   Compression::kLz4, Compression::kZstd};

TEST_CASE("Random records come back as they were, with each codec") {
  std::mt19937_64 random(1);
  BatchBuilder builder;
  for (int round = 0; round < 300; ++round) {
    const Compression codec = kCodecs[round % 5];
    builder.Reset({.compression = codec,
                   .producer_id = ProducerId(77),
                   .producer_epoch = ProducerEpoch(3),
                   .base_sequence = 12,
                   .leader_epoch = LeaderEpoch(9),
                   .transactional = round % 2 == 0});
    const int64_t base = static_cast<int64_t>(random() >> 8);
    std::vector<OwnedRecord> records;
    int64_t latest = std::numeric_limits<int64_t>::min();
    for (size_t count = 1 + random() % 60; count > 0; --count) {
      records.push_back(RandomRecord(random, base + static_cast<int64_t>(records.size())));
      latest = std::max(latest, records.back().timestamp);
      const size_t before = builder.size_bytes();
      const BorrowedRecord borrowed(records.back());
      builder.Append(borrowed.get(), Timestamp(0));
      REQUIRE(builder.size_bytes() - before <= BatchBuilder::SizeBound(borrowed.get()));
    }
    const auto bytes = builder.Finish(Offset(base));
    REQUIRE(bytes.ok());
    const auto batch = BatchView::Parse(*bytes);
    REQUIRE(batch.ok());
    REQUIRE(batch->size_bytes() == bytes->size());
    REQUIRE(batch->Validate().ok());
    CHECK(batch->compression() == codec);
    CHECK(batch->base_offset() == Offset(base));
    CHECK(batch->last_offset() == Offset(records.back().offset));
    CHECK(batch->record_count() == static_cast<int32_t>(records.size()));
    CHECK(batch->base_timestamp() == Timestamp(records.front().timestamp));
    CHECK(batch->max_timestamp() == Timestamp(latest));
    CHECK(batch->producer_id() == ProducerId(77));
    CHECK(batch->producer_epoch() == ProducerEpoch(3));
    CHECK(batch->base_sequence() == 12);
    CHECK(batch->last_sequence() == 11 + static_cast<int32_t>(records.size()));
    CHECK(batch->leader_epoch() == LeaderEpoch(9));
    CHECK(batch->is_transactional() == (round % 2 == 0));
    CHECK_FALSE(batch->is_control());
    CHECK_FALSE(batch->delete_horizon().has_value());
    std::vector<OwnedRecord> read;
    REQUIRE(ReadAll(*batch, &read).ok());
    REQUIRE(read == records);
  }
}

TEST_CASE("A record without a timestamp has the one given to Append") {
  BatchBuilder builder;
  builder.Append({.value = "a"}, Timestamp(50));
  builder.Append({.value = "b", .timestamp = Timestamp(40)}, Timestamp(60));
  const auto bytes = builder.Finish();
  REQUIRE(bytes.ok());
  std::vector<OwnedRecord> read;
  REQUIRE(ReadAll(BatchView(bytes->data()), &read).ok());
  REQUIRE(read.size() == 2);
  CHECK(read[0].timestamp == 50);
  CHECK(read[1].timestamp == 40);
  CHECK(BatchView(bytes->data()).max_timestamp() == Timestamp(50));
}

TEST_CASE("With log append time every record has the batch's latest timestamp") {
  BatchBuilder builder({.timestamp_type = TimestampType::kLogAppendTime});
  builder.Append({.value = "a", .timestamp = Timestamp(7)}, Timestamp(1000));
  builder.Append({.value = "b", .timestamp = Timestamp(9000)}, Timestamp(1001));
  const auto bytes = builder.Finish();
  REQUIRE(bytes.ok());
  const BatchView batch(bytes->data());
  REQUIRE(batch.Validate().ok());
  CHECK(batch.timestamp_type() == TimestampType::kLogAppendTime);
  CHECK(batch.max_timestamp() == Timestamp(1001));
  std::vector<OwnedRecord> read;
  REQUIRE(ReadAll(batch, &read).ok());
  REQUIRE(read.size() == 2);
  CHECK(read[0].timestamp == 1001);
  CHECK(read[1].timestamp == 1001);
}

TEST_CASE("A thinned batch keeps its range of offsets") {
  BatchBuilder builder({.compression = Compression::kLz4});
  builder.AppendAt(2, {.key = "k", .value = "a"}, Timestamp(50));
  builder.AppendAt(9, {.key = "l", .value = "b"}, Timestamp(60));
  const auto bytes = builder.FinishWithLastDelta(Offset(100), 19);
  REQUIRE(bytes.ok());
  const auto batch = BatchView::Parse(*bytes);
  REQUIRE(batch.ok());
  REQUIRE(batch->Validate().ok());
  CHECK(batch->record_count() == 2);
  CHECK(batch->last_offset() == Offset(119));
  CHECK(batch->next_offset() == Offset(120));
  std::vector<OwnedRecord> read;
  REQUIRE(ReadAll(*batch, &read).ok());
  REQUIRE(read.size() == 2);
  CHECK(read[0].offset == 102);
  CHECK(read[1].offset == 109);
}

TEST_CASE("An emptied batch keeps its range, its producer and its latest timestamp") {
  BatchBuilder builder({.compression = Compression::kZstd,
                        .producer_id = ProducerId(5),
                        .producer_epoch = ProducerEpoch(1),
                        .base_sequence = 30});
  const auto bytes = builder.FinishWithLastDelta(Offset(100), 4, Timestamp(1234));
  REQUIRE(bytes.ok());
  const auto batch = BatchView::Parse(*bytes);
  REQUIRE(batch.ok());
  CHECK(batch->Validate().ok());
  CHECK(batch->size_bytes() == kBatchHeaderBytes);
  CHECK(batch->compression() == Compression::kNone);
  CHECK(batch->record_count() == 0);
  CHECK(batch->last_offset() == Offset(104));
  CHECK(batch->last_sequence() == 34);
  CHECK(batch->max_timestamp() == Timestamp(1234));
}

TEST_CASE("A delete horizon stands for the base timestamp and leaves the records' alone") {
  BatchBuilder builder({.delete_horizon = Timestamp(900000)});
  builder.Append({.key = "gone", .timestamp = Timestamp(100)}, Timestamp(0));
  builder.Append({.key = "gone too", .timestamp = Timestamp(950000)}, Timestamp(0));
  const auto bytes = builder.Finish(Offset(3));
  REQUIRE(bytes.ok());
  const BatchView batch(bytes->data());
  REQUIRE(batch.Validate().ok());
  CHECK(batch.delete_horizon() == Timestamp(900000));
  CHECK(batch.max_timestamp() == Timestamp(950000));
  std::vector<OwnedRecord> read;
  REQUIRE(ReadAll(batch, &read).ok());
  REQUIRE(read.size() == 2);
  CHECK(read[0].timestamp == 100);
  CHECK(read[1].timestamp == 950000);
}

TEST_CASE("Sequence numbers wrap from 2^31-1 to 0") {
  BatchBuilder builder({.producer_id = ProducerId(1),
                        .producer_epoch = ProducerEpoch(0),
                        .base_sequence = std::numeric_limits<int32_t>::max() - 1});
  for (int i = 0; i < 4; ++i) builder.Append({.value = "v"}, Timestamp(0));
  const auto bytes = builder.Finish();
  REQUIRE(bytes.ok());
  CHECK(BatchView(bytes->data()).last_sequence() == 1);
  builder.Reset({});
  builder.Append({.value = "v"}, Timestamp(0));
  const auto plain = builder.Finish();
  REQUIRE(plain.ok());
  CHECK(BatchView(plain->data()).last_sequence() == -1);
}

TEST_CASE("A level that the codec does not have is refused and named") {
  for (const auto& [codec, level] : {std::pair(Compression::kGzip, 0),
                                     {Compression::kGzip, 10},
                                     {Compression::kLz4, 0},
                                     {Compression::kLz4, 18},
                                     {Compression::kZstd, 23},
                                     {Compression::kSnappy, 1}}) {
    BatchBuilder builder({.compression = codec, .compression_level = level});
    builder.Append({.value = "v"}, Timestamp(0));
    const auto bytes = builder.Finish();
    REQUIRE_FALSE(bytes.ok());
    CHECK(bytes.status().code() == absl::StatusCode::kInvalidArgument);
    CHECK(ErrorCodeOf(bytes.status()) == ErrorCode::kInvalidConfig);
    CHECK(std::string(bytes.status().message()).find(std::to_string(level)) != std::string::npos);
  }
}

TEST_CASE("Higher levels compress better") {
  std::mt19937_64 random(8);
  const std::string text = record_test::RandomText(random, 100000);
  std::string words;
  for (int i = 0; i < 20000; ++i) words += text.substr(random() % 3000, 8);
  for (const auto& [codec, low, high] :
       {std::tuple(Compression::kGzip, 1, 9), {Compression::kLz4, 1, 17}, {Compression::kZstd, -5, 12}}) {
    size_t sizes[2];
    for (int i = 0; i < 2; ++i) {
      BatchBuilder builder({.compression = codec, .compression_level = i == 0 ? low : high});
      builder.Append({.value = words}, Timestamp(0));
      const auto bytes = builder.Finish();
      REQUIRE(bytes.ok());
      REQUIRE(BatchView(bytes->data()).Validate().ok());
      sizes[i] = bytes->size();
    }
    CHECK(sizes[1] < sizes[0]);
  }
}

}  // namespace
}  // namespace millrace
