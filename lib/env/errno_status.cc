#include "env/errno_status.h"

#include <cerrno>
#include <cstring>

#include "base/strings.h"

namespace millrace::inline v0 {
namespace {

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
      return absl::StatusCode::kNotFound;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EFBIG:
    case EMLINK:
    case ENOLCK:
      return absl::StatusCode::kResourceExhausted;
    case EIO:
    case ESTALE:
    case EBADMSG:
    case EUCLEAN:
    case ENODEV:
    case ENXIO:
      return absl::StatusCode::kDataLoss;
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
    case EXDEV:
    case ELOOP:
    case EBUSY:
    case ETXTBSY:
      return absl::StatusCode::kFailedPrecondition;
    case EINVAL:
    case ENAMETOOLONG:
    case EOVERFLOW:
      return absl::StatusCode::kInvalidArgument;
    case EOPNOTSUPP:
    case ENOSYS:
      return absl::StatusCode::kUnimplemented;
    case EAGAIN:
      return absl::StatusCode::kUnavailable;
    default:
      return absl::StatusCode::kUnknown;
  }
}

std::string_view RemedyOf(int error) {
  switch (error) {
    case ENOSPC:
      return "; free space on the file system";
    case EDQUOT:
      return "; free space or raise the disk quota";
    case EMFILE:
      return "; raise the process's limit of open files (RLIMIT_NOFILE)";
    case ENFILE:
      return "; raise the machine's limit of open files (fs.file-max)";
    case ENOMEM:
      return "; free memory, or raise the limit of mappings (vm.max_map_count)";
    case EFBIG:
      return "; raise the limit of the file size (RLIMIT_FSIZE)";
    case EIO:
      return "; the device failed: look into the kernel's log";
    case EACCES:
    case EPERM:
      return "; check owner and mode";
    default:
      return "";
  }
}

// strerror_r has two signatures; overload resolution picks.
[[maybe_unused]] std::string_view TextOf(int failed, const char* buffer) {
  return failed == 0 ? buffer : "unknown error";
}
[[maybe_unused]] std::string_view TextOf(const char* text, const char*) {
  return text;
}

}  // namespace

absl::Status ErrnoStatus(int error, std::string_view operation, std::string_view path) {
  char buffer[128] = {};
  const std::string_view text = TextOf(::strerror_r(error, buffer, sizeof buffer), buffer);
  return absl::Status(CodeOf(error), ToAbsl(StrCat(operation, " ", path, ": ", text, " (errno ", error, ")",
                                                   RemedyOf(error))));
}

absl::Status CheckPath(std::string_view path) {
  if (path.empty()) return absl::InvalidArgumentError("the path is empty");
  const size_t nul = path.find('\0');
  if (nul == std::string_view::npos) return absl::OkStatus();
  return absl::InvalidArgumentError(
      ToAbsl(StrCat("the path ", path.substr(0, nul), " goes on behind a NUL character")));
}

}  // namespace millrace::inline v0
