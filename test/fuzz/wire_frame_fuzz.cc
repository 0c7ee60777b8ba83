// Any bytes, taken for a request frame, and for the body of each message at each version, from the list of
// messages: what decodes must encode, whole and in pieces, decode to an equal message again and print.
//
// An input is a byte that chooses (0 for a frame), a version, and the bytes themselves.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "millrace/wire/print_frame.h"
#include "wire/any_message.h"

namespace millrace::inline v0 {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

void TryFrame(std::span<const std::byte> frame) {
  for (const char c : wire::PrintRequest(frame)) Require(c >= ' ' && c <= '~');
  size_t used = 0;
  const auto header = wire::DecodeRequestHeader(frame, &used);
  if (!header.ok()) return;
  Require(used <= frame.size());
  wire::Bytes response;
  Require(wire::EncodeResponseHeader(*header, &response).ok());
  response.insert(response.end(), frame.begin() + static_cast<ptrdiff_t>(used), frame.end());
  for (const char c : wire::PrintResponse(*header, response)) Require(c >= ' ' && c <= '~');
}

void TryMessage(const testing::AnyMessage& type, std::span<const std::byte> bytes, int16_t version) {
  const auto message = type.decode(bytes, version);
  if (!message.ok()) return;
  for (const char c : type.print(*message, version)) Require(c >= ' ' && c <= '~');
  wire::Bytes once;
  Require(type.encode(*message, version, &once).ok());
  const auto again = type.decode(once, version);
  Require(again.ok() && type.equal(*message, *again));

  wire::Bytes buffer;
  std::vector<wire::Piece> pieces;
  Require(type.encode_pieces(*message, version, &buffer, &pieces).ok());
  wire::Bytes whole;
  for (const auto part : wire::Gather(buffer, pieces)) whole.insert(whole.end(), part.begin(), part.end());
  Require(whole == once);
}

}  // namespace

void FuzzFrame(std::span<const std::byte> input) {
  static const std::vector<testing::AnyMessage> kAll = testing::AllMessages();
  if (input.size() < 2) return;
  const size_t choice = std::to_integer<size_t>(input[0]) % (kAll.size() + 1);
  if (choice == 0) return TryFrame(input.subspan(1));
  const testing::AnyMessage& type = kAll[choice - 1];
  const int versions = type.api.valid.last - type.api.valid.first + 1;
  const int version = type.api.valid.first + std::to_integer<int>(input[1]) % versions;
  TryMessage(type, input.subspan(2), static_cast<int16_t>(version));
}

}  // namespace millrace::inline v0

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  millrace::FuzzFrame({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
