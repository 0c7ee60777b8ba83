// CoordinatorRecord: what coordinators append to their topics.

#ifndef MILLRACE_COORDINATOR_COORDINATOR_RECORD_H_
#define MILLRACE_COORDINATOR_COORDINATOR_RECORD_H_

#include <cstddef>
#include <optional>
#include <vector>

namespace millrace::inline v0 {

// A record of __consumer_offsets: Kafka's bytes. No value: a tombstone.
struct CoordinatorRecord {
  std::vector<std::byte> key = {};
  std::optional<std::vector<std::byte>> value = std::nullopt;
  bool operator==(const CoordinatorRecord&) const = default;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_COORDINATOR_COORDINATOR_RECORD_H_
