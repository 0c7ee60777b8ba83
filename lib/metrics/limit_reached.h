// One counter for every limit, under one name.

#ifndef MILLRACE_METRICS_LIMIT_REACHED_H_
#define MILLRACE_METRICS_LIMIT_REACHED_H_

#include <string>
#include <string_view>

#include "millrace/metrics.h"

namespace millrace::inline v0 {

inline constexpr std::string_view kLimitReachedName = "millrace_limit_reached_total";
inline constexpr std::string_view kLimitReachedHelp =
    "What a limit has refused; of producer_ids those forgotten, of queued_bytes the times that reading was "
    "held up.";

inline Counter& LimitReachedCounter(MetricsRegistry* registry, std::string_view limit) {
  return registry->GetCounter(kLimitReachedName, kLimitReachedHelp, {{"limit", std::string(limit)}});
}

}  // namespace millrace::inline v0

#endif  // MILLRACE_METRICS_LIMIT_REACHED_H_
