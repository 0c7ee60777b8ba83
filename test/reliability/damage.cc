#include "reliability/damage.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/crc32c.h"
#include "base/endian.h"

namespace millrace::testing {
namespace {

Bytes TextBytes(std::string_view text) {
  Bytes bytes;
  for (const char c : text) bytes.push_back(static_cast<std::byte>(c));
  return bytes;
}

void SealHeader(Bytes* bytes, size_t header) {
  StoreBig<uint32_t>(bytes->data() + header - 4, Crc32c(std::span(*bytes).first(header - 4)));
}

// Makes the file one of a later format, with checksums that fit.
bool MakeNewer(std::string_view name, Bytes* bytes) {
  constexpr uint32_t kNewer = 9;
  const bool records = name.ends_with("millrace.manifest") || name.ends_with("millrace.topics");
  if (records && bytes->size() >= 32) {
    StoreBig<uint32_t>(bytes->data() + 12, kNewer);
    SealHeader(bytes, 32);
    return true;
  }
  if (name.ends_with("millrace.flush")) {
    StoreBig<uint32_t>(bytes->data() + 8, kNewer);
    SealHeader(bytes, 4096);
    return true;
  }
  if (name.ends_with(".guard") && bytes->size() >= 32) {
    StoreBig<uint32_t>(bytes->data() + 8, kNewer);
    SealHeader(bytes, 32);
    return true;
  }
  if (name.ends_with("millrace.control")) {
    // Its own byte order. Magic, version; 64 bytes of boot id end at 104.
    (*bytes)[8] = std::byte{kNewer};
    const uint32_t crc = Crc32c(std::span(*bytes).first(104));
    for (size_t i = 0; i < 4; ++i) (*bytes)[104 + i] = static_cast<std::byte>(crc >> (8 * i));
    return true;
  }
  if (name.ends_with(".log") && bytes->size() > 61) {
    (*bytes)[16] = std::byte{3};  // a batch format that nobody knows
    return true;
  }
  const bool text =
      name.ends_with("-checkpoint") || name.ends_with(".metadata") || name.ends_with(".properties");
  if (text) {
    const auto digit = std::find_if(bytes->begin(), bytes->end(), [](std::byte byte) {
      return byte >= std::byte{'0'} && byte <= std::byte{'9'};
    });
    if (digit == bytes->end()) return false;
    *digit = std::byte{'9'};
    return true;
  }
  return false;
}

}  // namespace

std::string_view DamageName(DamageKind kind) {
  constexpr std::string_view kNames[] = {"truncated",  "last byte gone", "missing",    "swapped",
                                         "empty",      "text",           "other kind", "directory",
                                         "unreadable", "newer",          "duplicated", "appended"};
  return kNames[static_cast<size_t>(kind)];
}

bool ApplyDamage(DamageKind kind, const std::string& name, const Image& other, Image* image) {
  const bool there = image->contains(name);
  const auto file = [&]() -> Bytes& { return (*image)[name]; };
  switch (kind) {
    case DamageKind::kTruncated:
      if (!there || file().size() < 2) return false;
      file().resize(file().size() / 2);
      return true;
    case DamageKind::kLastByteGone:
      if (!there || file().empty()) return false;
      file().pop_back();
      return true;
    case DamageKind::kMissing:
      return image->erase(name) > 0;
    case DamageKind::kSwapped:
      if (!there || !other.contains(name) || other.at(name) == file()) return false;
      file() = other.at(name);
      return true;
    case DamageKind::kEmpty:
      if (there && file().empty()) return false;
      file().clear();
      return true;
    case DamageKind::kText:
      file() = TextBytes("Dear diary,\ntoday somebody saved this file where it does not belong.\n");
      return true;
    case DamageKind::kOtherKind: {
      const bool manifest = name.ends_with("millrace.manifest");
      for (const auto& [path, bytes] : *image) {
        if (path.ends_with(manifest ? "millrace.flush" : "millrace.manifest")) {
          file() = Bytes(bytes);
          return true;
        }
      }
      return false;
    }
    case DamageKind::kDirectory:
      image->erase(name);
      image->emplace(name + "/", Bytes());
      return true;
    case DamageKind::kUnreadable:
      return there;
    case DamageKind::kNewer:
      return there && MakeNewer(name, &file());
    case DamageKind::kDuplicated: {
      const size_t slash = name.rfind('/') + 1;  // 0 where there is none
      if (!there || name.size() < slash + 21 || name[slash + 20] != '.') return false;
      image->emplace(name.substr(0, slash) + absl::StrFormat("%020d", 9) + name.substr(slash + 20), file());
      image->emplace(name.substr(0, slash) + absl::StrFormat("%020d", 90'000) + name.substr(slash + 20),
                     file());
      return true;
    }
    case DamageKind::kAppended: {
      if (!there) return false;
      uint32_t state = 77;
      for (int i = 0; i < 777; ++i) {
        state = state * 1664525 + 1013904223;
        file().push_back(static_cast<std::byte>(state >> 24));
      }
      return true;
    }
  }
  return false;
}

}  // namespace millrace::testing
