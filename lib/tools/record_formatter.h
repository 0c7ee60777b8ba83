// RecordFormatter: prints records, as Kafka's DefaultMessageFormatter.

#ifndef MILLRACE_TOOLS_RECORD_FORMATTER_H_
#define MILLRACE_TOOLS_RECORD_FORMATTER_H_

#include <ostream>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "millrace/record.h"
#include "millrace/types.h"
#include "tools/flags.h"

namespace millrace::inline v0::tools {

// How bytes become text. By the names of Java's deserializers, with or without their package.
enum class Deserializer : uint8_t { kBytes, kShort, kInteger, kLong, kFloat, kDouble };
absl::StatusOr<Deserializer> ParseDeserializer(std::string_view class_name);

// By Kafka's names: print.timestamp, print.partition, print.offset, print.epoch, print.headers, print.key,
// print.value, print.delivery, key.separator, line.separator, headers.separator, null.literal,
// key.deserializer, value.deserializer, headers.deserializer.
struct RecordFormat {
  bool print_timestamp = false;
  bool print_partition = false;
  bool print_offset = false;
  bool print_delivery = false;
  bool print_epoch = false;
  bool print_headers = false;
  bool print_key = false;
  bool print_value = true;
  std::string key_separator = "\t";
  std::string line_separator = "\n";
  std::string headers_separator = ",";
  std::string null_literal = "null";
  Deserializer key_deserializer = Deserializer::kBytes;
  Deserializer value_deserializer = Deserializer::kBytes;
  Deserializer headers_deserializer = Deserializer::kBytes;

  // Unknown names are no error, as in Kafka; an unknown deserializer is.
  static absl::StatusOr<RecordFormat> From(const Properties& properties);
};

// What a record does not tell of itself.
struct RecordPlace {
  PartitionId partition{0};
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
  TimestampType timestamp_type = TimestampType::kCreateTime;
};

void AppendRecord(std::string* to, const RecordView& record, const RecordPlace& place,
                  const RecordFormat& format);

}  // namespace millrace::inline v0::tools

#endif  // MILLRACE_TOOLS_RECORD_FORMATTER_H_
