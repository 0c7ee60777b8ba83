// Any bytes, taken for a stored record of the schema codec at any version: what decodes must encode, and
// decode to the same bytes again. (wire_frame_fuzz.cc has the requests and responses.)

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "coordinator/consumer_messages.h"
#include "coordinator/group_records.h"
#include "millrace/wire/schema.h"

namespace millrace::inline v0 {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

template <typename T>
void Try(std::span<const std::byte> bytes, int16_t version) {
  const auto message = wire::Decode<T>(bytes, version);
  if (!message.ok()) return;
  std::vector<std::byte> once;
  Require(wire::Encode(*message, version, &once).ok());
  const auto again = wire::Decode<T>(once, version);
  Require(again.ok());
  std::vector<std::byte> twice;
  Require(wire::Encode(*again, version, &twice).ok());
  Require(once == twice);
}

}  // namespace

void FuzzWire(std::span<const std::byte> input) {
  if (input.size() < 2) return;
  const auto version = static_cast<int16_t>(static_cast<uint8_t>(input[1]) % 20);
  const auto bytes = input.subspan(2);
  switch (static_cast<uint8_t>(input[0]) % 4) {
    case 0:
      return Try<GroupMetadataValue>(bytes, version);
    case 1:
      return Try<OffsetCommitValue>(bytes, version);
    case 2:
      return Try<ConsumerProtocolSubscription>(bytes, version);
    default:
      return Try<ConsumerProtocolAssignment>(bytes, version);
  }
}

}  // namespace millrace::inline v0

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  millrace::FuzzWire({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
