// DescribeLogDirs (key 35): what lies in a broker's directories (KIP-113).
//
// Versions:
//   2: flexible.
//   3: an error for the whole response.
//   4: the size of the volume (KIP-827).
//   5: cordoned directories (KIP-1066).

#ifndef MILLRACE_WIRE_MESSAGES_DESCRIBE_LOG_DIRS_H_
#define MILLRACE_WIRE_MESSAGES_DESCRIBE_LOG_DIRS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct DescribeLogDirsRequest {
  static constexpr Api kApi{.key = 35, .name = "DescribeLogDirsRequest", .valid = {1, 5}, .flexible = 2};

  struct Topic {
    std::string topic = {};
    std::vector<int32_t> partitions = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::topic, {.name = "topic"});
      f(&Topic::partitions, {.name = "partitions"});
    }
  };

  // Null: all.
  std::optional<std::vector<Topic>> topics = std::vector<Topic>();

  static constexpr void Fields(auto&& f) { f(&DescribeLogDirsRequest::topics, {.name = "topics"}); }
};
MILLRACE_WIRE_MESSAGE(DescribeLogDirsRequest);

struct DescribeLogDirsResponse {
  static constexpr Api kApi{.key = 35, .name = "DescribeLogDirsResponse", .valid = {1, 5}, .flexible = 2};

  struct Partition {
    int32_t partition_index = 0;
    int64_t partition_size = 0;
    // How far this copy is behind: of a current replica the high watermark less its end, of a future one the
    // current replica's end less its own.
    int64_t offset_lag = 0;
    // A copy that will take the place of the current one.
    bool is_future_key = false;

    static constexpr void Fields(auto&& f) {
      f(&Partition::partition_index, {.name = "partition_index"});
      f(&Partition::partition_size, {.name = "partition_size"});
      f(&Partition::offset_lag, {.name = "offset_lag"});
      f(&Partition::is_future_key, {.name = "is_future_key"});
    }
  };

  struct Topic {
    std::string name = {};
    std::vector<Partition> partitions = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::name, {.name = "name"});
      f(&Topic::partitions, {.name = "partitions"});
    }
  };

  struct LogDir {
    int16_t error_code = 0;
    std::string log_dir = {};
    std::vector<Topic> topics = {};
    // Of the volume; -1: unknown.
    int64_t total_bytes = -1;
    int64_t usable_bytes = -1;
    // Gets no new partitions.
    bool is_cordoned = false;

    static constexpr void Fields(auto&& f) {
      f(&LogDir::error_code, {.name = "error_code"});
      f(&LogDir::log_dir, {.name = "log_dir"});
      f(&LogDir::topics, {.name = "topics"});
      f(&LogDir::total_bytes, {.name = "total_bytes", .versions = Since(4), .ignorable = true});
      f(&LogDir::usable_bytes, {.name = "usable_bytes", .versions = Since(4), .ignorable = true});
      f(&LogDir::is_cordoned, {.name = "is_cordoned", .versions = Since(5), .ignorable = true});
    }
  };

  int32_t throttle_time_ms = 0;
  int16_t error_code = 0;
  std::vector<LogDir> results = {};

  static constexpr void Fields(auto&& f) {
    using M = DescribeLogDirsResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::error_code, {.name = "error_code", .versions = Since(3), .ignorable = true});
    f(&M::results, {.name = "results"});
  }
};
MILLRACE_WIRE_MESSAGE(DescribeLogDirsResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_DESCRIBE_LOG_DIRS_H_
