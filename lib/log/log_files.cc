#include "log/log_files.h"

#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/str_format.h"
#include "base/check.h"
#include "base/parse_number.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

constexpr size_t kBaseDigits = 20;

absl::Status WriteWhole(FileSystem* files, const std::string& path, std::span<const std::byte> bytes,
                        bool sync) {
  MILLRACE_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files->Open(path, OpenMode::kCreateNew));
  if (!bytes.empty()) MILLRACE_RETURN_IF_ERROR(file->WriteAt(0, bytes));
  return sync ? file->Sync() : absl::OkStatus();
}

}  // namespace

std::string SegmentFileName(Offset base, std::string_view suffix) {
  MILLRACE_CHECK(base.value() >= 0);
  return absl::StrFormat("%020d%s", base.value(), suffix);
}

std::optional<SegmentFile> ParseSegmentFileName(std::string_view name) {
  if (name.size() <= kBaseDigits + 1 || name[kBaseDigits] != '.') return std::nullopt;
  // A sign would be taken for a part of the number.
  if (name[0] < '0' || name[0] > '9') return std::nullopt;
  const std::optional<int64_t> base = ParseNumber<int64_t>(name.substr(0, kBaseDigits));
  if (!base.has_value()) return std::nullopt;
  return SegmentFile{.base = Offset(*base), .suffix = name.substr(kBaseDigits)};
}

std::string JoinPath(std::string_view directory, std::string_view name) {
  return StrCat(directory, directory.ends_with('/') ? "" : "/", name);
}

std::string_view ParentOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::StatusOr<std::vector<std::byte>> ReadWholeFile(FileSystem* files, std::string_view path,
                                                     uint64_t bytes_max) {
  MILLRACE_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files->Open(path, OpenMode::kRead));
  MILLRACE_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  if (size > bytes_max) {
    return absl::ResourceExhaustedError(
        StrCat(path, ": has ", size, " bytes, more than the ", bytes_max, " such a file may have"));
  }
  std::vector<std::byte> bytes(size);
  MILLRACE_ASSIGN_OR_RETURN(const size_t read,
                            size == 0 ? absl::StatusOr<size_t>(0) : file->ReadAt(0, bytes));
  bytes.resize(read);
  return bytes;
}

absl::Status ReadExactly(File* file, uint64_t offset, std::span<std::byte> into) {
  MILLRACE_ASSIGN_OR_RETURN(const size_t read, file->ReadAt(offset, into));
  if (read == into.size()) return absl::OkStatus();
  return Error(ErrorCode::kCorruptMessage, StrCat(file->path(), ": ends after ", offset + read,
                                                  " bytes, expected ", into.size(), " from ", offset, " on"));
}

void RemoveTree(FileSystem* files, const std::string& path) {
  const auto info = files->Stat(path);
  if (!info.ok() || !info->is_directory) {
    files->Remove(path).IgnoreError();
    return;
  }
  const auto names = files->List(path);
  if (!names.ok()) return;
  for (const std::string& name : *names) RemoveTree(files, JoinPath(path, name));
  files->RemoveDirectory(path).IgnoreError();
}

absl::Status OfSync(const absl::Status& status) {
  if (!absl::IsResourceExhausted(status)) return status;
  return Error(ErrorCode::kKafkaStorageError, StrCat(status.message(), "; a failed sync is not tried again"));
}

absl::Status WriteFileAtomically(FileSystem* files, std::string_view path, std::span<const std::byte> bytes,
                                 bool sync) {
  const std::string temporary = StrCat(path, kTemporarySuffix);
  // What an earlier crash left.
  const absl::Status removed = files->Remove(temporary);
  if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
  absl::Status status = WriteWhole(files, temporary, bytes, sync);
  if (status.ok()) status = files->Rename(temporary, path);
  if (!status.ok()) {
    files->Remove(temporary).IgnoreError();
    return status;
  }
  return sync ? files->SyncDirectory(ParentOf(path)) : absl::OkStatus();
}

}  // namespace millrace::inline v0
