#include "log/text_checkpoints.h"

#include <map>
#include <optional>

#include "absl/container/flat_hash_set.h"
#include "base/bytes.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "log/log_files.h"
#include "log/text_lines.h"
#include "millrace/status.h"
#include "millrace/topic.h"

namespace millrace::inline v0 {
namespace {

absl::Status Damaged(std::string_view file, std::string_view what) {
  return Error(ErrorCode::kCorruptMessage, StrCat(file, ": ", what));
}

// "key: value" or "key=value"; nullopt where the line does not begin with `key` and the separator.
std::optional<std::string_view> ValueOf(std::string_view line, std::string_view key) {
  if (!line.starts_with(key)) return std::nullopt;
  return line.substr(key.size());
}

// What java.util.Properties takes for special.
std::string Escape(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || (c == ' ' && text.empty())) text.push_back('\\');
    if (c == '\n') {
      text += "\\n";
    } else if (c == '\r') {
      text += "\\r";
    } else {
      text.push_back(c);
    }
  }
  return text;
}

std::string Unescape(std::string_view text) {
  std::string value;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '\\' && i + 1 < text.size()) {
      c = text[++i];
      if (c == 'n') c = '\n';
      if (c == 'r') c = '\r';
      if (c == 't') c = '\t';
    }
    value.push_back(c);
  }
  return value;
}

}  // namespace

std::string EncodePartitionMetadata(const TopicId& id) {
  return StrCat("version: 0\ntopic_id: ", id.ToString());
}

absl::StatusOr<TopicId> DecodePartitionMetadata(std::string_view text) {
  TextLines lines(text);
  const auto version_text = ValueOf(lines.Next(), "version: ");
  const auto version = version_text.has_value() ? ParseNumber<int32_t>(*version_text) : std::nullopt;
  if (!version.has_value()) return Damaged(kPartitionMetadataFile, "no version in its first line");
  if (*version != 0) {
    return absl::UnimplementedError(StrCat(kPartitionMetadataFile, ": version ", *version, " is not known"));
  }
  const auto id_text = ValueOf(lines.Next(), "topic_id: ");
  const auto id = id_text.has_value() ? TopicId::FromString(*id_text) : std::nullopt;
  if (!id.has_value() || id->IsZero() || !lines.AtEnd()) {
    return Damaged(kPartitionMetadataFile, "no topic id in its second and last line");
  }
  return *id;
}

std::string EncodeMetaProperties(const MetaProperties& properties) {
  return StrCat("cluster.id=", Escape(properties.cluster_id),
                "\ndirectory.id=", Escape(properties.directory_id), "\nnode.id=", properties.node_id,
                "\nversion=1\n");
}

absl::StatusOr<MetaProperties> DecodeMetaProperties(std::string_view text) {
  std::map<std::string, std::string> values;
  for (TextLines lines(text); !lines.AtEnd();) {
    const std::string_view line = lines.Next();
    if (line.empty() || line[0] == '#' || line[0] == '!') continue;
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) return Damaged(kMetaPropertiesFile, "a line without '='");
    values[std::string(line.substr(0, equals))] = Unescape(line.substr(equals + 1));
  }
  const auto version = ParseNumber<int32_t>(values["version"]);
  if (!version.has_value()) return Damaged(kMetaPropertiesFile, "no version");
  if (*version != 0 && *version != 1) {
    return absl::UnimplementedError(StrCat(kMetaPropertiesFile, ": version ", *version, " is not known"));
  }
  const auto node_id = ParseNumber<int32_t>(values[*version == 0 ? "broker.id" : "node.id"]);
  if (!node_id.has_value() || *node_id < 0) return Damaged(kMetaPropertiesFile, "no id of the node");
  return MetaProperties{
      .cluster_id = values["cluster.id"], .node_id = *node_id, .directory_id = values["directory.id"]};
}

std::string EncodeOffsetCheckpoint(const std::vector<CheckpointEntry>& entries) {
  std::string text = StrCat("0\n", entries.size(), "\n");
  for (const CheckpointEntry& entry : entries) {
    StrAppend(&text, entry.partition.topic, " ", entry.partition.partition, " ", entry.offset, "\n");
  }
  return text;
}

absl::StatusOr<std::vector<CheckpointEntry>> DecodeOffsetCheckpoint(std::string_view text) {
  constexpr std::string_view kName = "offset checkpoint";
  TextLines lines(text);
  const auto version = lines.NextNumber<int32_t>();
  if (!version.has_value()) return Damaged(kName, "no version in its first line");
  if (*version != 0) return absl::UnimplementedError(StrCat(kName, ": version ", *version, " is not known"));
  const auto count = lines.NextNumber<int32_t>();
  if (!count.has_value() || *count < 0) return Damaged(kName, "no count in its second line");
  std::vector<CheckpointEntry> entries;
  absl::flat_hash_set<TopicPartition> seen;
  while (!lines.AtEnd()) {
    TextLines words(lines.Next(), ' ');
    CheckpointEntry entry;
    entry.partition.topic = std::string(words.Next());
    const auto partition = words.NextNumber<int32_t>();
    const auto offset = words.NextNumber<int64_t>();
    if (!ValidateTopicName(entry.partition.topic).ok() || !partition.has_value() || *partition < 0 ||
        !offset.has_value() || *offset < 0 || !words.AtEnd()) {
      return Damaged(kName, StrCat("line ", entries.size() + 3, " is not \"<topic> <partition> <offset>\""));
    }
    entry.partition.partition = PartitionId(*partition);
    entry.offset = Offset(*offset);
    if (!seen.insert(entry.partition).second) {
      return Damaged(kName, StrCat("has ", entry.partition.ToString(), " twice"));
    }
    entries.push_back(std::move(entry));
  }
  if (entries.size() != static_cast<size_t>(*count)) {
    return Damaged(kName, StrCat("has ", entries.size(), " entries, says ", *count));
  }
  return entries;
}

absl::StatusOr<std::string> ReadTextFile(FileSystem* files, std::string_view path) {
  MILLRACE_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes,
                            ReadWholeFile(files, path, kTextFileBytesMax));
  return std::string(AsText(bytes));
}

absl::Status WriteTextFile(FileSystem* files, std::string_view path, std::string_view text, bool sync) {
  return WriteFileAtomically(files, path, AsBytes(text), sync);
}

}  // namespace millrace::inline v0
