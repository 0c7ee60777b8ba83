#include "log/producer_state_table.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "log/files.h"

namespace millrace {
namespace {

using namespace log_test;  // NOLINT

constexpr AppendOrigin kClient = AppendOrigin::kClient;

// `count` records of producer 9 from `sequence` at `offset`.
ProducerBatch Data(int64_t offset, int32_t sequence, int32_t count = 1, int16_t epoch = 0,
                   bool transactional = false) {
  const int64_t last = (int64_t{sequence} + count - 1) % (int64_t{INT32_MAX} + 1);
  return {.producer_id = ProducerId(9),
          .producer_epoch = ProducerEpoch(epoch),
          .first_sequence = sequence,
          .last_sequence = static_cast<int32_t>(last),
          .first_offset = Offset(offset),
          .last_offset = Offset(offset + count - 1),
          .max_timestamp = Timestamp(1000 + offset),
          .transactional = transactional};
}

ProducerBatch Marker(int64_t offset, ControlType type, int32_t coordinator_epoch, int16_t epoch = 0) {
  ProducerBatch batch = Data(offset, -1, 1, epoch, true);
  batch.first_sequence = batch.last_sequence = -1;
  batch.control = true;
  batch.marker = ControlMarker{.type = type, .coordinator_epoch = coordinator_epoch};
  return batch;
}

ErrorCode CodeOf(const ProducerStateTable& table, const ProducerBatch& batch, AppendOrigin origin = kClient) {
  return ErrorCodeOf(table.Check(batch, origin).status());
}

TEST_CASE("The last five batches are known again, with their first offsets") {
  ProducerStateTable table;
  for (int i = 0; i < 7; ++i) table.Update(Data(100 + 10 * i, 3 * i, 3));
  CHECK(table.map_end_offset() == Offset(163));
  for (int i = 2; i < 7; ++i) {
    const auto checked = Must(table.Check(Data(500, 3 * i, 3), kClient));
    REQUIRE(checked.has_value());
    CHECK(checked->first_offset == Offset(100 + 10 * i));
    CHECK(checked->last_offset == Offset(102 + 10 * i));
    CHECK(checked->timestamp == Timestamp(1000 + 100 + 10 * i));
  }
  // Too old, another length, a gap.
  CHECK(CodeOf(table, Data(500, 3, 3)) == ErrorCode::kOutOfOrderSequenceNumber);
  CHECK(CodeOf(table, Data(500, 18, 2)) == ErrorCode::kOutOfOrderSequenceNumber);
  CHECK(CodeOf(table, Data(500, 22, 1)) == ErrorCode::kOutOfOrderSequenceNumber);
  CHECK(!Must(table.Check(Data(500, 21, 4), kClient)).has_value());
  // The engine's own batches and a leader's are not held to sequences.
  CHECK(CodeOf(table, Data(500, 77), AppendOrigin::kCoordinator) == ErrorCode::kNone);
  CHECK(CodeOf(table, Data(500, 77), AppendOrigin::kReplication) == ErrorCode::kNone);
}

TEST_CASE("Sequences wrap from 2^31-1 to 0, inside a batch too") {
  ProducerStateTable table;
  table.Update(Data(0, INT32_MAX - 1, 2));
  CHECK(CodeOf(table, Data(2, 0)) == ErrorCode::kNone);
  CHECK(CodeOf(table, Data(2, 1)) == ErrorCode::kOutOfOrderSequenceNumber);
  ProducerStateTable inside;
  inside.Update(Data(0, INT32_MAX - 1, 5));
  const auto duplicate = Must(inside.Check(Data(9, INT32_MAX - 1, 5), kClient));
  REQUIRE(duplicate.has_value());
  CHECK(duplicate->first_offset == Offset(0));
  CHECK(CodeOf(inside, Data(5, 3)) == ErrorCode::kNone);
  CHECK(CodeOf(inside, Data(5, 2)) == ErrorCode::kOutOfOrderSequenceNumber);
}

TEST_CASE("Epochs fence, and a new one begins at 0") {
  ProducerStateTable table;
  // Not known: any sequence is taken.
  CHECK(CodeOf(table, Data(0, 1234)) == ErrorCode::kNone);
  table.Update(Data(0, 5, 1, 3));
  CHECK(CodeOf(table, Data(1, 6, 1, 2)) == ErrorCode::kInvalidProducerEpoch);
  CHECK(CodeOf(table, Data(1, 6, 1, 2), AppendOrigin::kCoordinator) == ErrorCode::kInvalidProducerEpoch);
  CHECK(CodeOf(table, Data(1, 6, 1, 2), AppendOrigin::kReplication) == ErrorCode::kNone);
  CHECK(CodeOf(table, Data(1, 6, 1, 4)) == ErrorCode::kOutOfOrderSequenceNumber);
  CHECK(CodeOf(table, Data(1, 0, 1, 4)) == ErrorCode::kNone);
  table.Update(Data(1, 0, 1, 4));
  // Batches of the old epoch are no duplicates any more.
  CHECK(CodeOf(table, Data(2, 5, 1, 3)) == ErrorCode::kInvalidProducerEpoch);
  CHECK(CodeOf(table, Data(2, -1, 1, 4)) == ErrorCode::kInvalidRecord);
  ProducerBatch plain = Data(2, -1);
  plain.producer_id = kNoProducerId;
  CHECK(CodeOf(table, plain) == ErrorCode::kNone);
  table.Update(plain);
  CHECK(table.size() == 1);
  CHECK(table.map_end_offset() == Offset(3));
}

TEST_CASE("Transactions: open, refused outside, ended by a marker, stable behind the high watermark") {
  ProducerStateTable table;
  CHECK(!table.FirstUnstableOffset().has_value());
  table.Update(Data(10, 0, 2, 0, true));
  table.Update(Data(12, 2, 2, 0, true));
  CHECK(table.FirstUndecidedOffset() == Offset(10));
  CHECK(CodeOf(table, Data(14, 4)) == ErrorCode::kInvalidTxnState);
  ProducerBatch other = Data(14, 0, 1, 0, true);
  other.producer_id = ProducerId(10);
  table.Update(other);
  const auto completed = table.Update(Marker(15, ControlType::kAbort, 7));
  REQUIRE(completed.has_value());
  CHECK(completed->first_offset == Offset(10));
  CHECK(completed->last_offset == Offset(15));
  CHECK(completed->aborted);
  CHECK(completed->last_stable_offset == Offset(14));
  CHECK(table.FirstUndecidedOffset() == Offset(14));
  CHECK(table.FirstUnstableOffset() == Offset(10));
  table.OnHighWatermark(Offset(15));
  CHECK(table.FirstUnstableOffset() == Offset(10));
  table.OnHighWatermark(Offset(16));
  CHECK(table.FirstUnstableOffset() == Offset(14));
  // A marker without a transaction completes nothing; an older coordinator is a zombie.
  CHECK(!table.Update(Marker(16, ControlType::kCommit, 7)).has_value());
  CHECK(CodeOf(table, Marker(17, ControlType::kCommit, 6), AppendOrigin::kCoordinator) ==
        ErrorCode::kTransactionCoordinatorFenced);
  CHECK(CodeOf(table, Marker(17, ControlType::kCommit, 6), AppendOrigin::kReplication) == ErrorCode::kNone);
  // A marker that raises the epoch (KIP-890) makes the next sequence 0.
  table.Update(Marker(17, ControlType::kCommit, 8, 1));
  CHECK(CodeOf(table, Data(18, 4, 1, 1)) == ErrorCode::kOutOfOrderSequenceNumber);
  CHECK(CodeOf(table, Data(18, 0, 1, 1)) == ErrorCode::kNone);
  CHECK(CodeOf(table, Data(18, 4, 1, 0)) == ErrorCode::kInvalidProducerEpoch);
}

TEST_CASE("Batches are read for what the table wants") {
  Record record{.key = "k", .value = "v"};
  BatchBuilder builder({.producer_id = ProducerId(3),
                        .producer_epoch = ProducerEpoch(2),
                        .base_sequence = INT32_MAX,
                        .transactional = true});
  builder.Append(record, Timestamp(5));
  builder.Append(record, Timestamp(6));
  const auto bytes = Must(builder.Finish(Offset(40)));
  const ProducerBatch batch = ProducerBatch::Of(BatchView(bytes.data()));
  CHECK(batch.first_sequence == INT32_MAX);
  CHECK(batch.last_sequence == 0);
  CHECK(batch.last_offset == Offset(41));
  CHECK(batch.max_timestamp == Timestamp(6));
  CHECK(batch.transactional);
  CHECK(!batch.control);
  const auto control =
      EncodeControlBatch({.type = ControlType::kCommit, .coordinator_epoch = 12}, ProducerId(3),
                         ProducerEpoch(2), Timestamp(9), Offset(42), LeaderEpoch(0));
  const ProducerBatch marker = ProducerBatch::Of(BatchView(control.data()));
  CHECK(marker.control);
  REQUIRE(marker.marker.has_value());
  CHECK(marker.marker->coordinator_epoch == 12);
  CHECK(marker.marker->type == ControlType::kCommit);
}

TEST_CASE("A snapshot has Kafka's bytes") {
  ProducerStateTable table;
  ProducerBatch batch = Data(0x21, 0x10, 3, 0x0203, true);
  batch.producer_id = ProducerId(0x0102);
  batch.max_timestamp = Timestamp(0x1112);
  table.Update(batch);
  // By hand, from KAFKA's table; the checksum by an independent CRC-32C, bit by bit.
  const uint8_t body[] = {0, 0, 0, 1,                       // count
                          0, 0, 0, 0,    0, 0, 1,    2,     // producer id
                          2, 3,                             // epoch
                          0, 0, 0, 0x12,                    // last sequence
                          0, 0, 0, 0,    0, 0, 0,    0x23,  // last offset
                          0, 0, 0, 2,                       // offset delta
                          0, 0, 0, 0,    0, 0, 0x11, 0x12, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0x21};
  uint32_t crc = ~uint32_t{0};
  for (const uint8_t byte : body) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
  }
  crc = ~crc;
  Bytes want;
  for (const uint32_t byte : {0u, 1u, crc >> 24, crc >> 16, crc >> 8, crc})
    want.push_back(static_cast<std::byte>(byte));
  for (const uint8_t byte : body) want.push_back(std::byte{byte});
  CHECK(table.EncodeSnapshot() == want);
  CHECK(ProducerStateTable().EncodeSnapshot().size() == 10);
}

TEST_CASE("A snapshot gives the table back; of each producer the last batch") {
  std::mt19937_64 random(4);
  ProducerStateTable table;
  int64_t offset = 0;
  for (int i = 0; i < 500; ++i) {
    ProducerBatch batch = Data(offset, i, 1, 0, i % 3 == 0);
    batch.producer_id = ProducerId(static_cast<int64_t>(random() % 40));
    table.Update(batch);
    ++offset;
  }
  const auto bytes = table.EncodeSnapshot();
  ProducerStateTable again;
  REQUIRE(again.LoadSnapshot(bytes, Offset(offset), kNoTimestamp).ok());
  CHECK(again.EncodeSnapshot() == bytes);
  CHECK(again.map_end_offset() == Offset(offset));
  CHECK(again.FirstUndecidedOffset() == table.FirstUndecidedOffset());
  CHECK(again.size() == table.size());
  // Expiry spares those with an open transaction.
  ProducerStateTable expired;
  REQUIRE(expired.LoadSnapshot(bytes, Offset(offset), Timestamp(int64_t{1} << 40)).ok());
  size_t open = 0;
  for (const ProducerStateInfo& info : table.List())
    open += info.current_transaction_start != kNoOffset ? 1 : 0;
  CHECK(expired.size() == open);
  CHECK(open > 0);
}

TEST_CASE("Every flipped bit and every truncation of a snapshot is seen, and changes nothing") {
  ProducerStateTable table;
  for (int i = 0; i < 4; ++i) {
    ProducerBatch batch = Data(i, i);
    batch.producer_id = ProducerId(i);
    table.Update(batch);
  }
  const Bytes whole = table.EncodeSnapshot();
  ProducerStateTable victim;
  victim.Update(Data(77, 1));
  const Bytes before = victim.EncodeSnapshot();
  size_t accepted = 0;
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes bytes = whole;
    FlipBit(&bytes, bit);
    accepted += victim.LoadSnapshot(bytes, Offset(4), kNoTimestamp).ok() ? 1 : 0;
  }
  for (size_t length = 0; length < whole.size(); ++length) {
    accepted += victim.LoadSnapshot(std::span(whole).first(length), Offset(4), kNoTimestamp).ok() ? 1 : 0;
  }
  CHECK(accepted == 0);
  CHECK(victim.EncodeSnapshot() == before);
  CHECK(victim.LoadSnapshot(whole, Offset(4), kNoTimestamp).ok());
  // Of a later log: it speaks of offsets that are not there.
  CHECK(!victim.LoadSnapshot(whole, Offset(3), kNoTimestamp).ok());
  Bytes newer = whole;
  newer[1] = std::byte{2};
  CHECK(absl::IsUnimplemented(victim.LoadSnapshot(newer, Offset(4), kNoTimestamp)));
}

TEST_CASE("The table stays bounded; open transactions are never dropped") {
  ProducerStateTable table({.producers_max = 64});
  for (int i = 0; i < 1000; ++i) {
    ProducerBatch batch = Data(i, 0, 1, 0, i < 10);
    batch.producer_id = ProducerId(i);
    table.Update(batch);
    REQUIRE(table.size() <= 64);
  }
  const auto list = table.List();
  for (int i = 0; i < 10; ++i) CHECK(list[static_cast<size_t>(i)].producer_id == ProducerId(i));
  // The newest are still known.
  CHECK(list.back().producer_id == ProducerId(999));
  table.RemoveExpired(Timestamp(int64_t{1} << 40));
  CHECK(table.size() == 10);
  ProducerStateTable all_open({.producers_max = 4});
  for (int i = 0; i < 9; ++i) {
    ProducerBatch batch = Data(i, 0, 1, 0, true);
    batch.producer_id = ProducerId(i);
    all_open.Update(batch);
  }
  CHECK(all_open.size() == 9);
}

TEST_CASE("Retried, doubled and reordered batches are stored once and in order") {
  // A producer that sends up to five ahead, over a wire that repeats and swaps.
  for (const uint64_t seed : {11u, 12u, 13u}) {
    std::mt19937_64 random(seed);
    ProducerStateTable table;
    std::vector<int64_t> stored;
    int32_t acked = INT32_MAX - 500;
    const int32_t start = acked;
    size_t duplicates = 0;
    size_t refused = 0;
    for (int step = 0; step < 5000; ++step) {
      const int64_t ahead = static_cast<int64_t>(random() % 5) - 2;
      const int64_t at = static_cast<int64_t>(stored.size()) + ahead;
      if (at < 0) continue;
      const auto sequence = static_cast<int32_t>((int64_t{start} + at) % (int64_t{INT32_MAX} + 1));
      const ProducerBatch batch = Data(static_cast<int64_t>(stored.size()), sequence);
      // The first one decides where the sequence starts.
      if (stored.empty() && at != 0) continue;
      const auto checked = table.Check(batch, kClient);
      if (!checked.ok()) {
        ++refused;
        continue;
      }
      if (checked->has_value()) {
        ++duplicates;
        REQUIRE((*checked)->first_offset == Offset(at));
        continue;
      }
      table.Update(batch);
      stored.push_back(at);
    }
    bool in_order = true;
    for (size_t i = 0; i < stored.size(); ++i) in_order = in_order && stored[i] == static_cast<int64_t>(i);
    CHECK(in_order);
    CHECK(stored.size() > 600);
    CHECK(duplicates > 0);
    CHECK(refused > 0);
  }
}

}  // namespace
}  // namespace millrace
