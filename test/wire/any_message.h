// Every Kafka message behind one interface, so that a test of all of them is compiled once.

#ifndef MILLRACE_TEST_WIRE_ANY_MESSAGE_H_
#define MILLRACE_TEST_WIRE_ANY_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "millrace/wire/messages.h"

namespace millrace::inline v0::testing {

using ErasedMessage = std::shared_ptr<const void>;

// One message type.
struct AnyMessage {
  wire::Api api;
  ErasedMessage (*fresh)() = nullptr;
  absl::StatusOr<ErasedMessage> (*decode)(std::span<const std::byte>, int16_t) = nullptr;
  absl::Status (*encode)(const ErasedMessage&, int16_t, wire::Bytes*) = nullptr;
  absl::Status (*encode_pieces)(const ErasedMessage&, int16_t, wire::Bytes*,
                                std::vector<wire::Piece>*) = nullptr;
  bool (*equal)(const ErasedMessage&, const ErasedMessage&) = nullptr;
  std::string (*print)(const ErasedMessage&, int16_t) = nullptr;
};

template <typename S>
AnyMessage AnyMessageOf() {
  static constexpr auto kGet = [](const ErasedMessage& m) -> const S& {
    return *static_cast<const S*>(m.get());
  };
  return {
      .api = S::kApi,
      .fresh = []() -> ErasedMessage { return std::make_shared<const S>(); },
      .decode = [](std::span<const std::byte> bytes, int16_t version) -> absl::StatusOr<ErasedMessage> {
        auto message = wire::Decode<S>(bytes, version);
        if (!message.ok()) return message.status();
        return ErasedMessage(std::make_shared<const S>(*std::move(message)));
      },
      .encode = [](const ErasedMessage& message, int16_t version,
                   wire::Bytes* to) { return wire::Encode(kGet(message), version, to); },
      .encode_pieces =
          [](const ErasedMessage& message, int16_t version, wire::Bytes* to,
             std::vector<wire::Piece>* pieces) {
            return wire::EncodePieces(kGet(message), version, to, pieces, size_t{1});
          },
      .equal = [](const ErasedMessage& a, const ErasedMessage& b) { return wire::Equal(kGet(a), kGet(b)); },
      .print = [](const ErasedMessage& message,
                  int16_t version) { return wire::Print(kGet(message), version); },
  };
}

// All requests and responses, and their headers.
inline std::vector<AnyMessage> AllMessages() {
  std::vector<AnyMessage> all{AnyMessageOf<wire::RequestHeader>(), AnyMessageOf<wire::ResponseHeader>()};
  wire::Exchanges::ForEach([&]<typename E>(E) {
    all.push_back(AnyMessageOf<typename E::Request>());
    all.push_back(AnyMessageOf<typename E::Response>());
  });
  return all;
}

}  // namespace millrace::inline v0::testing

#endif  // MILLRACE_TEST_WIRE_ANY_MESSAGE_H_
