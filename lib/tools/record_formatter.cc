#include "tools/record_formatter.h"

#include <bit>
#include <charconv>
#include <cstdint>
#include <optional>

#include "base/strings.h"

namespace millrace::inline v0::tools {
namespace {

bool IsTrue(std::string_view value) {
  const std::string_view text = Trim(value);
  return text.size() == 4 && (text[0] | 32) == 't' && (text[1] | 32) == 'r' && (text[2] | 32) == 'u' &&
         (text[3] | 32) == 'e';
}

// Big-endian, as Java's serializers write numbers.
uint64_t LoadNumber(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = (value << 8) | static_cast<uint8_t>(c);
  return value;
}

template <typename Real>
void AppendReal(std::string* to, Real value) {
  char text[64];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  const std::string_view shortest(text, static_cast<size_t>(end - text));
  to->append(shortest);
  // As Java, which never prints a real number like a whole one.
  if (shortest.find_first_not_of("-0123456789") == std::string_view::npos) to->append(".0");
}

size_t SizeOf(Deserializer deserializer) {
  switch (deserializer) {
    case Deserializer::kBytes:
      return 0;
    case Deserializer::kShort:
      return 2;
    case Deserializer::kInteger:
    case Deserializer::kFloat:
      return 4;
    case Deserializer::kLong:
    case Deserializer::kDouble:
      return 8;
  }
  return 0;
}

void AppendValue(std::string* to, std::optional<std::string_view> bytes, Deserializer deserializer,
                 const RecordFormat& format) {
  if (!bytes.has_value()) {
    to->append(format.null_literal);
    return;
  }
  // Bytes that are no number of that size are shown as they are.
  if (deserializer == Deserializer::kBytes || bytes->size() != SizeOf(deserializer)) {
    to->append(*bytes);
    return;
  }
  const uint64_t raw = LoadNumber(*bytes);
  switch (deserializer) {
    case Deserializer::kShort:
      return StrAppend(to, static_cast<int16_t>(raw));
    case Deserializer::kInteger:
      return StrAppend(to, static_cast<int32_t>(raw));
    case Deserializer::kLong:
      return StrAppend(to, static_cast<int64_t>(raw));
    case Deserializer::kFloat:
      return AppendReal(to, std::bit_cast<float>(static_cast<uint32_t>(raw)));
    case Deserializer::kDouble:
      return AppendReal(to, std::bit_cast<double>(raw));
    case Deserializer::kBytes:
      return;
  }
}

void AppendHeaders(std::string* to, const RecordView& record, const RecordFormat& format) {
  if (record.headers.empty()) to->append("NO_HEADERS");
  bool first = true;
  for (const Header& header : record.headers) {
    if (!first) to->append(format.headers_separator);
    first = false;
    to->append(header.key);
    to->push_back(':');
    AppendValue(to, header.value, format.headers_deserializer, format);
  }
}

void AppendTimestamp(std::string* to, const RecordView& record, TimestampType type) {
  if (record.timestamp == kNoTimestamp) {
    to->append("NO_TIMESTAMP");
    return;
  }
  StrAppend(to, type == TimestampType::kCreateTime ? "CreateTime:" : "LogAppendTime:", record.timestamp);
}

}  // namespace

absl::StatusOr<Deserializer> ParseDeserializer(std::string_view class_name) {
  const std::string_view name = class_name.substr(class_name.rfind('.') + 1);
  if (name == "StringDeserializer" || name == "ByteArrayDeserializer" || name == "BytesDeserializer") {
    return Deserializer::kBytes;
  }
  if (name == "ShortDeserializer") return Deserializer::kShort;
  if (name == "IntegerDeserializer") return Deserializer::kInteger;
  if (name == "LongDeserializer") return Deserializer::kLong;
  if (name == "FloatDeserializer") return Deserializer::kFloat;
  if (name == "DoubleDeserializer") return Deserializer::kDouble;
  return absl::InvalidArgumentError(
      ToAbsl(StrCat("Unable to instantiate a deserializer from ", class_name,
                    ": known are String, ByteArray, Short, Integer, Long, Float and "
                    "Double")));
}

absl::StatusOr<RecordFormat> RecordFormat::From(const Properties& properties) {
  RecordFormat format;
  const std::pair<std::string_view, bool*> switches[] = {{"print.timestamp", &format.print_timestamp},
                                                         {"print.partition", &format.print_partition},
                                                         {"print.offset", &format.print_offset},
                                                         {"print.delivery", &format.print_delivery},
                                                         {"print.epoch", &format.print_epoch},
                                                         {"print.headers", &format.print_headers},
                                                         {"print.key", &format.print_key},
                                                         {"print.value", &format.print_value}};
  const std::pair<std::string_view, std::string*> texts[] = {{"key.separator", &format.key_separator},
                                                             {"line.separator", &format.line_separator},
                                                             {"headers.separator", &format.headers_separator},
                                                             {"null.literal", &format.null_literal}};
  const std::pair<std::string_view, Deserializer*> deserializers[] = {
      {"key.deserializer", &format.key_deserializer},
      {"value.deserializer", &format.value_deserializer},
      {"headers.deserializer", &format.headers_deserializer}};
  for (const auto& [name, value] : properties) {
    for (const auto& [known, to] : switches) {
      if (name == known) *to = IsTrue(value);
    }
    for (const auto& [known, to] : texts) {
      if (name == known) *to = value;
    }
    for (const auto& [known, to] : deserializers) {
      if (name != known) continue;
      absl::StatusOr<Deserializer> parsed = ParseDeserializer(value);
      if (!parsed.ok()) return parsed.status();
      *to = *parsed;
    }
  }
  return format;
}

void AppendRecord(std::string* to, const RecordView& record, const RecordPlace& place,
                  const RecordFormat& format) {
  // After each column comes the key separator, after the last one the line's.
  const bool columns[] = {format.print_timestamp, format.print_partition, format.print_offset,
                          format.print_delivery,  format.print_epoch,     format.print_headers,
                          format.print_key,       format.print_value};
  size_t left = 0;
  for (const bool printed : columns) left += printed ? 1 : 0;
  const auto end_column = [&] { to->append(--left > 0 ? format.key_separator : format.line_separator); };
  if (format.print_timestamp) AppendTimestamp(to, record, place.timestamp_type), end_column();
  if (format.print_partition) StrAppend(to, "Partition:", place.partition), end_column();
  if (format.print_offset) StrAppend(to, "Offset:", record.offset), end_column();
  // Counted for share groups alone.
  if (format.print_delivery) to->append("Delivery:NONE"), end_column();
  if (format.print_epoch) {
    to->append("Epoch:");
    if (place.leader_epoch == kNoLeaderEpoch) {
      to->append("NONE");
    } else {
      StrAppend(to, place.leader_epoch);
    }
    end_column();
  }
  if (format.print_headers) AppendHeaders(to, record, format), end_column();
  if (format.print_key) AppendValue(to, record.key, format.key_deserializer, format), end_column();
  if (format.print_value) AppendValue(to, record.value, format.value_deserializer, format), end_column();
}

}  // namespace millrace::inline v0::tools
