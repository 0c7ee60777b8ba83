#include "remote/batch_maker.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "base/return_if_error.h"
#include "millrace/record.h"

namespace millrace::inline v0 {
namespace {

// A batch ends where it would be larger, or cover more offsets.
constexpr size_t kBatchBytesMax = size_t{16} << 20;
constexpr int64_t kBatchOffsetsMax = 1 << 30;

std::optional<std::string_view> TextOf(const void* data, size_t size) {
  if (data == nullptr) return std::nullopt;
  return std::string_view(static_cast<const char*>(data), size);
}

struct MessageTime {
  Timestamp timestamp = kNoTimestamp;
  TimestampType type = TimestampType::kCreateTime;
  bool operator==(const MessageTime&) const = default;
};

MessageTime TimeOf(const rd_kafka_message_t& message) {
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const int64_t timestamp = rd_kafka_message_timestamp(&message, &type);
  if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE) return {};
  return {.timestamp = Timestamp(timestamp),
          .type = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? TimestampType::kLogAppendTime
                                                             : TimestampType::kCreateTime};
}

// The headers of `message`, in `into`; borrowed from it.
void HeadersOf(const rd_kafka_message_t& message, std::vector<Header>* into) {
  into->clear();
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    into->push_back({.key = name, .value = TextOf(value, size)});
  }
}

size_t SizeOf(const rd_kafka_message_t& message) {
  return message.len + message.key_len;
}

// Whether `message` may stand in the batch that began with `first`, after `last`.
bool Fits(const rd_kafka_message_t& first, const rd_kafka_message_t& last, size_t bytes,
          const rd_kafka_message_t& message) {
  if (message.offset <= last.offset || message.offset - first.offset > kBatchOffsetsMax) return false;
  if (bytes + SizeOf(message) > kBatchBytesMax) return false;
  // A batch has one time of appending, or each of its records a time of its own.
  const MessageTime time = TimeOf(message);
  const MessageTime begun = TimeOf(first);
  return time.type == begun.type && (time.type == TimestampType::kCreateTime || time == begun);
}

absl::Status AppendBatch(std::span<const rdk::Message> messages, std::vector<std::byte>* bytes) {
  const rd_kafka_message_t& first = *messages.front();
  BatchBuilder builder({.timestamp_type = TimeOf(first).type});
  std::vector<Header> headers;
  for (const rdk::Message& message : messages) {
    HeadersOf(*message, &headers);
    const Timestamp timestamp = TimeOf(*message).timestamp;
    builder.AppendAt(static_cast<int32_t>(message->offset - first.offset),
                     {.key = TextOf(message->key, message->key_len),
                      .value = TextOf(message->payload, message->len),
                      .headers = headers,
                      .timestamp = timestamp},
                     timestamp);
  }
  MILLRACE_ASSIGN_OR_RETURN(const std::span<std::byte> batch, builder.Finish(Offset(first.offset)));
  bytes->insert(bytes->end(), batch.begin(), batch.end());
  return absl::OkStatus();
}

}  // namespace

void BatchMaker::Add(const std::shared_ptr<const TopicPartition>& name, rdk::Message message) {
  Gathered& gathered = gathered_[*name];
  gathered.name = name;
  bytes_ += SizeOf(*message);
  gathered.messages.push_back(std::move(message));
}

void BatchMaker::Drop(const TopicPartition& partition) {
  const auto found = gathered_.find(partition);
  if (found == gathered_.end()) return;
  for (const rdk::Message& message : found->second.messages) bytes_ -= SizeOf(*message);
  gathered_.erase(found);
}

absl::StatusOr<Batches> BatchMaker::Make() {
  const std::map<TopicPartition, Gathered> all = std::exchange(gathered_, {});
  bytes_ = 0;
  Batches batches;
  for (const auto& [partition, gathered] : all) {
    const std::span<const rdk::Message> messages = gathered.messages;
    auto bytes = std::make_shared<std::vector<std::byte>>();
    for (size_t begin = 0; begin < messages.size();) {
      size_t end = begin + 1;
      size_t batch_bytes = SizeOf(*messages[begin]);
      while (end < messages.size() &&
             Fits(*messages[begin], *messages[end - 1], batch_bytes, *messages[end])) {
        batch_bytes += SizeOf(*messages[end++]);
      }
      MILLRACE_RETURN_IF_ERROR(AppendBatch(messages.subspan(begin, end - begin), bytes.get()));
      begin = end;
    }
    LogSlice slice = {.pin = bytes, .bytes = *bytes, .next_offset = Offset(messages.back()->offset + 1)};
    batches.Add(
        {.source = gathered.name, .data = std::move(slice), .from = Offset(messages.front()->offset)});
  }
  return batches;
}

}  // namespace millrace::inline v0
