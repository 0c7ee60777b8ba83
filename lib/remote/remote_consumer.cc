// What a remote consumer reads: subscriptions, assignments, rebalances, polls.

#include "remote/remote_consumer.h"

#include <algorithm>
#include <utility>

#include "base/pattern.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "millrace/status.h"
#include "remote/partition_lists.h"

namespace millrace::inline v0 {
namespace {

// A seek that librdkafka cannot take yet is tried again so soon.
constexpr absl::Duration kSeekRetry = absl::Milliseconds(5);

std::string_view AssignorName(AssignorKind kind) {
  switch (kind) {
    case AssignorKind::kRange:
      return "range";
    case AssignorKind::kRoundRobin:
      return "roundrobin";
    case AssignorKind::kCooperativeSticky:
      return "cooperative-sticky";
    case AssignorKind::kSticky:
      break;
  }
  return {};
}

// Those of `wanted` that librdkafka has, and offers together.
std::string AssignorNames(const std::vector<AssignorKind>& wanted) {
  std::string names;
  std::optional<bool> cooperative;
  for (const AssignorKind kind : wanted) {
    const std::string_view name = AssignorName(kind);
    const bool is_cooperative = kind == AssignorKind::kCooperativeSticky;
    if (name.empty() || cooperative.value_or(is_cooperative) != is_cooperative) continue;
    cooperative = is_cooperative;
    StrAppend(&names, names.empty() ? "" : ",", name);
  }
  return names;
}

bool IsInternalName(std::string_view topic) {
  return topic.starts_with("__");
}

}  // namespace

RemoteConsumer::RemoteConsumer(const RemoteOptions& remote, ConsumerOptions options)
    : remote_(remote), options_(std::move(options)) {}

absl::StatusOr<std::unique_ptr<Consumer>> RemoteConsumer::Make(const std::string& bootstrap_servers,
                                                               const RemoteOptions& remote,
                                                               ConsumerOptions options) {
  MILLRACE_RETURN_IF_ERROR(options.Validate());
  auto consumer = std::make_unique<RemoteConsumer>(remote, std::move(options));
  MILLRACE_RETURN_IF_ERROR(consumer->Start(bootstrap_servers));
  return consumer;
}

absl::Status RemoteConsumer::Start(const std::string& bootstrap_servers) {
  owner_.self = this;
  ClientConf conf(bootstrap_servers, remote_, options_.client_id, &owner_);
  // librdkafka assigns nothing without the name of a group; this one is never joined nor committed to.
  conf.Set("group.id", options_.group.empty() ? "millrace-without-group" : options_.group);
  if (!options_.group_instance_id.empty()) conf.Set("group.instance.id", options_.group_instance_id);
  const std::string assignors = AssignorNames(options_.assignors);
  if (assignors.empty()) {
    return Error(ErrorCode::kInvalidConfig,
                 "ConsumerOptions::assignors has none that librdkafka knows: it has kRange, kRoundRobin and "
                 "kCooperativeSticky");
  }
  conf.Set("partition.assignment.strategy", assignors);
  conf.Set("session.timeout.ms", rdk::ToMilliseconds(options_.session_timeout));
  conf.Set("heartbeat.interval.ms", rdk::ToMilliseconds(options_.heartbeat_interval));
  conf.Set("max.poll.interval.ms", rdk::ToMilliseconds(options_.max_poll_interval));
  conf.Set("enable.auto.commit", "false");
  conf.Set("enable.auto.offset.store", "false");
  conf.Set("auto.offset.reset", options_.start == Start::kEarliest ? "earliest"
                                : options_.start == Start::kLatest ? "latest"
                                                                   : "error");
  const int64_t fetch_bytes =
      static_cast<int64_t>(std::clamp<size_t>(options_.fetch_max_bytes, size_t{1} << 20, 1'000'000'000));
  conf.Set("fetch.max.bytes", fetch_bytes);
  conf.Set("receive.message.max.bytes", std::max<int64_t>(100'000'000, fetch_bytes + (1 << 20)));
  conf.Set("max.partition.fetch.bytes",
           static_cast<int64_t>(std::min<size_t>(options_.max_partition_fetch_bytes, 1'000'000'000)));
  conf.Set("check.crcs", "true");
  conf.Set("topic.metadata.refresh.interval.ms", rdk::ToMilliseconds(remote_.topic_refresh));
  // Else it follows the interval, and with a short one a member that rejoins never finds its topics known.
  conf.Set("metadata.max.age.ms", 900'000);
  conf.Set("fetch.error.backoff.ms", 50);
  rd_kafka_conf_set_rebalance_cb(conf.get(), OnRebalance);
  MILLRACE_ASSIGN_OR_RETURN(client_, conf.MakeClient(RD_KAFKA_CONSUMER));
  rd_kafka_poll_set_consumer(client_.get());
  queue_.reset(rd_kafka_queue_get_consumer(client_.get()));
  next_auto_commit_ = rdk::DeadlineIn(options_.auto_commit_interval);
  return absl::OkStatus();
}

absl::Status RemoteConsumer::CheckOpen() const {
  if (closed_) return absl::FailedPreconditionError("the consumer is closed");
  return absl::OkStatus();
}

absl::Status RemoteConsumer::CheckGroup() const {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  if (!options_.group.empty()) return absl::OkStatus();
  return Error(ErrorCode::kInvalidGroupId, "the consumer has no group (ConsumerOptions::group)");
}

// --- What to read

absl::Status RemoteConsumer::SubscribeTo(const std::vector<std::string>& topics) {
  const rdk::PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(topics.size())));
  for (const std::string& topic : topics) {
    MILLRACE_RETURN_IF_ERROR(ValidateTopicName(topic));
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  }
  if (topics.empty()) return rdk::ToStatus(rd_kafka_unsubscribe(client_.get()), "unsubscribing");
  return rdk::ToStatus(rd_kafka_subscribe(client_.get(), list.get()), "subscribing");
}

absl::Status RemoteConsumer::Subscribe(std::vector<std::string> topics, RebalanceListener* listener) {
  MILLRACE_RETURN_IF_ERROR(CheckGroup());
  if (!subscribed_ && !sources_.empty()) {
    return absl::FailedPreconditionError("cannot subscribe while assigned by hand; call Unsubscribe first");
  }
  if (topics.empty()) return Unsubscribe();
  MILLRACE_RETURN_IF_ERROR(SubscribeTo(topics));
  subscribed_ = true;
  topics_ = std::move(topics);
  pattern_.reset();
  listener_ = listener;
  return absl::OkStatus();
}

absl::Status RemoteConsumer::SubscribePattern(std::string_view pattern, RebalanceListener* listener) {
  MILLRACE_ASSIGN_OR_RETURN(std::regex compiled, CompilePattern(pattern));
  MILLRACE_RETURN_IF_ERROR(CheckGroup());
  if (!subscribed_ && !sources_.empty()) {
    return absl::FailedPreconditionError("cannot subscribe while assigned by hand; call Unsubscribe first");
  }
  if (subscribed_) MILLRACE_RETURN_IF_ERROR(Unsubscribe());
  subscribed_ = true;
  topics_.clear();
  pattern_ = std::move(compiled);
  next_refresh_ = MonotonicNanos(0);
  listener_ = listener;
  return absl::OkStatus();
}

// Subscribes to the topics that match by now, if they are others than before.
void RemoteConsumer::RefreshPattern() {
  if (!pattern_.has_value() || rdk::Left(next_refresh_) > absl::ZeroDuration()) return;
  next_refresh_ = rdk::DeadlineIn(remote_.topic_refresh);
  const struct rd_kafka_metadata* raw = nullptr;
  const int timeout = rdk::ToMilliseconds(remote_.timeout);
  if (rd_kafka_metadata(client_.get(), /*all_topics=*/1, nullptr, &raw, timeout) !=
      RD_KAFKA_RESP_ERR_NO_ERROR) {
    return;  // at the next turn
  }
  const rdk::Metadata metadata(raw);
  std::vector<std::string> matching;
  for (int i = 0; i < raw->topic_cnt; ++i) {
    const std::string name = raw->topics[i].topic;
    if (!IsInternalName(name) && std::regex_match(name, *pattern_)) matching.push_back(name);
  }
  std::sort(matching.begin(), matching.end());
  if (matching == topics_) return;
  if (absl::Status changed = SubscribeTo(matching); !changed.ok()) {
    deferred_error_.Update(changed);
    return;
  }
  topics_ = std::move(matching);
}

absl::Status RemoteConsumer::Assign(std::vector<TopicPartition> partitions) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  if (subscribed_) {
    return absl::FailedPreconditionError("cannot assign by hand while subscribed; call Unsubscribe first");
  }
  std::vector<TopicPartition> added;
  Sources sources;
  for (TopicPartition& partition : partitions) {
    const auto kept = sources_.find(partition);
    if (kept != sources_.end()) {
      sources.insert(*kept);
    } else {
      added.push_back(std::move(partition));
    }
  }
  const MonotonicNanos deadline = rdk::DeadlineIn(remote_.timeout);
  std::map<std::string, int32_t> counts;
  for (const TopicPartition& partition : added) {
    MILLRACE_RETURN_IF_ERROR(ValidateTopicName(partition.topic));
    const auto [count, is_new] = counts.try_emplace(partition.topic, 0);
    if (is_new) {
      const rdk::TopicObject topic(rd_kafka_topic_new(client_.get(), partition.topic.c_str(), nullptr));
      MILLRACE_ASSIGN_OR_RETURN(const rdk::Metadata metadata,
                                rdk::DescribeOne(client_.get(), topic.get(), deadline));
      count->second = metadata->topics[0].partition_cnt;
    }
    if (partition.partition.value() < 0 || partition.partition.value() >= count->second) {
      return Error(ErrorCode::kUnknownTopicOrPartition,
                   StrCat("no partition ", partition.ToString(), ": the topic has ", count->second));
    }
  }
  MILLRACE_RETURN_IF_ERROR(FindStarts(added, &sources));
  const rdk::PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(sources.size())));
  for (const auto& [name, source] : sources) {
    rd_kafka_topic_partition_list_add(list.get(), name.topic.c_str(), name.partition.value())->offset =
        source.position == kNoOffset ? RD_KAFKA_OFFSET_END : source.position.value();
  }
  MILLRACE_RETURN_IF_ERROR(
      rdk::ToStatus(rd_kafka_assign(client_.get(), list->cnt == 0 ? nullptr : list.get()), "assigning"));
  sources_ = std::move(sources);
  // librdkafka forgets that a partition was paused.
  std::vector<TopicPartition> paused_before = paused();
  return paused_before.empty() ? absl::OkStatus() : Pause(paused_before);
}

absl::Status RemoteConsumer::Unsubscribe() {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  if (!subscribed_) {
    sources_.clear();
    return rdk::ToStatus(rd_kafka_assign(client_.get(), nullptr), "unassigning");
  }
  MILLRACE_RETURN_IF_ERROR(rdk::ToStatus(rd_kafka_unsubscribe(client_.get()), "unsubscribing"));
  // The partitions are given up in a callback, which runs here; what comes beside it is not read any more.
  const MonotonicNanos deadline = rdk::DeadlineIn(remote_.timeout);
  while (!sources_.empty() && rdk::Left(deadline) > absl::ZeroDuration()) {
    const rdk::Message ignored(rd_kafka_consumer_poll(client_.get(), 50));
  }
  sources_.clear();
  subscribed_ = false;
  topics_.clear();
  pattern_.reset();
  listener_ = nullptr;
  return absl::OkStatus();
}

std::vector<TopicPartition> RemoteConsumer::assignment() const {
  std::vector<TopicPartition> names;
  for (const auto& [name, source] : sources_) names.push_back(name);
  return names;
}

std::vector<std::string> RemoteConsumer::subscription() const {
  return topics_;
}

absl::Status RemoteConsumer::FindStarts(const std::vector<TopicPartition>& partitions, Sources* into) {
  std::vector<TopicPartition> open = partitions;
  std::map<TopicPartition, Offset> starts;
  if (!options_.group.empty() && !partitions.empty()) {
    MILLRACE_ASSIGN_OR_RETURN(const Offsets committed, Committed(partitions));
    for (const auto& [name, at] : committed) starts.emplace(name, at.offset);
    std::erase_if(open, [&](const TopicPartition& name) { return starts.contains(name); });
  }
  if (options_.start != Start::kNone) {
    const int64_t time = options_.start == Start::kEarliest ? rdk::kEarliestTime : rdk::kLatestTime;
    MILLRACE_ASSIGN_OR_RETURN(const auto ends, rdk::FindOffsets(client_.get(), open, time, remote_.timeout));
    starts.insert(ends.begin(), ends.end());
  }
  for (const TopicPartition& name : partitions) {
    Source source = {.name = std::make_shared<const TopicPartition>(name)};
    if (const auto found = starts.find(name); found != starts.end()) source.position = found->second;
    source.committed = source.position;
    into->emplace(name, std::move(source));
  }
  return absl::OkStatus();
}

// --- Rebalances: inside rd_kafka_consumer_poll and rd_kafka_consumer_close

void RemoteConsumer::OnRebalance(rd_kafka_t* client, rd_kafka_resp_err_t error,
                                 rd_kafka_topic_partition_list_t* list, void* opaque) {
  (void)client;
  auto* const self = static_cast<RemoteConsumer*>(static_cast<ClientOwner*>(opaque)->self);
  if (error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    self->OnAssigned(*list);
  } else {
    self->OnRevoked(*list);
  }
}

void RemoteConsumer::OnAssigned(const rd_kafka_topic_partition_list_t& list) {
  const std::vector<TopicPartition> added = rdk::NamesOf(list);
  Sources sources;
  if (absl::Status found = FindStarts(added, &sources); !found.ok()) {
    // Without them librdkafka looks for itself; the first record tells the position.
    deferred_error_.Update(found);
    for (const TopicPartition& name : added) {
      sources[name].name = std::make_shared<const TopicPartition>(name);
    }
  }
  const rdk::PartitionList with_offsets(rd_kafka_topic_partition_list_copy(&list));
  for (int i = 0; i < with_offsets->cnt; ++i) {
    const Offset position = sources[rdk::NameOf(with_offsets->elems[i])].position;
    with_offsets->elems[i].offset = position == kNoOffset ? RD_KAFKA_OFFSET_INVALID : position.value();
  }
  const bool cooperative = std::string_view(rd_kafka_rebalance_protocol(client_.get())) == "COOPERATIVE";
  deferred_error_.Update(
      cooperative
          ? rdk::ToStatus(rd_kafka_incremental_assign(client_.get(), with_offsets.get()), "taking partitions")
          : rdk::ToStatus(rd_kafka_assign(client_.get(), with_offsets.get()), "taking partitions"));
  sources_.merge(sources);
  if (listener_ != nullptr) listener_->OnAssigned(added);
}

void RemoteConsumer::OnRevoked(const rd_kafka_topic_partition_list_t& list) {
  const std::vector<TopicPartition> removed = rdk::NamesOf(list);
  for (const TopicPartition& name : removed) maker_.Drop(name);
  const bool lost = rd_kafka_assignment_lost(client_.get()) != 0;
  if (!lost && options_.auto_commit) {
    // Before they are another's. Whoever is to read on reads twice if it fails.
    const Offsets positions = Positions(/*uncommitted_only=*/true);
    if (!positions.empty()) CommitSync(positions).IgnoreError();
  }
  if (listener_ != nullptr && !removed.empty())
    lost ? listener_->OnLost(removed) : listener_->OnRevoked(removed);
  for (const TopicPartition& name : removed) sources_.erase(name);
  const bool cooperative = std::string_view(rd_kafka_rebalance_protocol(client_.get())) == "COOPERATIVE";
  deferred_error_.Update(
      cooperative ? rdk::ToStatus(rd_kafka_incremental_unassign(client_.get(), &list), "giving up partitions")
                  : rdk::ToStatus(rd_kafka_assign(client_.get(), nullptr), "giving up partitions"));
}

// --- Read

absl::StatusOr<Batches> RemoteConsumer::TryPoll() {
  return Poll(absl::ZeroDuration());
}

absl::StatusOr<Batches> RemoteConsumer::Poll(absl::Duration timeout) {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  if (descriptor_ == nullptr) return PollUntil(rdk::DeadlineIn(timeout));
  descriptor_->Clear();
  absl::StatusOr<Batches> batches = PollUntil(rdk::DeadlineIn(timeout));
  // librdkafka signals when something comes into an empty queue; this one may not be empty.
  if (!batches.ok() || !batches->empty()) descriptor_->Signal();
  return batches;
}

absl::StatusOr<Batches> RemoteConsumer::PollUntil(MonotonicNanos deadline) {
  if (std::exchange(enforce_rebalance_, false) && subscribed_ && !topics_.empty()) {
    rd_kafka_unsubscribe(client_.get());
    MILLRACE_RETURN_IF_ERROR(SubscribeTo(topics_));
  }
  AutoCommit();
  while (true) {
    if (wakeup_.load(std::memory_order_acquire) && wakeup_.exchange(false)) {
      return absl::AbortedError("the poll was woken by Consumer::Wakeup");
    }
    if (!deferred_error_.ok()) return std::exchange(deferred_error_, absl::OkStatus());
    RefreshPattern();
    TellSeeks();
    absl::Duration wait = std::min(rdk::Left(deadline), absl::Hours(1));
    const bool must_seek = std::any_of(sources_.begin(), sources_.end(),
                                       [](const auto& source) { return source.second.must_seek; });
    if (must_seek) wait = std::min(wait, kSeekRetry);
    if (pattern_.has_value()) wait = std::min(wait, rdk::Left(next_refresh_));
    if (options_.auto_commit && !options_.group.empty()) wait = std::min(wait, rdk::Left(next_auto_commit_));
    rdk::Message message(rd_kafka_consumer_poll(client_.get(), rdk::ToMilliseconds(wait)));
    while (message != nullptr) {
      Take(std::move(message));
      if (maker_.size_bytes() >= options_.fetch_max_bytes) break;
      message.reset(rd_kafka_consumer_poll(client_.get(), 0));
    }
    if (!maker_.empty()) return Gathered();
    for (const auto& [name, source] : sources_) {
      if (options_.start != Start::kNone || source.position != kNoOffset) continue;
      return Error(ErrorCode::kOffsetOutOfRange, StrCat("nothing is committed for ", name.ToString(),
                                                        " and Start::kNone says nothing; Seek"));
    }
    if (rdk::Left(deadline) <= absl::ZeroDuration() && deferred_error_.ok() && !wakeup_) return Batches();
    AutoCommit();
  }
}

absl::StatusOr<Batches> RemoteConsumer::Gathered() {
  MILLRACE_ASSIGN_OR_RETURN(Batches batches, maker_.Make());
  for (size_t i = 0; i < batches.slice_count(); ++i) {
    const Batches::Slice& slice = batches.slice(i);
    if (const auto found = sources_.find(*slice.source); found != sources_.end()) {
      found->second.position = slice.data.next_offset;
    }
  }
  return batches;
}

void RemoteConsumer::Take(rdk::Message message) {
  switch (message->err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      break;
    // Topics need not exist yet, and a rebalance follows where the group was left.
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      if (subscribed_) return;
      [[fallthrough]];
    default: {
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return;
      if (message->err == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED) return;
      const std::string where = message->rkt == nullptr
                                    ? std::string("reading")
                                    : StrCat("reading ", std::string_view(rd_kafka_topic_name(message->rkt)),
                                             "-", message->partition);
      const char* const why = rd_kafka_message_errstr(message.get());
      // Start::kNone after the position was deleted: read nothing until the caller seeks.
      deferred_error_.Update(rdk::ToStatus(message->err, where, why == nullptr ? "" : why));
      return;
    }
  }
  const TopicPartition name = {.topic = rd_kafka_topic_name(message->rkt),
                               .partition = PartitionId(message->partition)};
  const auto found = sources_.find(name);
  if (found == sources_.end() || found->second.must_seek || found->second.paused) return;
  if (options_.start == Start::kNone && found->second.position == kNoOffset) return;
  if (found->second.position != kNoOffset && Offset(message->offset) < found->second.position) return;
  maker_.Add(found->second.name, std::move(message));
}

void RemoteConsumer::TellSeeks() {
  Offsets wanted;
  for (const auto& [name, source] : sources_) {
    if (source.must_seek) wanted.emplace(name, OffsetAndMetadata{.offset = source.position});
  }
  if (wanted.empty()) return;
  const rdk::PartitionList list = rdk::ListOf(wanted);
  const rdk::ErrorObject error(
      rd_kafka_seek_partitions(client_.get(), list.get(), rdk::ToMilliseconds(remote_.timeout)));
  for (int i = 0; i < list->cnt; ++i) {
    // Refused while the partition is being started: at the next turn, then.
    if (error == nullptr && list->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      sources_[rdk::NameOf(list->elems[i])].must_seek = false;
    }
  }
}

void RemoteConsumer::Wakeup() {
  wakeup_.store(true, std::memory_order_release);
  rd_kafka_queue_yield(queue_.get());
}

absl::StatusOr<int> RemoteConsumer::Descriptor() {
  MILLRACE_RETURN_IF_ERROR(CheckOpen());
  if (descriptor_ == nullptr) {
    MILLRACE_ASSIGN_OR_RETURN(descriptor_, Parker::System()->NewEventDescriptor());
    const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(queue_.get(), descriptor_->fd(), &one, sizeof one);
    descriptor_->Signal();  // there may be something already
  }
  return descriptor_->fd();
}

void RemoteConsumer::EnforceRebalance() {
  enforce_rebalance_ = true;
}

}  // namespace millrace::inline v0
