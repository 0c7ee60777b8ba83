#include "millrace/types.h"

#include "base/strings.h"

namespace millrace::inline v0 {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr size_t kTextSize = 22;  // 128 bits in groups of 6

}  // namespace

std::string TopicId::ToString() const {
  std::string text;
  text.reserve(kTextSize);
  uint32_t bits = 0;
  int held = 0;
  for (const std::byte byte : bytes) {
    bits = (bits << 8) | static_cast<uint32_t>(byte);
    held += 8;
    for (; held >= 6; held -= 6) text.push_back(kAlphabet[(bits >> (held - 6)) & 63]);
  }
  text.push_back(kAlphabet[(bits << (6 - held)) & 63]);
  return text;
}

std::optional<TopicId> TopicId::FromString(std::string_view text) {
  if (text.size() != kTextSize) return std::nullopt;
  TopicId id;
  size_t filled = 0;
  uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = (bits << 6) | static_cast<uint32_t>(digit);
    held += 6;
    if (held >= 8) {
      held -= 8;
      id.bytes[filled++] = static_cast<std::byte>(bits >> held);
    }
  }
  // Four bits are left over. Were they not zero, two texts would name one id.
  if ((bits & ((1U << held) - 1)) != 0) return std::nullopt;
  return id;
}

std::string TopicPartition::ToString() const {
  return StrCat(topic, "-", partition);
}

}  // namespace millrace::inline v0
