// What can happen to a file, and to which of ours.

#ifndef MILLRACE_TEST_RELIABILITY_DAMAGE_H_
#define MILLRACE_TEST_RELIABILITY_DAMAGE_H_

#include <string>
#include <string_view>
#include <vector>

#include "reliability/image.h"

namespace millrace::testing {

enum class DamageKind : uint8_t {
  kTruncated,
  kLastByteGone,
  kMissing,
  kSwapped,  // the same file of another log
  kEmpty,
  kText,       // somebody else's
  kOtherKind,  // another of ours
  kDirectory,
  kUnreadable,
  kNewer,       // of a format to come
  kDuplicated,  // once more, under another base offset
  kAppended,    // garbage behind it
};
inline constexpr DamageKind kAllDamage[] = {
    DamageKind::kTruncated,  DamageKind::kLastByteGone, DamageKind::kMissing,    DamageKind::kSwapped,
    DamageKind::kEmpty,      DamageKind::kText,         DamageKind::kOtherKind,  DamageKind::kDirectory,
    DamageKind::kUnreadable, DamageKind::kNewer,        DamageKind::kDuplicated, DamageKind::kAppended};
std::string_view DamageName(DamageKind kind);

// Damages `name` of `image`. `other`: the image of another, similar directory. False: it makes no sense for
// this file. Being unreadable is left to the file system.
bool ApplyDamage(DamageKind kind, const std::string& name, const Image& other, Image* image);

}  // namespace millrace::testing

#endif  // MILLRACE_TEST_RELIABILITY_DAMAGE_H_
