// Settings of clients by Kafka's names, turned into options.

#ifndef MILLRACE_TOOLS_CLIENT_OPTIONS_H_
#define MILLRACE_TOOLS_CLIENT_OPTIONS_H_

#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/consumer.h"
#include "millrace/producer.h"
#include "tools/flags.h"

namespace millrace::inline v0::tools {

// "none", "gzip", "snappy", "lz4", "zstd".
absl::StatusOr<Compression> ParseCompression(std::string_view name);
absl::StatusOr<Acks> ParseAcks(std::string_view text);

// Takes what the options know out of `properties` (a later one of a name counts); what is left is for the
// cluster's client ("security.protocol", ...). Serializers and other names of Java classes are dropped.
// kInvalidArgument: no value of its type.
absl::Status TakeProducerProperties(Properties* properties, ProducerOptions* options);
// `auto_offset_reset` and `auto_commit_given` say whether that was among them.
absl::Status TakeConsumerProperties(Properties* properties, ConsumerOptions* options,
                                    bool* auto_offset_reset = nullptr, bool* auto_commit_given = nullptr);

}  // namespace millrace::inline v0::tools

#endif  // MILLRACE_TOOLS_CLIENT_OPTIONS_H_
