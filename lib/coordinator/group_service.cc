#include "coordinator/group_service.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "base/check.h"
#include "base/mutex.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "coordinator/group_coordinator.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

using Now = GroupCoordinator::Now;
using Effects = GroupCoordinator::Effects;

// One request. Run under the shard's lock with its coordinator; or with null, outside it, to be refused.
using Step = absl::AnyInvocable<void(GroupCoordinator*, Now, ErrorCode)>;

// The groups of one partition of __consumer_offsets. Steps are queued; whoever finds the shard idle runs
// them, one after the other, answers callers without the lock, and waits (without a thread) for each append.
class Shard : public std::enable_shared_from_this<Shard> {
 public:
  Shard(const GroupService::Options& options, int32_t partition) : options_(options), partition_(partition) {
    StartLoading();
  }

  void StartLoading() {
    MutexLock lock(&mutex_);
    coordinator_ = nullptr;  // gives its groups back first
    coordinator_ = std::make_unique<GroupCoordinator>(options_.config, options_.random, options_.topics,
                                                      options_.budget);
    unavailable_ = closed_ ? ErrorCode::kCoordinatorNotAvailable : ErrorCode::kCoordinatorLoadInProgress;
  }

  absl::Status LoadBatch(const BatchView& batch) {
    if (batch.is_control()) return absl::OkStatus();
    MutexLock lock(&mutex_);
    RecordReader reader(batch);
    RecordView record;
    while (reader.Next(&record)) {
      MILLRACE_RETURN_IF_ERROR(coordinator_->Replay(Bytes(record.key), Bytes(record.value)));
    }
    return reader.status();
  }

  void FinishLoading() {
    MutexLock lock(&mutex_);
    if (closed_) return;
    coordinator_->FinishLoading(TimeNow());
    unavailable_ = ErrorCode::kNone;
    ArmTimer();
  }

  void Submit(Step step) {
    Step refused;
    ErrorCode why = ErrorCode::kNone;
    {
      MutexLock lock(&mutex_);
      why = unavailable_;
      if (why == ErrorCode::kNone) {
        queue_.push_back(std::move(step));
        if (std::exchange(busy_, true)) return;
      } else {
        refused = std::move(step);
      }
    }
    if (refused) return refused(nullptr, Now{}, why);
    Run(std::nullopt);
  }

  void Close() {
    std::deque<Step> refused;
    Effects effects;
    {
      MutexLock lock(&mutex_);
      if (closed_) return;
      closed_ = true;
      unavailable_ = ErrorCode::kCoordinatorNotAvailable;
      refused.swap(queue_);
      if (timer_ != TimerId(0)) options_.executor->Cancel(timer_);
      timer_ = TimerId(0);
      timer_at_ = kNever;
      coordinator_->FailWaiting(ErrorCode::kCoordinatorNotAvailable);
      // A step's own records are taken by its runner before the lock is released: none are among these.
      effects = coordinator_->Take();
    }
    for (auto& completion : effects.completions) completion();
    for (Step& step : refused) step(nullptr, Now{}, ErrorCode::kCoordinatorNotAvailable);
  }

 private:
  static std::optional<std::span<const std::byte>> Bytes(const std::optional<std::string_view>& text) {
    if (!text.has_value()) return std::nullopt;
    return std::as_bytes(std::span(text->data(), text->size()));
  }

  Now TimeNow() { return {.monotonic = options_.clock->Monotonic(), .wall = options_.clock->Wall()}; }

  // The runner: settles what was appended, then runs queued steps until there are none, or one waits for its
  // append (whose end goes on from there). Requires: busy_ was set by the caller.
  void Run(std::optional<absl::Status> appended) {
    for (;;) {
      Effects effects;
      {
        MutexLock lock(&mutex_);
        if (appended.has_value()) {
          coordinator_->OnAppended(*appended, TimeNow());
        } else if (!queue_.empty()) {
          Step step = std::move(queue_.front());
          queue_.pop_front();
          step(coordinator_.get(), TimeNow(), ErrorCode::kNone);
        } else {
          busy_ = false;
          ArmTimer();
          return;
        }
        effects = coordinator_->Take();
      }
      appended.reset();
      for (auto& completion : effects.completions) completion();
      if (effects.records.empty()) continue;
      appended = Append(effects.records);
      if (!appended.has_value()) return;
    }
  }

  // The result if it was there before the store's call returned; else nullopt, and Run goes on when it comes.
  std::optional<absl::Status> Append(const std::vector<CoordinatorRecord>& records) {
    {
      MutexLock lock(&mutex_);
      in_append_ = true;
      appended_.reset();
    }
    options_.store->Append(partition_, records, options_.clock->Wall(),
                           [self = shared_from_this()](absl::Status status) {
                             {
                               MutexLock lock(&self->mutex_);
                               if (self->in_append_) {
                                 self->appended_ = std::move(status);
                                 return;
                               }
                             }
                             self->Run(std::move(status));
                           });
    MutexLock lock(&mutex_);
    in_append_ = false;
    return std::exchange(appended_, std::nullopt);
  }

  // Timers that turn out to be early do nothing and are armed again: cheaper than moving one at each
  // heartbeat.
  void ArmTimer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (closed_) return;
    const MonotonicNanos next = coordinator_->NextDeadline();
    if (next >= timer_at_) return;
    if (timer_ != TimerId(0)) options_.executor->Cancel(timer_);
    timer_at_ = next;
    timer_ = options_.executor->PostAt(next, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->OnTimer();
    });
  }

  void OnTimer() {
    {
      MutexLock lock(&mutex_);
      timer_ = TimerId(0);
      timer_at_ = kNever;
    }
    Submit([](GroupCoordinator* coordinator, Now now, ErrorCode) {
      if (coordinator != nullptr) coordinator->Advance(now);
    });
  }

  const GroupService::Options options_;
  const int32_t partition_;
  Mutex mutex_;
  std::unique_ptr<GroupCoordinator> coordinator_ ABSL_GUARDED_BY(mutex_);
  // kNone: requests are served. Else what they are refused with.
  ErrorCode unavailable_ ABSL_GUARDED_BY(mutex_) = ErrorCode::kCoordinatorLoadInProgress;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Step> queue_ ABSL_GUARDED_BY(mutex_);
  // Somebody runs steps, or an append of one is under way.
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  bool in_append_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> appended_ ABSL_GUARDED_BY(mutex_);
  TimerId timer_ ABSL_GUARDED_BY(mutex_){0};
  MonotonicNanos timer_at_ ABSL_GUARDED_BY(mutex_) = kNever;
};

// The parts of an answer that comes from every shard.
template <typename Whole>
struct Gathered {
  Mutex mutex;
  Whole whole ABSL_GUARDED_BY(mutex);
  size_t missing ABSL_GUARDED_BY(mutex) = 0;
  absl::AnyInvocable<void(Whole)> done;

  void Add(auto merge) {
    {
      MutexLock lock(&mutex);
      merge(&whole);
      if (--missing != 0) return;
    }
    mutex.Lock();
    Whole result = std::move(whole);
    mutex.Unlock();
    done(std::move(result));
  }
};

class GroupServiceImpl final : public GroupService {
 public:
  explicit GroupServiceImpl(Options options) {
    MILLRACE_CHECK(options.store != nullptr && options.executor != nullptr && options.clock != nullptr &&
                   options.random != nullptr && options.partitions > 0);
    for (int32_t p = 0; p < options.partitions; ++p) shards_.push_back(std::make_shared<Shard>(options, p));
  }
  ~GroupServiceImpl() override { Close(); }

  void StartLoading(int32_t partition) override { At(partition).StartLoading(); }
  absl::Status LoadBatch(int32_t partition, const BatchView& batch) override {
    return At(partition).LoadBatch(batch);
  }
  void FinishLoading(int32_t partition) override { At(partition).FinishLoading(); }

  void Join(JoinGroupRequest request, JoinGroupDone done) override {
    Shard& shard = Of(request.group);
    shard.Submit([request = std::move(request), done = std::move(done)](GroupCoordinator* coordinator,
                                                                        Now now, ErrorCode refused) mutable {
      if (coordinator != nullptr) return coordinator->Join(std::move(request), std::move(done), now);
      done({.result = {.error = refused}, .member_id = std::move(request.member_id)});
    });
  }
  void Sync(SyncGroupRequest request, SyncGroupDone done) override {
    Shard& shard = Of(request.group);
    shard.Submit([request = std::move(request), done = std::move(done)](GroupCoordinator* coordinator,
                                                                        Now now, ErrorCode refused) mutable {
      if (coordinator != nullptr) return coordinator->Sync(std::move(request), std::move(done), now);
      done({.result = {.error = refused}});
    });
  }
  void Heartbeat(HeartbeatRequest request, HeartbeatDone done) override {
    Shard& shard = Of(request.group);
    shard.Submit([request = std::move(request), done = std::move(done)](GroupCoordinator* coordinator,
                                                                        Now now, ErrorCode refused) mutable {
      if (coordinator != nullptr) return coordinator->Heartbeat(request, std::move(done), now);
      done({.result = {.error = refused}});
    });
  }
  void Leave(LeaveGroupRequest request, LeaveGroupDone done) override {
    Shard& shard = Of(request.group);
    shard.Submit([request = std::move(request), done = std::move(done)](GroupCoordinator* coordinator,
                                                                        Now now, ErrorCode refused) mutable {
      if (coordinator != nullptr) return coordinator->Leave(request, std::move(done), now);
      done({.result = {.error = refused}});
    });
  }
  void ConsumerHeartbeat(ConsumerHeartbeatRequest request, ConsumerHeartbeatDone done) override {
    Shard& shard = Of(request.group);
    shard.Submit([request = std::move(request), done = std::move(done)](GroupCoordinator* coordinator,
                                                                        Now now, ErrorCode refused) mutable {
      if (coordinator != nullptr) {
        return coordinator->ConsumerHeartbeat(std::move(request), std::move(done), now);
      }
      done({.result = {.error = refused}});
    });
  }
  void CommitOffsets(OffsetCommitRequest request, OffsetCommitDone done) override {
    Shard& shard = Of(request.group);
    shard.Submit([request = std::move(request), done = std::move(done)](GroupCoordinator* coordinator,
                                                                        Now now, ErrorCode refused) mutable {
      if (coordinator != nullptr) return coordinator->CommitOffsets(std::move(request), std::move(done), now);
      OffsetCommitResponse response;
      for (GroupOffset& offset : request.offsets) {
        response.partitions.push_back(
            {.partition = std::move(offset.partition), .result = {.error = refused}});
      }
      done(std::move(response));
    });
  }
  void FetchOffsets(OffsetFetchRequest request, OffsetFetchDone done) override {
    Shard& shard = Of(request.group);
    shard.Submit([request = std::move(request), done = std::move(done)](GroupCoordinator* coordinator, Now,
                                                                        ErrorCode refused) mutable {
      if (coordinator != nullptr) return coordinator->FetchOffsets(request, std::move(done));
      done({.result = {.error = refused}});
    });
  }
  void DeleteOffsets(OffsetDeleteRequest request, OffsetDeleteDone done) override {
    Shard& shard = Of(request.group);
    shard.Submit([request = std::move(request), done = std::move(done)](GroupCoordinator* coordinator, Now,
                                                                        ErrorCode refused) mutable {
      if (coordinator != nullptr) return coordinator->DeleteOffsets(request, std::move(done));
      done({.result = {.error = refused}});
    });
  }
  void DescribeGroup(std::string group, DescribeGroupDone done) override {
    Shard& shard = Of(group);
    shard.Submit([group = std::move(group), done = std::move(done)](GroupCoordinator* coordinator, Now,
                                                                    ErrorCode refused) mutable {
      if (coordinator != nullptr) return coordinator->DescribeGroup(group, std::move(done));
      done({.result = {.error = refused}, .group = std::move(group)});
    });
  }
  void DescribeConsumerGroup(std::string group, DescribeConsumerGroupDone done) override {
    Shard& shard = Of(group);
    shard.Submit([group = std::move(group), done = std::move(done)](GroupCoordinator* coordinator, Now,
                                                                    ErrorCode refused) mutable {
      if (coordinator != nullptr) return coordinator->DescribeConsumerGroup(group, std::move(done));
      done({.result = {.error = refused}});
    });
  }
  void DeleteGroup(std::string group, DeleteGroupDone done) override {
    Shard& shard = Of(group);
    shard.Submit([group = std::move(group), done = std::move(done)](GroupCoordinator* coordinator, Now,
                                                                    ErrorCode refused) mutable {
      if (coordinator != nullptr) return coordinator->DeleteGroup(group, std::move(done));
      done({.result = {.error = refused}});
    });
  }

  void ListGroups(ListGroupsRequest request, ListGroupsDone done) override {
    auto all = Gather<ListGroupsResponse>(std::move(done));
    for (const auto& shard : shards_) {
      shard->Submit([all, request](GroupCoordinator* coordinator, Now, ErrorCode refused) {
        const auto merge = [all](ListGroupsResponse part) {
          all->Add([&](ListGroupsResponse* whole) {
            if (!part.result.ok()) whole->result = std::move(part.result);
            for (GroupListing& group : part.groups) whole->groups.push_back(std::move(group));
          });
        };
        if (coordinator != nullptr) return coordinator->ListGroups(request, merge);
        merge({.result = {.error = refused}});
      });
    }
  }
  void OnTopicsDeleted(std::vector<std::string> topics,
                       absl::AnyInvocable<void(absl::Status)> done) override {
    auto all = Gather<absl::Status>(std::move(done));
    for (const auto& shard : shards_) {
      shard->Submit([all, topics](GroupCoordinator* coordinator, Now, ErrorCode refused) {
        const auto merge = [all](const absl::Status& part) {
          all->Add([&](absl::Status* whole) { whole->Update(part); });
        };
        if (coordinator != nullptr) return coordinator->DeleteTopics(topics, merge);
        merge(Error(refused, "offsets of deleted topics stay for now: their groups are not available"));
      });
    }
  }

  void Close() override {
    for (const auto& shard : shards_) shard->Close();
  }

 private:
  Shard& At(int32_t partition) {
    MILLRACE_CHECK(partition >= 0 && static_cast<size_t>(partition) < shards_.size());
    return *shards_[static_cast<size_t>(partition)];
  }
  Shard& Of(std::string_view group) {
    return At(OffsetsPartitionFor(group, static_cast<int32_t>(shards_.size())));
  }
  template <typename Whole>
  std::shared_ptr<Gathered<Whole>> Gather(absl::AnyInvocable<void(Whole)> done) {
    auto gathered = std::make_shared<Gathered<Whole>>();
    gathered->done = std::move(done);
    MutexLock lock(&gathered->mutex);
    gathered->missing = shards_.size();
    return gathered;
  }

  std::vector<std::shared_ptr<Shard>> shards_;
};

// The next code point of UTF-8 text; U+FFFD for bytes that are none.
uint32_t NextCodePoint(std::string_view text, size_t* at) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(text[i])); };
  const uint32_t first = byte((*at)++);
  if (first < 0x80) return first;
  const size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  if (first < 0xc2 || first > 0xf4 || *at + more > text.size()) return 0xfffd;
  uint32_t point = first & (0x3fU >> more);
  for (size_t i = 0; i < more; ++i) {
    if ((byte(*at + i) & 0xc0) != 0x80) return 0xfffd;
    point = (point << 6) | (byte(*at + i) & 0x3f);
  }
  *at += more;
  return point;
}

}  // namespace

int32_t OffsetsPartitionFor(std::string_view group, int32_t partitions) {
  MILLRACE_CHECK(partitions > 0);
  uint32_t hash = 0;
  for (size_t at = 0; at < group.size();) {
    const uint32_t point = NextCodePoint(group, &at);
    if (point >= 0x10000) {
      hash = 31 * hash + (0xd800 + ((point - 0x10000) >> 10));
      hash = 31 * hash + (0xdc00 + ((point - 0x10000) & 0x3ff));
    } else {
      hash = 31 * hash + point;
    }
  }
  const auto positive = static_cast<int32_t>(hash) < 0 ? 0U - hash : hash;
  if (positive > INT32_MAX) return 0;  // the smallest number has no absolute value
  return static_cast<int32_t>(positive) % partitions;
}

std::unique_ptr<GroupService> NewGroupService(GroupService::Options options) {
  return std::make_unique<GroupServiceImpl>(options);
}

}  // namespace millrace::inline v0
