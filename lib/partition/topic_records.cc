#include "partition/topic_records.h"

#include <map>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

constexpr uint8_t kInternalFlag = 1;

void WriteId(ByteWriter* to, TopicId id) {
  to->WriteBytes(id.bytes);
}

void WriteText(ByteWriter* to, std::string_view text) {
  to->Write<uint16_t>(static_cast<uint16_t>(text.size()));
  to->WriteText(text);
}

void WriteConfig(ByteWriter* to, const TopicConfig& config) {
  const std::map<std::string, std::string> overrides = config.Overrides();
  to->Write<uint16_t>(static_cast<uint16_t>(overrides.size()));
  for (const auto& [name, value] : overrides) {
    WriteText(to, name);
    to->Write<uint32_t>(static_cast<uint32_t>(value.size()));
    to->WriteText(value);
  }
}

TopicId ReadId(ByteReader* from) {
  TopicId id;
  const std::span<const std::byte> bytes = from->ReadBytes(id.bytes.size());
  if (bytes.size() == id.bytes.size()) std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  return id;
}

std::string_view ReadText(ByteReader* from) {
  return from->ReadText(from->Read<uint16_t>());
}

absl::Status ReadConfig(ByteReader* from, TopicConfig* config) {
  const uint16_t count = from->Read<uint16_t>();
  for (uint16_t i = 0; i < count && from->ok(); ++i) {
    const std::string_view name = ReadText(from);
    const std::string_view value = from->ReadText(from->Read<uint32_t>());
    if (!from->ok()) break;
    const absl::Status set = config->Set(name, value);
    if (!set.ok()) {
      return Error(ErrorCode::kUnsupportedVersion,
                   StrCat("the topic registry holds a setting this version does not know (", set.message(),
                          "): open the directory with the version that wrote it"));
    }
  }
  return absl::OkStatus();
}

absl::Status Malformed(std::string_view what) {
  return Error(ErrorCode::kCorruptMessage, StrCat("a record of the topic registry ", what));
}

}  // namespace

absl::Status TopicsState::Apply(uint8_t type, std::span<const std::byte> payload) {
  ByteReader from(payload);
  if (type == static_cast<uint8_t>(TopicRecordType::kProducerIds)) {
    const int64_t below = from.Read<int64_t>();
    if (!from.AtEnd() || below < producer_ids) return Malformed("counts producer ids backwards");
    producer_ids = below;
    return absl::OkStatus();
  }
  const TopicId id = ReadId(&from);
  if (!from.ok() || id.IsZero()) return Malformed("is too short");
  if (type == static_cast<uint8_t>(TopicRecordType::kCreated)) {
    TopicData topic{.id = id};
    topic.internal = (from.Read<uint8_t>() & kInternalFlag) != 0;
    topic.partitions = from.Read<int32_t>();
    topic.name = ReadText(&from);
    MILLRACE_RETURN_IF_ERROR(ReadConfig(&from, &topic.config));
    if (!from.AtEnd() || topic.partitions < 1) return Malformed("creates a topic without partitions");
    MILLRACE_RETURN_IF_ERROR(ValidateTopicName(topic.name));
    deleted.erase(topic.name);
    if (!topics.emplace(id, std::move(topic)).second) return Malformed("creates a topic twice");
    return absl::OkStatus();
  }
  const auto found = topics.find(id);
  if (found == topics.end()) return Malformed("speaks of a topic that does not exist");
  switch (static_cast<TopicRecordType>(type)) {
    case TopicRecordType::kDeleted:
      deleted[found->second.name] = id;
      topics.erase(found);
      break;
    case TopicRecordType::kPartitions: {
      const int32_t count = from.Read<int32_t>();
      if (count < found->second.partitions) return Malformed("takes partitions away");
      found->second.partitions = count;
      break;
    }
    case TopicRecordType::kConfig: {
      TopicConfig config;
      MILLRACE_RETURN_IF_ERROR(ReadConfig(&from, &config));
      found->second.config = config;
      break;
    }
    default:
      return Error(ErrorCode::kUnsupportedVersion,
                   StrCat("the topic registry holds a record of type ", static_cast<int>(type),
                          ", which this version does not know"));
  }
  return from.AtEnd() ? absl::OkStatus() : Malformed("has the wrong length");
}

std::vector<std::byte> EncodeCreated(const TopicData& topic) {
  std::vector<std::byte> payload;
  ByteWriter to(&payload);
  WriteId(&to, topic.id);
  to.Write<uint8_t>(topic.internal ? kInternalFlag : 0);
  to.Write<int32_t>(topic.partitions);
  WriteText(&to, topic.name);
  WriteConfig(&to, topic.config);
  return payload;
}

std::vector<std::byte> EncodeDeleted(TopicId id) {
  std::vector<std::byte> payload;
  ByteWriter to(&payload);
  WriteId(&to, id);
  return payload;
}

std::vector<std::byte> EncodePartitions(TopicId id, int32_t partitions) {
  std::vector<std::byte> payload;
  ByteWriter to(&payload);
  WriteId(&to, id);
  to.Write<int32_t>(partitions);
  return payload;
}

std::vector<std::byte> EncodeConfig(TopicId id, const TopicConfig& config) {
  std::vector<std::byte> payload;
  ByteWriter to(&payload);
  WriteId(&to, id);
  WriteConfig(&to, config);
  return payload;
}

std::vector<std::byte> EncodeProducerIds(int64_t below) {
  std::vector<std::byte> payload;
  ByteWriter to(&payload);
  to.Write<int64_t>(below);
  return payload;
}

}  // namespace millrace::inline v0
