// Errors: every call that the world can make fail returns absl::Status or absl::StatusOr. Where Kafka has an
// error code for what happened, the status carries it, and ErrorCodeOf() gives it back, so that a broker
// answers a client with the very code that Kafka would.
//
//   absl::Status status = engine->CreateTopic("orders");
//   if (!status.ok() && ErrorCodeOf(status) != ErrorCode::kTopicAlreadyExists) return status;
//
// The headers name errors by either enumeration: kUnknownTopicOrPartition is an ErrorCode, which a status
// carries beside its canonical code; kFailedPrecondition an absl::StatusCode alone.

#ifndef MILLRACE_STATUS_H_
#define MILLRACE_STATUS_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/export.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// Kafka's error codes, by Kafka's names and numbers (org.apache.kafka.common.protocol.Errors).
// Those of features that millrace lacks may still come from a cluster (millrace/remote.h); so may numbers
// that are not listed, which pass through unharmed.
enum class ErrorCode : int16_t {
  kUnknownServerError = -1,
  kNone = 0,
  kOffsetOutOfRange = 1,
  kCorruptMessage = 2,
  kUnknownTopicOrPartition = 3,
  kInvalidFetchSize = 4,
  kLeaderNotAvailable = 5,
  kNotLeaderOrFollower = 6,
  kRequestTimedOut = 7,
  kBrokerNotAvailable = 8,
  kReplicaNotAvailable = 9,
  kMessageTooLarge = 10,
  kStaleControllerEpoch = 11,
  kOffsetMetadataTooLarge = 12,
  kNetworkException = 13,
  kCoordinatorLoadInProgress = 14,
  kCoordinatorNotAvailable = 15,
  kNotCoordinator = 16,
  kInvalidTopicException = 17,
  kRecordListTooLarge = 18,
  kNotEnoughReplicas = 19,
  kNotEnoughReplicasAfterAppend = 20,
  kInvalidRequiredAcks = 21,
  kIllegalGeneration = 22,
  kInconsistentGroupProtocol = 23,
  kInvalidGroupId = 24,
  kUnknownMemberId = 25,
  kInvalidSessionTimeout = 26,
  kRebalanceInProgress = 27,
  kInvalidCommitOffsetSize = 28,
  kTopicAuthorizationFailed = 29,
  kGroupAuthorizationFailed = 30,
  kClusterAuthorizationFailed = 31,
  kInvalidTimestamp = 32,
  kUnsupportedSaslMechanism = 33,
  kIllegalSaslState = 34,
  kUnsupportedVersion = 35,
  kTopicAlreadyExists = 36,
  kInvalidPartitions = 37,
  kInvalidReplicationFactor = 38,
  kInvalidReplicaAssignment = 39,
  kInvalidConfig = 40,
  kNotController = 41,
  kInvalidRequest = 42,
  kUnsupportedForMessageFormat = 43,
  kPolicyViolation = 44,
  kOutOfOrderSequenceNumber = 45,
  kDuplicateSequenceNumber = 46,
  kInvalidProducerEpoch = 47,
  kInvalidTxnState = 48,
  kInvalidProducerIdMapping = 49,
  kInvalidTransactionTimeout = 50,
  kConcurrentTransactions = 51,
  kTransactionCoordinatorFenced = 52,
  kTransactionalIdAuthorizationFailed = 53,
  kSecurityDisabled = 54,
  kOperationNotAttempted = 55,
  kKafkaStorageError = 56,
  kLogDirNotFound = 57,
  kSaslAuthenticationFailed = 58,
  kUnknownProducerId = 59,
  kReassignmentInProgress = 60,
  kNonEmptyGroup = 68,
  kGroupIdNotFound = 69,
  kFetchSessionIdNotFound = 70,
  kInvalidFetchSessionEpoch = 71,
  kListenerNotFound = 72,
  kTopicDeletionDisabled = 73,
  kFencedLeaderEpoch = 74,
  kUnknownLeaderEpoch = 75,
  kUnsupportedCompressionType = 76,
  kStaleBrokerEpoch = 77,
  kOffsetNotAvailable = 78,
  kMemberIdRequired = 79,
  kPreferredLeaderNotAvailable = 80,
  kGroupMaxSizeReached = 81,
  kFencedInstanceId = 82,
  kEligibleLeadersNotAvailable = 83,
  kElectionNotNeeded = 84,
  kNoReassignmentInProgress = 85,
  kGroupSubscribedToTopic = 86,
  kInvalidRecord = 87,
  kUnstableOffsetCommit = 88,
  kThrottlingQuotaExceeded = 89,
  kProducerFenced = 90,
  kResourceNotFound = 91,
  kDuplicateResource = 92,
  kUnacceptableCredential = 93,
  kUnknownTopicId = 100,
  kInconsistentTopicId = 103,
  kFetchSessionTopicIdError = 106,
  kFencedMemberEpoch = 110,
  kUnreleasedInstanceId = 111,
  kUnsupportedAssignor = 112,
  kStaleMemberEpoch = 113,
  kMismatchedEndpointType = 114,
  kUnsupportedEndpointType = 115,
  kInvalidRegularExpression = 128,
};

// Kafka's name for a code, "OFFSET_OUT_OF_RANGE"; "UNKNOWN_SERVER_ERROR" for a number without one.
MILLRACE_EXPORT std::string_view ErrorCodeName(ErrorCode code);

// A status of the canonical code that fits `code`, with `message`, carrying `code`.
// `message` should say what happened, where, and what the caller can do. kNone gives absl::OkStatus().
MILLRACE_EXPORT absl::Status Error(ErrorCode code, std::string_view message);

// The Kafka code a status carries. kNone for OK. A status without one maps by its canonical code
// (kDataLoss to kCorruptMessage, kResourceExhausted to kKafkaStorageError, and so on; else
// kUnknownServerError).
MILLRACE_EXPORT ErrorCode ErrorCodeOf(const absl::Status& status);

// True where the same call may succeed later without anything being changed (Kafka's RetriableException).
MILLRACE_EXPORT bool IsRetriable(ErrorCode code);

// A stretch of one partition that cannot be read: [first, next). Carried by statuses of kDataLoss.
struct DamagedRange {
  Offset first;
  Offset next;
  bool operator==(const DamagedRange&) const = default;
};

// A kDataLoss status that names the damaged stretch, and reads it back. ErrorCodeOf() gives kCorruptMessage.
MILLRACE_EXPORT absl::Status DataLoss(DamagedRange range, std::string_view message);
MILLRACE_EXPORT std::optional<DamagedRange> DamagedRangeOf(const absl::Status& status);

}  // namespace millrace::inline v0

#endif  // MILLRACE_STATUS_H_
