#include "millrace/offsets_topic.h"

#include <span>
#include <type_traits>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "base/bytes.h"
#include "base/json_quote.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "coordinator/consumer_group_records.h"
#include "coordinator/group_records.h"
#include "millrace/status.h"
#include "millrace/wire/schema.h"

namespace millrace::inline v0 {
namespace {

std::string CamelCase(std::string_view snake) {
  std::string camel;
  bool capital = false;
  for (const char c : snake) {
    if (c != '_') camel += capital ? static_cast<char>(c - 'a' + 'A') : c;
    capital = c == '_';
  }
  return camel;
}

std::string JsonOf(const auto& value, int16_t version);

// Writes a message's members, as the fields are visited.
template <typename S>
struct JsonVisitor {
  const S& message;
  int16_t version;
  std::string members = {};

  template <typename M>
  void operator()(M S::* member, const wire::Field& field) {
    if (!field.versions.Has(version)) return;
    if (!members.empty()) members += ',';
    StrAppend(&members, JsonQuote(CamelCase(field.name)), ":", JsonOf(message.*member, version));
  }
  template <typename M>
  void Tagged(uint32_t, M S::* member, const wire::Field& field) {
    if (!wire::internal::IsDefault(message, member)) (*this)(member, field);
  }
};

std::string JsonOf(const auto& value, int16_t version) {
  using T = std::remove_cvref_t<decltype(value)>;
  if constexpr (wire::internal::Optional<T>) {
    return value.has_value() ? JsonOf(*value, version) : "null";
  } else if constexpr (wire::internal::Number<T>) {
    return StrCat(value);
  } else if constexpr (std::is_same_v<T, TopicId>) {
    return JsonQuote(value.ToString());
  } else if constexpr (wire::internal::Text<T>) {
    return JsonQuote(value);
  } else if constexpr (wire::internal::Blob<T>) {
    return JsonQuote(absl::Base64Escape({reinterpret_cast<const char*>(value.data()), value.size()}));
  } else if constexpr (wire::internal::Array<T>) {
    std::string elements;
    for (const auto& element : value) {
      StrAppend(&elements, elements.empty() ? "" : ",", JsonOf(element, version));
    }
    return StrCat("[", elements, "]");
  } else {
    JsonVisitor<T> visitor{value, version};
    T::Fields(visitor);
    return StrCat("{", visitor.members, "}");
  }
}

absl::Status Malformed(std::string_view what) {
  return Error(ErrorCode::kInvalidRecord, StrCat("a malformed record of __consumer_offsets: ", what));
}

template <typename T>
absl::StatusOr<std::string> JsonOfBytes(std::string_view bytes, int16_t version) {
  absl::StatusOr<T> message = wire::Decode<T>(std::as_bytes(std::span(bytes)), version);
  if (message.ok()) return JsonOf(*message, version);
  if (ErrorCodeOf(message.status()) == ErrorCode::kUnsupportedVersion) return message.status();
  return Malformed(ToStd(message.status().message()));
}

// The number ahead of a key or a value; cuts it off.
absl::StatusOr<int16_t> TakeNumber(std::string_view* bytes) {
  if (bytes->size() < 2) return Malformed("too short for its type or version");
  const int16_t number = ByteReader(std::as_bytes(std::span(*bytes))).Read<int16_t>();
  bytes->remove_prefix(2);
  return number;
}

template <typename Key, typename Value>
absl::StatusOr<OffsetsRecordText> DescribeAs(int16_t type, std::string_view key,
                                             std::optional<std::string_view> value) {
  OffsetsRecordText text;
  MILLRACE_ASSIGN_OR_RETURN(const std::string of_key, JsonOfBytes<Key>(key, 0));
  text.key = StrCat(R"({"type":")", type, R"(","data":)", of_key, "}");
  if (!value.has_value()) return text;
  MILLRACE_ASSIGN_OR_RETURN(const int16_t version, TakeNumber(&*value));
  MILLRACE_ASSIGN_OR_RETURN(const std::string of_value, JsonOfBytes<Value>(*value, version));
  text.value = StrCat(R"({"version":")", version, R"(","data":)", of_value, "}");
  return text;
}

template <typename Record>
absl::StatusOr<OffsetsRecordText> DescribeConsumer(int16_t type, std::string_view key,
                                                   std::optional<std::string_view> value) {
  return DescribeAs<typename Record::Key, typename Record::Value>(type, key, value);
}

}  // namespace

absl::StatusOr<OffsetsRecordText> DescribeOffsetsRecord(const RecordView& record) {
  if (!record.key.has_value()) return Malformed("it has no key");
  std::string_view key = *record.key;
  MILLRACE_ASSIGN_OR_RETURN(const int16_t type, TakeNumber(&key));
  switch (type) {
    case 0:
    case kOffsetCommitRecord:
      return DescribeAs<OffsetCommitKey, OffsetCommitValue>(type, key, record.value);
    case kGroupMetadataRecord:
      return DescribeAs<GroupMetadataKey, GroupMetadataValue>(type, key, record.value);
    case 3:
      return DescribeConsumer<ConsumerEpochRecord>(type, key, record.value);
    case 5:
      return DescribeConsumer<ConsumerMemberRecord>(type, key, record.value);
    case 6:
      return DescribeConsumer<ConsumerTargetEpochRecord>(type, key, record.value);
    case 7:
      return DescribeConsumer<ConsumerTargetRecord>(type, key, record.value);
    case 8:
      return DescribeConsumer<ConsumerCurrentRecord>(type, key, record.value);
    case 16:
      return DescribeConsumer<ConsumerRegexRecord>(type, key, record.value);
    default:
      return Error(ErrorCode::kUnsupportedVersion, StrCat("Unknown record type ", type));
  }
}

}  // namespace millrace::inline v0
