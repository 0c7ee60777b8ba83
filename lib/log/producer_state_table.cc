#include "log/producer_state_table.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

constexpr int16_t kSnapshotVersion = 1;
// Version and CRC; what follows is covered.
constexpr size_t kSnapshotPrefixBytes = 6;
constexpr size_t kSnapshotEntryBytes = 8 + 2 + 4 + 8 + 4 + 8 + 4 + 8;

// The sequence `back` before `sequence`; they wrap from 2^31-1 to 0.
int32_t SequenceBefore(int32_t sequence, int32_t back) {
  const int64_t first = int64_t{sequence} - back;
  return static_cast<int32_t>(first >= 0 ? first : first + (int64_t{INT32_MAX} + 1));
}

bool FollowsOn(int32_t last, int32_t next) {
  return int64_t{next} == int64_t{last} + 1 || (next == 0 && last == INT32_MAX);
}

std::string Who(const ProducerBatch& batch) {
  return StrCat("producer ", batch.producer_id, " at offset ", batch.first_offset, ": ");
}

}  // namespace

ProducerBatch ProducerBatch::Of(BatchView batch) {
  ProducerBatch of{.producer_id = batch.producer_id(),
                   .producer_epoch = batch.producer_epoch(),
                   .first_sequence = batch.base_sequence(),
                   .last_sequence = batch.last_sequence(),
                   .first_offset = batch.base_offset(),
                   .last_offset = batch.last_offset(),
                   .max_timestamp = batch.max_timestamp(),
                   .transactional = batch.is_transactional(),
                   .control = batch.is_control()};
  if (of.control) {
    RecordReader reader(batch);
    RecordView record;
    if (reader.Next(&record)) of.marker = ParseControlMarker(record);
  }
  return of;
}

void ProducerStateTable::Entry::Push(const Batch& batch) {
  newest = static_cast<uint8_t>((newest + 1) % kBatchesKept);
  batches[newest] = batch;
  if (count < kBatchesKept) ++count;
}

void ProducerStateTable::Entry::SetEpoch(ProducerEpoch to) {
  if (epoch == to) return;
  epoch = to;
  count = 0;
}

absl::Status ProducerStateTable::CheckSequence(const ProducerBatch& batch, const Entry& entry) const {
  if (batch.producer_epoch != entry.epoch) {
    if (batch.first_sequence == 0 || entry.epoch == kNoProducerEpoch) return absl::OkStatus();
    return Error(ErrorCode::kOutOfOrderSequenceNumber,
                 StrCat(Who(batch), "sequence ", batch.first_sequence, " cannot begin the new epoch ",
                        batch.producer_epoch, " (current epoch ", entry.epoch, "), it must be 0"));
  }
  const Batch* const newest = entry.Newest();
  const int32_t last = newest != nullptr ? newest->last_sequence : -1;
  if (FollowsOn(last, batch.first_sequence)) return absl::OkStatus();
  return Error(ErrorCode::kOutOfOrderSequenceNumber, StrCat(Who(batch), "sequence ", batch.first_sequence,
                                                            " does not follow the last one, ", last));
}

absl::Status ProducerStateTable::CheckMarker(const ProducerBatch& batch, const Entry& entry) const {
  if (entry.coordinator_epoch <= batch.marker->coordinator_epoch) return absl::OkStatus();
  return Error(ErrorCode::kTransactionCoordinatorFenced,
               StrCat(Who(batch), "a marker of coordinator epoch ", batch.marker->coordinator_epoch,
                      ", which is older than ", entry.coordinator_epoch));
}

absl::StatusOr<std::optional<ProducerStateTable::Duplicate>> ProducerStateTable::Check(
    const ProducerBatch& batch, AppendOrigin origin) const {
  constexpr std::optional<Duplicate> kNew = std::nullopt;
  if (batch.producer_id == kNoProducerId || origin == AppendOrigin::kReplication) return kNew;
  const bool client = origin == AppendOrigin::kClient;
  if (client && !batch.control &&
      (batch.producer_id.value() < 0 || batch.producer_epoch.value() < 0 || batch.first_sequence < 0)) {
    return Error(ErrorCode::kInvalidRecord,
                 StrCat(Who(batch), "epoch ", batch.producer_epoch, " and sequence ", batch.first_sequence,
                        " must not be negative"));
  }
  const auto found = producers_.find(batch.producer_id.value());
  if (found == producers_.end()) return kNew;
  const Entry& entry = found->second;
  if (client && batch.producer_epoch == entry.epoch) {
    for (int32_t i = 0; i < entry.count; ++i) {
      const Batch& old = entry.batches[static_cast<size_t>((entry.newest + kBatchesKept - i) % kBatchesKept)];
      if (old.last_sequence == batch.last_sequence &&
          SequenceBefore(old.last_sequence, old.offset_delta) == batch.first_sequence) {
        return Duplicate{.first_offset = old.last_offset - old.offset_delta,
                         .last_offset = old.last_offset,
                         .timestamp = old.timestamp};
      }
    }
  }
  if (batch.producer_epoch < entry.epoch) {
    return Error(ErrorCode::kInvalidProducerEpoch, StrCat(Who(batch), "epoch ", batch.producer_epoch,
                                                          " is older than the last seen, ", entry.epoch));
  }
  if (batch.control) {
    if (batch.marker.has_value()) MILLRACE_RETURN_IF_ERROR(CheckMarker(batch, entry));
    return kNew;
  }
  if (client) MILLRACE_RETURN_IF_ERROR(CheckSequence(batch, entry));
  if (entry.transaction_start != kNoOffset && !batch.transactional) {
    return Error(ErrorCode::kInvalidTxnState,
                 StrCat(Who(batch), "a batch outside of its transaction, which is open since offset ",
                        entry.transaction_start));
  }
  return kNew;
}

std::optional<ProducerStateTable::CompletedTransaction> ProducerStateTable::Update(
    const ProducerBatch& batch) {
  map_end_offset_ = batch.last_offset + 1;
  if (batch.producer_id == kNoProducerId) return std::nullopt;
  if (batch.control && !batch.marker.has_value()) return std::nullopt;
  auto found = producers_.find(batch.producer_id.value());
  if (found == producers_.end()) {
    if (producers_.size() >= options_.producers_max || !share_.has_room()) MakeRoom();
    found = producers_.try_emplace(batch.producer_id.value()).first;
    share_.Set(producers_.size());
  }
  Entry& entry = found->second;
  if (batch.control) return UpdateMarker(batch, &entry);
  entry.SetEpoch(batch.producer_epoch);
  entry.Push({.last_offset = batch.last_offset,
              .timestamp = batch.max_timestamp,
              .last_sequence = batch.last_sequence,
              .offset_delta = static_cast<int32_t>(batch.last_offset - batch.first_offset)});
  entry.last_timestamp = batch.max_timestamp;
  if (batch.transactional && entry.transaction_start == kNoOffset) {
    entry.transaction_start = batch.first_offset;
    open_[batch.first_offset] = batch.producer_id;
  }
  return std::nullopt;
}

std::optional<ProducerStateTable::CompletedTransaction> ProducerStateTable::UpdateMarker(
    const ProducerBatch& batch, Entry* entry) {
  const Offset start = entry->transaction_start;
  entry->SetEpoch(batch.producer_epoch);
  entry->coordinator_epoch = batch.marker->coordinator_epoch;
  entry->last_timestamp = batch.max_timestamp;
  entry->transaction_start = kNoOffset;
  if (start == kNoOffset) return std::nullopt;
  open_.erase(start);
  ended_[start] = {.last_offset = batch.first_offset};
  return CompletedTransaction{
      .producer_id = batch.producer_id,
      .first_offset = start,
      .last_offset = batch.first_offset,
      .aborted = batch.marker->type == ControlType::kAbort,
      .last_stable_offset = open_.empty() ? batch.first_offset + 1 : open_.begin()->first};
}

std::optional<Offset> ProducerStateTable::FirstUndecidedOffset() const {
  if (open_.empty()) return std::nullopt;
  return open_.begin()->first;
}

std::optional<Offset> ProducerStateTable::FirstUnstableOffset() const {
  const std::optional<Offset> undecided = FirstUndecidedOffset();
  if (ended_.empty()) return undecided;
  return undecided.has_value() ? std::min(*undecided, ended_.begin()->first) : ended_.begin()->first;
}

void ProducerStateTable::OnHighWatermark(Offset high_watermark) {
  absl::erase_if(ended_, [&](const auto& ended) { return ended.second.last_offset < high_watermark; });
}

bool ProducerStateTable::Expired(const Entry& entry, Timestamp now) const {
  return entry.transaction_start == kNoOffset &&
         // In unsigned numbers: a damaged or hostile timestamp must not overflow.
         now > entry.last_timestamp &&
         static_cast<uint64_t>(now.value()) - static_cast<uint64_t>(entry.last_timestamp.value()) >=
             static_cast<uint64_t>(options_.expiration_ms);
}

void ProducerStateTable::RemoveExpired(Timestamp now) {
  absl::erase_if(producers_, [&](const auto& producer) { return Expired(producer.second, now); });
  share_.Set(producers_.size());
}

void ProducerStateTable::MakeRoom() {
  std::vector<std::pair<Offset, int64_t>> idle;
  for (const auto& [id, entry] : producers_) {
    if (entry.transaction_start != kNoOffset) continue;
    idle.emplace_back(entry.count == 0 ? kNoOffset : entry.Newest()->last_offset, id);
  }
  if (idle.empty()) return;
  const size_t drop = std::min(idle.size(), producers_.size() / 8 + 1);
  std::ranges::nth_element(idle, idle.begin() + static_cast<std::ptrdiff_t>(drop - 1));
  for (size_t i = 0; i < drop; ++i) producers_.erase(idle[i].second);
  share_.Set(producers_.size());
  share_.AddForgotten(drop);
}

void ProducerStateTable::Clear() {
  // Swapping gives the memory back.
  absl::flat_hash_map<int64_t, Entry>().swap(producers_);
  share_.Set(0);
  open_.clear();
  ended_.clear();
  map_end_offset_ = Offset(0);
}

std::vector<ProducerStateInfo> ProducerStateTable::List() const {
  std::vector<ProducerStateInfo> list;
  list.reserve(producers_.size());
  for (const auto& [id, entry] : producers_) {
    const Batch* const newest = entry.Newest();
    list.push_back({.producer_id = ProducerId(id),
                    .producer_epoch = entry.epoch,
                    .last_sequence = newest != nullptr ? newest->last_sequence : -1,
                    .last_timestamp = entry.last_timestamp,
                    .coordinator_epoch = entry.coordinator_epoch,
                    .current_transaction_start = entry.transaction_start});
  }
  std::ranges::sort(list, {}, &ProducerStateInfo::producer_id);
  return list;
}

std::vector<std::byte> ProducerStateTable::EncodeSnapshot() const {
  std::vector<int64_t> ids;
  ids.reserve(producers_.size());
  for (const auto& [id, entry] : producers_) ids.push_back(id);
  std::ranges::sort(ids);

  std::vector<std::byte> bytes;
  bytes.reserve(kSnapshotPrefixBytes + 4 + ids.size() * kSnapshotEntryBytes);
  ByteWriter writer(&bytes);
  writer.Write<int16_t>(kSnapshotVersion);
  writer.Write<uint32_t>(0);
  writer.Write<int32_t>(static_cast<int32_t>(ids.size()));
  for (const int64_t id : ids) {
    const Entry& entry = producers_.find(id)->second;
    const Batch newest = entry.count == 0 ? Batch{} : *entry.Newest();
    writer.Write<int64_t>(id);
    writer.Write<int16_t>(entry.epoch.value());
    writer.Write<int32_t>(newest.last_sequence);
    writer.Write<int64_t>(newest.last_offset.value());
    writer.Write<int32_t>(newest.offset_delta);
    writer.Write<int64_t>(entry.last_timestamp.value());
    writer.Write<int32_t>(entry.coordinator_epoch);
    writer.Write<int64_t>(entry.transaction_start.value());
  }
  StoreBig<uint32_t>(bytes.data() + 2, Crc32c(std::span(bytes).subspan(kSnapshotPrefixBytes)));
  return bytes;
}

absl::Status ProducerStateTable::LoadSnapshot(std::span<const std::byte> bytes, Offset offset,
                                              Timestamp now) {
  const auto damaged = [&](std::string_view what) {
    return Error(ErrorCode::kCorruptMessage, StrCat("producer snapshot at ", offset, ": ", what,
                                                    "; an older one, or the log, is read instead"));
  };
  ByteReader reader(bytes);
  const int16_t version = reader.Read<int16_t>();
  const uint32_t crc = reader.Read<uint32_t>();
  const int32_t count = reader.Read<int32_t>();
  if (!reader.ok()) return damaged("it is too short");
  // The version is outside of the checksum: where the rest fits, it is another format and no damage.
  const bool crc_fits = crc == Crc32c(bytes.subspan(kSnapshotPrefixBytes));
  if (!crc_fits) return damaged("its checksum does not fit");
  if (version != kSnapshotVersion) {
    return absl::UnimplementedError(
        StrCat("producer snapshot at ", offset, ": version ", version, " is not known"));
  }
  if (count < 0 || reader.remaining() != static_cast<size_t>(count) * kSnapshotEntryBytes) {
    return damaged("its length does not fit its count");
  }
  ProducerStateTable loaded({.expiration_ms = options_.expiration_ms});
  for (int32_t i = 0; i < count; ++i) {
    Entry entry;
    const int64_t id = reader.Read<int64_t>();
    entry.epoch = ProducerEpoch(reader.Read<int16_t>());
    Batch batch;
    batch.last_sequence = reader.Read<int32_t>();
    batch.last_offset = Offset(reader.Read<int64_t>());
    batch.offset_delta = reader.Read<int32_t>();
    entry.last_timestamp = Timestamp(reader.Read<int64_t>());
    batch.timestamp = entry.last_timestamp;
    entry.coordinator_epoch = reader.Read<int32_t>();
    const int64_t start = reader.Read<int64_t>();
    entry.transaction_start = start >= 0 ? Offset(start) : kNoOffset;
    if (batch.offset_delta < 0 || batch.last_offset >= offset || entry.transaction_start >= offset) {
      return damaged(StrCat("producer ", id, " has offsets beyond it"));
    }
    if (batch.last_offset.value() >= 0) entry.Push(batch);
    if (now != kNoTimestamp && Expired(entry, now)) continue;
    if (!loaded.producers_.emplace(id, entry).second)
      return damaged(StrCat("producer ", id, " is there twice"));
    if (start >= 0 && !loaded.open_.emplace(Offset(start), ProducerId(id)).second) {
      return damaged(StrCat("two transactions begin at ", start));
    }
  }
  producers_ = std::move(loaded.producers_);
  open_ = std::move(loaded.open_);
  ended_ = std::move(loaded.ended_);
  map_end_offset_ = offset;
  share_.Set(producers_.size());
  return absl::OkStatus();
}

}  // namespace millrace::inline v0
