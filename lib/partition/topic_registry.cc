#include "partition/topic_registry.h"

#include <algorithm>
#include <utility>

#include "base/return_if_error.h"
#include "log/record_file.h"
#include "millrace/status.h"
#include "partition/topic_records.h"

namespace millrace::inline v0 {
namespace {

// Producer ids are reserved in blocks: one record serves so many.
constexpr int64_t kProducerIdBlock = 1000;

std::string PathIn(std::string_view directory) {
  return StrCat(directory, "/", kTopicsFileName);
}

TopicData DataOf(const Topic& topic) {
  return {.name = topic.name(),
          .id = topic.id(),
          .internal = topic.internal(),
          .partitions = topic.partition_count(),
          .config = *topic.config()};
}

absl::Status Unknown(std::string_view name) {
  return Error(ErrorCode::kUnknownTopicOrPartition, StrCat("there is no topic \"", name, "\""));
}

}  // namespace

TopicRegistry::TopicRegistry(Options options) : options_(std::move(options)) {}
TopicRegistry::~TopicRegistry() = default;

absl::StatusOr<std::unique_ptr<TopicRegistry>> TopicRegistry::Open(Options options,
                                                                   std::vector<std::string>* notes) {
  std::unique_ptr<TopicRegistry> registry(new TopicRegistry(std::move(options)));
  MutexLock lock(&registry->change_mutex_);
  MILLRACE_RETURN_IF_ERROR(registry->Load(notes));
  return registry;
}

absl::Status TopicRegistry::Load(std::vector<std::string>* notes) {
  FileSystem* const files = options_.context->env.files;
  const std::string path = PathIn(options_.directory);
  TopicsState state;
  RecordFileReport report;
  const auto access = options_.read_only ? RecordFile::Access::kReadOnly : RecordFile::Access::kCreate;
  if (options_.read_only) {
    absl::StatusOr<FileInfo> info = files->Stat(path);
    if (!info.ok() && absl::IsNotFound(info.status())) return absl::OkStatus();  // no topics yet
    MILLRACE_RETURN_IF_ERROR(info.status());
    seen_ = {info->size_bytes, info->modified_ms};
  }
  MILLRACE_ASSIGN_OR_RETURN(
      file_, RecordFile::Open(
                 files, path, kTopicsFileKind, access,
                 [&](uint8_t type, std::span<const std::byte> payload) { return state.Apply(type, payload); },
                 &report));
  if (!report.damaged.empty()) {
    return Error(ErrorCode::kCorruptMessage,
                 StrCat("cannot tell which topics there are: ", path, " is damaged at byte ",
                        report.damaged.front().begin, "; restore the file from a backup or a checkpoint"));
  }
  if (notes != nullptr && !report.created) {
    notes->insert(notes->end(), report.notes.begin(), report.notes.end());
  }
  next_producer_id_ = reserved_producer_id_ = state.producer_ids;
  deleted_ = std::move(state.deleted);
  Reconcile(state);
  return absl::OkStatus();
}

// Makes the topics of this process those of `state`.
void TopicRegistry::Reconcile(const TopicsState& state) {
  for (const std::shared_ptr<Topic>& topic : All()) {
    if (!state.topics.contains(topic->id())) {
      Unpublish(*topic);
      topic->Forget();
    }
  }
  for (const auto& [id, data] : state.topics) {
    const std::shared_ptr<Topic> topic = Find(id);
    if (topic == nullptr) {
      Publish(MakeTopic({data.name, data.partitions, data.config, data.internal}, id));
      continue;
    }
    if (topic->partition_count() < data.partitions) Grow(topic.get(), data.partitions);
    // Another process's config matters to the reader's bounds alone; a log that refuses it keeps its own.
    if (!(*topic->config() == data.config)) topic->SetConfig(Share(data.config)).IgnoreError();
  }
}

// --- Look up

std::shared_ptr<Topic> TopicRegistry::Find(std::string_view name) const {
  MutexLock lock(&mutex_);
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

std::shared_ptr<Topic> TopicRegistry::Find(TopicId id) const {
  MutexLock lock(&mutex_);
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Topic>> TopicRegistry::All() const {
  std::vector<std::shared_ptr<Topic>> all;
  {
    MutexLock lock(&mutex_);
    all.reserve(by_name_.size());
    for (const auto& [name, topic] : by_name_) all.push_back(topic);
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a->name() < b->name(); });
  return all;
}

void TopicRegistry::AddListener(TopicListener* listener) {
  MutexLock lock(&listeners_mutex_);
  listeners_.push_back(listener);
}

void TopicRegistry::RemoveListener(TopicListener* listener) {
  MutexLock lock(&listeners_mutex_);
  std::erase(listeners_, listener);
}

// The listeners are quick by contract, and calling them under their mutex makes RemoveListener() final.
void TopicRegistry::Notify() {
  changes_.fetch_add(1, std::memory_order_acq_rel);
  MutexLock lock(&listeners_mutex_);
  for (TopicListener* listener : listeners_) listener->OnTopicsChanged();
}

std::shared_ptr<const TopicConfig> TopicRegistry::Share(const TopicConfig& config) {
  MutexLock lock(&mutex_);
  if (common_config_ == nullptr || !(*common_config_ == config)) {
    common_config_ = std::make_shared<const TopicConfig>(config);
  }
  return common_config_;
}

std::shared_ptr<Topic> TopicRegistry::MakeTopic(const Spec& spec, TopicId id) {
  return std::make_shared<Topic>(options_.context, spec.name, id, spec.internal, spec.partitions,
                                 Share(spec.config));
}

void TopicRegistry::Publish(std::shared_ptr<Topic> topic) {
  MutexLock lock(&mutex_);
  partitions_ += topic->partition_count();
  by_id_.emplace(topic->id(), topic);
  by_name_.insert_or_assign(topic->name(), std::move(topic));
}

void TopicRegistry::Unpublish(const Topic& topic) {
  MutexLock lock(&mutex_);
  partitions_ -= topic.partition_count();
  by_id_.erase(topic.id());
  const auto found = by_name_.find(topic.name());
  if (found != by_name_.end() && found->second.get() == &topic) by_name_.erase(found);
}

void TopicRegistry::Grow(Topic* topic, int32_t partitions) {
  {
    MutexLock lock(&mutex_);
    partitions_ += partitions - topic->partition_count();
  }
  topic->SetPartitionCount(partitions);
}

// --- The file

absl::Status TopicRegistry::CheckWritable() const {
  if (closed_) return absl::FailedPreconditionError("the engine is closed");
  if (options_.read_only) {
    return absl::FailedPreconditionError(
        "the engine is open read-only: make the change in the process that writes it");
  }
  return absl::OkStatus();
}

absl::Status TopicRegistry::Rewrite() {
  FileSystem* const files = options_.context->env.files;
  const std::string path = PathIn(options_.directory);
  if (broken_) {
    // A file that failed once refuses everything: begin with a fresh handle. Whatever it holds is replaced.
    MILLRACE_ASSIGN_OR_RETURN(
        file_, RecordFile::Open(
                   files, path, kTopicsFileKind, RecordFile::Access::kExisting,
                   [](uint8_t, std::span<const std::byte>) { return absl::OkStatus(); }, nullptr));
  }
  const std::vector<std::shared_ptr<Topic>> all = All();
  const int64_t reserved = reserved_producer_id_;
  MILLRACE_RETURN_IF_ERROR(file_->Replace([&](RecordFile::Filler* to) {
    to->Append(static_cast<uint8_t>(TopicRecordType::kProducerIds), EncodeProducerIds(reserved));
    for (const std::shared_ptr<Topic>& topic : all) {
      to->Append(static_cast<uint8_t>(TopicRecordType::kCreated), EncodeCreated(DataOf(*topic)));
    }
  }));
  broken_ = false;
  records_ = static_cast<int64_t>(all.size()) + 1;
  return absl::OkStatus();
}

absl::Status TopicRegistry::Write(const std::vector<Change>& changes) {
  if (changes.empty()) return absl::OkStatus();
  // Grown to several times of what it says: write it anew first.
  constexpr int64_t kSlack = 4096;
  const bool grown = records_ > kSlack + 4 * static_cast<int64_t>(topic_count());
  if (broken_ || grown) MILLRACE_RETURN_IF_ERROR(Rewrite());
  for (const Change& change : changes) file_->Append(static_cast<uint8_t>(change.type), change.payload);
  const absl::Status status = options_.durability == Durability::kPowerLoss ? file_->Sync() : file_->Write();
  if (!status.ok()) {
    // Part of it may be in the file. Nobody has been told, and the next change begins by replacing the file.
    broken_ = true;
    return status;
  }
  records_ += static_cast<int64_t>(changes.size());
  return absl::OkStatus();
}

size_t TopicRegistry::topic_count() const {
  MutexLock lock(&mutex_);
  return by_id_.size();
}

// --- Change

absl::Status TopicRegistry::CheckNew(const Spec& spec, const StringSet& in_batch, int64_t partitions) const {
  MILLRACE_RETURN_IF_ERROR(ValidateTopicName(spec.name));
  if (spec.partitions < 1) {
    return Error(ErrorCode::kInvalidPartitions, StrCat("cannot create topic \"", spec.name, "\" with ",
                                                       spec.partitions, " partitions: it takes at least 1"));
  }
  MILLRACE_RETURN_IF_ERROR(spec.config.Validate());
  if (in_batch.contains(spec.name) || Find(spec.name) != nullptr) {
    return Error(ErrorCode::kTopicAlreadyExists, StrCat("topic \"", spec.name, "\" exists already"));
  }
  if (!spec.internal && topic_count() + in_batch.size() >= static_cast<size_t>(options_.topics_max)) {
    refusals_.topics.fetch_add(1, std::memory_order_relaxed);
    return Error(ErrorCode::kPolicyViolation,
                 StrCat("topic \"", spec.name, "\" would be one more than the ", options_.topics_max,
                        " topics (budgets.topics) that there may be; delete one"));
  }
  return CheckPartitionBudget(spec.name, partitions + spec.partitions);
}

absl::Status TopicRegistry::CheckPartitionBudget(std::string_view topic, int64_t added) const {
  MutexLock lock(&mutex_);
  if (partitions_ + added <= options_.partitions_max) return absl::OkStatus();
  refusals_.partitions.fetch_add(1, std::memory_order_relaxed);
  return Error(ErrorCode::kPolicyViolation,
               StrCat("topic \"", topic, "\" would bring the engine to ", partitions_ + added,
                      " partitions; its budget (budgets.partitions) is ", options_.partitions_max));
}

TopicId TopicRegistry::NewTopicId() const {
  TopicId id;
  do {
    for (size_t half = 0; half < 2; ++half) {
      uint64_t bits = options_.context->env.random->Next();
      for (size_t i = 0; i < 8; ++i, bits >>= 8) id.bytes[half * 8 + i] = static_cast<std::byte>(bits & 0xff);
    }
    // Version 4, variant 1, as Java's UUID.randomUUID; and Kafka gives out none whose text begins with '-'.
    id.bytes[6] = (id.bytes[6] & std::byte{0x0f}) | std::byte{0x40};
    id.bytes[8] = (id.bytes[8] & std::byte{0x3f}) | std::byte{0x80};
  } while (id.ToString().front() == '-' || Find(id) != nullptr);
  return id;
}

std::vector<absl::StatusOr<TopicId>> TopicRegistry::Create(const std::vector<Spec>& specs,
                                                           bool validate_only) {
  std::vector<absl::StatusOr<TopicId>> results(specs.size(), TopicId{});
  {
    MutexLock change(&change_mutex_);
    absl::Status writable = CheckWritable();
    StringSet in_batch;
    int64_t partitions = 0;
    std::vector<Change> changes;
    std::vector<std::shared_ptr<Topic>> topics(specs.size());
    for (size_t i = 0; i < specs.size(); ++i) {
      absl::Status status = writable.ok() ? CheckNew(specs[i], in_batch, partitions) : writable;
      if (!status.ok()) {
        results[i] = std::move(status);
        continue;
      }
      in_batch.insert(specs[i].name);
      partitions += specs[i].partitions;
      if (validate_only) continue;
      topics[i] = MakeTopic(specs[i], NewTopicId());
      results[i] = topics[i]->id();
      changes.push_back({static_cast<uint8_t>(TopicRecordType::kCreated), EncodeCreated(DataOf(*topics[i]))});
    }
    if (changes.empty()) return results;
    if (absl::Status status = Write(changes); !status.ok()) {
      for (size_t i = 0; i < specs.size(); ++i) {
        if (results[i].ok()) results[i] = status;
      }
      return results;
    }
    for (std::shared_ptr<Topic>& topic : topics) {
      if (topic != nullptr) Publish(std::move(topic));
    }
  }
  Notify();
  return results;
}

absl::Status TopicRegistry::Delete(std::string_view name) {
  absl::Status deleted;
  {
    MutexLock change(&change_mutex_);
    MILLRACE_RETURN_IF_ERROR(CheckWritable());
    const std::shared_ptr<Topic> topic = Find(name);
    if (topic == nullptr) return Unknown(name);
    MILLRACE_RETURN_IF_ERROR(
        Write({{static_cast<uint8_t>(TopicRecordType::kDeleted), EncodeDeleted(topic->id())}}));
    Unpublish(*topic);
    // From here on the topic is gone; files that cannot be removed now are removed by the next Open.
    deleted = topic->Delete();
  }
  Notify();
  if (!deleted.ok()) {
    options_.context->env.logger->Log(
        Severity::kWarning, "partition",
        StrCat("topic \"", name, "\" is deleted, but not all of its files: ", deleted.message()));
  }
  return absl::OkStatus();
}

absl::Status TopicRegistry::AddPartitions(std::string_view name, int32_t partitions, bool validate_only) {
  {
    MutexLock change(&change_mutex_);
    MILLRACE_RETURN_IF_ERROR(CheckWritable());
    const std::shared_ptr<Topic> topic = Find(name);
    if (topic == nullptr) return Unknown(name);
    const int32_t count = topic->partition_count();
    if (partitions <= count) {
      return Error(ErrorCode::kInvalidPartitions,
                   StrCat("topic \"", name, "\" has ", count, count == 1 ? " partition" : " partitions",
                          "; their number can be raised only, not set to ", partitions));
    }
    MILLRACE_RETURN_IF_ERROR(CheckPartitionBudget(name, partitions - count));
    if (validate_only) return absl::OkStatus();
    MILLRACE_RETURN_IF_ERROR(Write(
        {{static_cast<uint8_t>(TopicRecordType::kPartitions), EncodePartitions(topic->id(), partitions)}}));
    Grow(topic.get(), partitions);
  }
  Notify();
  return absl::OkStatus();
}

absl::Status TopicRegistry::AlterConfig(std::string_view name, const std::vector<ConfigChange>& changes,
                                        const TopicConfig& defaults) {
  MutexLock change(&change_mutex_);
  MILLRACE_RETURN_IF_ERROR(CheckWritable());
  const std::shared_ptr<Topic> topic = Find(name);
  if (topic == nullptr) return Unknown(name);
  TopicConfig config = *topic->config();
  for (const ConfigChange& one : changes) {
    const std::optional<std::string> value = one.value.has_value() ? one.value : defaults.Get(one.name);
    // An unknown name has no default either; Set() says what is wrong with it.
    MILLRACE_RETURN_IF_ERROR(config.Set(one.name, value.value_or("")));
  }
  MILLRACE_RETURN_IF_ERROR(config.Validate());
  if (config == *topic->config()) return absl::OkStatus();
  MILLRACE_RETURN_IF_ERROR(
      Write({{static_cast<uint8_t>(TopicRecordType::kConfig), EncodeConfig(topic->id(), config)}}));
  return topic->SetConfig(Share(config));
}

absl::StatusOr<ProducerId> TopicRegistry::NewProducerId() {
  MutexLock change(&change_mutex_);
  MILLRACE_RETURN_IF_ERROR(CheckWritable());
  if (next_producer_id_ == reserved_producer_id_) {
    const int64_t below = reserved_producer_id_ + kProducerIdBlock;
    MILLRACE_RETURN_IF_ERROR(
        Write({{static_cast<uint8_t>(TopicRecordType::kProducerIds), EncodeProducerIds(below)}}));
    reserved_producer_id_ = below;
  }
  return ProducerId(next_producer_id_++);
}

absl::Status TopicRegistry::Sync() {
  MutexLock change(&change_mutex_);
  if (options_.read_only || closed_) return absl::OkStatus();
  if (broken_) return Rewrite();
  return file_->Sync();
}

absl::Status TopicRegistry::Refresh() {
  if (!options_.read_only) return absl::OkStatus();
  {
    MutexLock change(&change_mutex_);
    if (closed_) return absl::OkStatus();
    FileSystem* const files = options_.context->env.files;
    absl::StatusOr<FileInfo> info = files->Stat(PathIn(options_.directory));
    if (!info.ok() && absl::IsNotFound(info.status())) return absl::OkStatus();
    MILLRACE_RETURN_IF_ERROR(info.status());
    if (seen_ == std::pair(info->size_bytes, info->modified_ms)) return absl::OkStatus();
    MILLRACE_RETURN_IF_ERROR(Load(nullptr));
  }
  Notify();
  return absl::OkStatus();
}

absl::Status TopicRegistry::WriteCopy(std::string_view directory) const {
  MutexLock change(&change_mutex_);
  MILLRACE_ASSIGN_OR_RETURN(
      const std::unique_ptr<RecordFile> copy,
      RecordFile::Open(
          options_.context->env.files, PathIn(directory), kTopicsFileKind, RecordFile::Access::kCreate,
          [](uint8_t, std::span<const std::byte>) { return absl::OkStatus(); }, nullptr));
  copy->Append(static_cast<uint8_t>(TopicRecordType::kProducerIds), EncodeProducerIds(reserved_producer_id_));
  for (const std::shared_ptr<Topic>& topic : All()) {
    copy->Append(static_cast<uint8_t>(TopicRecordType::kCreated), EncodeCreated(DataOf(*topic)));
  }
  return copy->Sync();
}

absl::Status TopicRegistry::Close() {
  absl::Status status;
  {
    MutexLock change(&change_mutex_);
    if (closed_) return absl::OkStatus();
    if (!options_.read_only) status = broken_ ? Rewrite() : file_->Sync();
    closed_ = true;
    file_ = nullptr;
  }
  for (const std::shared_ptr<Topic>& topic : All()) topic->Detach();
  return status;
}

}  // namespace millrace::inline v0
