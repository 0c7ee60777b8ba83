// What code written to Producer, Consumer and Admin may rely on, wherever they come from: checks over the
// public interfaces alone, run over an embedded engine, over a broker through the network, and over any
// cluster.

#ifndef MILLRACE_TEST_CONFORMANCE_CLIENT_SUITE_H_
#define MILLRACE_TEST_CONFORMANCE_CLIENT_SUITE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "millrace/admin.h"
#include "millrace/consumer.h"
#include "millrace/env/clock.h"
#include "millrace/producer.h"

namespace millrace::inline v0 {

// Where the clients under test come from. Topics and groups of one host are its own.
class ClientHost {
 public:
  virtual ~ClientHost() = default;
  virtual absl::StatusOr<std::unique_ptr<Producer>> NewProducer(ProducerOptions options) = 0;
  virtual absl::StatusOr<std::unique_ptr<Consumer>> NewConsumer(ConsumerOptions options) = 0;
  virtual Admin& admin() = 0;
  // A name that nobody has used, for a topic or a group.
  virtual std::string Unique(std::string_view what) = 0;
  virtual absl::Status CreateTopic(const std::string& name, int32_t partitions) = 0;
  // Of number 0, and a millisecond later for each that follows: recent enough for retention.
  Timestamp TimeOf(int number) const { return base_time_ + number; }

 private:
  const Timestamp base_time_ = Clock::System()->Wall() - 60'000;
};

// Empty: as it should be. Else one line for each thing that is not.
using Findings = std::vector<std::string>;

struct ClientCheck {
  std::string_view name;
  void (*run)(ClientHost& host, Findings* findings);
};

const std::vector<ClientCheck>& ProducerChecks();
const std::vector<ClientCheck>& ConsumerChecks();
const std::vector<ClientCheck>& GroupChecks();
const std::vector<ClientCheck>& AdminChecks();

// --- For the checks

// How long anything may take that must happen.
absl::Duration Patience();
// For tests that expect it not to happen: until the end of the scope.
class ShortPatience {
 public:
  ShortPatience();
  ~ShortPatience();
};
// How long to look for what must not happen.
inline constexpr absl::Duration kGlance = absl::Milliseconds(200);

// A record with text of its own.
struct Kept {
  Offset offset = kNoOffset;
  Timestamp timestamp = kNoTimestamp;
  std::optional<std::string> key = std::nullopt;
  std::optional<std::string> value = std::nullopt;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers = {};
  bool operator==(const Kept&) const = default;
};
using KeptRecords = std::map<TopicPartition, std::vector<Kept>>;

size_t CountOf(const KeptRecords& records);
// Adds what `batches` hold to `into`.
void Keep(const Batches& batches, KeptRecords* into, Findings* findings);
// Polls until `enough` or Patience() is over; errors of the poll are findings. False: not enough.
bool PollUntil(Consumer& consumer, KeptRecords* into, const std::function<bool()>& enough,
               Findings* findings);
// Polls until `into` holds `count` records, then looks whether more come.
void Read(Consumer& consumer, size_t count, KeptRecords* into, Findings* findings);
// Sends "first" to "last" (as text) to `partition`, and waits for the acknowledgement.
void SendNumbers(ClientHost& host, const std::string& topic, PartitionId partition, int first, int last,
                 Findings* findings);
// The values of one partition, which must be numbers from `first` on, in order.
void ExpectNumbers(const KeptRecords& records, const TopicPartition& partition, int first, int last,
                   Findings* findings);

template <typename T>
bool Is(const absl::StatusOr<T>& result, const T& value) {
  return result.ok() && *result == value;
}
bool Expect(bool holds, std::string_view what, Findings* findings);
bool ExpectOk(const absl::Status& status, std::string_view what, Findings* findings);
bool ExpectCode(const absl::Status& status, ErrorCode code, std::string_view what, Findings* findings);

}  // namespace millrace::inline v0

#endif  // MILLRACE_TEST_CONFORMANCE_CLIENT_SUITE_H_
