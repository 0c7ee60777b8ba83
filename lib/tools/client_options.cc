#include "tools/client_options.h"

#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "base/strings.h"

namespace millrace::inline v0::tools {
namespace {

absl::Status NoValueOf(std::string_view name, std::string_view value, std::string_view wanted) {
  return absl::InvalidArgumentError(
      ToAbsl(StrCat("Invalid value ", value, " for configuration ", name, ": ", wanted)));
}

// The settings of Java's clients that have no meaning here.
bool IsOfJava(std::string_view name) {
  constexpr std::string_view kNames[] = {
      "key.serializer",      "value.serializer",        "key.deserializer",
      "value.deserializer",  "interceptor.classes",     "metric.reporters",
      "partitioner.class",   "max.poll.records",        "metrics.sample.window.ms",
      "metrics.num.samples", "metrics.recording.level", "auto.include.jmx.reporter",
      "bootstrap.servers"};
  for (const std::string_view java : kNames) {
    if (name == java) return true;
  }
  return false;
}

// Reads one setting: true if the options know it.
using TakeOne = absl::FunctionRef<absl::StatusOr<bool>(std::string_view name, std::string_view value)>;

absl::Status TakeEach(Properties* properties, TakeOne take) {
  Properties left;
  for (auto& [name, value] : *properties) {
    if (IsOfJava(name)) continue;
    absl::StatusOr<bool> taken = take(name, value);
    if (!taken.ok()) return taken.status();
    if (!*taken) left.emplace_back(std::move(name), std::move(value));
  }
  *properties = std::move(left);
  return absl::OkStatus();
}

template <typename T>
absl::StatusOr<bool> Number(std::string_view name, std::string_view value, T* to) {
  absl::StatusOr<int64_t> number = ParseInt(name, value, 0);
  if (!number.ok()) return number.status();
  if constexpr (std::is_same_v<T, absl::Duration>) {
    *to = absl::Milliseconds(*number);
  } else {
    *to = static_cast<T>(*number);
  }
  return true;
}

absl::StatusOr<bool> Boolean(std::string_view name, std::string_view value, bool* to) {
  if (value != "true" && value != "false") return NoValueOf(name, value, "true or false is wanted");
  *to = value == "true";
  return true;
}

template <typename T>
absl::StatusOr<bool> Parsed(absl::StatusOr<T> value, T* to) {
  if (!value.ok()) return value.status();
  *to = *value;
  return true;
}

absl::StatusOr<bool> Reset(std::string_view value, Start* start) {
  if (value == "earliest") return *start = Start::kEarliest, true;
  if (value == "latest") return *start = Start::kLatest, true;
  if (value == "none") return *start = Start::kNone, true;
  return NoValueOf("auto.offset.reset", value, "earliest, latest or none is wanted");
}

absl::StatusOr<bool> Assignors(std::string_view value, std::vector<AssignorKind>* assignors) {
  assignors->clear();
  for (const std::string& part : Split(value, ',')) {
    std::string_view name = Trim(part);
    name = name.substr(name.rfind('.') + 1);
    if (name == "RangeAssignor" || name == "range") {
      assignors->push_back(AssignorKind::kRange);
    } else if (name == "RoundRobinAssignor" || name == "roundrobin") {
      assignors->push_back(AssignorKind::kRoundRobin);
    } else if (name == "StickyAssignor" || name == "sticky") {
      assignors->push_back(AssignorKind::kSticky);
    } else if (name == "CooperativeStickyAssignor" || name == "cooperative-sticky") {
      assignors->push_back(AssignorKind::kCooperativeSticky);
    } else {
      return NoValueOf("partition.assignment.strategy", value,
                       "range, roundrobin, sticky or cooperative-sticky is wanted");
    }
  }
  return true;
}

}  // namespace

absl::StatusOr<Compression> ParseCompression(std::string_view name) {
  if (name == "none") return Compression::kNone;
  if (name == "gzip") return Compression::kGzip;
  if (name == "snappy") return Compression::kSnappy;
  if (name == "lz4") return Compression::kLz4;
  if (name == "zstd") return Compression::kZstd;
  return NoValueOf("compression.type", name, "none, gzip, snappy, lz4 or zstd is wanted");
}

absl::StatusOr<Acks> ParseAcks(std::string_view text) {
  if (text == "all" || text == "-1") return Acks::kAll;
  if (text == "1") return Acks::kLeader;
  if (text == "0") return Acks::kNone;
  return NoValueOf("acks", text, "all, -1, 0 or 1 is wanted");
}

absl::Status TakeProducerProperties(Properties* properties, ProducerOptions* options) {
  return TakeEach(properties, [&](std::string_view name, std::string_view value) -> absl::StatusOr<bool> {
    if (name == "acks") return Parsed(ParseAcks(value), &options->acks);
    if (name == "compression.type") return Parsed(ParseCompression(value), &options->compression);
    if (name == "linger.ms") return Number(name, value, &options->linger);
    if (name == "batch.size") return Number(name, value, &options->batch_bytes);
    if (name == "max.request.size") return Number(name, value, &options->max_request_bytes);
    if (name == "buffer.memory") return Number(name, value, &options->buffer_bytes);
    if (name == "max.block.ms") return Number(name, value, &options->max_block);
    if (name == "enable.idempotence") return Boolean(name, value, &options->idempotent);
    if (name != "client.id") return false;
    options->client_id = std::string(value);
    return true;
  });
}

absl::Status TakeConsumerProperties(Properties* properties, ConsumerOptions* options, bool* auto_offset_reset,
                                    bool* auto_commit_given) {
  return TakeEach(properties, [&](std::string_view name, std::string_view value) -> absl::StatusOr<bool> {
    if (name == "auto.offset.reset") {
      if (auto_offset_reset != nullptr) *auto_offset_reset = true;
      return Reset(value, &options->start);
    }
    if (name == "enable.auto.commit") {
      if (auto_commit_given != nullptr) *auto_commit_given = true;
      return Boolean(name, value, &options->auto_commit);
    }
    if (name == "partition.assignment.strategy") return Assignors(value, &options->assignors);
    if (name == "auto.commit.interval.ms") return Number(name, value, &options->auto_commit_interval);
    if (name == "session.timeout.ms") return Number(name, value, &options->session_timeout);
    if (name == "heartbeat.interval.ms") return Number(name, value, &options->heartbeat_interval);
    if (name == "max.poll.interval.ms") return Number(name, value, &options->max_poll_interval);
    if (name == "fetch.max.bytes") return Number(name, value, &options->fetch_max_bytes);
    if (name == "max.partition.fetch.bytes") return Number(name, value, &options->max_partition_fetch_bytes);
    std::string* const text = name == "group.id"            ? &options->group
                              : name == "group.instance.id" ? &options->group_instance_id
                              : name == "client.id"         ? &options->client_id
                                                            : nullptr;
    if (text == nullptr) return false;
    *text = std::string(value);
    return true;
  });
}

}  // namespace millrace::inline v0::tools
