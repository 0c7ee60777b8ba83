// Checks: what the conformance suites say their findings with.

#ifndef MILLRACE_TESTING_CHECKS_H_
#define MILLRACE_TESTING_CHECKS_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/strings.h"
#include "millrace/testing/conformance.h"

namespace millrace::inline v0 {

// Each call returns whether things are as they should be, and reports it where they are not.
class Checks {
 public:
  explicit Checks(ConformanceReport report) : report_(report) {}

  bool True(bool holds, std::string_view what) {
    if (!holds) report_(what);
    return holds;
  }
  bool Ok(const absl::Status& status, std::string_view what) {
    if (!status.ok()) report_(StrCat(what, ": ", status.ToString()));
    return status.ok();
  }
  template <typename T>
  bool Ok(const absl::StatusOr<T>& result, std::string_view what) {
    return Ok(result.status(), what);
  }
  // It fails with `code`, and the message names `path`.
  bool Fails(const absl::Status& status, absl::StatusCode code, std::string_view path,
             std::string_view what) {
    if (status.code() != code) {
      report_(
          StrCat(what, ": expected ", ToStd(absl::StatusCodeToString(code)), ", got ", status.ToString()));
      return false;
    }
    return True(ToStd(status.message()).find(path) != std::string_view::npos,
                StrCat(what, ": the message does not name ", path, ": ", status.ToString()));
  }

 private:
  ConformanceReport report_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_TESTING_CHECKS_H_
