// librdkafka's objects, owned; and what it says, as a status.

#ifndef MILLRACE_REMOTE_RDKAFKA_HANDLES_H_
#define MILLRACE_REMOTE_RDKAFKA_HANDLES_H_

#include <librdkafka/rdkafka.h>

#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "millrace/env/clock.h"

namespace millrace::inline v0::rdk {

template <auto kDestroy>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    kDestroy(object);
  }
};

using Conf = std::unique_ptr<rd_kafka_conf_t, Deleter<rd_kafka_conf_destroy>>;
using Client = std::unique_ptr<rd_kafka_t, Deleter<rd_kafka_destroy>>;
using TopicObject = std::unique_ptr<rd_kafka_topic_t, Deleter<rd_kafka_topic_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Deleter<rd_kafka_queue_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Deleter<rd_kafka_event_destroy>>;
using ErrorObject = std::unique_ptr<rd_kafka_error_t, Deleter<rd_kafka_error_destroy>>;
using Headers = std::unique_ptr<rd_kafka_headers_t, Deleter<rd_kafka_headers_destroy>>;
using Message = std::unique_ptr<rd_kafka_message_t, Deleter<rd_kafka_message_destroy>>;
using AdminOptions = std::unique_ptr<rd_kafka_AdminOptions_t, Deleter<rd_kafka_AdminOptions_destroy>>;
using PartitionList =
    std::unique_ptr<rd_kafka_topic_partition_list_t, Deleter<rd_kafka_topic_partition_list_destroy>>;
using Metadata = std::unique_ptr<const struct rd_kafka_metadata, Deleter<rd_kafka_metadata_destroy>>;

// OK for RD_KAFKA_RESP_ERR_NO_ERROR; Kafka's own codes as they are; librdkafka's by the Kafka code that says
// the same. `what` says what was tried and on what; `detail`, if not empty, is added.
absl::Status ToStatus(rd_kafka_resp_err_t error, std::string_view what, std::string_view detail = {});
// Takes `error`, which may be null (OK).
absl::Status ToStatus(rd_kafka_error_t* error, std::string_view what);

// `duration` in whole milliseconds, rounded up, from 0 to INT_MAX.
int ToMilliseconds(absl::Duration duration);
// The time `duration` from now, kNever for very long ones; and what is left of it, from 0 on.
MonotonicNanos DeadlineIn(absl::Duration duration);
absl::Duration Left(MonotonicNanos deadline);
// Waits, with nobody to wake it.
void WaitFor(absl::Duration duration);

}  // namespace millrace::inline v0::rdk

#endif  // MILLRACE_REMOTE_RDKAFKA_HANDLES_H_
