#include "millrace/mirror.h"

#include <algorithm>

#include "base/parse_number.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "millrace/status.h"
#include "remote/mirror_impl.h"
#include "remote/rdkafka_handles.h"

namespace millrace::inline v0 {
namespace {

// A look at the destination ends when nothing more has come for so long, twice, though the destination
// answered in between: the last offsets are those of markers then, which nobody is shown. A destination that
// is away must not be taken for one that holds no more: its records would come again.
constexpr absl::Duration kLookTime = absl::Seconds(5);
// How long what is under way is waited for, at least, before it is given up with its producer.
constexpr absl::Duration kPollTime = absl::Milliseconds(100);

std::optional<Offset> ParseOffset(std::string_view text) {
  const std::optional<int64_t> value = ParseNumber<int64_t>(text);
  if (!value.has_value() || *value < 0) return std::nullopt;
  return Offset(*value);
}

}  // namespace

std::optional<MirrorMark> MirrorMarkOf(const HeaderRange& headers) {
  std::optional<MirrorMark> mark;
  for (const Header& header : headers) {
    if (header.key != kMirrorHeader || !header.value.has_value()) continue;
    const size_t colon = header.value->rfind(':');
    if (colon == std::string_view::npos) continue;
    const std::optional<Offset> offset = ParseOffset(header.value->substr(colon + 1));
    if (offset.has_value()) mark = {.name = std::string(header.value->substr(0, colon)), .offset = *offset};
  }
  return mark;
}

absl::StatusOr<std::unique_ptr<Producer>> MirrorSide::NewProducer(ProducerOptions options) const {
  return engine_ != nullptr ? engine_->NewProducer(std::move(options))
                            : cluster_->NewProducer(std::move(options));
}

absl::StatusOr<std::unique_ptr<Consumer>> MirrorSide::NewConsumer(ConsumerOptions options) const {
  return engine_ != nullptr ? engine_->NewConsumer(std::move(options))
                            : cluster_->NewConsumer(std::move(options));
}

Admin& MirrorSide::admin() const {
  return engine_ != nullptr ? engine_->admin() : cluster_->admin();
}

absl::StatusOr<int32_t> MirrorSide::PartitionCount(const std::string& topic) const {
  if (engine_ != nullptr) {
    MILLRACE_ASSIGN_OR_RETURN(const TopicDescription description, engine_->admin().DescribeTopic(topic));
    return static_cast<int32_t>(description.partitions.size());
  }
  MILLRACE_ASSIGN_OR_RETURN(const std::vector<PartitionPlacement> placements, cluster_->Placement(topic));
  return static_cast<int32_t>(placements.size());
}

absl::Status MirrorOptions::Validate() const {
  const auto invalid = [](std::string_view field, std::string_view what) {
    return Error(ErrorCode::kInvalidConfig, StrCat("MirrorOptions::", field, " must be ", what));
  };
  if (name.empty() || name.find(':') != std::string::npos) return invalid("name", "given, and without ':'");
  if (topics.empty()) return invalid("topics", "at least one");
  std::set<std::string_view> destinations;
  for (const MirrorTopic& topic : topics) {
    MILLRACE_RETURN_IF_ERROR(ValidateTopicName(topic.from));
    if (!topic.to.empty()) MILLRACE_RETURN_IF_ERROR(ValidateTopicName(topic.to));
    if (!destinations.insert(topic.to.empty() ? topic.from : topic.to).second) {
      return invalid(
          "topics", StrCat("without two that go to one: \"", topic.to.empty() ? topic.from : topic.to, "\""));
    }
  }
  if (start == Start::kNone) return invalid("start", "kEarliest or kLatest");
  if (commit_interval < absl::ZeroDuration()) return invalid("commit_interval", "zero or longer");
  if (refresh_interval <= absl::ZeroDuration()) return invalid("refresh_interval", "longer than zero");
  if (in_flight_bytes_max == 0) return invalid("in_flight_bytes_max", "at least 1");
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Mirror>> Mirror::Make(MirrorSide source, MirrorSide destination,
                                                     MirrorOptions options) {
  MILLRACE_RETURN_IF_ERROR(options.Validate());
  return std::make_unique<MirrorImpl>(source, destination, std::move(options));
}

// --- MirrorAcks

void MirrorAcks::Begin(const TopicPartition& partition, MirrorPosition at) {
  const MutexLock lock(&mutex_);
  positions_[partition] = at;
}

void MirrorAcks::Sent(size_t bytes) {
  const MutexLock lock(&mutex_);
  in_flight_bytes_ += bytes;
}

void MirrorAcks::Skip(const TopicPartition& partition, Offset source) {
  const MutexLock lock(&mutex_);
  positions_[partition].source = source + 1;
}

void MirrorAcks::Answer(const TopicPartition& partition, Offset source, size_t bytes,
                        const absl::StatusOr<Appended>& result) {
  const MutexLock lock(&mutex_);
  in_flight_bytes_ -= bytes;
  changed_.SignalAll();
  status_.Update(result.status());
  // Nothing counts behind a failure: the records between are missing.
  if (!status_.ok()) return;
  ++acknowledged_;
  MirrorPosition& position = positions_[partition];
  position.source = source + 1;
  // A cluster that had the record already, because a send was repeated, does not say where.
  if (result->offset != kNoOffset) position.destination = result->offset + 1;
}

std::map<TopicPartition, MirrorPosition> MirrorAcks::positions() const {
  const MutexLock lock(&mutex_);
  return positions_;
}

size_t MirrorAcks::in_flight_bytes() const {
  const MutexLock lock(&mutex_);
  return in_flight_bytes_;
}

int64_t MirrorAcks::acknowledged() const {
  const MutexLock lock(&mutex_);
  return acknowledged_;
}

absl::Status MirrorAcks::status() const {
  const MutexLock lock(&mutex_);
  return status_;
}

void MirrorAcks::Await(size_t bytes, MonotonicNanos deadline) {
  const MutexLock lock(&mutex_);
  while (status_.ok() && in_flight_bytes_ > bytes) {
    const absl::Duration left = std::min(rdk::Left(deadline), absl::Hours(1));
    if (left <= absl::ZeroDuration()) return;
    changed_.WaitFor(&mutex_, absl::ToChronoNanoseconds(left));
  }
}

// --- Beginning

const std::string& MirrorImpl::NameOf(const std::string& from) const {
  const auto found = std::find_if(options_.topics.begin(), options_.topics.end(),
                                  [&](const MirrorTopic& topic) { return topic.from == from; });
  return found->to.empty() ? found->from : found->to;
}

absl::StatusOr<int32_t> MirrorImpl::DestinationPartitions(const std::string& topic, int32_t wanted) {
  absl::StatusOr<int32_t> count = destination_.PartitionCount(topic);
  if (!options_.create_topics) return count;
  if (ErrorCodeOf(count.status()) == ErrorCode::kUnknownTopicOrPartition) {
    const absl::Status made = destination_.admin().CreateTopic(topic, {.partitions = wanted}).status();
    if (!made.ok() && ErrorCodeOf(made) != ErrorCode::kTopicAlreadyExists) return made;
    return made.ok() ? wanted : destination_.PartitionCount(topic);
  }
  if (count.ok() && *count < wanted) {
    MILLRACE_RETURN_IF_ERROR(destination_.admin().AddPartitions(topic, wanted));
    return wanted;
  }
  return count;
}

absl::StatusOr<std::vector<TopicPartition>> MirrorImpl::FindPartitions() {
  std::vector<TopicPartition> partitions;
  for (const MirrorTopic& topic : options_.topics) {
    MILLRACE_ASSIGN_OR_RETURN(const int32_t count, source_.PartitionCount(topic.from));
    const std::string& to = NameOf(topic.from);
    MILLRACE_ASSIGN_OR_RETURN(const int32_t there, DestinationPartitions(to, count));
    if (there < count) {
      return Error(ErrorCode::kInvalidPartitions,
                   StrCat("topic \"", to, "\" has ", there, " partitions and \"", topic.from, "\" has ",
                          count, ": add some, or set MirrorOptions::create_topics"));
    }
    for (int32_t i = 0; i < count; ++i)
      partitions.push_back({.topic = topic.from, .partition = PartitionId(i)});
  }
  return partitions;
}

// The marks of this mirror that the destination holds from `from` on.
absl::StatusOr<MirrorImpl::Landed> MirrorImpl::LookAt(const TopicPartition& partition, Offset from) {
  Landed landed;
  MILLRACE_ASSIGN_OR_RETURN(const Offset end, destination_.admin().EndOffset(partition));
  MILLRACE_ASSIGN_OR_RETURN(const Offset begin, destination_.admin().BeginningOffset(partition));
  // A destination that lost records, or was made anew, has none that count.
  from = std::max(from, begin);
  if (from >= end) return landed;
  MILLRACE_ASSIGN_OR_RETURN(
      const std::unique_ptr<Consumer> reader,
      destination_.NewConsumer({.start = Start::kEarliest, .wait = WaitStrategy::kPark}));
  MILLRACE_RETURN_IF_ERROR(reader->Assign({partition}));
  MILLRACE_RETURN_IF_ERROR(reader->Seek(partition, from));
  MonotonicNanos deadline = rdk::DeadlineIn(kLookTime);
  bool was_silent = false;
  while (true) {
    MILLRACE_ASSIGN_OR_RETURN(const Batches batches, reader->Poll(kPollTime));
    if (!batches.empty()) {
      deadline = rdk::DeadlineIn(kLookTime);
      was_silent = false;
    }
    for (const Batch& batch : batches) {
      for (const RecordView& record : batch) {
        const std::optional<MirrorMark> mark = MirrorMarkOf(record.headers);
        if (mark.has_value() && mark->name == options_.name) landed.insert(mark->offset);
      }
    }
    MILLRACE_ASSIGN_OR_RETURN(const Offset at, reader->position(partition));
    if (at >= end) return landed;
    if (rdk::Left(deadline) > absl::ZeroDuration()) continue;
    if (was_silent) return landed;
    MILLRACE_RETURN_IF_ERROR(destination_.admin().EndOffset(partition).status());
    was_silent = true;
    deadline = rdk::DeadlineIn(kLookTime);
  }
}

absl::Status MirrorImpl::BeginAt(const std::vector<TopicPartition>& partitions) {
  MILLRACE_RETURN_IF_ERROR(consumer_->Assign(partitions));
  MILLRACE_ASSIGN_OR_RETURN(const Consumer::Offsets committed, consumer_->Committed(partitions));
  for (const TopicPartition& partition : partitions) {
    const TopicPartition to = {.topic = NameOf(partition.topic), .partition = partition.partition};
    MirrorPosition at;
    MILLRACE_ASSIGN_OR_RETURN(at.source, consumer_->position(partition));
    const auto found = committed.find(partition);
    const std::optional<Offset> there =
        found == committed.end() ? std::nullopt : ParseOffset(found->second.metadata);
    if (there.has_value()) {
      at.destination = *there;
      committed_[partition] = at;
      if (options_.mark) {
        MILLRACE_ASSIGN_OR_RETURN(landed_[partition], LookAt(to, at.destination));
      }
    } else {
      // The first time: write down where the destination is, before anything is sent to it.
      MILLRACE_ASSIGN_OR_RETURN(at.destination, destination_.admin().EndOffset(to));
    }
    acks_->Begin(partition, at);
  }
  return Commit();
}

absl::Status MirrorImpl::SetUp() {
  MILLRACE_ASSIGN_OR_RETURN(partitions_, FindPartitions());
  acks_ = std::make_shared<MirrorAcks>();
  landed_.clear();
  committed_.clear();
  handles_.clear();
  MILLRACE_ASSIGN_OR_RETURN(
      producer_,
      destination_.NewProducer({.buffer_bytes = 4 * options_.in_flight_bytes_max + (size_t{64} << 20),
                                .compression = options_.compression,
                                .idempotent = true,
                                .client_id = options_.name}));
  for (const MirrorTopic& topic : options_.topics) {
    MILLRACE_ASSIGN_OR_RETURN(handles_[topic.from], producer_->Topic(NameOf(topic.from)));
  }
  MILLRACE_ASSIGN_OR_RETURN(
      consumer_,
      source_.NewConsumer({.group = options_.name,
                           .start = options_.start,
                           .auto_commit = false,
                           .fetch_max_bytes = std::min(options_.in_flight_bytes_max, size_t{4} << 20),
                           .wait = WaitStrategy::kPark,
                           .client_id = options_.name}));
  MILLRACE_RETURN_IF_ERROR(BeginAt(partitions_));
  next_commit_ = rdk::DeadlineIn(options_.commit_interval);
  next_refresh_ = rdk::DeadlineIn(options_.refresh_interval);
  return absl::OkStatus();
}

void MirrorImpl::LetGo() {
  // What is under way may land or not: the marks will tell.
  if (producer_ != nullptr) producer_->Close(absl::ZeroDuration()).IgnoreError();
  handles_.clear();
  producer_.reset();
  consumer_.reset();
}

// --- Going on

absl::Status MirrorImpl::SendOne(const Batch& batch, const RecordView& record) {
  const TopicPartition& from = batch.topic_partition();
  if (const auto landed = landed_.find(from); landed != landed_.end()) {
    if (landed->second.contains(record.offset)) {
      acks_->Skip(from, record.offset);
      return absl::OkStatus();
    }
    // Whatever landed behind a record that did not comes again, so that the order is kept.
    landed_.erase(landed);
  }
  headers_.clear();
  size_t bytes = record.key.value_or("").size() + record.value.value_or("").size() + 1;
  for (const Header& header : record.headers) headers_.push_back(header);
  std::string mark;
  if (options_.mark) {
    mark = StrCat(options_.name, ":", record.offset);
    headers_.push_back({.key = kMirrorHeader, .value = mark});
  }
  acks_->Sent(bytes);
  const absl::Status sent = producer_->Send(
      handles_[from.topic],
      {.key = record.key, .value = record.value, .headers = headers_, .timestamp = record.timestamp},
      [acks = acks_, from, offset = record.offset, bytes](const absl::StatusOr<Appended>& result) {
        acks->Answer(from, offset, bytes, result);
      },
      from.partition);
  if (!sent.ok()) acks_->Answer(from, record.offset, bytes, sent);
  return sent;
}

absl::Status MirrorImpl::Forward(const Batches& batches) {
  for (const Batch& batch : batches) {
    Batch::Iterator record = batch.begin();
    for (; record != batch.end(); ++record) MILLRACE_RETURN_IF_ERROR(SendOne(batch, *record));
    MILLRACE_RETURN_IF_ERROR(record.status());
  }
  return absl::OkStatus();
}

absl::Status MirrorImpl::Commit() {
  next_commit_ = rdk::DeadlineIn(options_.commit_interval);
  std::map<TopicPartition, MirrorPosition> positions = acks_->positions();
  Consumer::Offsets offsets;
  for (const auto& [partition, at] : positions) {
    const auto found = committed_.find(partition);
    if (found != committed_.end() && found->second == at) continue;
    offsets[partition] = {.offset = at.source, .metadata = StrCat(at.destination)};
  }
  if (offsets.empty()) return absl::OkStatus();
  MILLRACE_RETURN_IF_ERROR(consumer_->CommitSync(offsets));
  committed_ = std::move(positions);
  return absl::OkStatus();
}

// Aborted if the source has other partitions than it had: then everything is set up again.
absl::Status MirrorImpl::CheckPartitions() {
  if (rdk::Left(next_refresh_) > absl::ZeroDuration()) return absl::OkStatus();
  next_refresh_ = rdk::DeadlineIn(options_.refresh_interval);
  size_t count = 0;
  for (const MirrorTopic& topic : options_.topics) {
    MILLRACE_ASSIGN_OR_RETURN(const int32_t partitions, source_.PartitionCount(topic.from));
    count += static_cast<size_t>(partitions);
  }
  if (count == partitions_.size()) return absl::OkStatus();
  MILLRACE_RETURN_IF_ERROR(Commit());
  LetGo();
  return SetUp();
}

absl::Status MirrorImpl::RunOnce(MonotonicNanos deadline) {
  if (producer_ == nullptr) MILLRACE_RETURN_IF_ERROR(SetUp());
  MILLRACE_RETURN_IF_ERROR(CheckPartitions());
  acks_->Await(options_.in_flight_bytes_max, std::min(deadline, next_commit_));
  MILLRACE_RETURN_IF_ERROR(acks_->status());
  if (acks_->in_flight_bytes() <= options_.in_flight_bytes_max) {
    const absl::Duration wait = std::min({rdk::Left(deadline), rdk::Left(next_commit_), kPollTime});
    MILLRACE_ASSIGN_OR_RETURN(const Batches batches, consumer_->Poll(wait));
    MILLRACE_RETURN_IF_ERROR(Forward(batches));
  }
  if (rdk::Left(next_commit_) <= absl::ZeroDuration()) MILLRACE_RETURN_IF_ERROR(Commit());
  return acks_->status();
}

absl::StatusOr<int64_t> MirrorImpl::Run(absl::Duration timeout) {
  if (closed_) return absl::FailedPreconditionError("the mirror is closed");
  const MonotonicNanos deadline = rdk::DeadlineIn(timeout);
  int64_t before = acks_ == nullptr || producer_ == nullptr ? 0 : acks_->acknowledged();
  do {
    const std::shared_ptr<MirrorAcks> acks = acks_;
    if (absl::Status status = RunOnce(deadline); !status.ok()) {
      // What was acknowledged need not be looked for.
      if (consumer_ != nullptr && acks_ != nullptr) Commit().IgnoreError();
      LetGo();
      return status;
    }
    if (acks != acks_) before = 0;
  } while (rdk::Left(deadline) > absl::ZeroDuration());
  return acks_->acknowledged() - before;
}

absl::Status MirrorImpl::Drain(absl::Duration timeout) {
  if (closed_) return absl::FailedPreconditionError("the mirror is closed");
  const MonotonicNanos deadline = rdk::DeadlineIn(timeout);
  if (producer_ == nullptr) MILLRACE_RETURN_IF_ERROR(Run(absl::ZeroDuration()).status());
  MILLRACE_ASSIGN_OR_RETURN(const auto ends, consumer_->EndOffsets(partitions_));
  while (true) {
    bool all = true;
    for (const auto& [partition, end] : ends) {
      MILLRACE_ASSIGN_OR_RETURN(const Offset at, consumer_->position(partition));
      all = all && at >= end;
    }
    if (all) break;
    if (rdk::Left(deadline) <= absl::ZeroDuration()) {
      return Error(ErrorCode::kRequestTimedOut, "the source's records were not all forwarded in time");
    }
    MILLRACE_RETURN_IF_ERROR(Run(std::min(rdk::Left(deadline), kPollTime)).status());
  }
  producer_->FlushLingering();
  acks_->Await(0, deadline);
  MILLRACE_RETURN_IF_ERROR(acks_->status());
  if (acks_->in_flight_bytes() > 0) {
    return Error(ErrorCode::kRequestTimedOut, "the destination has not acknowledged everything in time");
  }
  return Commit();
}

absl::Status MirrorImpl::Close(absl::Duration timeout) {
  if (closed_) return absl::OkStatus();
  closed_ = true;
  absl::Status status = absl::OkStatus();
  if (producer_ != nullptr) {
    status.Update(producer_->Flush(timeout));
    status.Update(Commit());
  }
  LetGo();
  return status;
}

}  // namespace millrace::inline v0
