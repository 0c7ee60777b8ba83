// What the kernel says about the file system under a path.

#ifndef MILLRACE_ENV_POSIX_VOLUME_H_
#define MILLRACE_ENV_POSIX_VOLUME_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/env/file_system.h"

namespace millrace::inline v0 {

absl::StatusOr<VolumeIdentity> PosixVolume(const std::string& path);
absl::StatusOr<uint64_t> PosixFreeSpace(const std::string& path);
absl::Status PosixCheckMappable(const std::string& path);

// Why a mapped log is not safe on a file system with this magic number (statfs), or empty where it is.
std::string_view UnmappableReason(uint32_t magic);

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENV_POSIX_VOLUME_H_
