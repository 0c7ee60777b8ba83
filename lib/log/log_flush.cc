// Durability: flushes that many share, flush points, and what a failure means.

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/return_if_error.h"
#include "log/log_files.h"
#include "log/log_impl.h"
#include "log/scan_recovery.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

// The flush point's own sync is shared by all flushes of so long.
constexpr int64_t kFlushPointNanos = 100'000'000;

}  // namespace

absl::Status LogImpl::Flush() {
  const absl::Status status = FlushUntold();
  CompleteDurable();  // here and now, rather than once the executor's thread is awake
  return status;
}

absl::Status LogImpl::FlushUntold() {
  {
    GateLock lock(&gate_);
    if (read_only_ || closed_) return CheckWritable();
  }
  return FlushTo(Offset(end_.load(std::memory_order_acquire)));
}

// Whoever comes first syncs for all. The others wait for the next sync, the one that begins when this one
// ends: it covers them. Each sync has its own sleepers, who are woken by its end and by no other, but for one
// of the next one's, who leads it: so everybody sleeps once, and a sync runs while those of the last wake up.
absl::Status LogImpl::FlushTo(Offset end) {
  uint64_t mine = 0;  // the sync that covers this call
  for (;;) {
    // Without the lock: those who are woken together would queue for it.
    if (mine != 0 && syncs_done_.load(std::memory_order_acquire) >= mine && flushed_offset() >= end)
      return absl::OkStatus();
    std::atomic<uint32_t>* bell = nullptr;
    uint32_t rung = 0;
    {
      MutexLock lock(&sync_mutex_);
      if (!sync_error_.ok()) return sync_error_;
      if (flushed_offset() >= end) {
        if (mine != 0 && !syncing_) WakeLeaderOf(syncs_begun_ + 1);  // it was to be this thread
        return absl::OkStatus();
      }
      if (!std::exchange(syncing_, true)) {
        mine = ++syncs_begun_;
        break;
      }
      mine = syncs_begun_ + 1;
      bell = &sync_bells_[mine % 2];
      rung = bell->load(std::memory_order_relaxed);
    }
    env_.parker->Park(*bell, rung, kNever);
  }
  end = std::min(end, Offset(end_.load(std::memory_order_acquire)));  // it may have been truncated
  const MonotonicNanos began = env_.clock->Monotonic();
  const absl::Status status = SyncOnce();
  context_->metrics().flush_time.Record(env_.clock->Monotonic() - began);
  // No space for a side file loses nothing: the next flush tries again. Everything else leaves the disk in
  // doubt.
  const bool fatal = !status.ok() && !absl::IsResourceExhausted(status);
  if (fatal) Poison(status);
  EndSync(mine, fatal ? status : absl::OkStatus());
  return status;
}

void LogImpl::EndSync(uint64_t number, const absl::Status& error) {
  {
    MutexLock lock(&sync_mutex_);
    syncing_ = false;
    sync_error_.Update(error);
    syncs_done_.store(number, std::memory_order_release);
  }
  WakeLeaderOf(number + 1);  // before the others: the disk waits for nobody
  std::atomic<uint32_t>& bell = sync_bells_[number % 2];
  bell.fetch_add(1, std::memory_order_release);
  env_.parker->UnparkAll(bell);
  // No sync will come to wake its sleepers.
  if (!error.ok()) env_.parker->UnparkAll(sync_bells_[(number + 1) % 2]);
}

void LogImpl::WakeLeaderOf(uint64_t number) {
  std::atomic<uint32_t>& bell = sync_bells_[number % 2];
  bell.fetch_add(1, std::memory_order_release);
  env_.parker->Unpark(bell, 1);
}

// Syncs every file with something unflushed in it, oldest first, then the names.
absl::Status LogImpl::SyncOnce() {
  SealPending().IgnoreError();  // made later, or when they are needed
  std::shared_ptr<Segment> active;
  FlushPoint point;
  {
    GateLock lock(&gate_);
    CountAppended();
    active = active_;
    point = {.offset = base_ + offsets_, .segment_base = base_, .position = position_};
    unflushed_since_ = kNever;
    if (config_.durability == Durability::kInterval) limit_ = 0;
  }
  std::vector<std::shared_ptr<Segment>> closed;
  bool names = false;
  {
    MutexLock lock(&segments_mutex_);
    closed.assign(unsynced_.begin(), unsynced_.end());
    names = std::exchange(names_unsynced_, false);
    if (active == nullptr) {
      const SegmentInfo& last = segments_.back();
      point = {.offset = last.next_offset, .segment_base = last.base, .position = last.length};
    }
  }
  for (const std::shared_ptr<Segment>& segment : closed) {
    if (segment->state() != Segment::State::kGone) MILLRACE_RETURN_IF_ERROR(OfSync(segment->file()->Sync()));
  }
  if (active == nullptr && point.position > 0 && flushed_offset() < point.offset) {
    // Not open since the log was: written by a process that died. Its pages are in the cache still.
    MILLRACE_ASSIGN_OR_RETURN(const auto file,
                              env_.files->Open(PathOf(point.segment_base, kLogSuffix), OpenMode::kReadWrite));
    MILLRACE_RETURN_IF_ERROR(OfSync(file->Sync()));
  }
  if (active != nullptr) MILLRACE_RETURN_IF_ERROR(OfSync(active->file()->Sync()));
  if (names) {
    const absl::Status status = SyncNames();
    if (!status.ok()) {
      MutexLock lock(&segments_mutex_);
      names_unsynced_ = true;
      return status;
    }
  }
  {
    MutexLock lock(&segments_mutex_);
    for (const std::shared_ptr<Segment>& segment : closed) std::erase(unsynced_, segment);
  }
  context_->flush_points()->Set(log_no_, point);
  MutexLock lock(&sync_mutex_);
  if (point.offset > flushed_offset()) flushed_.store(point.offset.value(), std::memory_order_release);
  return absl::OkStatus();
}

absl::Status LogImpl::SyncNames() {
  MILLRACE_RETURN_IF_ERROR(OfSync(env_.files->SyncDirectory(directory_)));
  if (own_context_ == nullptr)
    MILLRACE_RETURN_IF_ERROR(OfSync(env_.files->SyncDirectory(ParentOf(directory_))));
  return context_->manifest().Sync();
}

// Makes the flush point itself durable: now, or if it was not for a while. (Recovery keeps what is sound
// behind it in any case; the point tells a torn tail from damage.)
absl::Status LogImpl::SyncFlushPoint(bool now) {
  const MonotonicNanos time = env_.clock->Monotonic();
  {
    MutexLock lock(&sync_mutex_);
    if (!now && time - flush_point_synced_ < kFlushPointNanos) return absl::OkStatus();
    flush_point_synced_ = time;
  }
  return context_->flush_points()->Sync();
}

// After a failed sync the kernel may have thrown away what it could not write, and a second sync may well
// succeed: nothing that is not known to be on the disk can be promised any more. Reads go on.
void LogImpl::Poison(const absl::Status& status) {
  GateLock lock(&gate_);
  PoisonLocked(status);
}

void LogImpl::PoisonLocked(const absl::Status& status) {
  if (!poison_.ok()) return;
  poisoned_.store(true, std::memory_order_relaxed);
  context_->metrics().flush_failures.Add();
  poison_ = Error(ErrorCode::kKafkaStorageError,
                  absl::StrFormat("%s takes no appends since the disk failed it (%s): call Revive, which "
                                  "reads back what the disk has",
                                  name_, std::string(status.message())));
  limit_ = 0;
  plain_ = false;
  env_.logger->Log(Severity::kError, "log", std::string(poison_.message()));
}

void LogImpl::OnDurable(Offset end, absl::AnyInvocable<void(absl::Status)> done) {
  absl::AnyInvocable<void(absl::Status)> settled;
  absl::Status error;
  bool post = false;
  {
    MutexLock lock(&sync_mutex_);
    const bool flushed = flushed_offset() >= end;
    if (flushed || !sync_error_.ok()) {
      if (!flushed) error = sync_error_;
      settled = std::move(done);
    } else {
      durable_.emplace(end, std::move(done));
      post = !std::exchange(durable_posted_, true);
    }
  }
  if (settled) return settled(error);
  if (post) Background([](LogImpl* log) { log->RunDurable(); });
}

void LogImpl::RunDurable() {
  {
    MutexLock lock(&sync_mutex_);
    durable_posted_ = false;
  }
  Flush().IgnoreError();  // told to those who wait
  CompleteDurable();
  SyncFlushPoint(/*now=*/false).IgnoreError();  // tried again, and told, by Close
}

// Answers those whose offsets are durable, and everybody if that will never be: in their order, so one thread
// at a time, which looks again for what others have made durable meanwhile.
void LogImpl::CompleteDurable() {
  std::vector<absl::AnyInvocable<void(absl::Status)>> ready;
  for (;;) {
    const absl::Status status = TakeDurable(&ready);
    if (ready.empty()) return;
    for (auto& callback : ready) std::move(callback)(status);
    ready.clear();
    MutexLock lock(&sync_mutex_);
    completing_ = false;
  }
}

// Whose answer is due, all of them the same; none if another thread is answering.
absl::Status LogImpl::TakeDurable(std::vector<absl::AnyInvocable<void(absl::Status)>>* ready) {
  bool closed;
  {
    GateLock lock(&gate_);
    closed = closed_;
  }
  MutexLock lock(&sync_mutex_);
  if (completing_) return absl::OkStatus();
  absl::Status status;
  auto end = durable_.upper_bound(flushed_offset());
  if (end == durable_.begin() && (closed || !sync_error_.ok())) {
    status = sync_error_;
    if (closed) status.Update(Error(ErrorCode::kKafkaStorageError, absl::StrFormat("%s was closed", name_)));
    end = durable_.end();
  }
  for (auto one = durable_.begin(); one != end; ++one) ready->push_back(std::move(one->second));
  durable_.erase(durable_.begin(), end);
  completing_ = !ready->empty();
  if (!durable_.empty() && !std::exchange(durable_posted_, true))
    Background([](LogImpl* log) { log->RunDurable(); });
  return status;
}

namespace {

// Stores the first `bytes` bytes of a file over themselves, so that the next sync writes them.
absl::Status WriteAgain(FileSystem* files, const std::string& path, uint64_t bytes) {
  MILLRACE_ASSIGN_OR_RETURN(const auto file, files->Open(path, OpenMode::kReadWrite));
  std::vector<std::byte> content;
  for (uint64_t at = 0; at < bytes; at += content.size()) {
    content.resize(std::min<uint64_t>(bytes - at, 1 << 20));
    MILLRACE_RETURN_IF_ERROR(ReadExactly(file.get(), at, content));
    MILLRACE_RETURN_IF_ERROR(file->WriteAt(at, content));
  }
  return file->Sync();
}

}  // namespace

absl::Status LogImpl::Revive(RecoveryReport* report) {
  RecoveryReport ignored;
  if (report == nullptr) report = &ignored;
  *report = RecoveryReport();
  MutexLock maintenance_lock(&maintenance_mutex_);
  {
    GateLock lock(&gate_);
    if (closed_) return CheckWritable();
    if (poison_.ok()) return absl::OkStatus();
  }
  // What is half done is brought to the end that the manifest names: on the disk as well as in memory.
  MILLRACE_RETURN_IF_ERROR(context_->manifest().Sync());
  {
    GateLock lock(&gate_);
    MutexLock segments_lock(&segments_mutex_);
    // The page cache cannot be believed: everything is dropped from memory, and read back.
    for (SegmentInfo& info : segments_) {
      if (info.open == nullptr) continue;
      info.length = info.open->end().position;
      info.next_offset = info.open->next_offset();
      if (info.open->mapped()) {
        info.open->mapping()->map->Advise(0, info.open->mapping()->map->bytes().size(), MapAdvice::kDontNeed);
      }
      info.open->set_state(Segment::State::kGone);
      info.open.reset();
    }
    unsealed_.clear();
    unsynced_.clear();
    spare_.reset();
    CountAppended();
    active_.reset();
    data_ = nullptr;
  }
  std::optional<LogEntry> entry = context_->manifest().Find(log_no_);
  if (!entry.has_value()) return absl::InternalError(absl::StrFormat("%s is not in the manifest", name_));
  entry->log_start_offset = std::max(entry->log_start_offset, log_start_offset());
  MILLRACE_ASSIGN_OR_RETURN(RecoveredLog recovered, ScanRecovery(this, *entry, report).Run());
  // What was read back must be made durable once more before it is promised: the failed sync may have left it
  // in the cache alone.
  for (const SegmentInfo& info : recovered.segments) {
    if (info.length == 0 || info.next_offset <= recovered.flushed_offset) continue;
    MILLRACE_RETURN_IF_ERROR(WriteAgain(env_.files, PathOf(info.base, kLogSuffix), info.length));
  }
  report->end_offset = recovered.segments.back().next_offset;
  report->damaged = recovered.damaged;
  MILLRACE_RETURN_IF_ERROR(NoteDamage(recovered.damaged));
  MILLRACE_RETURN_IF_ERROR(CutFenced(report->end_offset));
  recovered.flushed_offset = report->end_offset;
  const SegmentInfo last = recovered.segments.back();
  Adopt(std::move(recovered));
  context_->flush_points()->Set(
      log_no_, {.offset = last.next_offset, .segment_base = last.base, .position = last.length});
  {
    GateLock lock(&gate_);
    producers_.Clear();
    producers_loaded_ = false;
    position_ = 0;
    poison_ = absl::OkStatus();
    poisoned_.store(false, std::memory_order_relaxed);
  }
  MutexLock lock(&sync_mutex_);
  sync_error_ = absl::OkStatus();
  return absl::OkStatus();
}

}  // namespace millrace::inline v0
