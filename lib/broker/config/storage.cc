// meta.properties, as kafka-storage writes and shows it. Source: kafka.tools.StorageTool, MetaProperties.

#include <cstring>
#include <string>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "log/log_files.h"
#include "log/text_checkpoints.h"
#include "millrace/server.h"
#include "millrace/types.h"

namespace millrace::inline v0 {
namespace {

absl::Status CheckHasDirectory(const ServerConfig& config) {
  if (!config.engine.directory.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("log.dirs is empty: what lives in memory alone has no storage");
}

std::string MetaPropertiesPath(const ServerConfig& config) {
  return JoinPath(config.engine.directory, kMetaPropertiesFile);
}

// As mkdir -p.
absl::Status MakeDirectories(FileSystem* files, std::string_view directory) {
  for (size_t slash = 0; slash != std::string_view::npos;) {
    slash = directory.find('/', slash + 1);
    const std::string_view part = directory.substr(0, slash);
    if (files->Stat(part).ok()) continue;
    const absl::Status made = files->CreateDirectory(part);
    if (!made.ok() && !absl::IsAlreadyExists(made)) return made;
    if (made.ok()) MILLRACE_RETURN_IF_ERROR(files->SyncDirectory(ParentOf(part)));
  }
  return absl::OkStatus();
}

FileSystem* FilesOf(const ServerConfig& config) {
  return config.engine.env.WithDefaults().files;
}

}  // namespace

std::string RandomUuid(Random* random) {
  if (random == nullptr) random = Random::System();
  for (;;) {
    TopicId id;
    const uint64_t halves[2] = {random->Next(), random->Next()};
    static_assert(sizeof halves == sizeof id.bytes);
    std::memcpy(id.bytes.data(), halves, sizeof halves);
    // Marked as one of random bits, as Java's are (RFC 9562, version 4).
    id.bytes[6] = (id.bytes[6] & std::byte{0x0f}) | std::byte{0x40};
    id.bytes[8] = (id.bytes[8] & std::byte{0x3f}) | std::byte{0x80};
    if (std::string text = id.ToString(); text[0] != '-') return text;
  }
}

absl::StatusOr<StorageInfo> DescribeStorage(const ServerConfig& config) {
  MILLRACE_RETURN_IF_ERROR(CheckHasDirectory(config));
  StorageInfo info{.directory = config.engine.directory};
  const absl::StatusOr<std::string> text = ReadTextFile(FilesOf(config), MetaPropertiesPath(config));
  if (absl::IsNotFound(text.status())) return info;
  MILLRACE_RETURN_IF_ERROR(text.status());
  absl::StatusOr<MetaProperties> properties = DecodeMetaProperties(*text);
  if (!properties.ok()) {
    return absl::Status(properties.status().code(), ToAbsl(StrCat(MetaPropertiesPath(config), ": ",
                                                                  ToStd(properties.status().message()))));
  }
  info.formatted = true;
  info.cluster_id = properties->cluster_id;
  info.node_id = properties->node_id;
  info.directory_id = properties->directory_id;
  return info;
}

absl::Status FormatStorage(const ServerConfig& config, std::string_view cluster_id) {
  MILLRACE_ASSIGN_OR_RETURN(const StorageInfo info, DescribeStorage(config));
  if (!TopicId::FromString(cluster_id).has_value()) {
    return absl::InvalidArgumentError(ToAbsl(StrCat("the cluster id \"", cluster_id,
                                                    "\" must be 22 characters of URL-safe base64, as "
                                                    "random-uuid gives them")));
  }
  if (info.formatted) {
    return absl::AlreadyExistsError(ToAbsl(StrCat(
        "the directory ", info.directory, " is formatted already, for the cluster ", info.cluster_id)));
  }
  FileSystem* const files = FilesOf(config);
  MILLRACE_RETURN_IF_ERROR(MakeDirectories(files, config.engine.directory));
  const MetaProperties properties{.cluster_id = std::string(cluster_id),
                                  .node_id = config.broker.node_id,
                                  .directory_id = RandomUuid(config.engine.env.random)};
  return WriteTextFile(files, MetaPropertiesPath(config), EncodeMetaProperties(properties));
}

}  // namespace millrace::inline v0
