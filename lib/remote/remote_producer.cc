#include "remote/remote_producer.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "absl/strings/str_format.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "millrace/status.h"
#include "remote/partition_lists.h"

namespace millrace::inline v0 {
namespace {

// What librdkafka allows; the room for records is counted here, and bounded by ProducerOptions::buffer_bytes.
constexpr int64_t kQueueMessagesMax = 10'000'000;
constexpr int64_t kQueueKilobytesMax = 2'147'483'647;
// The longest that librdkafka lets a record linger; and Kafka's delivery.timeout.ms, beside it.
constexpr absl::Duration kLingerMax = absl::Seconds(900);
constexpr absl::Duration kDeliveryTimeout = absl::Minutes(5);
// What one record takes beside its text.
constexpr size_t kRecordOverhead = 64;

std::string_view CodecName(Compression compression) {
  constexpr std::array<std::string_view, 5> kNames = {"none", "gzip", "snappy", "lz4", "zstd"};
  return kNames[static_cast<size_t>(compression)];
}

size_t TextBytes(const Record& record) {
  size_t bytes = record.key.value_or("").size() + record.value.value_or("").size();
  for (const Header& header : record.headers) bytes += header.key.size() + header.value.value_or("").size();
  return bytes;
}

// librdkafka takes a null pointer for a null, and an empty view may hold one.
void* NotNull(std::string_view text) {
  return const_cast<char*>(text.data() == nullptr ? "" : text.data());
}

uintptr_t ThisThread() {
  return static_cast<uintptr_t>(pthread_self());
}

// A copy of a record, for a partitioner that may be asked later.
struct OwnedRecord {
  explicit OwnedRecord(const Record& from) : view(from) {
    if (from.key.has_value()) view.key = Keep(*from.key);
    if (from.value.has_value()) view.value = Keep(*from.value);
    for (const Header& header : from.headers) {
      Header kept = {.key = Keep(header.key)};
      if (header.value.has_value()) kept.value = Keep(*header.value);
      headers.push_back(kept);
    }
    view.headers = headers;
  }
  std::string_view Keep(std::string_view text) {
    return *texts.emplace_back(std::make_unique<std::string>(text));
  }
  std::vector<std::unique_ptr<std::string>> texts;
  std::vector<Header> headers;
  Record view;
};

}  // namespace

struct RemoteProducer::TopicState {
  std::string name = {};
  rdk::TopicObject topic = nullptr;
  std::atomic<int32_t> partitions = 0;
};

// The records of one SendBatch, until the last of them is acknowledged.
struct RemoteProducer::SentBatch {
  SentBatch(size_t count, BatchCallback callback) : done(std::move(callback)), results(count), left(count) {}

  // The outcome of record `index`; the last one reports them all, in order, a call for each run.
  void Set(size_t index, absl::StatusOr<Appended> result) {
    {
      const MutexLock lock(&mutex);
      results[index] = std::move(result);
      if (--left > 0) return;
    }
    if (done == nullptr) return;
    for (size_t first = 0; first < results.size();) {
      size_t next = first + 1;
      while (next < results.size() && Follows(next)) ++next;
      Report(first, next - 1);
      first = next;
    }
  }

  BatchCallback done;
  Mutex mutex;
  // Written under the mutex, read by whoever brings the last one.
  std::vector<absl::StatusOr<Appended>> results;
  size_t left ABSL_GUARDED_BY(mutex);

 private:
  bool Follows(size_t index) const {
    const absl::StatusOr<Appended>& before = results[index - 1];
    const absl::StatusOr<Appended>& here = results[index];
    if (before.ok() != here.ok()) return false;
    if (!here.ok()) return before.status() == here.status();
    return here->offset == kNoOffset ? before->offset == kNoOffset : here->offset == before->offset + 1;
  }
  void Report(size_t first, size_t last) {
    if (!results[first].ok()) return done(results[first].status());
    done(AppendedBatch{.partition = results[first]->partition,
                       .first_offset = results[first]->offset,
                       .last_offset = results[last]->offset,
                       .timestamp = results[last]->timestamp});
  }
};

// A record that librdkafka holds. Exactly one delivery report brings it back.
struct RemoteProducer::Pending {
  SendCallback done = nullptr;
  size_t bytes = 0;
  std::shared_ptr<SentBatch> batch = nullptr;
  size_t index = 0;
  std::unique_ptr<OwnedRecord> copy = nullptr;
};

RemoteProducer::RemoteProducer(const RemoteOptions& remote, ProducerOptions options)
    : remote_(remote), options_(std::move(options)) {}

absl::StatusOr<std::unique_ptr<Producer>> RemoteProducer::Make(const std::string& bootstrap_servers,
                                                               const RemoteOptions& remote,
                                                               ProducerOptions options) {
  MILLRACE_RETURN_IF_ERROR(options.Validate());
  if (options.idempotent && options.acks != Acks::kAll) {
    return Error(ErrorCode::kInvalidConfig, "ProducerOptions::idempotent needs acks kAll over a cluster");
  }
  auto producer = std::make_unique<RemoteProducer>(remote, std::move(options));
  MILLRACE_RETURN_IF_ERROR(producer->Start(bootstrap_servers));
  return producer;
}

absl::Status RemoteProducer::Start(const std::string& bootstrap_servers) {
  owner_.self = this;
  ClientConf conf(bootstrap_servers, remote_, options_.client_id, &owner_);
  conf.Set("acks", static_cast<int64_t>(options_.acks));
  if (options_.acks == Acks::kAll) {
    conf.Set("enable.idempotence", "true");
  } else {
    conf.Set("max.in.flight.requests.per.connection", 1);
  }
  const absl::Duration linger = std::min(options_.linger, kLingerMax);
  conf.Set("linger.ms", absl::StrFormat("%g", absl::ToDoubleMilliseconds(linger)));
  // What lingers is not late yet.
  conf.Set("message.timeout.ms", rdk::ToMilliseconds(kDeliveryTimeout + linger));
  conf.Set("batch.size", static_cast<int64_t>(options_.batch_bytes));
  const size_t largest = std::max(options_.batch_bytes, options_.max_request_bytes) + 1024;
  conf.Set("message.max.bytes", static_cast<int64_t>(std::min<size_t>(largest, 1'000'000'000)));
  conf.Set("queue.buffering.max.messages", kQueueMessagesMax);
  conf.Set("queue.buffering.max.kbytes", kQueueKilobytesMax);
  conf.Set("compression.codec", std::string(CodecName(options_.compression)));
  if (options_.compression_level.has_value()) {
    conf.Set("compression.level", std::clamp(*options_.compression_level, -1, 12));
  }
  conf.Set("partitioner", "murmur2_random");
  // Records without a key would pass the host's partitioner by.
  if (options_.partitioner != nullptr) conf.Set("sticky.partitioning.linger.ms", 0);
  rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR);
  rd_kafka_conf_set_background_event_cb(conf.get(), OnEvent);
  MILLRACE_ASSIGN_OR_RETURN(client_, conf.MakeClient(RD_KAFKA_PRODUCER));
  background_.reset(rd_kafka_queue_get_background(client_.get()));
  const rdk::Queue reports(rd_kafka_queue_get_main(client_.get()));
  rd_kafka_queue_forward(reports.get(), background_.get());
  return absl::OkStatus();
}

RemoteProducer::~RemoteProducer() {
  if (client_ == nullptr) return;
  Close(absl::InfiniteDuration()).IgnoreError();
  {
    const MutexLock lock(&mutex_);
    // Handles may live on; what librdkafka has of the topics must not.
    for (auto& [name, state] : topics_) state->topic.reset();
    topics_.clear();
  }
  background_.reset();
  client_.reset();
}

absl::StatusOr<TopicHandle> RemoteProducer::Topic(std::string_view name) {
  if (closed_) return absl::FailedPreconditionError("the producer is closed");
  MILLRACE_RETURN_IF_ERROR(ValidateTopicName(name));
  {
    const MutexLock lock(&mutex_);
    if (const auto found = topics_.find(name); found != topics_.end()) return TopicHandle(found->second);
  }
  auto state = std::make_shared<TopicState>();
  state->name = std::string(name);
  rd_kafka_topic_conf_t* topic_conf = nullptr;
  if (options_.partitioner != nullptr) {
    topic_conf = rd_kafka_default_topic_conf_dup(client_.get());
    rd_kafka_topic_conf_set_opaque(topic_conf, options_.partitioner);
    rd_kafka_topic_conf_set_partitioner_cb(topic_conf, OnChoose);
  }
  state->topic.reset(rd_kafka_topic_new(client_.get(), state->name.c_str(), topic_conf));
  if (state->topic == nullptr)
    return rdk::ToStatus(rd_kafka_last_error(), StrCat("using topic \"", name, "\""));
  const MonotonicNanos deadline = rdk::DeadlineIn(remote_.timeout);
  auto described = rdk::DescribeOne(client_.get(), state->topic.get(), deadline);
  // A cluster that makes topics on demand may say at first that there is none.
  for (int again = 0; again < 5 && ErrorCodeOf(described.status()) == ErrorCode::kUnknownTopicOrPartition;
       ++again) {
    rdk::WaitFor(absl::Milliseconds(100));
    described = rdk::DescribeOne(client_.get(), state->topic.get(), deadline);
  }
  MILLRACE_RETURN_IF_ERROR(described.status());
  state->partitions = (*described)->topics[0].partition_cnt;
  const MutexLock lock(&mutex_);
  return TopicHandle(topics_.emplace(state->name, state).first->second);
}

absl::Status RemoteProducer::Send(const TopicHandle& topic, const Record& record,
                                  std::optional<PartitionId> partition) {
  return Send(topic, record, nullptr, partition);
}

absl::Status RemoteProducer::Send(const TopicHandle& topic, const Record& record, SendCallback done,
                                  std::optional<PartitionId> partition) {
  auto pending = std::make_unique<Pending>();
  pending->done = std::move(done);
  return Produce(static_cast<TopicState*>(topic.state()), record, partition, std::move(pending));
}

absl::Status RemoteProducer::Send(std::string_view topic, const Record& record) {
  return Send(topic, record, nullptr);
}

absl::Status RemoteProducer::Send(std::string_view topic, const Record& record, SendCallback done) {
  MILLRACE_ASSIGN_OR_RETURN(const TopicHandle handle, Topic(topic));
  return Send(handle, record, std::move(done), std::nullopt);
}

absl::Status RemoteProducer::SendBatch(const TopicHandle& topic, PartitionId partition,
                                       std::span<const Record> records, BatchCallback done) {
  if (records.empty()) return absl::OkStatus();
  auto batch = std::make_shared<SentBatch>(records.size(), std::move(done));
  for (size_t i = 0; i < records.size(); ++i) {
    auto pending = std::make_unique<Pending>();
    pending->batch = batch;
    pending->index = i;
    const absl::Status sent =
        Produce(static_cast<TopicState*>(topic.state()), records[i], partition, std::move(pending));
    if (sent.ok()) continue;
    if (i == 0) return sent;
    // Some are on their way, so the callback tells of all.
    for (size_t failed = i; failed < records.size(); ++failed) batch->Set(failed, sent);
    break;
  }
  FlushLingering();
  return absl::OkStatus();
}

absl::Status RemoteProducer::CheckPartition(TopicState* topic, PartitionId partition) {
  if (partition.value() >= 0 && partition.value() < topic->partitions) return absl::OkStatus();
  if (partition.value() >= 0) {  // there may be more by now
    MILLRACE_ASSIGN_OR_RETURN(
        const rdk::Metadata metadata,
        rdk::DescribeOne(client_.get(), topic->topic.get(), rdk::DeadlineIn(remote_.timeout)));
    topic->partitions = metadata->topics[0].partition_cnt;
    if (partition.value() < topic->partitions) return absl::OkStatus();
  }
  return Error(ErrorCode::kUnknownTopicOrPartition, StrCat("topic \"", topic->name, "\" has no partition ",
                                                           partition, ": it has ", topic->partitions.load()));
}

absl::Status RemoteProducer::Produce(TopicState* topic, const Record& record,
                                     std::optional<PartitionId> partition, std::unique_ptr<Pending> pending) {
  if (closed_) return absl::FailedPreconditionError("the producer is closed");
  if (topic == nullptr)
    return absl::InvalidArgumentError("an empty TopicHandle; get one from Producer::Topic");
  const size_t text_bytes = TextBytes(record);
  if (text_bytes > options_.max_request_bytes) {
    return Error(
        ErrorCode::kMessageTooLarge,
        StrCat("a record of ", text_bytes, " bytes for topic \"", topic->name,
               "\" is larger than the producer's max_request_bytes (", options_.max_request_bytes, ")"));
  }
  if (partition.has_value()) MILLRACE_RETURN_IF_ERROR(CheckPartition(topic, *partition));
  if (options_.partitioner != nullptr && !partition.has_value()) {
    pending->copy = std::make_unique<OwnedRecord>(record);
  }
  pending->bytes = text_bytes + kRecordOverhead;
  MILLRACE_RETURN_IF_ERROR(Reserve(pending->bytes, topic->name));

  std::array<rd_kafka_vu_t, 8> fields{};
  size_t count = 0;
  const auto add = [&](rd_kafka_vtype_t type) -> auto& {
    fields[count].vtype = type;
    return fields[count++].u;
  };
  add(RD_KAFKA_VTYPE_RKT).rkt = topic->topic.get();
  add(RD_KAFKA_VTYPE_PARTITION).i32 = partition.has_value() ? partition->value() : RD_KAFKA_PARTITION_UA;
  add(RD_KAFKA_VTYPE_MSGFLAGS).i = RD_KAFKA_MSG_F_COPY;
  if (record.value.has_value()) {
    add(RD_KAFKA_VTYPE_VALUE).mem = {.ptr = NotNull(*record.value), .size = record.value->size()};
  }
  if (record.key.has_value()) {
    add(RD_KAFKA_VTYPE_KEY).mem = {.ptr = NotNull(*record.key), .size = record.key->size()};
  }
  if (record.timestamp != kNoTimestamp) add(RD_KAFKA_VTYPE_TIMESTAMP).i64 = record.timestamp.value();
  add(RD_KAFKA_VTYPE_OPAQUE).ptr = pending.get();
  rdk::Headers headers;
  if (!record.headers.empty()) {
    headers.reset(rd_kafka_headers_new(record.headers.size()));
    for (const Header& header : record.headers) {
      const bool null = !header.value.has_value();
      rd_kafka_header_add(headers.get(), static_cast<const char*>(NotNull(header.key)),
                          static_cast<ssize_t>(header.key.size()), null ? nullptr : NotNull(*header.value),
                          null ? 0 : static_cast<ssize_t>(header.value->size()));
    }
    add(RD_KAFKA_VTYPE_HEADERS).headers = headers.get();
  }
  const size_t bytes = pending->bytes;
  // From here on the report may come, on another thread.
  Pending* const given = pending.release();
  absl::Status produced = rdk::ToStatus(rd_kafka_produceva(client_.get(), fields.data(), count),
                                        StrCat("sending to topic \"", topic->name, "\""));
  if (produced.ok()) {
    (void)headers.release();
    return produced;
  }
  pending.reset(given);
  Release(bytes);
  return produced;
}

absl::Status RemoteProducer::Reserve(size_t bytes, std::string_view topic) {
  // A callback that waited would wait for itself.
  const bool in_callback = callback_thread_ == ThisThread();
  const MonotonicNanos deadline = rdk::DeadlineIn(in_callback ? absl::ZeroDuration() : options_.max_block);
  const MutexLock lock(&mutex_);
  while (reserved_bytes_ > 0 && reserved_bytes_ + bytes > options_.buffer_bytes) {
    const absl::Duration left = std::min(rdk::Left(deadline), absl::Hours(1));
    if (left <= absl::ZeroDuration()) {
      return Error(
          ErrorCode::kRequestTimedOut,
          StrCat("no room for a record for topic \"", topic, "\": ", reserved_bytes_,
                 " bytes wait for their acknowledgement, and buffer_bytes is ", options_.buffer_bytes));
    }
    released_.WaitFor(&mutex_, absl::ToChronoNanoseconds(left));
  }
  reserved_bytes_ += bytes;
  return absl::OkStatus();
}

void RemoteProducer::Release(size_t bytes) {
  const MutexLock lock(&mutex_);
  reserved_bytes_ -= bytes;
  released_.SignalAll();
}

void RemoteProducer::OnEvent(rd_kafka_t* client, rd_kafka_event_t* event, void* opaque) {
  (void)client;
  auto* const self = static_cast<RemoteProducer*>(static_cast<ClientOwner*>(opaque)->self);
  const rdk::Event owned(event);
  if (rd_kafka_event_type(event) != RD_KAFKA_EVENT_DR) return LogErrorEvent(self->owner_, event);
  self->callback_thread_ = ThisThread();
  while (const rd_kafka_message_t* const message = rd_kafka_event_message_next(event)) {
    self->OnDelivered(*message);
  }
  self->callback_thread_ = 0;
}

void RemoteProducer::OnDelivered(const rd_kafka_message_t& message) {
  const std::unique_ptr<Pending> pending(static_cast<Pending*>(message._private));
  Release(pending->bytes);
  absl::StatusOr<Appended> result = Appended{};
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    result->partition = PartitionId(message.partition);
    if (message.offset >= 0) result->offset = Offset(message.offset);
    result->timestamp = Timestamp(rd_kafka_message_timestamp(&message, nullptr));
  } else {
    // Not rd_kafka_message_errstr: it takes the payload, here the record's value, for the error's text.
    result = rdk::ToStatus(
        message.err,
        StrCat("sending to ", std::string_view(rd_kafka_topic_name(message.rkt)), "-", message.partition),
        rd_kafka_err2str(message.err));
  }
  if (pending->batch != nullptr) {
    if (!result.ok() && pending->batch->done == nullptr) CountError(result.status());
    pending->batch->Set(pending->index, std::move(result));
  } else if (pending->done != nullptr) {
    pending->done(std::move(result));
  } else if (!result.ok()) {
    CountError(result.status());
  }
}

void RemoteProducer::CountError(const absl::Status& status) {
  const MutexLock lock(&mutex_);
  if (errors_++ == 0) first_error_ = status;
}

int32_t RemoteProducer::OnChoose(const rd_kafka_topic_t* topic, const void* key, size_t key_bytes,
                                 int32_t partitions, void* topic_opaque, void* message_opaque) {
  (void)key;
  (void)key_bytes;
  const auto* const pending = static_cast<const Pending*>(message_opaque);
  // The record fails where there is no such partition.
  return static_cast<Partitioner*>(topic_opaque)
      ->Choose(rd_kafka_topic_name(topic), pending->copy->view, partitions)
      .value();
}

absl::Status RemoteProducer::Flush(absl::Duration timeout) {
  const MonotonicNanos deadline = rdk::DeadlineIn(timeout);
  while (true) {
    const absl::Duration left = rdk::Left(deadline);
    // In turns, because librdkafka counts milliseconds in an int.
    const rd_kafka_resp_err_t error =
        rd_kafka_flush(client_.get(), rdk::ToMilliseconds(std::min(left, absl::Hours(1))));
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
    if (error != RD_KAFKA_RESP_ERR__TIMED_OUT) return rdk::ToStatus(error, "flushing");
    if (rdk::Left(deadline) <= absl::ZeroDuration()) {
      return Error(ErrorCode::kRequestTimedOut,
                   StrCat("the cluster has not acknowledged ", rd_kafka_outq_len(client_.get()),
                          " records in time; they are still being sent"));
    }
  }
}

void RemoteProducer::FlushLingering() {
  // What lingers goes out while a flush is on; it need not see the end of it.
  rd_kafka_flush(client_.get(), 1);
}

int64_t RemoteProducer::errors() const {
  const MutexLock lock(&mutex_);
  return errors_;
}

absl::Status RemoteProducer::first_error() const {
  const MutexLock lock(&mutex_);
  return first_error_;
}

absl::Status RemoteProducer::Close(absl::Duration timeout) {
  if (closed_.exchange(true)) return absl::OkStatus();
  absl::Status flushed = Flush(timeout);
  if (!flushed.ok()) {
    // Their callbacks are told.
    rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    Flush(absl::InfiniteDuration()).IgnoreError();
  }
  return flushed;
}

}  // namespace millrace::inline v0
