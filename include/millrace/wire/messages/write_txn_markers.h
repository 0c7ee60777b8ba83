// WriteTxnMarkers (key 27): has the leaders of partitions write the end of a transaction. From coordinators,
// and from tools that abort one that hangs (KIP-98).
//
// Versions:
//   1: flexible.
//   2: transaction version (KIP-1228).

#ifndef MILLRACE_WIRE_MESSAGES_WRITE_TXN_MARKERS_H_
#define MILLRACE_WIRE_MESSAGES_WRITE_TXN_MARKERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct WriteTxnMarkersRequest {
  static constexpr Api kApi{.key = 27, .name = "WriteTxnMarkersRequest", .valid = {1, 2}, .flexible = 1};

  struct Topic {
    std::string name = {};
    std::vector<int32_t> partition_indexes = {};

    static constexpr void Fields(auto&& f) {
      f(&Topic::name, {.name = "name"});
      f(&Topic::partition_indexes, {.name = "partition_indexes"});
    }
  };

  struct Marker {
    int64_t producer_id = 0;
    int16_t producer_epoch = 0;
    // True: committed.
    bool transaction_result = false;
    std::vector<Topic> topics = {};
    // Fences older coordinators.
    int32_t coordinator_epoch = 0;
    int8_t transaction_version = 0;

    static constexpr void Fields(auto&& f) {
      f(&Marker::producer_id, {.name = "producer_id"});
      f(&Marker::producer_epoch, {.name = "producer_epoch"});
      f(&Marker::transaction_result, {.name = "transaction_result"});
      f(&Marker::topics, {.name = "topics"});
      f(&Marker::coordinator_epoch, {.name = "coordinator_epoch"});
      f(&Marker::transaction_version,
        {.name = "transaction_version", .versions = Since(2), .ignorable = true});
    }
  };

  std::vector<Marker> markers = {};

  static constexpr void Fields(auto&& f) { f(&WriteTxnMarkersRequest::markers, {.name = "markers"}); }
};
MILLRACE_WIRE_MESSAGE(WriteTxnMarkersRequest);

struct WriteTxnMarkersResponse {
  static constexpr Api kApi{.key = 27, .name = "WriteTxnMarkersResponse", .valid = {1, 2}, .flexible = 1};

  struct Partition {
    int32_t partition_index = 0;
    int16_t error_code = 0;

    static constexpr void Fields(auto&& f) {
      f(&Partition::partition_index, {.name = "partition_index"});
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

  struct Marker {
    int64_t producer_id = 0;
    std::vector<Topic> topics = {};

    static constexpr void Fields(auto&& f) {
      f(&Marker::producer_id, {.name = "producer_id"});
      f(&Marker::topics, {.name = "topics"});
    }
  };

  std::vector<Marker> markers = {};

  static constexpr void Fields(auto&& f) { f(&WriteTxnMarkersResponse::markers, {.name = "markers"}); }
};
MILLRACE_WIRE_MESSAGE(WriteTxnMarkersResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_WRITE_TXN_MARKERS_H_
