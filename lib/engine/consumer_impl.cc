#include "engine/consumer_impl.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/pattern.h"
#include "base/return_if_error.h"
#include "base/strings.h"

namespace millrace::inline v0 {

size_t Batches::size_bytes() const {
  size_t sum = 0;
  for (size_t i = 0; i < slice_count(); ++i) sum += slice(i).data.bytes.size();
  return sum;
}

absl::Status ConsumerOptions::Validate() const {
  const auto refuse = [](const char* field, std::string_view why) {
    return Error(ErrorCode::kInvalidConfig, absl::StrFormat("ConsumerOptions::%s %s", field, why));
  };
  const auto refuse_time = [&](const char* field, absl::Duration given, std::string_view allowed) {
    return refuse(field, StrCat("is ", absl::FormatDuration(given), "; it must be ", allowed));
  };
  const absl::Duration longest = absl::Milliseconds(INT32_MAX);
  if (assignors.empty()) return refuse("assignors", "is empty: name at least one");
  if (session_timeout <= absl::ZeroDuration() || session_timeout > longest) {
    return refuse_time("session_timeout", session_timeout, "positive and at most 24 days");
  }
  if (heartbeat_interval <= absl::ZeroDuration() || heartbeat_interval >= session_timeout) {
    return refuse_time("heartbeat_interval", heartbeat_interval,
                       "positive and below session_timeout; a third of it is usual");
  }
  if (max_poll_interval <= absl::ZeroDuration() || max_poll_interval > longest) {
    return refuse_time("max_poll_interval", max_poll_interval, "positive and at most 24 days");
  }
  if (auto_commit_interval < absl::ZeroDuration()) return refuse("auto_commit_interval", "is negative");
  if (fetch_max_bytes == 0) return refuse("fetch_max_bytes", "is 0: nothing would ever be read");
  if (max_partition_fetch_bytes == 0)
    return refuse("max_partition_fetch_bytes", "is 0: nothing would ever be read");
  if (spin < absl::ZeroDuration()) return refuse("spin", "is negative");
  if (!group_instance_id.empty() && group.empty()) {
    return refuse("group_instance_id", "is set without a group");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Consumer>> MakeConsumer(EngineImpl* engine, ConsumerOptions options) {
  MILLRACE_RETURN_IF_ERROR(engine->CheckOpen());
  MILLRACE_RETURN_IF_ERROR(options.Validate());
  const EngineOptions& bounds = engine->options();
  if (!options.group.empty()) MILLRACE_RETURN_IF_ERROR(engine->CheckOpen(/*for_change=*/true));
  if (!options.group.empty() && (options.session_timeout < bounds.group_min_session_timeout ||
                                 options.session_timeout > bounds.group_max_session_timeout)) {
    return Error(
        ErrorCode::kInvalidSessionTimeout,
        StrCat("ConsumerOptions::session_timeout is ", absl::ToInt64Milliseconds(options.session_timeout),
               " ms; EngineOptions::group_min_session_timeout and group_max_session_timeout allow ",
               absl::ToInt64Milliseconds(bounds.group_min_session_timeout), " to ",
               absl::ToInt64Milliseconds(bounds.group_max_session_timeout), " ms"));
  }
  auto consumer = std::make_unique<ConsumerImpl>(engine, std::move(options));
  if (!consumer->Register()) return EngineImpl::ClosedError();
  return consumer;
}

ConsumerImpl::ConsumerImpl(EngineImpl* engine, ConsumerOptions options)
    : engine_(engine),
      options_(std::move(options)),
      env_(engine->env()),
      wake_(std::make_shared<WakeWord>(env_.parker)),
      mailbox_(std::make_shared<Mailbox>(wake_)),
      listener_(std::make_shared<Listener>(wake_)) {}

ConsumerImpl::~ConsumerImpl() {
  Close().IgnoreError();
  if (!registered_) return;
  engine_->topics().RemoveListener(this);
  engine_->Deregister(this);
}

bool ConsumerImpl::Register() {
  registered_ = engine_->Register(this);
  if (registered_) engine_->topics().AddListener(this);
  return registered_;
}

absl::StatusOr<std::shared_ptr<Partition>> ConsumerImpl::OpenPartition(const TopicPartition& name) {
  MILLRACE_ASSIGN_OR_RETURN(std::shared_ptr<Partition> partition, engine_->FindPartition(name));
  MILLRACE_RETURN_IF_ERROR(partition->OpenLog().status());
  return partition;
}

absl::Status ConsumerImpl::CheckOpen() const {
  if (closed_) return absl::FailedPreconditionError("the consumer is closed; make a new one");
  return engine_->CheckOpen();
}

// --- What to read

absl::Status ConsumerImpl::StartMember() {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  if (options_.group.empty()) {
    return Error(ErrorCode::kInvalidGroupId,
                 "cannot subscribe without a group: set ConsumerOptions::group, or use Assign");
  }
  if (!subscribed_ && !sources_.empty()) {
    return absl::FailedPreconditionError(
        "cannot subscribe while partitions are assigned by hand; call Unsubscribe first");
  }
  if (member_ != nullptr) return absl::OkStatus();
  MILLRACE_ASSIGN_OR_RETURN(groups_, engine_->Groups());
  member_ = std::make_unique<ConsumerMembership>(ConsumerMembership::Options{
      .group = options_.group,
      .group_instance_id = options_.group_instance_id,
      .client_id = options_.client_id,
      .assignors = options_.assignors,
      .session_timeout_ms = absl::ToInt64Milliseconds(options_.session_timeout),
      .heartbeat_interval_ms = absl::ToInt64Milliseconds(options_.heartbeat_interval),
      .max_poll_interval_ms = absl::ToInt64Milliseconds(options_.max_poll_interval),
      .service = groups_,
      .executor = env_.executor,
      .clock = env_.clock,
      .delegate = this,
      .mailbox = mailbox_});
  next_auto_commit_ = env_.clock->Monotonic() + absl::ToInt64Nanoseconds(options_.auto_commit_interval);
  return absl::OkStatus();
}

absl::Status ConsumerImpl::Subscribe(std::vector<std::string> topics, RebalanceListener* listener) {
  if (topics.empty()) return Unsubscribe();
  for (const std::string& topic : topics) MILLRACE_RETURN_IF_ERROR(ValidateTopicName(topic));
  MILLRACE_RETURN_IF_ERROR(StartMember());
  subscribed_ = true;
  pattern_.reset();
  rebalance_listener_ = listener;
  subscribed_topics_ = std::move(topics);
  member_->SetTopics(subscribed_topics_);
  for (const std::string& topic : subscribed_topics_) {
    if (engine_->topics().Find(topic) != nullptr) continue;
    engine_->env().logger->Log(
        Severity::kWarning, "consumer",
        StrCat("group \"", options_.group, "\" subscribes to topic \"", topic, "\", which is not there yet"));
  }
  return absl::OkStatus();
}

absl::Status ConsumerImpl::SubscribePattern(std::string_view pattern, RebalanceListener* listener) {
  MILLRACE_ASSIGN_OR_RETURN(std::regex compiled, CompilePattern(pattern));
  MILLRACE_RETURN_IF_ERROR(StartMember());
  subscribed_ = true;
  pattern_ = std::move(compiled);
  rebalance_listener_ = listener;
  RefreshSubscription();
  return absl::OkStatus();
}

// Takes in which topics there are now: those that match the pattern, and, for the leader, their partitions.
void ConsumerImpl::RefreshSubscription() {
  seen_topics_version_ = engine_->topics().changes();
  if (pattern_.has_value()) {
    subscribed_topics_.clear();
    for (const std::shared_ptr<Topic>& topic : engine_->topics().All()) {
      if (!topic->internal() && std::regex_match(topic->name(), *pattern_))
        subscribed_topics_.push_back(topic->name());
    }
    member_->SetTopics(subscribed_topics_);
  }
  member_->OnTopicsChanged();
}

absl::Status ConsumerImpl::Assign(std::vector<TopicPartition> partitions) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  if (subscribed_) {
    return absl::FailedPreconditionError("cannot assign by hand while subscribed; call Unsubscribe first");
  }
  std::map<TopicPartition, std::shared_ptr<Partition>> found;
  for (TopicPartition& name : partitions) {
    MILLRACE_ASSIGN_OR_RETURN(std::shared_ptr<Partition> partition, OpenPartition(name));
    found.emplace(std::move(name), std::move(partition));
  }
  if (!options_.group.empty() && groups_ == nullptr) {
    MILLRACE_ASSIGN_OR_RETURN(groups_, engine_->Groups());
    next_auto_commit_ = env_.clock->Monotonic() + absl::ToInt64Nanoseconds(options_.auto_commit_interval);
  }
  Disarm();
  PublishCounts();
  std::erase_if(sources_, [&](const auto& entry) { return !found.contains(entry.first); });
  for (auto& [name, partition] : found) {
    if (!sources_.contains(name)) AddSource(name, std::move(partition));
  }
  ListReadable();
  return absl::OkStatus();
}

absl::Status ConsumerImpl::Unsubscribe() {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  if (member_ != nullptr) {
    PrepareRebalance();
    member_->Leave();
  }
  Disarm();
  PublishCounts();
  sources_.clear();
  ListReadable();
  member_.reset();
  subscribed_ = false;
  subscribed_topics_.clear();
  pattern_.reset();
  rebalance_listener_ = nullptr;
  return absl::OkStatus();
}

std::vector<std::string> ConsumerImpl::subscription() const {
  return subscribed_topics_;
}

// --- The member's delegate

PartitionCounts ConsumerImpl::CountPartitions(const std::vector<std::string>& topics) {
  PartitionCounts counts;
  for (const std::string& topic : topics) {
    if (const auto found = engine_->FindTopic(topic); found.ok()) counts[topic] = (*found)->partition_count();
  }
  return counts;
}

std::vector<TopicPartition> ConsumerImpl::Owned() const {
  std::vector<TopicPartition> owned;
  owned.reserve(sources_.size());
  for (const auto& [name, source] : sources_) owned.push_back(name);
  return owned;
}

void ConsumerImpl::PrepareRebalance() {
  if (!options_.auto_commit || sources_.empty()) return;
  const Offsets positions = Positions();
  if (!positions.empty())
    CommitOnce(positions).IgnoreError();  // those who come after begin a little earlier then
}

void ConsumerImpl::Add(const std::vector<TopicPartition>& partitions) {
  engine_->counts().consumer_rebalances.Add();
  for (const TopicPartition& name : partitions) {
    auto partition = OpenPartition(name);
    if (partition.ok()) {
      AddSource(name, *std::move(partition));
    } else if (ErrorCodeOf(partition.status()) != ErrorCode::kUnknownTopicOrPartition) {
      deferred_error_.Update(partition.status());
    }  // else deleted since the leader assigned it: the next rebalance takes it off the list
  }
  AskCommitted();
  if (rebalance_listener_ != nullptr) rebalance_listener_->OnAssigned(partitions);
}

void ConsumerImpl::Remove(const std::vector<TopicPartition>& partitions, bool lost) {
  if (rebalance_listener_ != nullptr) {
    lost ? rebalance_listener_->OnLost(partitions) : rebalance_listener_->OnRevoked(partitions);
  }
  Disarm();
  PublishCounts();
  for (const TopicPartition& name : partitions) sources_.erase(name);
  ListReadable();
}

// --- Sources

absl::StatusOr<ConsumerImpl::Source*> ConsumerImpl::Find(const TopicPartition& partition) {
  const auto found = sources_.find(partition);
  if (found != sources_.end()) return &found->second;
  return absl::FailedPreconditionError(
      absl::StrFormat("%s is not assigned to this consumer", partition.ToString()));
}

std::vector<TopicPartition> ConsumerImpl::OrAll(const std::vector<TopicPartition>& partitions) const {
  return partitions.empty() ? Owned() : partitions;
}

void ConsumerImpl::AddSource(const TopicPartition& name, std::shared_ptr<Partition> partition) {
  Source source;
  source.name = std::make_shared<const TopicPartition>(name);
  source.log = partition->log_if_open();
  source.partition = std::move(partition);
  source.awaits_committed = groups_ != nullptr;
  source.meter = engine_->counts().MeterOf(name.topic);
  Source& added = sources_.insert_or_assign(name, std::move(source)).first->second;
  if (added.awaits_committed) {
    must_ask_committed_ = true;
  } else {
    deferred_error_.Update(Reset(added));
  }
}

void ConsumerImpl::ListReadable() {
  readable_.clear();
  for (auto& [name, source] : sources_) {
    if (source.cursor != nullptr && !source.paused) readable_.push_back(&source);
  }
  next_readable_ = 0;
}

// --- Positions

absl::Status ConsumerImpl::MoveTo(Source& source, Offset offset) {
  if (offset > source.partition->high_watermark()) {
    return Error(ErrorCode::kOffsetOutOfRange,
                 absl::StrFormat("offset %d of %s lies beyond its end %d", offset.value(),
                                 source.name->ToString(), source.partition->high_watermark().value()));
  }
  if (source.cursor == nullptr) {
    MILLRACE_ASSIGN_OR_RETURN(source.cursor, source.log->NewCursor(offset));
  } else {
    MILLRACE_RETURN_IF_ERROR(source.cursor->Seek(offset));
  }
  source.position = offset;
  source.awaits_committed = false;
  ListReadable();
  return absl::OkStatus();
}

absl::Status ConsumerImpl::Reset(Source& source) {
  switch (options_.start) {
    case Start::kEarliest:
      return MoveTo(source, source.log->log_start_offset());
    case Start::kLatest:
      return MoveTo(source, source.partition->high_watermark());
    case Start::kNone:
      break;
  }
  return Error(
      ErrorCode::kOffsetOutOfRange,
      absl::StrFormat(
          "%s has no valid position (log start %d, end %d) and ConsumerOptions::start is kNone: Seek",
          source.name->ToString(), source.log->log_start_offset().value(),
          source.partition->high_watermark().value()));
}

absl::Status ConsumerImpl::Seek(const TopicPartition& partition, Offset offset) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  MILLRACE_ASSIGN_OR_RETURN(Source * source, Find(partition));
  return MoveTo(*source, offset);
}

absl::Status ConsumerImpl::SeekToBeginning(const std::vector<TopicPartition>& partitions) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  for (const TopicPartition& partition : OrAll(partitions)) {
    MILLRACE_ASSIGN_OR_RETURN(Source * source, Find(partition));
    MILLRACE_RETURN_IF_ERROR(MoveTo(*source, source->log->log_start_offset()));
  }
  return absl::OkStatus();
}

absl::Status ConsumerImpl::SeekToEnd(const std::vector<TopicPartition>& partitions) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  for (const TopicPartition& partition : OrAll(partitions)) {
    MILLRACE_ASSIGN_OR_RETURN(Source * source, Find(partition));
    MILLRACE_RETURN_IF_ERROR(MoveTo(*source, source->partition->high_watermark()));
  }
  return absl::OkStatus();
}

absl::StatusOr<Offset> ConsumerImpl::position(const TopicPartition& partition) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  MILLRACE_ASSIGN_OR_RETURN(Source * source, Find(partition));
  if (source->awaits_committed) {
    MILLRACE_ASSIGN_OR_RETURN(Offsets committed, Committed({partition}));
    const auto found = committed.find(partition);
    MILLRACE_RETURN_IF_ERROR(found == committed.end() ? Reset(*source)
                                                      : MoveTo(*source, found->second.offset));
  }
  if (source->cursor == nullptr) MILLRACE_RETURN_IF_ERROR(Reset(*source));
  return source->position;
}

absl::StatusOr<int64_t> ConsumerImpl::lag(const TopicPartition& partition) {
  MILLRACE_ASSIGN_OR_RETURN(const Offset at, position(partition));
  MILLRACE_ASSIGN_OR_RETURN(Source * source, Find(partition));
  return source->partition->high_watermark() - at;
}

absl::Status ConsumerImpl::Pause(const std::vector<TopicPartition>& partitions) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  for (const TopicPartition& partition : partitions) MILLRACE_RETURN_IF_ERROR(Find(partition).status());
  for (const TopicPartition& partition : partitions) sources_.find(partition)->second.paused = true;
  ListReadable();
  return absl::OkStatus();
}

absl::Status ConsumerImpl::Resume(const std::vector<TopicPartition>& partitions) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  for (const TopicPartition& partition : partitions) MILLRACE_RETURN_IF_ERROR(Find(partition).status());
  for (const TopicPartition& partition : partitions) sources_.find(partition)->second.paused = false;
  ListReadable();
  return absl::OkStatus();
}

std::vector<TopicPartition> ConsumerImpl::paused() const {
  std::vector<TopicPartition> paused;
  for (const auto& [name, source] : sources_) {
    if (source.paused) paused.push_back(name);
  }
  return paused;
}

absl::StatusOr<std::map<TopicPartition, Offset>> ConsumerImpl::BeginningOffsets(
    const std::vector<TopicPartition>& of) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  std::map<TopicPartition, Offset> offsets;
  for (const TopicPartition& name : of) {
    MILLRACE_ASSIGN_OR_RETURN(const std::shared_ptr<Partition> partition, OpenPartition(name));
    offsets[name] = partition->log_if_open()->log_start_offset();
  }
  return offsets;
}

absl::StatusOr<std::map<TopicPartition, Offset>> ConsumerImpl::EndOffsets(
    const std::vector<TopicPartition>& of) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  std::map<TopicPartition, Offset> offsets;
  for (const TopicPartition& name : of) {
    MILLRACE_ASSIGN_OR_RETURN(const std::shared_ptr<Partition> partition, OpenPartition(name));
    offsets[name] = partition->high_watermark();
  }
  return offsets;
}

absl::StatusOr<std::map<TopicPartition, Log::TimestampOffset>> ConsumerImpl::OffsetsForTimes(
    const std::map<TopicPartition, Timestamp>& times) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  std::map<TopicPartition, Log::TimestampOffset> offsets;
  for (const auto& [name, timestamp] : times) {
    MILLRACE_ASSIGN_OR_RETURN(const std::shared_ptr<Partition> partition, OpenPartition(name));
    MILLRACE_ASSIGN_OR_RETURN(const auto found, partition->log_if_open()->OffsetForTimestamp(timestamp));
    if (found.has_value() && found->offset < partition->high_watermark()) offsets[name] = *found;
  }
  return offsets;
}

// --- The rest

GroupMetadata ConsumerImpl::group_metadata() const {
  GroupMetadata metadata = {.group = options_.group, .group_instance_id = options_.group_instance_id};
  if (member_ != nullptr) {
    metadata.generation = GenerationId(member_->generation());
    metadata.member_id = member_->member_id();
  }
  return metadata;
}

void ConsumerImpl::EnforceRebalance() {
  if (member_ != nullptr) member_->RequestRejoin();
}

void ConsumerImpl::Wakeup() {
  wakeup_.store(true, std::memory_order_release);
  wake_->Wake();
}

absl::Status ConsumerImpl::Close() {
  if (std::exchange(closing_, true)) return absl::OkStatus();
  Disarm();
  PublishCounts();
  absl::Status status;
  if (!engine_->closed()) {
    if (options_.auto_commit && groups_ != nullptr && !sources_.empty()) {
      const Offsets positions = Positions();
      if (!positions.empty()) status = CommitOnce(positions);
    }
    mailbox_->Drain();  // asynchronous commits that are through
    if (member_ != nullptr) member_->Leave();
  }
  closed_ = true;
  mailbox_->Close();
  member_.reset();
  readable_.clear();
  sources_.clear();
  return status;
}

}  // namespace millrace::inline v0
