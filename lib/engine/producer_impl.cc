#include "engine/producer_impl.h"

#include <algorithm>

#include "base/check.h"
#include "base/return_if_error.h"
#include "millrace/status.h"

namespace millrace::inline v0 {

absl::StatusOr<std::unique_ptr<Producer>> MakeProducer(EngineImpl* engine, const ProducerOptions& options) {
  MILLRACE_RETURN_IF_ERROR(options.Validate());
  MILLRACE_RETURN_IF_ERROR(engine->CheckOpen(/*for_change=*/true));
  ProducerId id = kNoProducerId;
  if (options.idempotent) {
    MILLRACE_ASSIGN_OR_RETURN(id, engine->topics().NewProducerId());
  }
  auto producer = std::make_unique<ProducerImpl>(engine, options, id);
  if (!engine->Register(producer.get())) return EngineImpl::ClosedError();
  producer->registered_ = true;
  return producer;
}

ProducerImpl::ProducerImpl(EngineImpl* engine, const ProducerOptions& options, ProducerId producer_id)
    : engine_(engine),
      core_(std::make_shared<ProducerCore>(options, engine->env(), producer_id, &engine->counts())),
      options_(core_->options()),
      at_once_(options.linger <= absl::ZeroDuration()),
      linger_ns_(absl::ToInt64Nanoseconds(options.linger)),
      clock_(engine->env().clock) {
  MutexLock lock(&token_->mutex);
  token_->producer = this;
}

ProducerImpl::~ProducerImpl() {
  // Without a replicator what is appended will be acknowledged, or fail; replicas may never answer.
  const bool bounded = engine_->options().replicator != nullptr;
  if (!Close(bounded ? options_.max_block : absl::InfiniteDuration()).ok()) {
    const absl::Status late =
        Error(ErrorCode::kRequestTimedOut, "the producer was destroyed before the append was acknowledged");
    for (const std::shared_ptr<Accumulator>& one : AllAccumulators()) one->Abandon(late);
  }
  for (const std::shared_ptr<Accumulator>& one : AllAccumulators()) one->PublishCounts();
  if (registered_) engine_->Deregister(this);
  {
    MutexLock lock(&token_->mutex);
    token_->producer = nullptr;
  }
  MutexLock lock(&list_mutex_);
  if (timer_armed_) engine_->env().executor->Cancel(timer_);
}

void ProducerImpl::Observe(ClientTotals* totals) {
  ++totals->producers;
  totals->buffered_bytes += static_cast<int64_t>(core_->buffered_bytes());
  for (const std::shared_ptr<Accumulator>& one : AllAccumulators()) one->PublishCounts();
}

absl::Status ProducerImpl::ClosedError() const {
  if (engine_closed_.load(std::memory_order_acquire)) return EngineImpl::ClosedError();
  return absl::FailedPreconditionError("the producer is closed");
}

absl::Status ProducerImpl::BadHandle() const {
  return Error(ErrorCode::kInvalidRequest,
               "the topic handle is empty or another producer's: get one with this producer's Topic()");
}

// --- Topics

absl::StatusOr<std::shared_ptr<ProducerTopic>> ProducerImpl::FindTopic(std::string_view name) {
  {
    LightLockHolder hold(&topics_lock_);
    const auto found = topics_.find(name);
    if (found != topics_.end() && !found->second->topic().deleted()) [[likely]]
      return found->second;
  }
  if (core_->closed()) return ClosedError();
  MILLRACE_ASSIGN_OR_RETURN(std::shared_ptr<millrace::Topic> topic, engine_->FindTopic(name));
  auto made = std::make_shared<ProducerTopic>(this, std::move(topic));
  std::shared_ptr<ProducerTopic> old;
  {
    LightLockHolder hold(&topics_lock_);
    std::shared_ptr<ProducerTopic>& slot = topics_[std::string(name)];
    if (slot != nullptr && !slot->topic().deleted()) return slot;
    old = std::exchange(slot, made);
  }
  // What lingers for a topic that was deleted fails, and says so.
  if (old != nullptr) {
    for (const std::shared_ptr<Accumulator>& one : old->Accumulators()) {
      one->AppendOpen(kNever);
      one->PublishCounts();
    }
  }
  return made;
}

absl::StatusOr<TopicHandle> ProducerImpl::Topic(std::string_view name) {
  MILLRACE_ASSIGN_OR_RETURN(std::shared_ptr<ProducerTopic> topic, FindTopic(name));
  MILLRACE_RETURN_IF_ERROR(topic->Current().status());
  return TopicHandle(std::move(topic));
}

// --- Send

absl::Status ProducerImpl::Send(const TopicHandle& topic, const Record& record,
                                std::optional<PartitionId> partition) {
  auto* const state = static_cast<ProducerTopic*>(topic.state());
  if (state == nullptr || state->owner() != this) [[unlikely]]
    return BadHandle();
  return SendTo(state, record, nullptr, partition);
}

absl::Status ProducerImpl::Send(const TopicHandle& topic, const Record& record, SendCallback done,
                                std::optional<PartitionId> partition) {
  auto* const state = static_cast<ProducerTopic*>(topic.state());
  if (state == nullptr || state->owner() != this) [[unlikely]]
    return BadHandle();
  return SendTo(state, record, done ? &done : nullptr, partition);
}

absl::Status ProducerImpl::Send(std::string_view topic, const Record& record) {
  MILLRACE_ASSIGN_OR_RETURN(const std::shared_ptr<ProducerTopic> state, FindTopic(topic));
  return SendTo(state.get(), record, nullptr, std::nullopt);
}

absl::Status ProducerImpl::Send(std::string_view topic, const Record& record, SendCallback done) {
  MILLRACE_ASSIGN_OR_RETURN(const std::shared_ptr<ProducerTopic> state, FindTopic(topic));
  return SendTo(state.get(), record, done ? &done : nullptr, std::nullopt);
}

inline ProducerImpl::Route ProducerImpl::Choose(ProducerTopic* topic, const View& view, const Record& record,
                                                std::optional<PartitionId> partition) {
  if (partition.has_value()) return {partition->value(), false};
  if (view.partitions == 1 && options_.partitioner == nullptr) return {0, false};
  if (options_.partitioner != nullptr) {
    return {options_.partitioner->Choose(topic->topic().name(), record, view.partitions).value(), false};
  }
  if (record.key.has_value()) return {PartitionForKey(*record.key, view.partitions).value(), false};
  return {topic->sticky(), true};
}

// The way of nearly every record: no clock, no allocation, one lock that nobody else wants.
inline absl::Status ProducerImpl::SendTo(ProducerTopic* topic, const Record& record, SendCallback* done,
                                         std::optional<PartitionId> partition) {
  const View* fresh = topic->Fresh();
  if (fresh == nullptr) [[unlikely]] {
    MILLRACE_ASSIGN_OR_RETURN(fresh, topic->Current());
  }
  const View& view = *fresh;
  const size_t bound = RecordBound(record);
  const bool unusual =
      bound > options_.max_request_bytes || bound > view.rules.batch_bytes ||
      record.timestamp != kNoTimestamp || (view.rules.needs_key && !record.key.has_value()) ||
      (partition.has_value() && (partition->value() < 0 || partition->value() >= view.partitions));
  if (unusual) [[unlikely]]
    MILLRACE_RETURN_IF_ERROR(CheckRecord(*topic, view, record, bound, partition));
  if (at_once_) return SendAtOnce(topic, view, record, bound, done, partition);
  const Route route = Choose(topic, view, record, partition);
  if (static_cast<uint32_t>(route.partition) < static_cast<uint32_t>(view.partitions) &&
      (done == nullptr || options_.acks != Acks::kNone)) [[likely]] {
    Accumulator* const accumulator = view.At(route.partition);
    if (accumulator != nullptr && accumulator->TryAdd(record, bound, done)) [[likely]] {
      return absl::OkStatus();
    }
  }
  return SendSlow(topic, record, bound, done, PartitionId(route.partition), route.sticky);
}

absl::Status ProducerImpl::SendSlow(ProducerTopic* topic, const Record& record, size_t bound,
                                    SendCallback* done, PartitionId partition, bool sticky) {
  const bool unacknowledged = options_.acks == Acks::kNone;
  std::optional<MonotonicNanos> deadline;
  for (;;) {
    MILLRACE_ASSIGN_OR_RETURN(const View* view, topic->Current());
    if (partition.value() < 0 || partition.value() >= view->partitions) {
      return Error(ErrorCode::kUnknownTopicOrPartition,
                   StrCat("the partitioner chose partition ", partition, " of topic \"",
                          topic->topic().name(), "\", which has ", view->partitions));
    }
    MILLRACE_ASSIGN_OR_RETURN(Accumulator * accumulator, topic->At(*view, partition));
    switch (accumulator->Add(record, bound, unacknowledged ? nullptr : done, view->rules,
                             sticky && view->partitions > 1)) {
      case Accumulator::Outcome::kOpened:
        List(accumulator->shared_from_this());
        [[fallthrough]];
      case Accumulator::Outcome::kAdded:
        if (unacknowledged && done != nullptr) (*done)(Appended{.partition = partition});
        return absl::OkStatus();
      case Accumulator::Outcome::kSwitch:
        topic->SwitchSticky(*view, partition.value(), engine_->env().random);
        partition = PartitionId(std::min(topic->sticky(), view->partitions - 1));
        break;
      case Accumulator::Outcome::kNoSpace:
        MILLRACE_RETURN_IF_ERROR(MakeRoom(bound, &deadline));
        break;
      default:
        return ClosedError();
    }
  }
}

inline absl::Status ProducerImpl::SendAtOnce(ProducerTopic* topic, const View& view, const Record& record,
                                             size_t bound, SendCallback* done,
                                             std::optional<PartitionId> partition) {
  const Route route = Choose(topic, view, record, partition);
  if (static_cast<uint32_t>(route.partition) >= static_cast<uint32_t>(view.partitions)) [[unlikely]] {
    return SendSlow(topic, record, bound, done, PartitionId(route.partition), false);  // says what is wrong
  }
  if (route.sticky) topic->CountSticky(view, route.partition, bound, engine_->env().random);
  Accumulator* at = view.At(route.partition);
  if (at == nullptr) [[unlikely]] {
    MILLRACE_ASSIGN_OR_RETURN(at, topic->At(view, PartitionId(route.partition)));
  }
  const Timestamp now = clock_->CoarseWall();
  const bool plain = view.rules.immediate && view.rules.compression == Compression::kNone &&
                     core_->producer_id() == kNoProducerId;
  if (plain && done == nullptr && !core_->closed()) [[likely]] {
    // Nothing to wait for and nobody to tell: straight into the log.
    return at->partition().Append(record, now, view.rules.committed).status();
  }
  return AppendAtOnce(at, view.rules, record, bound, done, now);
}

absl::Status ProducerImpl::AppendAtOnce(Accumulator* at, const SendRules& rules, const Record& record,
                                        size_t bound, SendCallback* done, Timestamp now) {
  const bool unacknowledged = options_.acks == Acks::kNone;
  std::optional<MonotonicNanos> deadline;
  for (;;) {
    absl::Status status;
    switch (at->AppendNow(record, bound, unacknowledged ? nullptr : done, rules, now, &status)) {
      case Accumulator::Outcome::kAdded:
        if (unacknowledged && done != nullptr) (*done)(Appended{.partition = at->id()});
        return absl::OkStatus();
      case Accumulator::Outcome::kNoSpace:
        MILLRACE_RETURN_IF_ERROR(MakeRoom(bound, &deadline));
        break;
      case Accumulator::Outcome::kFailed:
        return status;
      default:
        return ClosedError();
    }
  }
}

absl::Status ProducerImpl::SendBatch(const TopicHandle& topic, PartitionId partition,
                                     std::span<const Record> records, BatchCallback done) {
  auto* const state = static_cast<ProducerTopic*>(topic.state());
  if (state == nullptr || state->owner() != this) return BadHandle();
  MILLRACE_ASSIGN_OR_RETURN(const View* view, state->Current());
  for (const Record& record : records) {
    MILLRACE_RETURN_IF_ERROR(CheckRecord(*state, *view, record, RecordBound(record), partition));
  }
  MILLRACE_ASSIGN_OR_RETURN(Accumulator * at, state->At(*view, partition));
  // Called where a batch is durable, or, with no acks, at once.
  std::shared_ptr<BatchCallback> shared;
  BatchCallback at_once;
  if (options_.acks == Acks::kNone) {
    at_once = std::move(done);
  } else if (done) {
    shared = std::make_shared<BatchCallback>(std::move(done));
  }
  const Timestamp now = clock_->CoarseWall();
  std::optional<MonotonicNanos> deadline;
  size_t from = 0;
  while (from < records.size()) {
    size_t bytes = kBatchHeaderBytes;
    size_t to = from;
    while (to < records.size() &&
           (to == from || bytes + RecordBound(records[to]) <= view->rules.batch_bytes)) {
      bytes += RecordBound(records[to++]);
    }
    absl::Status status;
    const auto outcome =
        at->AppendMany(records.subspan(from, to - from), bytes, shared, view->rules, now, &status);
    if (outcome == Accumulator::Outcome::kNoSpace) {
      status = MakeRoom(bytes, &deadline);
      if (status.ok()) continue;
    } else if (outcome == Accumulator::Outcome::kClosed) {
      status = ClosedError();
    }
    if (!status.ok()) {
      if (from == 0) return status;
      at->Fail(shared, status, static_cast<int64_t>(records.size() - from));
      return absl::OkStatus();
    }
    if (at_once) at_once(AppendedBatch{.partition = partition});
    from = to;
  }
  return absl::OkStatus();
}

namespace {

// `send` is given the callback, and says whether it will be called.
template <typename SendIt>
std::future<absl::StatusOr<Appended>> FutureOf(SendIt send) {
  auto promise = std::make_shared<std::promise<absl::StatusOr<Appended>>>();
  std::future<absl::StatusOr<Appended>> future = promise->get_future();
  absl::Status accepted =
      send([promise](absl::StatusOr<Appended> appended) { promise->set_value(std::move(appended)); });
  if (!accepted.ok()) promise->set_value(std::move(accepted));
  return future;
}

}  // namespace

std::future<absl::StatusOr<Appended>> Producer::SendWithFuture(const TopicHandle& topic,
                                                               const Record& record) {
  return FutureOf([&](SendCallback done) { return Send(topic, record, std::move(done), std::nullopt); });
}

std::future<absl::StatusOr<Appended>> Producer::SendWithFuture(std::string_view topic, const Record& record) {
  return FutureOf([&](SendCallback done) { return Send(topic, record, std::move(done)); });
}

// --- Checks

absl::Status ProducerImpl::CheckRecord(const ProducerTopic& topic, const View& view, const Record& record,
                                       size_t bound, std::optional<PartitionId> partition) const {
  const std::string& name = topic.topic().name();
  if (partition.has_value() && (partition->value() < 0 || partition->value() >= view.partitions)) {
    return Error(ErrorCode::kUnknownTopicOrPartition,
                 StrCat("topic \"", name, "\" has no partition ", *partition, ": it has ", view.partitions));
  }
  // What the fields cost beyond keys, values and headers is not counted here: the log knows the exact size.
  size_t bytes = (record.key.has_value() ? record.key->size() : 0) +
                 (record.value.has_value() ? record.value->size() : 0);
  for (const Header& header : record.headers) {
    bytes += header.key.size() + (header.value.has_value() ? header.value->size() : 0);
  }
  if (bytes > options_.max_request_bytes) {
    return Error(ErrorCode::kMessageTooLarge, StrCat("a record of ", bytes, " bytes for topic \"", name,
                                                     "\" is larger than the producer's max_request_bytes (",
                                                     options_.max_request_bytes, ")"));
  }
  if (view.rules.compression == Compression::kNone &&
      bytes + kBatchHeaderBytes > view.rules.max_message_bytes) {
    return Error(ErrorCode::kMessageTooLarge,
                 StrCat("a record of ", bytes, " bytes is larger than topic \"", name,
                        "\" takes: its max.message.bytes is ", view.rules.max_message_bytes,
                        ", batch header included"));
  }
  if (bound > options_.buffer_bytes) {
    return Error(
        ErrorCode::kMessageTooLarge,
        StrCat("a record of ", bytes, " bytes does not fit into buffer_bytes (", options_.buffer_bytes, ")"));
  }
  if (view.rules.needs_key && !record.key.has_value()) {
    return Error(ErrorCode::kInvalidRecord,
                 StrCat("topic \"", name, "\" is compacted: its records need a key"));
  }
  return CheckTimestamp(topic, view.rules, record);
}

absl::Status ProducerImpl::CheckTimestamp(const ProducerTopic& topic, const SendRules& rules,
                                          const Record& record) const {
  if (record.timestamp == kNoTimestamp) return absl::OkStatus();
  if (record.timestamp.value() < 0) {
    return Error(ErrorCode::kInvalidTimestamp,
                 StrCat("timestamp ", record.timestamp, " of a record for topic \"", topic.topic().name(),
                        "\" is negative; leave it kNoTimestamp for the time of the append"));
  }
  if (!rules.check_timestamps) return absl::OkStatus();
  const int64_t ahead = record.timestamp.value() - clock_->CoarseWall().value();
  const bool late = ahead < 0 && -ahead > rules.timestamp_before_max_ms;
  const bool early = ahead > 0 && ahead > rules.timestamp_after_max_ms;
  if (!late && !early) return absl::OkStatus();
  return Error(
      ErrorCode::kInvalidTimestamp,
      StrCat("timestamp ", record.timestamp, " of a record for topic \"", topic.topic().name(), "\" lies ",
             late ? -ahead : ahead, " ms ", late ? "before" : "after", " the present, more than ",
             late ? "message.timestamp.before.max.ms (" : "message.timestamp.after.max.ms (",
             late ? rules.timestamp_before_max_ms : rules.timestamp_after_max_ms, ") allows"));
}

absl::Status ProducerImpl::MakeRoom(size_t bytes, std::optional<MonotonicNanos>* deadline) {
  const bool first = !deadline->has_value();
  if (first) *deadline = engine_->DeadlineAfter(options_.max_block);
  ProducerCore::Waiter waiting(core_.get());
  const uint32_t seen = core_->progress().load(std::memory_order_seq_cst);
  const size_t before = core_->buffered_bytes();
  FlushLingering();
  if (core_->buffered_bytes() < before) return absl::OkStatus();
  if (options_.max_block <= absl::ZeroDuration() || (!first && clock_->Monotonic() >= **deadline)) {
    return Error(ErrorCode::kRequestTimedOut,
                 StrCat("the producer's buffer_bytes (", options_.buffer_bytes,
                        ") are taken by records that wait to be ", "acknowledged, and ", bytes,
                        " more found no room within max_block"));
  }
  engine_->Wait(core_->progress(), seen, **deadline);
  return core_->closed() ? ClosedError() : absl::OkStatus();
}

}  // namespace millrace::inline v0
