#include "coordinator/consumer_group_records.h"

#include <utility>

#include "base/bytes.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "millrace/status.h"
#include "millrace/wire/schema.h"

namespace millrace::inline v0 {
namespace {

template <typename T>
absl::StatusOr<T> ConsumerBody(std::span<const std::byte> bytes, int16_t version) {
  absl::StatusOr<T> body = wire::Decode<T>(bytes, version);
  if (body.ok()) return body;
  return Error(ErrorCode::kInvalidRecord, StrCat("__consumer_offsets holds a malformed ", T::kApi.name, ": ",
                                                 ToStd(body.status().message())));
}

template <typename Record>
absl::StatusOr<std::optional<ConsumerRecord>> ParseConsumer(std::span<const std::byte> key,
                                                            std::optional<std::span<const std::byte>> value) {
  Record record;
  MILLRACE_ASSIGN_OR_RETURN(record.key, ConsumerBody<typename Record::Key>(key, 0));
  if (value.has_value()) {
    ByteReader reader(*value);
    const auto version = reader.Read<int16_t>();
    if (!reader.ok()) {
      return Error(ErrorCode::kInvalidRecord,
                   StrCat("__consumer_offsets holds a malformed ", Record::Value::kApi.name,
                          ": it is too short for a version"));
    }
    MILLRACE_ASSIGN_OR_RETURN(record.value, ConsumerBody<typename Record::Value>(value->subspan(2), version));
  }
  return std::optional<ConsumerRecord>(std::move(record));
}

}  // namespace

const std::string& GroupOf(const ConsumerRecord& record) {
  return std::visit([](const auto& one) -> const std::string& { return one.key.group; }, record);
}

absl::StatusOr<CoordinatorRecord> Encode(const ConsumerRecord& record) {
  return std::visit(
      [](const auto& one) -> absl::StatusOr<CoordinatorRecord> {
        CoordinatorRecord encoded;
        ByteWriter(&encoded.key).template Write<int16_t>(one.key.kApi.key);
        MILLRACE_RETURN_IF_ERROR(wire::Encode(one.key, 0, &encoded.key));
        if (one.value.has_value()) {
          ByteWriter(&encoded.value.emplace()).template Write<int16_t>(0);
          MILLRACE_RETURN_IF_ERROR(wire::Encode(*one.value, 0, &*encoded.value));
        }
        return encoded;
      },
      record);
}

absl::StatusOr<std::optional<ConsumerRecord>> ParseConsumerRecord(
    int16_t type, std::span<const std::byte> key, std::optional<std::span<const std::byte>> value) {
  switch (type) {
    case 3:
      return ParseConsumer<ConsumerEpochRecord>(key, value);
    case 5:
      return ParseConsumer<ConsumerMemberRecord>(key, value);
    case 6:
      return ParseConsumer<ConsumerTargetEpochRecord>(key, value);
    case 7:
      return ParseConsumer<ConsumerTargetRecord>(key, value);
    case 8:
      return ParseConsumer<ConsumerCurrentRecord>(key, value);
    case 16:
      return ParseConsumer<ConsumerRegexRecord>(key, value);
    default:
      return std::optional<ConsumerRecord>();
  }
}

}  // namespace millrace::inline v0
