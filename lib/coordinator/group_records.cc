#include "coordinator/group_records.h"

#include <utility>

#include "base/bytes.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "millrace/status.h"
#include "millrace/wire/schema.h"

namespace millrace::inline v0 {
namespace {

void Put16(int16_t n, std::vector<std::byte>* to) {
  ByteWriter(to).Write<int16_t>(n);
}

template <typename Key, typename Value>
absl::StatusOr<CoordinatorRecord> Make(int16_t type, const Key& key, const std::optional<Value>& value,
                                       int16_t version) {
  CoordinatorRecord record;
  Put16(type, &record.key);
  MILLRACE_RETURN_IF_ERROR(wire::Encode(key, 0, &record.key));
  if (value.has_value()) {
    Put16(version, &record.value.emplace());
    MILLRACE_RETURN_IF_ERROR(wire::Encode(*value, version, &*record.value));
  }
  return record;
}

absl::Status Malformed(std::string_view what) {
  return Error(ErrorCode::kInvalidRecord, StrCat("__consumer_offsets holds a malformed record: ", what));
}

template <typename T>
absl::StatusOr<T> Body(std::span<const std::byte> bytes, int16_t version) {
  absl::StatusOr<T> body = wire::Decode<T>(bytes, version);
  if (!body.ok()) return Malformed(ToStd(body.status().message()));
  return body;
}

template <typename Record, typename Key, typename Value>
absl::StatusOr<ParsedRecord> Parse(std::span<const std::byte> key,
                                   std::optional<std::span<const std::byte>> value) {
  Record record;
  MILLRACE_ASSIGN_OR_RETURN(record.key, Body<Key>(key, 0));
  if (value.has_value()) {
    ByteReader reader(*value);
    const auto version = reader.Read<int16_t>();
    if (!reader.ok()) return Malformed("its value is too short for a version");
    MILLRACE_ASSIGN_OR_RETURN(record.value, Body<Value>(value->subspan(2), version));
  }
  return ParsedRecord(std::move(record));
}

}  // namespace

absl::StatusOr<CoordinatorRecord> MakeOffsetRecord(const OffsetCommitKey& key,
                                                   const std::optional<OffsetCommitValue>& value) {
  // An expiry of its own fits version 1 alone.
  const bool expires = value.has_value() && value->expire_timestamp != -1;
  return Make(kOffsetCommitRecord, key, value, expires ? int16_t{1} : kOffsetCommitValueVersion);
}

absl::StatusOr<CoordinatorRecord> MakeGroupRecord(const GroupMetadataKey& key,
                                                  const std::optional<GroupMetadataValue>& value) {
  return Make(kGroupMetadataRecord, key, value, kGroupMetadataValueVersion);
}

absl::StatusOr<ParsedRecord> ParseCoordinatorRecord(std::optional<std::span<const std::byte>> key,
                                                    std::optional<std::span<const std::byte>> value) {
  if (!key.has_value()) return Malformed("it has no key");
  ByteReader reader(*key);
  const auto type = reader.Read<int16_t>();
  if (!reader.ok()) return Malformed("its key is too short for a type");
  const auto body = key->subspan(2);
  if (type == 0 || type == kOffsetCommitRecord) {
    return Parse<OffsetRecord, OffsetCommitKey, OffsetCommitValue>(body, value);
  }
  if (type == kGroupMetadataRecord) {
    return Parse<GroupRecord, GroupMetadataKey, GroupMetadataValue>(body, value);
  }
  MILLRACE_ASSIGN_OR_RETURN(std::optional<ConsumerRecord> consumer, ParseConsumerRecord(type, body, value));
  if (consumer.has_value()) return ParsedRecord(*std::move(consumer));
  return ParsedRecord(UnknownRecord{.type = type});
}

}  // namespace millrace::inline v0
