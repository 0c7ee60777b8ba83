#include "base/strings.h"
#include "millrace/transport.h"

namespace millrace::inline v0 {
namespace {

absl::Status Wrong(std::string_view option, std::string_view value, std::string_view wanted) {
  return absl::InvalidArgumentError(
      ToAbsl(StrCat("option ", option, " is ", value, "; it must be ", wanted)));
}

absl::Status AtLeastOne(std::string_view option, int32_t value) {
  return value >= 1 ? absl::OkStatus() : Wrong(option, StrCat(value), "at least 1");
}

absl::Status Positive(std::string_view option, absl::Duration value) {
  return value > absl::ZeroDuration() ? absl::OkStatus()
                                      : Wrong(option, absl::FormatDuration(value), "positive");
}

}  // namespace

absl::Status ConnectionOptions::Validate() const {
  absl::Status status = AtLeastOne("max_frame_bytes", max_frame_bytes);
  status.Update(Positive("idle_timeout", idle_timeout));
  status.Update(Positive("frame_timeout", frame_timeout));
  status.Update(Positive("connect_timeout", connect_timeout));
  if (drain_timeout < absl::ZeroDuration()) {
    status.Update(Wrong("drain_timeout", absl::FormatDuration(drain_timeout), "0 or more"));
  }
  return status;
}

absl::Status ListenOptions::Validate() const {
  absl::Status status = connection.Validate();
  status.Update(AtLeastOne("max_connections", max_connections));
  status.Update(AtLeastOne("max_connections_per_address", max_connections_per_address));
  if (max_unfinished_bytes < 0) {
    status.Update(Wrong("max_unfinished_bytes", StrCat(max_unfinished_bytes), "0 or more"));
  }
  return status;
}

}  // namespace millrace::inline v0
