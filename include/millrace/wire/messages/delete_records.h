// DeleteRecords (key 21): moves the start of partitions forward. Version 2 is flexible.

#ifndef MILLRACE_WIRE_MESSAGES_DELETE_RECORDS_H_
#define MILLRACE_WIRE_MESSAGES_DELETE_RECORDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct DeleteRecordsRequest {
  static constexpr Api kApi{.key = 21, .name = "DeleteRecordsRequest", .valid = {0, 2}, .flexible = 2};

  struct Partition {
    int32_t partition_index = 0;
    // The first that stays; -1: none does, up to the high watermark.
    int64_t offset = 0;

    static constexpr void Fields(auto&& f) {
      f(&Partition::partition_index, {.name = "partition_index"});
      f(&Partition::offset, {.name = "offset"});
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

  std::vector<Topic> topics = {};
  int32_t timeout_ms = 0;

  static constexpr void Fields(auto&& f) {
    using M = DeleteRecordsRequest;
    f(&M::topics, {.name = "topics"});
    f(&M::timeout_ms, {.name = "timeout_ms"});
  }
};
MILLRACE_WIRE_MESSAGE(DeleteRecordsRequest);

struct DeleteRecordsResponse {
  static constexpr Api kApi{.key = 21, .name = "DeleteRecordsResponse", .valid = {0, 2}, .flexible = 2};

  struct Partition {
    int32_t partition_index = 0;
    // The first offset that is left on any replica.
    int64_t low_watermark = 0;
    int16_t error_code = 0;

    static constexpr void Fields(auto&& f) {
      f(&Partition::partition_index, {.name = "partition_index"});
      f(&Partition::low_watermark, {.name = "low_watermark"});
      f(&Partition::error_code, {.name = "error_code"});
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

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics = {};

  static constexpr void Fields(auto&& f) {
    using M = DeleteRecordsResponse;
    f(&M::throttle_time_ms, {.name = "throttle_time_ms"});
    f(&M::topics, {.name = "topics"});
  }
};
MILLRACE_WIRE_MESSAGE(DeleteRecordsResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_DELETE_RECORDS_H_
