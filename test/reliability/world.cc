#include "reliability/world.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "millrace/record.h"
#include "millrace/status.h"

namespace millrace::testing {
namespace {

constexpr char kDirectory[] = "/log-0";
constexpr ProducerId kProducer{77};
constexpr int64_t kFirstTime = 1'700'000'000'000;  // of the simulated clock

std::string Text(const absl::Status& status) {
  return std::string(status.message());
}

}  // namespace

World::World(WorldOptions options)
    : sim(options.seed), world_(options), random_(Random::Seeded(options.seed ^ 0x9e3779b97f4a7c15U)) {
  this->options.config.segment_bytes = options.segment_bytes;
  this->options.config.index_interval_bytes = 512;
  this->options.config.retention_ms = -1;
  this->options.config.segment_ms = INT64_MAX;
  this->options.backend = options.backend;
  this->options.env = sim.env();
  if (!options.executor) this->options.env.executor = nullptr;
}

World::~World() {
  Drop();
}

void World::Drop() {
  if (!sim.files->stopped()) sim.files->Stop();
  sim.executor->DropTasks();
  log.reset();
}

std::string World::Content(const ModelRecord& record) {
  std::string content = std::to_string(record.id) + ":";
  content.resize(std::max(content.size(), static_cast<size_t>(record.size)),
                 static_cast<char>('a' + record.id % 26));
  return content;
}

Timestamp World::TimeOf(const ModelRecord& record) {
  return Timestamp(kFirstTime + record.id);
}

void World::Tell(std::string line) {
  history_.push_back(std::move(line));
  if (history_.size() > 400) history_.pop_front();
}

absl::Status World::Told(std::string_view what, int64_t argument, absl::Status status) {
  Tell(absl::StrFormat("%s(%d)%s", what, argument,
                       stopped()     ? " stopped"
                       : status.ok() ? ""
                                     : " failed: " + Text(status)));
  return status;
}

std::string World::History() const {
  std::string all;
  for (const std::string& line : history_) all += "\n  " + line;
  return all;
}

// --- Operations

absl::StatusOr<AppendResult> World::Send(const std::vector<ModelRecord>& records, bool idempotent) {
  BatchOptions batch_options;
  if (idempotent) {
    batch_options.producer_id = kProducer;
    batch_options.producer_epoch = ProducerEpoch(0);
    batch_options.base_sequence = records.front().sequence;
  }
  BatchBuilder builder(batch_options);
  for (const ModelRecord& record : records) {
    const std::string content = Content(record);
    builder.Append({.key = "key", .value = content}, TimeOf(record));
  }
  auto batch = builder.Finish();
  if (!batch.ok()) return batch.status();
  return log->AppendBatch(*batch);
}

absl::Status World::Finish(const absl::StatusOr<AppendResult>& result,
                           const std::vector<ModelRecord>& added) {
  Tell(absl::StrFormat("append %d records at %d, epoch %d, sequence %d, %d bytes: %s", added.size(), end(),
                       added[0].epoch, added[0].sequence, added[0].size,
                       stopped()     ? "stopped"
                       : result.ok() ? "ok"
                                     : Text(result.status())));
  if (stopped()) {
    // The process died in it, or before: nobody heard the answer.
    maybe_.insert(maybe_.end(), added.begin(), added.end());
    return absl::AbortedError("stopped");
  }
  if (!result.ok()) {
    ++refused_;
    return result.status();
  }
  if (result->first_offset != Offset(end()) || result->duplicate) {
    return absl::InternalError(
        absl::StrFormat("appended at %d, not at %d", result->first_offset.value(), end()));
  }
  records_.insert(records_.end(), added.begin(), added.end());
  return absl::OkStatus();
}

absl::Status World::Append(int32_t size) {
  const ModelRecord record = {.id = next_id_++, .size = size, .epoch = epoch_};
  const std::string content = Content(record);
  return Finish(log->Append({.key = "key", .value = content, .timestamp = TimeOf(record)}), {record});
}

absl::Status World::AppendBatch(int count, int32_t size) {
  size =
      std::min(size, static_cast<int32_t>(world_.segment_bytes) / 2 / count);  // it must fit into a segment
  std::vector<ModelRecord> added;
  for (int i = 0; i < count; ++i) added.push_back({.id = next_id_++, .size = size, .epoch = epoch_});
  return Finish(Send(added, false), added);
}

absl::Status World::AppendIdempotent(int count, int32_t size) {
  int32_t sequence = 0;
  for (const ModelRecord& record : records_) sequence = std::max(sequence, record.sequence + 1);
  size = std::min(size, static_cast<int32_t>(world_.segment_bytes) / 2 / count);
  std::vector<ModelRecord> added;
  for (int i = 0; i < count; ++i) {
    added.push_back({.id = next_id_++, .size = size, .epoch = epoch_, .sequence = sequence + i});
  }
  return Finish(Send(added, true), added);
}

absl::Status World::Flush() {
  const absl::Status status = world_.lying_flush ? absl::OkStatus() : log->Flush();
  if (status.ok() && !stopped()) durable_ = end();
  return Told("flush", end(), status);
}

absl::Status World::Roll() {
  return Told("roll", end(), log->Roll());
}

absl::Status World::DeleteBefore(int64_t offset) {
  start_asked_ = std::max(start_asked_, offset);
  const absl::Status status = log->DeleteRecordsBefore(Offset(offset));
  if (status.ok() && !stopped()) start_ = std::max(start_, offset);
  return Told("delete before", offset, status);
}

absl::Status World::Truncate(int64_t offset) {
  truncate_asked_ = std::min(truncate_asked_, offset);
  const absl::Status status = Told("truncate to", offset, log->TruncateTo(Offset(offset)));
  if (!status.ok() || stopped()) return status;
  truncate_asked_ = INT64_MAX;
  // A batch is never cut: less may be left than was asked for.
  const int64_t left = log->log_end_offset().value();
  if (left > offset || offset - left > 8) return absl::InternalError("truncated elsewhere");
  records_.resize(static_cast<size_t>(left));
  durable_ = std::min(durable_, left);
  return status;
}

absl::Status World::RaiseEpoch() {
  const absl::Status status = log->SetLeaderEpoch(LeaderEpoch(epoch_ + 1));
  if (status.ok() && !stopped()) ++epoch_;
  return Told("raise epoch to", epoch_ + (status.ok() && !stopped() ? 0 : 1), status);
}

absl::Status World::Close() {
  const absl::Status status = log->Close();
  if (status.ok() && !stopped()) durable_ = end();
  return Told("close", end(), status);
}

void World::Maintain() {
  sim.clock.Advance(3'600'000'000'000);
  Told("maintenance", end(), log->RunMaintenance()).IgnoreError();
  sim.executor->RunReady();
}

void World::RandomOperation() {
  const auto size = static_cast<int32_t>(Below(8) == 0 ? Below(2500) : Below(300));
  switch (Below(24)) {
    case 0:
    case 1:
    case 2:
      Flush().IgnoreError();
      break;
    case 3:
      Roll().IgnoreError();
      break;
    case 4:
      if (Below(4) == 0)
        DeleteBefore(start_ + static_cast<int64_t>(Below(static_cast<uint64_t>(end() - start_) / 2 + 1)))
            .IgnoreError();
      break;
    case 5:
      if (Below(4) == 0) {
        const auto back = static_cast<int64_t>(Below(12));
        if (end() - back >= start_asked_) Truncate(end() - back).IgnoreError();
      }
      break;
    case 6:
      if (Below(3) == 0) RaiseEpoch().IgnoreError();
      break;
    case 7:
      Told("maintenance", end(), log->RunMaintenance()).IgnoreError();
      break;
    case 8:
    case 9:
      sim.executor->RunReady();
      break;
    case 10:
      sim.clock.Advance(static_cast<int64_t>(Below(300'000'000)));
      break;
    case 11:
    case 12:
    case 13:
      AppendBatch(1 + static_cast<int>(Below(8)), size / 4).IgnoreError();
      break;
    case 14:
    case 15:
    case 16:
      AppendIdempotent(1 + static_cast<int>(Below(4)), size / 4).IgnoreError();
      break;
    default:
      Append(size).IgnoreError();
  }
}

// --- Checks

std::string World::Open() {
  if (const auto names = sim.files->List(kDirectory); names.ok()) {
    for (const std::string& name : *names) {
      const auto file = sim.files->Stat(std::string(kDirectory) + "/" + name);
      Tell(absl::StrFormat("    %s %d", name, file.ok() ? static_cast<int64_t>(file->size_bytes) : -1));
    }
  }
  auto opened = Log::Open(kDirectory, options, &report);
  Tell(absl::StrFormat("opened: ends at %d, flushed to %d", report.end_offset.value(),
                       opened.ok() ? (*opened)->flushed_offset().value() : -1));
  for (const std::string& note : report.notes) Tell("  " + note);
  if (!opened.ok()) return "Open: " + Text(opened.status());
  log = *std::move(opened);
  if (!report.damaged.empty()) {
    std::string all;
    for (const std::string& note : report.notes) all += "\n  " + note;
    return absl::StrFormat("Open reports damage at %d to %d where nothing durable can be damaged:%s",
                           report.damaged[0].first.value(), report.damaged[0].next.value(), all);
  }
  return "";
}

// What the log holds, batch by batch, as model records.
std::string World::ReadAll(int64_t lowest, std::vector<ModelRecord>* found, int64_t* found_start) {
  const int64_t start = log->log_start_offset().value();
  const int64_t end = log->log_end_offset().value();
  *found_start = start;
  if (start < 0 || start > start_asked_) {
    return absl::StrFormat("the log starts at %d; at most %d was asked for", start, start_asked_);
  }
  std::vector<ModelRecord> all = records_;
  all.insert(all.end(), maybe_.begin(), maybe_.end());
  if (end < lowest || end > static_cast<int64_t>(all.size())) {
    std::string notes;
    for (const std::string& note : report.notes) notes += "\n  " + note;
    return absl::StrFormat("the log ends at %d; must be from %d to %d%s", end, lowest, all.size(), notes);
  }
  auto cursor = log->NewCursor(Offset(start));
  if (!cursor.ok()) return "NewCursor: " + Text(cursor.status());
  int64_t expected = start;
  const size_t bytes_max = 1 + Below(3000);
  while (true) {
    const auto slice = (*cursor)->Next(bytes_max);
    if (!slice.ok()) return absl::StrFormat("reading at %d: %s", expected, Text(slice.status()));
    if (slice->empty()) break;
    for (const BatchView batch : *slice) {
      if (!batch.CrcIsValid()) return absl::StrFormat("CRC of the batch at %d", batch.base_offset().value());
      if (batch.base_offset() > Offset(expected)) return absl::StrFormat("offset %d is missing", expected);
      RecordReader reader(batch);
      for (RecordView view; reader.Next(&view);) {
        if (view.offset < Offset(expected)) continue;  // the first batch may begin below the start
        const ModelRecord& record = all[static_cast<size_t>(expected)];
        const bool same = view.offset == Offset(expected) && expected < end &&
                          view.value == Content(record) && view.timestamp == TimeOf(record) &&
                          batch.leader_epoch() == LeaderEpoch(record.epoch);
        if (!same) {
          return absl::StrFormat(
              "offset %d holds another record (offset %d, epoch %d, value %s; wanted epoch %d, %s)", expected,
              view.offset.value(), batch.leader_epoch().value(),
              std::string(view.value.value_or("null").substr(0, 20)), record.epoch,
              Content(record).substr(0, 20));
        }
        ++expected;
      }
      if (!reader.status().ok()) return "a malformed batch: " + Text(reader.status());
    }
  }
  if (expected != end) return absl::StrFormat("reading ended at %d, the log at %d", expected, end);
  all.resize(static_cast<size_t>(end));
  *found = std::move(all);
  return "";
}

std::string World::CheckLookups() {
  if (start_ == end()) return "";
  const int64_t offset = start_ + static_cast<int64_t>(Below(static_cast<uint64_t>(end() - start_)));
  const ModelRecord& record = records_[static_cast<size_t>(offset)];
  const auto found = log->OffsetForTimestamp(TimeOf(record));
  if (!found.ok()) return "OffsetForTimestamp: " + Text(found.status());
  if (!found->has_value() || (*found)->offset != Offset(offset)) {
    return absl::StrFormat("the timestamp of offset %d was found at %d", offset,
                           found->has_value() ? (*found)->offset.value() : -1);
  }
  const auto cursor = log->NewCursor(Offset(offset));
  if (!cursor.ok()) return "NewCursor: " + Text(cursor.status());
  const auto slice = (*cursor)->Next(1);
  if (!slice.ok()) return absl::StrFormat("reading from %d: %s", offset, Text(slice.status()));
  if (slice->empty() || (*slice->begin()).last_offset() < Offset(offset) ||
      (*slice->begin()).base_offset() > Offset(offset))
    return absl::StrFormat("a cursor at %d found another batch", offset);
  if (record.epoch >= 0) {
    int64_t next = offset;
    while (next < end() && records_[static_cast<size_t>(next)].epoch == record.epoch) ++next;
    const auto [epoch, epoch_end] = log->EpochEndOffset(LeaderEpoch(record.epoch));
    const bool right = epoch == LeaderEpoch(record.epoch) && epoch_end == Offset(next);
    if (!right) {
      return absl::StrFormat("epoch %d ends at %d (of %d), not at %d", record.epoch, epoch_end.value(),
                             epoch.value(), next);
    }
  }
  return "";
}

std::string World::Check(int64_t lowest) {
  lowest =
      std::min(lowest, truncate_asked_ == INT64_MAX ? lowest : std::max<int64_t>(truncate_asked_ - 8, 0));
  std::vector<ModelRecord> found;
  int64_t found_start = 0;
  std::string problem = ReadAll(lowest, &found, &found_start);
  if (!problem.empty()) return problem;
  records_ = std::move(found);
  maybe_.clear();
  durable_ = std::min(durable_, end());
  truncate_asked_ = INT64_MAX;
  start_ = start_asked_ = found_start;
  problem = CheckLookups();
  // The epoch may have been raised without anything said about it on the disk, or nobody heard of it.
  for (++epoch_; epoch_ >= 0 && log->EpochEndOffset(LeaderEpoch(epoch_)).first != LeaderEpoch(epoch_);)
    --epoch_;
  return problem;
}

std::string World::CheckProducer() {
  int32_t last = -1;
  int64_t at = -1;
  for (int64_t i = start_; i < end(); ++i) {
    if (records_[static_cast<size_t>(i)].sequence > last) {
      last = records_[static_cast<size_t>(i)].sequence;
      at = i;
    }
  }
  if (at < 0) return "";
  // The whole batch again, as far as it can be told: records of one batch follow each other in both numbers.
  const auto cursor = log->NewCursor(Offset(at));
  if (!cursor.ok()) return "NewCursor: " + Text(cursor.status());
  auto slice = (*cursor)->Next(1);
  if (!slice.ok() || slice->empty()) return "the producer's last batch cannot be read";
  const BatchView batch = *slice->begin();
  std::vector<std::byte> again(batch.bytes().begin(), batch.bytes().end());
  const auto result = log->AppendBatch(again);
  if (!result.ok()) return "a retry was refused: " + Text(result.status());
  if (!result->duplicate || result->last_offset != Offset(at)) {
    return absl::StrFormat("a retry of the batch that ends at %d was stored again at %d", at,
                           result->first_offset.value());
  }
  return "";
}

std::string World::ReopenAfterKill() {
  Drop();
  Tell("--- killed");
  sim.KillProcess();
  std::string problem = Open();
  if (problem.empty()) problem = Check(end());
  return problem.empty() ? "" : "after a kill: " + problem;
}

std::string World::ReopenAfterCrash(SimCrashOptions how) {
  Drop();
  Tell(absl::StrFormat("--- power lost, keep %d", static_cast<int>(how.keep)));
  sim.Crash(how);
  std::string problem = Open();
  if (problem.empty()) problem = Check(durable_);
  return problem.empty() ? "" : "after a power loss: " + problem;
}

}  // namespace millrace::testing
