#include "remote/rdkafka_handles.h"

#include <algorithm>
#include <atomic>
#include <climits>
#include <cstdint>

#include "base/strings.h"
#include "millrace/env/parker.h"
#include "millrace/status.h"

namespace millrace::inline v0::rdk {
namespace {

// Of librdkafka's own codes, the negative ones, those that Kafka has a word for.
ErrorCode CodeOf(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
      return ErrorCode::kRequestTimedOut;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__NODE_UPDATE:
    case RD_KAFKA_RESP_ERR__SSL:
      return ErrorCode::kNetworkException;
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
      return ErrorCode::kCoordinatorNotAvailable;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return ErrorCode::kUnknownTopicOrPartition;
    case RD_KAFKA_RESP_ERR__UNKNOWN_GROUP:
      return ErrorCode::kInvalidGroupId;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
      return ErrorCode::kSaslAuthenticationFailed;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR__NO_OFFSET:
      return ErrorCode::kOffsetOutOfRange;
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
      return ErrorCode::kCorruptMessage;
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
      return ErrorCode::kUnsupportedVersion;
    case RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST:
    case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:
      return ErrorCode::kUnknownMemberId;
    case RD_KAFKA_RESP_ERR__FENCED:
      return ErrorCode::kProducerFenced;
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
      return ErrorCode::kInvalidRequest;
    default:
      return ErrorCode::kUnknownServerError;
  }
}

}  // namespace

absl::Status ToStatus(rd_kafka_resp_err_t error, std::string_view what, std::string_view detail) {
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
  const std::string_view name = rd_kafka_err2str(error);
  std::string message = StrCat(what, ": ", name);
  if (!detail.empty() && detail != name) StrAppend(&message, " (", detail, ")");
  switch (error) {
    case RD_KAFKA_RESP_ERR__STATE:
    case RD_KAFKA_RESP_ERR__DESTROY:
      return absl::FailedPreconditionError(message);
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
      return absl::AbortedError(message);
    default:
      break;
  }
  const ErrorCode code = error > RD_KAFKA_RESP_ERR_UNKNOWN ? static_cast<ErrorCode>(error) : CodeOf(error);
  return Error(code, message);
}

absl::Status ToStatus(rd_kafka_error_t* error, std::string_view what) {
  if (error == nullptr) return absl::OkStatus();
  const ErrorObject owned(error);
  return ToStatus(rd_kafka_error_code(error), what, rd_kafka_error_string(error));
}

int ToMilliseconds(absl::Duration duration) {
  const int64_t whole = absl::ToInt64Milliseconds(absl::Ceil(duration, absl::Milliseconds(1)));
  return static_cast<int>(std::clamp<int64_t>(whole, 0, INT_MAX));
}

MonotonicNanos DeadlineIn(absl::Duration duration) {
  if (duration > absl::Hours(24 * 365 * 100)) return kNever;
  return Clock::System()->Monotonic() + absl::ToInt64Nanoseconds(std::max(duration, absl::ZeroDuration()));
}

absl::Duration Left(MonotonicNanos deadline) {
  if (deadline == kNever) return absl::InfiniteDuration();
  return absl::Nanoseconds(std::max<int64_t>(0, deadline - Clock::System()->Monotonic()));
}

void WaitFor(absl::Duration duration) {
  const MonotonicNanos deadline = DeadlineIn(duration);
  const std::atomic<uint32_t> word{0};
  while (Left(deadline) > absl::ZeroDuration()) Parker::System()->Park(word, 0, deadline);
}

}  // namespace millrace::inline v0::rdk
