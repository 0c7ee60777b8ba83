#include "base/return_if_error.h"

#include <catch2/catch.hpp>
#include <memory>
#include <utility>

namespace millrace {
namespace {

absl::Status Pass(const absl::Status& status, bool* reached) {
  MILLRACE_RETURN_IF_ERROR(status);
  *reached = true;
  return absl::OkStatus();
}

absl::StatusOr<int> Sum(absl::StatusOr<std::unique_ptr<int>> a, absl::StatusOr<std::pair<int, int>> b) {
  MILLRACE_ASSIGN_OR_RETURN(const std::unique_ptr<int> first, std::move(a));
  using Pair = std::pair<int, int>;
  MILLRACE_ASSIGN_OR_RETURN(const Pair second, std::move(b));
  return *first + second.first + second.second;
}

TEST_CASE("RETURN_IF_ERROR returns errors and passes OK") {
  bool reached = false;
  CHECK(Pass(absl::NotFoundError("x"), &reached) == absl::NotFoundError("x"));
  CHECK_FALSE(reached);
  CHECK(Pass(absl::OkStatus(), &reached).ok());
  CHECK(reached);
}

TEST_CASE("ASSIGN_OR_RETURN moves values and returns errors") {
  CHECK(*Sum(std::make_unique<int>(1), std::pair(2, 3)) == 6);
  CHECK(Sum(absl::AbortedError("a"), std::pair(2, 3)).status() == absl::AbortedError("a"));
  CHECK(Sum(std::make_unique<int>(1), absl::InternalError("b")).status() == absl::InternalError("b"));
}

}  // namespace
}  // namespace millrace
