#include "millrace/status.h"

#include <algorithm>
#include <array>
#include <string>

#include "absl/strings/cord.h"
#include "base/endian.h"
#include "base/parse_number.h"
#include "base/strings.h"

namespace millrace::inline v0 {
namespace {

// Where a status carries Kafka's code (in decimal) and the damaged range (two big-endian offsets).
constexpr absl::string_view kCodeUrl = "type.millrace/kafka.ErrorCode";
constexpr absl::string_view kRangeUrl = "type.millrace/DamagedRange";

struct CodeInfo {
  ErrorCode code;
  std::string_view name;
  absl::StatusCode canonical;
  bool retriable;
};

// Ordered by code. The names and what is retriable are Kafka's (Errors.java, and which of its exceptions
// extend RetriableException).
constexpr CodeInfo kCodes[] = {
    {ErrorCode::kUnknownServerError, "UNKNOWN_SERVER_ERROR", absl::StatusCode::kUnknown, false},
    {ErrorCode::kOffsetOutOfRange, "OFFSET_OUT_OF_RANGE", absl::StatusCode::kOutOfRange, false},
    {ErrorCode::kCorruptMessage, "CORRUPT_MESSAGE", absl::StatusCode::kDataLoss, true},
    {ErrorCode::kUnknownTopicOrPartition, "UNKNOWN_TOPIC_OR_PARTITION", absl::StatusCode::kNotFound, true},
    {ErrorCode::kInvalidFetchSize, "INVALID_FETCH_SIZE", absl::StatusCode::kInvalidArgument, false},
    {ErrorCode::kLeaderNotAvailable, "LEADER_NOT_AVAILABLE", absl::StatusCode::kUnavailable, true},
    {ErrorCode::kNotLeaderOrFollower, "NOT_LEADER_OR_FOLLOWER", absl::StatusCode::kUnavailable, true},
    {ErrorCode::kRequestTimedOut, "REQUEST_TIMED_OUT", absl::StatusCode::kDeadlineExceeded, true},
    {ErrorCode::kBrokerNotAvailable, "BROKER_NOT_AVAILABLE", absl::StatusCode::kUnavailable, false},
    {ErrorCode::kReplicaNotAvailable, "REPLICA_NOT_AVAILABLE", absl::StatusCode::kUnavailable, true},
    {ErrorCode::kMessageTooLarge, "MESSAGE_TOO_LARGE", absl::StatusCode::kInvalidArgument, false},
    {ErrorCode::kStaleControllerEpoch, "STALE_CONTROLLER_EPOCH", absl::StatusCode::kAborted, false},
    {ErrorCode::kOffsetMetadataTooLarge, "OFFSET_METADATA_TOO_LARGE", absl::StatusCode::kInvalidArgument,
     false},
    {ErrorCode::kNetworkException, "NETWORK_EXCEPTION", absl::StatusCode::kUnavailable, true},
    {ErrorCode::kCoordinatorLoadInProgress, "COORDINATOR_LOAD_IN_PROGRESS", absl::StatusCode::kUnavailable,
     true},
    {ErrorCode::kCoordinatorNotAvailable, "COORDINATOR_NOT_AVAILABLE", absl::StatusCode::kUnavailable, true},
    {ErrorCode::kNotCoordinator, "NOT_COORDINATOR", absl::StatusCode::kUnavailable, true},
    {ErrorCode::kInvalidTopicException, "INVALID_TOPIC_EXCEPTION", absl::StatusCode::kInvalidArgument, false},
    {ErrorCode::kRecordListTooLarge, "RECORD_LIST_TOO_LARGE", absl::StatusCode::kInvalidArgument, false},
    {ErrorCode::kNotEnoughReplicas, "NOT_ENOUGH_REPLICAS", absl::StatusCode::kUnavailable, true},
    {ErrorCode::kNotEnoughReplicasAfterAppend, "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
     absl::StatusCode::kUnavailable, true},
    {ErrorCode::kInvalidRequiredAcks, "INVALID_REQUIRED_ACKS", absl::StatusCode::kInvalidArgument, false},
    {ErrorCode::kIllegalGeneration, "ILLEGAL_GENERATION", absl::StatusCode::kAborted, false},
    {ErrorCode::kInconsistentGroupProtocol, "INCONSISTENT_GROUP_PROTOCOL",
     absl::StatusCode::kFailedPrecondition, false},
    {ErrorCode::kInvalidGroupId, "INVALID_GROUP_ID", absl::StatusCode::kInvalidArgument, false},
    {ErrorCode::kUnknownMemberId, "UNKNOWN_MEMBER_ID", absl::StatusCode::kFailedPrecondition, false},
    {ErrorCode::kInvalidSessionTimeout, "INVALID_SESSION_TIMEOUT", absl::StatusCode::kInvalidArgument, false},
    {ErrorCode::kRebalanceInProgress, "REBALANCE_IN_PROGRESS", absl::StatusCode::kAborted, false},
    {ErrorCode::kInvalidCommitOffsetSize, "INVALID_COMMIT_OFFSET_SIZE", absl::StatusCode::kInvalidArgument,
     false},
    {ErrorCode::kTopicAuthorizationFailed, "TOPIC_AUTHORIZATION_FAILED", absl::StatusCode::kPermissionDenied,
     false},
    {ErrorCode::kGroupAuthorizationFailed, "GROUP_AUTHORIZATION_FAILED", absl::StatusCode::kPermissionDenied,
     false},
    {ErrorCode::kClusterAuthorizationFailed, "CLUSTER_AUTHORIZATION_FAILED",
     absl::StatusCode::kPermissionDenied, false},
    {ErrorCode::kInvalidTimestamp, "INVALID_TIMESTAMP", absl::StatusCode::kInvalidArgument, false},
    {ErrorCode::kUnsupportedSaslMechanism, "UNSUPPORTED_SASL_MECHANISM", absl::StatusCode::kUnimplemented,
     false},
    {ErrorCode::kIllegalSaslState, "ILLEGAL_SASL_STATE", absl::StatusCode::kFailedPrecondition, false},
    {ErrorCode::kUnsupportedVersion, "UNSUPPORTED_VERSION", absl::StatusCode::kUnimplemented, false},
    {ErrorCode::kTopicAlreadyExists, "TOPIC_ALREADY_EXISTS", absl::StatusCode::kAlreadyExists, false},
    {ErrorCode::kInvalidPartitions, "INVALID_PARTITIONS", absl::StatusCode::kInvalidArgument, false},
    {ErrorCode::kInvalidReplicationFactor, "INVALID_REPLICATION_FACTOR", absl::StatusCode::kInvalidArgument,
     false},
    {ErrorCode::kInvalidReplicaAssignment, "INVALID_REPLICA_ASSIGNMENT", absl::StatusCode::kInvalidArgument,
     false},
    {ErrorCode::kInvalidConfig, "INVALID_CONFIG", absl::StatusCode::kInvalidArgument, false},
    {ErrorCode::kNotController, "NOT_CONTROLLER", absl::StatusCode::kUnavailable, true},
    {ErrorCode::kInvalidRequest, "INVALID_REQUEST", absl::StatusCode::kInvalidArgument, false},
    {ErrorCode::kUnsupportedForMessageFormat, "UNSUPPORTED_FOR_MESSAGE_FORMAT",
     absl::StatusCode::kUnimplemented, false},
    {ErrorCode::kPolicyViolation, "POLICY_VIOLATION", absl::StatusCode::kPermissionDenied, false},
    {ErrorCode::kOutOfOrderSequenceNumber, "OUT_OF_ORDER_SEQUENCE_NUMBER",
     absl::StatusCode::kFailedPrecondition, false},
    {ErrorCode::kDuplicateSequenceNumber, "DUPLICATE_SEQUENCE_NUMBER", absl::StatusCode::kAlreadyExists,
     false},
    {ErrorCode::kInvalidProducerEpoch, "INVALID_PRODUCER_EPOCH", absl::StatusCode::kAborted, false},
    {ErrorCode::kInvalidTxnState, "INVALID_TXN_STATE", absl::StatusCode::kFailedPrecondition, false},
    {ErrorCode::kInvalidProducerIdMapping, "INVALID_PRODUCER_ID_MAPPING",
     absl::StatusCode::kFailedPrecondition, false},
    {ErrorCode::kInvalidTransactionTimeout, "INVALID_TRANSACTION_TIMEOUT", absl::StatusCode::kInvalidArgument,
     false},
    {ErrorCode::kConcurrentTransactions, "CONCURRENT_TRANSACTIONS", absl::StatusCode::kAborted, true},
    {ErrorCode::kTransactionCoordinatorFenced, "TRANSACTION_COORDINATOR_FENCED", absl::StatusCode::kAborted,
     false},
    {ErrorCode::kTransactionalIdAuthorizationFailed, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
     absl::StatusCode::kPermissionDenied, false},
    {ErrorCode::kSecurityDisabled, "SECURITY_DISABLED", absl::StatusCode::kUnimplemented, false},
    {ErrorCode::kOperationNotAttempted, "OPERATION_NOT_ATTEMPTED", absl::StatusCode::kFailedPrecondition,
     false},
    {ErrorCode::kKafkaStorageError, "KAFKA_STORAGE_ERROR", absl::StatusCode::kUnavailable, true},
    {ErrorCode::kLogDirNotFound, "LOG_DIR_NOT_FOUND", absl::StatusCode::kNotFound, false},
    {ErrorCode::kSaslAuthenticationFailed, "SASL_AUTHENTICATION_FAILED", absl::StatusCode::kUnauthenticated,
     false},
    {ErrorCode::kUnknownProducerId, "UNKNOWN_PRODUCER_ID", absl::StatusCode::kFailedPrecondition, false},
    {ErrorCode::kReassignmentInProgress, "REASSIGNMENT_IN_PROGRESS", absl::StatusCode::kAborted, false},
    {ErrorCode::kNonEmptyGroup, "NON_EMPTY_GROUP", absl::StatusCode::kFailedPrecondition, false},
    {ErrorCode::kGroupIdNotFound, "GROUP_ID_NOT_FOUND", absl::StatusCode::kNotFound, false},
    {ErrorCode::kFetchSessionIdNotFound, "FETCH_SESSION_ID_NOT_FOUND", absl::StatusCode::kFailedPrecondition,
     true},
    {ErrorCode::kInvalidFetchSessionEpoch, "INVALID_FETCH_SESSION_EPOCH",
     absl::StatusCode::kFailedPrecondition, true},
    {ErrorCode::kListenerNotFound, "LISTENER_NOT_FOUND", absl::StatusCode::kNotFound, true},
    {ErrorCode::kTopicDeletionDisabled, "TOPIC_DELETION_DISABLED", absl::StatusCode::kPermissionDenied,
     false},
    {ErrorCode::kFencedLeaderEpoch, "FENCED_LEADER_EPOCH", absl::StatusCode::kAborted, true},
    {ErrorCode::kUnknownLeaderEpoch, "UNKNOWN_LEADER_EPOCH", absl::StatusCode::kUnavailable, true},
    {ErrorCode::kUnsupportedCompressionType, "UNSUPPORTED_COMPRESSION_TYPE", absl::StatusCode::kUnimplemented,
     false},
    {ErrorCode::kStaleBrokerEpoch, "STALE_BROKER_EPOCH", absl::StatusCode::kAborted, false},
    {ErrorCode::kOffsetNotAvailable, "OFFSET_NOT_AVAILABLE", absl::StatusCode::kUnavailable, true},
    {ErrorCode::kMemberIdRequired, "MEMBER_ID_REQUIRED", absl::StatusCode::kFailedPrecondition, false},
    {ErrorCode::kPreferredLeaderNotAvailable, "PREFERRED_LEADER_NOT_AVAILABLE",
     absl::StatusCode::kUnavailable, true},
    {ErrorCode::kGroupMaxSizeReached, "GROUP_MAX_SIZE_REACHED", absl::StatusCode::kResourceExhausted, false},
    {ErrorCode::kFencedInstanceId, "FENCED_INSTANCE_ID", absl::StatusCode::kAborted, false},
    {ErrorCode::kEligibleLeadersNotAvailable, "ELIGIBLE_LEADERS_NOT_AVAILABLE",
     absl::StatusCode::kUnavailable, true},
    {ErrorCode::kElectionNotNeeded, "ELECTION_NOT_NEEDED", absl::StatusCode::kFailedPrecondition, false},
    {ErrorCode::kNoReassignmentInProgress, "NO_REASSIGNMENT_IN_PROGRESS",
     absl::StatusCode::kFailedPrecondition, false},
    {ErrorCode::kGroupSubscribedToTopic, "GROUP_SUBSCRIBED_TO_TOPIC", absl::StatusCode::kFailedPrecondition,
     false},
    {ErrorCode::kInvalidRecord, "INVALID_RECORD", absl::StatusCode::kInvalidArgument, false},
    {ErrorCode::kUnstableOffsetCommit, "UNSTABLE_OFFSET_COMMIT", absl::StatusCode::kUnavailable, true},
    {ErrorCode::kThrottlingQuotaExceeded, "THROTTLING_QUOTA_EXCEEDED", absl::StatusCode::kResourceExhausted,
     true},
    {ErrorCode::kProducerFenced, "PRODUCER_FENCED", absl::StatusCode::kAborted, false},
    {ErrorCode::kResourceNotFound, "RESOURCE_NOT_FOUND", absl::StatusCode::kNotFound, false},
    {ErrorCode::kDuplicateResource, "DUPLICATE_RESOURCE", absl::StatusCode::kAlreadyExists, false},
    {ErrorCode::kUnacceptableCredential, "UNACCEPTABLE_CREDENTIAL", absl::StatusCode::kUnauthenticated,
     false},
    {ErrorCode::kUnknownTopicId, "UNKNOWN_TOPIC_ID", absl::StatusCode::kNotFound, true},
    {ErrorCode::kInconsistentTopicId, "INCONSISTENT_TOPIC_ID", absl::StatusCode::kFailedPrecondition, true},
    {ErrorCode::kFetchSessionTopicIdError, "FETCH_SESSION_TOPIC_ID_ERROR",
     absl::StatusCode::kFailedPrecondition, true},
    {ErrorCode::kFencedMemberEpoch, "FENCED_MEMBER_EPOCH", absl::StatusCode::kAborted, false},
    {ErrorCode::kUnreleasedInstanceId, "UNRELEASED_INSTANCE_ID", absl::StatusCode::kFailedPrecondition,
     false},
    {ErrorCode::kUnsupportedAssignor, "UNSUPPORTED_ASSIGNOR", absl::StatusCode::kUnimplemented, false},
    {ErrorCode::kStaleMemberEpoch, "STALE_MEMBER_EPOCH", absl::StatusCode::kAborted, false},
    {ErrorCode::kMismatchedEndpointType, "MISMATCHED_ENDPOINT_TYPE", absl::StatusCode::kInvalidArgument,
     false},
    {ErrorCode::kUnsupportedEndpointType, "UNSUPPORTED_ENDPOINT_TYPE", absl::StatusCode::kInvalidArgument,
     false},
    {ErrorCode::kInvalidRegularExpression, "INVALID_REGULAR_EXPRESSION", absl::StatusCode::kInvalidArgument,
     false},
};
static_assert(std::ranges::is_sorted(kCodes, {}, &CodeInfo::code));

const CodeInfo* Find(ErrorCode code) {
  const auto* const found = std::ranges::lower_bound(kCodes, code, {}, &CodeInfo::code);
  return found != std::end(kCodes) && found->code == code ? found : nullptr;
}

ErrorCode FromCanonical(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return ErrorCode::kNone;
    case absl::StatusCode::kInvalidArgument:
      return ErrorCode::kInvalidRequest;
    case absl::StatusCode::kDeadlineExceeded:
      return ErrorCode::kRequestTimedOut;
    case absl::StatusCode::kNotFound:
      return ErrorCode::kResourceNotFound;
    case absl::StatusCode::kAlreadyExists:
      return ErrorCode::kDuplicateResource;
    case absl::StatusCode::kOutOfRange:
      return ErrorCode::kOffsetOutOfRange;
    case absl::StatusCode::kUnimplemented:
      return ErrorCode::kUnsupportedVersion;
    case absl::StatusCode::kDataLoss:
      return ErrorCode::kCorruptMessage;
    case absl::StatusCode::kUnauthenticated:
      return ErrorCode::kSaslAuthenticationFailed;
    // What the file system says: no space, no permission.
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kPermissionDenied:
      return ErrorCode::kKafkaStorageError;
    default:
      return ErrorCode::kUnknownServerError;
  }
}

std::optional<std::string> PayloadOf(const absl::Status& status, absl::string_view url) {
  const auto payload = status.GetPayload(url);
  if (!payload.has_value()) return std::nullopt;
  return std::string(*payload);
}

}  // namespace

std::string_view ErrorCodeName(ErrorCode code) {
  if (code == ErrorCode::kNone) return "NONE";
  const CodeInfo* const info = Find(code);
  return info != nullptr ? info->name : "UNKNOWN_SERVER_ERROR";
}

absl::Status Error(ErrorCode code, std::string_view message) {
  if (code == ErrorCode::kNone) return absl::OkStatus();
  const CodeInfo* const info = Find(code);
  absl::Status status(info != nullptr ? info->canonical : absl::StatusCode::kUnknown, ToAbsl(message));
  // As a view: packages built by gcc lack the constructor from std::string under the name that newer clangs
  // give it.
  status.SetPayload(kCodeUrl, absl::Cord(ToAbsl(StrCat(static_cast<int>(code)))));
  return status;
}

ErrorCode ErrorCodeOf(const absl::Status& status) {
  if (status.ok()) return ErrorCode::kNone;
  if (const auto text = PayloadOf(status, kCodeUrl)) {
    const std::optional<int16_t> code = ParseNumber<int16_t>(*text);
    if (code.has_value() && *code != 0) return ErrorCode{*code};
  }
  return FromCanonical(status.code());
}

bool IsRetriable(ErrorCode code) {
  const CodeInfo* const info = Find(code);
  return info != nullptr && info->retriable;
}

absl::Status DataLoss(DamagedRange range, std::string_view message) {
  absl::Status status = Error(ErrorCode::kCorruptMessage, message);
  std::array<char, 16> bytes;
  StoreBig<int64_t>(bytes.data(), range.first.value());
  StoreBig<int64_t>(bytes.data() + 8, range.next.value());
  status.SetPayload(kRangeUrl, absl::Cord(absl::string_view(bytes.data(), bytes.size())));
  return status;
}

std::optional<DamagedRange> DamagedRangeOf(const absl::Status& status) {
  const auto bytes = PayloadOf(status, kRangeUrl);
  if (!bytes.has_value() || bytes->size() != 16) return std::nullopt;
  return DamagedRange{.first = Offset(LoadBig<int64_t>(bytes->data())),
                      .next = Offset(LoadBig<int64_t>(bytes->data() + 8))};
}

}  // namespace millrace::inline v0
