// Copies of a directory, and checks of all that it holds.

#include <optional>
#include <utility>

#include "base/return_if_error.h"
#include "log/log_files.h"
#include "log/log_manager.h"
#include "log/text_checkpoints.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

// Says of a log in a new manifest what `copy` says.
absl::Status AddCopy(const LogEntry& copy, const std::string& name, ManifestFile* manifest) {
  const Offset first = copy.segments.empty() ? copy.log_start_offset : copy.segments.front().base;
  MILLRACE_ASSIGN_OR_RETURN(const uint32_t log_no, manifest->CreateLog(name, first));
  for (const ManifestSegment& segment : copy.segments) {
    if (segment.base != first) manifest->AddSegment(log_no, segment.base);
    if (segment.sealed) manifest->SealSegment(log_no, segment);
  }
  if (copy.log_start_offset > Offset(0)) manifest->SetLogStartOffset(log_no, copy.log_start_offset);
  if (!copy.epochs.empty()) manifest->SetEpochs(log_no, copy.epochs);
  manifest->CloseLog(log_no, copy.active_length, copy.end_offset);
  return absl::OkStatus();
}

}  // namespace

absl::Status LogManager::Checkpoint(std::string_view directory) {
  std::vector<std::string> made;
  absl::Status status = CopyAll(directory, &made);
  if (!status.ok()) {
    for (const std::string& name : made) RemoveTree(env_.files, JoinPath(directory, name));
  }
  return status;
}

absl::Status LogManager::CopyAll(std::string_view directory, std::vector<std::string>* made) {
  FileSystem* const files = env_.files;
  MILLRACE_ASSIGN_OR_RETURN(const std::vector<std::string> there, files->List(directory));
  for (const std::string& name : there) {
    if (name == kManifestFile || Has(name)) {
      return absl::AlreadyExistsError(ToAbsl(StrCat(directory, " is not empty: it has ", name)));
    }
  }
  ManifestReport report;
  made->emplace_back(kManifestFile);
  MILLRACE_ASSIGN_OR_RETURN(
      const std::unique_ptr<ManifestFile> manifest,
      ManifestFile::Open(files, JoinPath(directory, kManifestFile), RecordFile::Access::kCreate, &report));
  for (const std::string& name : Names()) {
    const auto log = GetLog(name);
    // Deleted meanwhile.
    if (ErrorCodeOf(log.status()) == ErrorCode::kUnknownTopicOrPartition) continue;
    MILLRACE_RETURN_IF_ERROR(log.status());
    const std::string path = JoinPath(directory, name);
    MILLRACE_RETURN_IF_ERROR(files->CreateDirectory(path));
    made->push_back(name);
    MILLRACE_ASSIGN_OR_RETURN(const LogEntry copy, (*log)->CopyTo(path));
    MILLRACE_RETURN_IF_ERROR(AddCopy(copy, name, manifest.get()));
    const auto metadata = ReadTextFile(files, JoinPath(PathOf(name), kPartitionMetadataFile));
    if (metadata.ok()) {
      MILLRACE_RETURN_IF_ERROR(
          WriteTextFile(files, JoinPath(path, kPartitionMetadataFile), *metadata, false));
    }
  }
  const auto properties = ReadTextFile(files, PathOf(kMetaPropertiesFile));
  if (properties.ok()) {
    made->emplace_back(kMetaPropertiesFile);
    MILLRACE_RETURN_IF_ERROR(
        WriteTextFile(files, JoinPath(directory, kMetaPropertiesFile), *properties, false));
  }
  // The copies first, then the word that they are whole.
  MILLRACE_RETURN_IF_ERROR(files->SyncAll(directory));
  manifest->Opened();
  manifest->CleanClose();
  MILLRACE_RETURN_IF_ERROR(manifest->Sync());
  return files->SyncDirectory(directory);
}

absl::StatusOr<std::map<std::string, std::vector<DamagedRange>>> LogManager::Verify() {
  std::map<std::string, std::vector<DamagedRange>> found;
  for (const std::string& name : Names()) {
    const auto log = GetLog(name);
    if (ErrorCodeOf(log.status()) == ErrorCode::kUnknownTopicOrPartition) continue;
    MILLRACE_RETURN_IF_ERROR(log.status());
    MILLRACE_ASSIGN_OR_RETURN(std::vector<DamagedRange> damaged, (*log)->Verify());
    if (!damaged.empty()) found.emplace(name, std::move(damaged));
  }
  return found;
}

}  // namespace millrace::inline v0
