#include "millrace/status.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "base/strings.h"

namespace millrace {
namespace {

TEST_CASE("Every code travels through a status and has one name") {
  std::set<std::string_view> names;
  int named = 0;
  for (int number = -1; number <= 130; ++number) {
    const ErrorCode code{static_cast<int16_t>(number)};
    const absl::Status status = Error(code, "what happened");
    if (code == ErrorCode::kNone) {
      CHECK(status.ok());
      CHECK(ErrorCodeName(code) == "NONE");
      continue;
    }
    CHECK_FALSE(status.ok());
    CHECK(ToStd(status.message()) == "what happened");
    CHECK(ErrorCodeOf(status) == code);
    if (ErrorCodeName(code) == "UNKNOWN_SERVER_ERROR") continue;
    ++named;
    names.insert(ErrorCodeName(code));
    CHECK(status.code() != absl::StatusCode::kUnknown);
  }
  CHECK(named > 90);
  CHECK(names.size() == static_cast<size_t>(named));
  CHECK(ErrorCodeOf(absl::OkStatus()) == ErrorCode::kNone);
}

TEST_CASE("Codes have Kafka's names, canonical codes that fit, and say whether to retry") {
  CHECK(ErrorCodeName(ErrorCode::kOffsetOutOfRange) == "OFFSET_OUT_OF_RANGE");
  CHECK(ErrorCodeName(ErrorCode::kKafkaStorageError) == "KAFKA_STORAGE_ERROR");
  CHECK(ErrorCodeName(ErrorCode::kUnknownServerError) == "UNKNOWN_SERVER_ERROR");
  CHECK(ErrorCodeName(ErrorCode{1234}) == "UNKNOWN_SERVER_ERROR");
  CHECK(Error(ErrorCode::kOffsetOutOfRange, "").code() == absl::StatusCode::kOutOfRange);
  CHECK(Error(ErrorCode::kCorruptMessage, "").code() == absl::StatusCode::kDataLoss);
  CHECK(Error(ErrorCode::kInvalidConfig, "").code() == absl::StatusCode::kInvalidArgument);
  CHECK(Error(ErrorCode{1234}, "").code() == absl::StatusCode::kUnknown);
  CHECK(IsRetriable(ErrorCode::kNotLeaderOrFollower));
  CHECK(IsRetriable(ErrorCode::kCorruptMessage));
  CHECK_FALSE(IsRetriable(ErrorCode::kMessageTooLarge));
  CHECK_FALSE(IsRetriable(ErrorCode::kNone));
  CHECK_FALSE(IsRetriable(ErrorCode{1234}));
}

TEST_CASE("A status without a Kafka code maps by its canonical code") {
  CHECK(ErrorCodeOf(absl::DataLossError("")) == ErrorCode::kCorruptMessage);
  CHECK(ErrorCodeOf(absl::ResourceExhaustedError("")) == ErrorCode::kKafkaStorageError);
  CHECK(ErrorCodeOf(absl::OutOfRangeError("")) == ErrorCode::kOffsetOutOfRange);
  CHECK(ErrorCodeOf(absl::InternalError("")) == ErrorCode::kUnknownServerError);
}

TEST_CASE("A damaged range rides along") {
  const DamagedRange range{.first = Offset(7), .next = Offset(int64_t{1} << 40)};
  const absl::Status status = DataLoss(range, "bad block");
  CHECK(status.code() == absl::StatusCode::kDataLoss);
  CHECK(ErrorCodeOf(status) == ErrorCode::kCorruptMessage);
  CHECK(DamagedRangeOf(status) == range);
  CHECK(DamagedRangeOf(absl::DataLossError("")) == std::nullopt);
  CHECK(DamagedRangeOf(absl::OkStatus()) == std::nullopt);
}

}  // namespace
}  // namespace millrace
