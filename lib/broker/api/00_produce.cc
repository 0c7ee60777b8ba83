// Produce (key 0): appends the client's batches as they are, but for offsets, epoch and, where the topic says
// so, time. Versions 3 to 13; advertised from 0 on.
//
// 3: batches of format 2, one for each partition (KIP-98). 7: zstd (KIP-110). 13: topics by id (KIP-516).
// acks 0 has no answer, but a connection that ends where something failed, as in Kafka, so that the client
// looks for new metadata; 1 waits for the log and -1 for the in-sync replicas; and whatever it says but 0,
// for what the topic's durability promises. Replicas have timeout_ms.

#include <algorithm>
#include <atomic>
#include <memory>
#include <span>
#include <utility>

#include "base/endian.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "broker/api/handlers.h"
#include "millrace/record.h"
#include "millrace/wire/messages/produce.h"

namespace millrace::inline v0 {
namespace {

constexpr int16_t kTransactional = 1 << 4;
constexpr uint16_t kCodecMask = 7;
constexpr int16_t kZstdFrom = 7;

// One request, whose answer is complete when its last partition is.
struct Producing : std::enable_shared_from_this<Producing> {
  Producing(Executor* timers, Request from, wire::ProduceRequest message)
      : executor(timers), request(std::move(from)), asked(std::move(message)) {}

  // True for one caller alone: whoever then fills in the answer of that partition.
  bool Claim(size_t index) { return !claimed[index].exchange(true, std::memory_order_relaxed); }
  void Done() {
    if (left.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (timer != TimerId()) executor->Cancel(timer);
    Count();
    if (asked.acks != 0) return request.Respond(response);
    const absl::Status failed = FirstError();
    if (failed.ok()) return request.RespondNothing();
    request.Refuse(failed, Refusal::kFailedUnanswered);
  }

  // In-sync replicas may be slow, or gone: what is not committed by `when` is answered without.
  void StartTimer(MonotonicNanos when) {
    timer = executor->PostAt(when, [weak = weak_from_this()] {
      if (const std::shared_ptr<Producing> self = weak.lock(); self != nullptr) self->TimeOut();
    });
  }
  void TimeOut() {
    size_t index = 0;
    for (auto& topic : response.responses) {
      for (auto& partition : topic.partition_responses) {
        if (!Claim(index++)) continue;
        partition.error_code = CodeOf(ErrorCode::kRequestTimedOut);
        partition.error_message = "appended, but not by all in-sync replicas in time";
        Done();
      }
    }
  }

  absl::Status FirstError() const {
    for (const auto& topic : response.responses) {
      for (const auto& partition : topic.partition_responses) {
        if (partition.error_code == 0) continue;
        return Error(ErrorCode{partition.error_code},
                     StrCat("a produce with acks=0 failed: ", partition.error_message.value_or("")));
      }
    }
    return absl::OkStatus();
  }

  // Topics that are not there have no meter.
  void Count() const {
    for (size_t t = 0; t < meters.size(); ++t) {
      if (meters[t] == nullptr) continue;
      for (const auto& partition : response.responses[t].partition_responses) {
        meters[t]->produce_requests.fetch_add(1, std::memory_order_relaxed);
        if (partition.error_code != 0) meters[t]->produce_failed.fetch_add(1, std::memory_order_relaxed);
      }
    }
  }

  Executor* const executor;
  Request request;
  const wire::ProduceRequest asked;
  wire::ProduceResponse response;
  // One for each partition, in their order.
  std::vector<std::atomic<bool>> claimed;
  // Some of them wait for replicas. Both written before the last Done.
  bool waits_for_replicas = false;
  TimerId timer;
  // One for each topic.
  std::vector<std::shared_ptr<TopicMeter>> meters;
  // Partitions without an answer, and one for the loop that makes them.
  std::atomic<int64_t> left = 1;
};

// Kafka's rule for versions 3 and later: exactly one batch, of format 2.
absl::Status CheckOneBatch(std::span<const std::byte> records, int16_t version) {
  if (records.size() < kBatchHeaderBytes)
    return Error(ErrorCode::kInvalidRecord,
                 "a produce request has exactly one record batch for each partition");
  const auto format = std::to_integer<uint8_t>(records[16]);
  if (format != 2)
    return Error(format < 2 ? ErrorCode::kInvalidRecord : ErrorCode::kUnsupportedForMessageFormat,
                 "only record batches of format 2 are taken");
  if (size_t{12} + LoadBig<uint32_t>(records.data() + 8) < records.size())
    return Error(ErrorCode::kInvalidRecord,
                 "a produce request has exactly one record batch for each partition");
  const auto attributes = LoadBig<uint16_t>(records.data() + 21);
  if (version < kZstdFrom && (attributes & kCodecMask) == static_cast<uint16_t>(Compression::kZstd)) {
    return Error(ErrorCode::kUnsupportedCompressionType,
                 StrCat("zstd may be used since version ", kZstdFrom, " of a produce request"));
  }
  if ((attributes & kTransactional) != 0)
    return Error(ErrorCode::kInvalidTxnState, "there are no transactions here");
  return absl::OkStatus();
}

// Names the records without a key in a batch that a compacted topic refused: nothing could tell which later
// one stands in their place.
void TellKeyless(std::span<const std::byte> records, wire::ProduceResponse::Partition* answer) {
  const absl::StatusOr<BatchView> batch = BatchView::Parse(records);
  if (!batch.ok()) return;
  RecordReader reader(*batch);
  RecordView record;
  for (int32_t i = 0; reader.Next(&record); ++i) {
    if (record.key.has_value()) continue;
    answer->record_errors.push_back(
        {.batch_index = i, .batch_index_error_message = "a compacted topic takes no record without a key"});
  }
}

absl::Status CheckAcks(int16_t acks) {
  if (acks >= -1 && acks <= 1) return absl::OkStatus();
  return Error(ErrorCode::kInvalidRequiredAcks, StrCat("acks must be -1, 0 or 1, not ", acks));
}

void Fail(wire::ProduceResponse::Partition* answer, const absl::Status& why) {
  answer->error_code = CodeOf(why);
  answer->base_offset = -1;
  answer->error_message = ToStd(why.message());
}

// Fills `answer`, at once or later, and says so.
void Produce(BrokerImpl& broker, const std::shared_ptr<Producing>& work,
             const wire::ProduceRequest::Topic& topic, const wire::ProduceRequest::Partition& one,
             size_t index, wire::ProduceResponse::Partition* answer) {
  Durability durability = Durability::kProcess;
  std::shared_ptr<Partition> partition;
  const auto append = [&]() -> absl::StatusOr<AppendResult> {
    const int16_t acks = work->asked.acks;
    MILLRACE_RETURN_IF_ERROR(CheckAcks(acks));
    MILLRACE_ASSIGN_OR_RETURN(const std::shared_ptr<Topic> found,
                              FindTopic(broker, topic.name, topic.topic_id));
    if (found->internal())
      return Error(ErrorCode::kInvalidTopicException, StrCat("clients do not write to ", found->name()));
    durability = found->config()->durability;
    MILLRACE_ASSIGN_OR_RETURN(partition, found->partition(PartitionId(one.index)));
    const auto records = one.records.value_or(std::span<const std::byte>());
    MILLRACE_RETURN_IF_ERROR(CheckOneBatch(records, work->request.version()));
    MILLRACE_RETURN_IF_ERROR(partition->OpenLog().status());
    auto appended = partition->AppendBatch(work->request.Mutable(records), AppendOrigin::kClient,
                                           /*trusted=*/false, acks == -1);
    if (ErrorCodeOf(appended.status()) == ErrorCode::kInvalidRecord &&
        found->config()->cleanup_policy.compact)
      TellKeyless(records, answer);
    return appended;
  };
  const absl::StatusOr<AppendResult> result = append();
  const bool waits = result.ok() && work->asked.acks != 0;
  if (!waits) work->Claim(index);
  if (!result.ok()) {
    Fail(answer, result.status());
    return work->Done();
  }
  answer->base_offset = result->first_offset.value();
  answer->log_append_time_ms = result->append_time.value();
  answer->log_start_offset = partition->log().log_start_offset().value();
  if (!waits) return work->Done();
  const bool committed = work->asked.acks == -1;
  work->waits_for_replicas = work->waits_for_replicas || (committed && partition->replicated());
  partition->OnCommitted(result->last_offset + 1, committed, durability,
                         [work, index, answer, keep = partition](const absl::Status& status) {
                           if (!work->Claim(index)) return;
                           if (!status.ok()) Fail(answer, status);
                           work->Done();
                         });
}

}  // namespace

void HandleProduce(BrokerImpl& broker, Request request) {
  auto asked = request.Decode<wire::ProduceRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  const auto work = std::make_shared<Producing>(broker.env().executor, std::move(request), *std::move(asked));
  // All places first: answers point to them.
  for (const auto& topic : work->asked.topic_data) {
    auto& answers = work->response.responses.emplace_back();
    answers.name = topic.name;
    answers.topic_id = topic.topic_id;
    const auto found = FindTopic(broker, topic.name, topic.topic_id);
    work->meters.push_back(found.ok() ? broker.engine().counts().MeterOf((*found)->name()) : nullptr);
    for (const auto& one : topic.partition_data) answers.partition_responses.push_back({.index = one.index});
    work->left += static_cast<int64_t>(topic.partition_data.size());
  }
  work->claimed = std::vector<std::atomic<bool>>(static_cast<size_t>(work->left.load() - 1));
  size_t index = 0;
  for (size_t t = 0; t < work->asked.topic_data.size(); ++t) {
    const auto& topic = work->asked.topic_data[t];
    for (size_t p = 0; p < topic.partition_data.size(); ++p) {
      Produce(broker, work, topic, topic.partition_data[p], index++,
              &work->response.responses[t].partition_responses[p]);
    }
  }
  if (work->waits_for_replicas && work->left.load(std::memory_order_acquire) > 1) {
    work->StartTimer(broker.engine().DeadlineAfter(absl::Milliseconds(std::max(work->asked.timeout_ms, 0))));
  }
  work->Done();
}

}  // namespace millrace::inline v0
