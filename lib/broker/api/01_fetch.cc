// Fetch (key 1): record batches from where they lie, without a copy. Versions 4 to 18.
//
// Waits for up to max_wait_ms until there are min_bytes (KIP-98 gives versions from 4 on isolation levels:
// without transactions both see the same). The first batch comes whole, however small max_bytes is (KIP-74);
// no other goes beyond it. 7: sessions (KIP-227); where there is no room for one the answer names session 0,
// which tells the client to ask for everything each time. 12: who says which epoch it has read last is told
// where that ended, if it thinks otherwise (KIP-595). 13: topics by id.

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "broker/api/handlers.h"
#include "broker/fetch_session.h"
#include "log/append_listener.h"
#include "millrace/wire/messages/fetch.h"

namespace millrace::inline v0 {
namespace {

constexpr int32_t kNewSessionEpoch = 0;
constexpr int32_t kNoSessionEpoch = -1;
constexpr int16_t kTopicsByIdVersion = 13;

// Whose answer a fetch is.
struct FetchPlan {
  std::vector<FetchPart> parts = {};
  // Null: none.
  std::shared_ptr<FetchSession> session = nullptr;
  // Of a session: everything is told, not what is new alone.
  bool all = true;
};

// One request. Tries at once, and then each time a partition has grown, until there is enough or the time is
// up. Tries take turns; the answer is made by the one that finds it due.
class Fetching final : public Waiting, public Wakeable, public std::enable_shared_from_this<Fetching> {
 public:
  Fetching(BrokerImpl* broker, Request request, const wire::FetchRequest& asked, FetchPlan plan)
      : broker_(broker),
        request_(std::move(request)),
        max_wait_(std::clamp(absl::Milliseconds(asked.max_wait_ms), absl::ZeroDuration(),
                             broker->options().fetch_max_wait)),
        min_bytes_(asked.min_bytes),
        max_bytes_(std::clamp(asked.max_bytes, 0, broker->options().fetch_max_bytes)),
        committed_(asked.isolation_level == 1),
        plan_(std::move(plan)) {}

  void Start() {
    MutexLock lock(&mutex_);
    waits_ = max_wait_ > absl::ZeroDuration();
    FindPartitions();
    Try();
    if (answered_) return;
    timer_ = broker_->env().executor->PostAt(
        broker_->env().clock->Monotonic() + absl::ToInt64Nanoseconds(max_wait_),
        [self = shared_from_this()] { self->GiveUp(); });
    if (!broker_->waiting()->Add(shared_from_this())) {
      waits_ = false;
      return Try();
    }
    request_.Waits(weak_from_this());
  }

  bool is_fetch() const override { return true; }
  void OnWoken() override {
    MutexLock lock(&mutex_);
    woken_.store(false, std::memory_order_release);
    Try();
  }
  // Answers with what there is.
  void GiveUp() override {
    MutexLock lock(&mutex_);
    waits_ = false;
    Try();
  }

 private:
  // A partition that was asked for, in the order of the plan.
  struct Part final : AppendListener {
    void OnAppend() override { fetching->Wake(); }

    Fetching* fetching = nullptr;
    const FetchPart* asked = nullptr;
    std::shared_ptr<Partition> partition;  // null: see `error`
    absl::Status error;
    // Behind what the last try has read.
    Offset position{0};
    bool armed = false;
  };

  // In an append: what follows must wait until that is through.
  void Wake() {
    if (woken_.exchange(true, std::memory_order_acq_rel)) return;
    if (broker_->wake_ups().Add(shared_from_this())) return;
    broker_->env().executor->Post([self = shared_from_this()] { self->OnWoken(); });
  }

  void FindPartitions() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (const FetchPart& one : plan_.parts) {
      auto part = std::make_unique<Part>();
      part->fetching = this;
      part->asked = &one;
      auto found = FindPartition(*broker_, one.key.topic, one.key.topic_id, one.key.partition);
      part->error = found.status();
      if (found.ok()) part->error = CheckLeaderEpoch(one.asked.current_leader_epoch);
      if (found.ok() && part->error.ok()) part->error = (*found)->OpenLog().status();
      if (part->error.ok()) part->partition = *std::move(found);
      parts_.push_back(std::move(part));
    }
  }

  void Try() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    while (!answered_) {
      Disarm();
      wire::FetchResponse response;
      std::vector<std::shared_ptr<const void>> pins;
      bool enough = !waits_ || parts_.empty();
      const int64_t bytes = Read(&response, &pins, &enough);
      if (enough || bytes >= min_bytes_) return Answer(&response, std::move(pins));
      if (Arm()) return;
    }
  }

  void Answer(wire::FetchResponse* response, std::vector<std::shared_ptr<const void>> pins)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    answered_ = true;
    if (timer_ != TimerId()) broker_->env().executor->Cancel(timer_);
    Count(*response);
    if (plan_.session != nullptr) plan_.session->Tell(response, plan_.all);
    request_.Respond(*response, std::move(pins));
    parts_.clear();
    // Last: the broker may be gone after it.
    broker_->waiting()->Remove(shared_from_this());
  }

  void Count(const wire::FetchResponse& response) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    auto part = parts_.begin();
    for (const auto& topic : response.responses) {
      std::shared_ptr<TopicMeter> meter;
      for (const auto& partition : topic.partitions) {
        // Topics that are not there have no meter.
        if (const Partition* const found = (part++)->get()->partition.get();
            found != nullptr && meter == nullptr)
          meter = broker_->engine().counts().MeterOf(found->topic_partition().topic);
        if (meter == nullptr) continue;
        meter->fetch_requests.fetch_add(1, std::memory_order_relaxed);
        if (partition.error_code != 0) meter->fetch_failed.fetch_add(1, std::memory_order_relaxed);
        meter->bytes_out.fetch_add(static_cast<int64_t>(partition.records->size()),
                                   std::memory_order_relaxed);
      }
    }
  }

  // False: something can be read already.
  bool Arm() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (const auto& part : parts_) {
      part->armed = part->partition->Arm(part.get(), part->position);
      if (!part->armed) return false;
    }
    return true;
  }
  void Disarm() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (const auto& part : parts_) {
      if (std::exchange(part->armed, false)) part->partition->Disarm(part.get());
    }
  }

  // Returns the bytes of records in `response`. `enough`: waiting would give no more.
  int64_t Read(wire::FetchResponse* response, std::vector<std::shared_ptr<const void>>* pins, bool* enough)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    int64_t bytes = 0;
    for (const auto& part : parts_) {
      const FetchKey& key = part->asked->key;
      auto& topics = response->responses;
      if (topics.empty() || topics.back().topic != key.topic || topics.back().topic_id != key.topic_id)
        topics.push_back({.topic = key.topic, .topic_id = key.topic_id});
      auto& answer = topics.back().partitions.emplace_back();
      answer.partition_index = key.partition;
      answer.records = std::span<const std::byte>();
      absl::Status status = part->error;
      // Null: nobody asked for transactions.
      if (status.ok() && !committed_) answer.aborted_transactions.reset();
      if (status.ok()) status = ReadPart(part.get(), max_bytes_ - bytes, bytes == 0, &answer, pins);
      if (!status.ok()) {
        answer.error_code = CodeOf(status);
        answer.high_watermark = answer.last_stable_offset = answer.log_start_offset = -1;
      }
      *enough = *enough || !status.ok() || answer.diverging_epoch.epoch >= 0 ||
                part->position.value() < answer.high_watermark;
      bytes += static_cast<int64_t>(answer.records->size());
    }
    return bytes;
  }

  // Whether what the client has read last is in this log too (KIP-595); if not, where the two part.
  static absl::Status CompareEpochs(const Log& log, const wire::FetchRequest::Partition& asked,
                                    wire::FetchResponse::Partition* answer) {
    const EpochEnd end = FindEpochEnd(log, asked.last_fetched_epoch);
    if (end.epoch < 0) {
      return Error(ErrorCode::kOffsetOutOfRange,
                   StrCat("nothing is known of the last fetched epoch ", asked.last_fetched_epoch));
    }
    if (asked.fetch_offset < log.log_start_offset().value())
      return Error(ErrorCode::kOffsetOutOfRange,
                   StrCat("offset ", asked.fetch_offset, " is before the start"));
    if (end.epoch < asked.last_fetched_epoch || end.end_offset < asked.fetch_offset)
      answer->diverging_epoch = {.epoch = end.epoch, .end_offset = end.end_offset};
    return absl::OkStatus();
  }

  // `first`: nothing was read before it.
  static absl::Status ReadPart(Part* part, int64_t bytes_max, bool first,
                               wire::FetchResponse::Partition* answer,
                               std::vector<std::shared_ptr<const void>>* pins) {
    Partition& partition = *part->partition;
    Log& log = partition.log();
    answer->high_watermark = partition.high_watermark().value();
    answer->last_stable_offset = partition.last_stable_offset().value();
    answer->log_start_offset = log.log_start_offset().value();
    part->position = Offset(part->asked->asked.fetch_offset);
    if (part->asked->asked.last_fetched_epoch != -1) {
      MILLRACE_RETURN_IF_ERROR(CompareEpochs(log, part->asked->asked, answer));
      if (answer->diverging_epoch.epoch >= 0) return absl::OkStatus();
    }
    MILLRACE_ASSIGN_OR_RETURN(const std::unique_ptr<LogCursor> cursor, log.NewCursor(part->position));
    if (bytes_max <= 0 && !first) return absl::OkStatus();
    const int64_t wanted =
        std::clamp<int64_t>(part->asked->asked.partition_max_bytes, 0, std::max<int64_t>(bytes_max, 0));
    MILLRACE_ASSIGN_OR_RETURN(LogSlice slice,
                              partition.ReadCommitted(cursor.get(), static_cast<size_t>(wanted)));
    if (slice.empty()) return absl::OkStatus();
    // The cursor gives one batch at the least; only the first may be larger than what was asked for.
    if (!first && static_cast<int64_t>(slice.bytes.size()) > bytes_max) return absl::OkStatus();
    part->position = slice.next_offset;
    answer->records = slice.bytes;
    pins->push_back(std::make_shared<LogSlice>(std::move(slice)));
    return absl::OkStatus();
  }

  BrokerImpl* const broker_;
  Request request_ ABSL_GUARDED_BY(mutex_);
  const absl::Duration max_wait_;
  const int64_t min_bytes_;
  const int64_t max_bytes_;
  // Committed records alone are asked for.
  const bool committed_;
  const FetchPlan plan_;
  std::atomic<bool> woken_ = false;

  Mutex mutex_;
  bool waits_ ABSL_GUARDED_BY(mutex_) = false;
  bool answered_ ABSL_GUARDED_BY(mutex_) = false;
  TimerId timer_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Part>> parts_ ABSL_GUARDED_BY(mutex_);
};

std::vector<FetchPart> PartsOf(const wire::FetchRequest& request) {
  std::vector<FetchPart> parts;
  for (const auto& topic : request.topics) {
    for (const auto& one : topic.partitions)
      parts.push_back({.key = {topic.topic, topic.topic_id, one.partition}, .asked = one});
  }
  return parts;
}

absl::StatusOr<FetchPlan> PlanFetch(FetchSessionCache& sessions, const wire::FetchRequest& request,
                                    bool by_id) {
  FetchPlan plan;
  if (request.session_epoch == kNewSessionEpoch || request.session_epoch == kNoSessionEpoch) {
    if (request.session_id != 0) sessions.Remove(request.session_id);
    plan.parts = PartsOf(request);
    if (request.session_epoch == kNewSessionEpoch && !plan.parts.empty())
      plan.session = sessions.Create(by_id, plan.parts);
    return plan;
  }
  MILLRACE_ASSIGN_OR_RETURN(plan.session, sessions.Find(request.session_id));
  MILLRACE_ASSIGN_OR_RETURN(plan.parts, plan.session->Update(request, by_id));
  plan.all = false;
  if (plan.parts.empty()) {
    sessions.Remove(request.session_id);
    plan.session = nullptr;
  }
  return plan;
}

}  // namespace

void HandleFetch(BrokerImpl& broker, Request request) {
  const auto asked = request.Decode<wire::FetchRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  auto plan = PlanFetch(broker.fetch_sessions(), *asked, request.version() >= kTopicsByIdVersion);
  if (!plan.ok()) return request.Respond(wire::FetchResponse{.error_code = CodeOf(plan.status())});
  std::make_shared<Fetching>(&broker, std::move(request), *asked, *std::move(plan))->Start();
}

}  // namespace millrace::inline v0
