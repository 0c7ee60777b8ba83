// Requests as bytes, for clients that are only sockets.

#ifndef MILLRACE_TEST_RELIABILITY_REQUESTS_H_
#define MILLRACE_TEST_RELIABILITY_REQUESTS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "millrace/wire/api_keys.h"
#include "millrace/wire/messages/headers.h"

namespace millrace::inline v0 {

// A request as it is on the wire, its length in front.
template <typename Message>
std::vector<std::byte> OnTheWire(const Message& message, int16_t version) {
  std::vector<std::byte> bytes(4);
  const wire::RequestHeader header{.request_api_key = Message::kApi.key,
                                   .request_api_version = version,
                                   .correlation_id = 1,
                                   .client_id = "slow"};
  (void)wire::Encode(header, wire::HeaderVersionsOf(Message::kApi.key, version)->request, &bytes);
  (void)wire::Encode(message, version, &bytes);
  for (size_t i = 0; i < 4; ++i) bytes[i] = static_cast<std::byte>((bytes.size() - 4) >> (24 - 8 * i));
  return bytes;
}

// How many whole frames `bytes` begin with.
inline size_t FramesIn(std::span<const std::byte> bytes) {
  size_t frames = 0;
  while (bytes.size() >= 4) {
    size_t length = 4;
    for (size_t i = 0; i < 4; ++i) length += static_cast<size_t>(bytes[i]) << (24 - 8 * i);
    if (bytes.size() < length) break;
    bytes = bytes.subspan(length);
    ++frames;
  }
  return frames;
}

}  // namespace millrace::inline v0

#endif  // MILLRACE_TEST_RELIABILITY_REQUESTS_H_
