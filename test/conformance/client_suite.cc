#include "conformance/client_suite.h"

#include "millrace/env/clock.h"
#include "millrace/status.h"

namespace millrace::inline v0 {

namespace {

absl::Duration patience = absl::Seconds(30);

}  // namespace

absl::Duration Patience() {
  return patience;
}

ShortPatience::ShortPatience() {
  patience = absl::Seconds(1);
}

ShortPatience::~ShortPatience() {
  patience = absl::Seconds(30);
}

bool Expect(bool holds, std::string_view what, Findings* findings) {
  if (!holds) findings->emplace_back(what);
  return holds;
}

bool ExpectOk(const absl::Status& status, std::string_view what, Findings* findings) {
  return Expect(status.ok(), std::string(what) + ": " + std::string(status.message()), findings);
}

bool ExpectCode(const absl::Status& status, ErrorCode code, std::string_view what, Findings* findings) {
  const std::string got =
      status.ok() ? "OK"
                  : std::string(ErrorCodeName(ErrorCodeOf(status))) + ", " + std::string(status.message());
  return Expect(!status.ok() && ErrorCodeOf(status) == code,
                std::string(what) + ": " + std::string(ErrorCodeName(code)) + " expected, got " + got,
                findings);
}

size_t CountOf(const KeptRecords& records) {
  size_t count = 0;
  for (const auto& [partition, list] : records) count += list.size();
  return count;
}

void Keep(const Batches& batches, KeptRecords* into, Findings* findings) {
  for (const Batch& batch : batches) {
    ExpectOk(batch.view().Validate(), "a batch that was polled is sound", findings);
    for (const RecordView& record : batch) {
      Kept kept = {.offset = record.offset, .timestamp = record.timestamp};
      if (record.key.has_value()) kept.key = *record.key;
      if (record.value.has_value()) kept.value = *record.value;
      for (const Header& header : record.headers) {
        kept.headers.emplace_back(header.key, header.value.has_value()
                                                  ? std::optional<std::string>(std::string(*header.value))
                                                  : std::nullopt);
      }
      (*into)[batch.topic_partition()].push_back(std::move(kept));
    }
  }
}

bool PollUntil(Consumer& consumer, KeptRecords* into, const std::function<bool()>& enough,
               Findings* findings) {
  const MonotonicNanos deadline = Clock::System()->Monotonic() + absl::ToInt64Nanoseconds(Patience());
  while (!enough()) {
    if (Clock::System()->Monotonic() >= deadline) return false;
    const auto batches = consumer.Poll(absl::Milliseconds(50));
    if (!ExpectOk(batches.status(), "Poll", findings)) return false;
    Keep(*batches, into, findings);
  }
  return true;
}

void Read(Consumer& consumer, size_t count, KeptRecords* into, Findings* findings) {
  PollUntil(consumer, into, [&] { return CountOf(*into) >= count; }, findings);
  const auto more = consumer.Poll(kGlance);
  if (ExpectOk(more.status(), "Poll", findings)) Keep(*more, into, findings);
  Expect(CountOf(*into) == count,
         std::to_string(CountOf(*into)) + " of " + std::to_string(count) + " records came", findings);
}

void SendNumbers(ClientHost& host, const std::string& topic, PartitionId partition, int first, int last,
                 Findings* findings) {
  auto producer = host.NewProducer({});
  if (!ExpectOk(producer.status(), "NewProducer", findings)) return;
  const auto handle = (*producer)->Topic(topic);
  if (!ExpectOk(handle.status(), "Topic", findings)) return;
  for (int i = first; i <= last; ++i) {
    const std::string text = std::to_string(i);
    if (!ExpectOk((*producer)->Send(*handle, {.value = text, .timestamp = host.TimeOf(i)}, partition), "Send",
                  findings)) {
      return;
    }
  }
  ExpectOk((*producer)->Flush(Patience()), "Flush", findings);
  Expect((*producer)->errors() == 0, "no record failed", findings);
}

void ExpectNumbers(const KeptRecords& records, const TopicPartition& partition, int first, int last,
                   Findings* findings) {
  const auto found = records.find(partition);
  const size_t count = found == records.end() ? 0 : found->second.size();
  const auto wanted = static_cast<size_t>(last - first + 1);
  if (!Expect(
          count == wanted,
          partition.ToString() + ": " + std::to_string(count) + " of " + std::to_string(wanted) + " records",
          findings)) {
    return;
  }
  for (size_t i = 0; i < count; ++i) {
    if (!Expect(found->second[i].value == std::to_string(first + static_cast<int>(i)),
                partition.ToString() + ": record " + std::to_string(i) + " is " +
                    found->second[i].value.value_or("null"),
                findings)) {
      return;
    }
  }
}

}  // namespace millrace::inline v0
