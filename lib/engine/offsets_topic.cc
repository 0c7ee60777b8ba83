#include "engine/offsets_topic.h"

#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "millrace/record.h"
#include "millrace/status.h"

namespace millrace::inline v0 {

TopicConfig OffsetsTopicConfig(Durability durability) {
  TopicConfig config;
  config.cleanup_policy = {.remove = false, .compact = true};
  config.segment_bytes = int64_t{100} << 20;
  config.durability = durability;
  return config;
}

void OffsetsTopic::Append(int32_t partition, std::span<const CoordinatorRecord> records, Timestamp timestamp,
                          absl::AnyInvocable<void(absl::Status)> done) {
  absl::StatusOr<std::shared_ptr<Partition>> found = topic_->partition(PartitionId(partition));
  if (!found.ok()) return done(found.status());
  BatchBuilder builder;
  for (const CoordinatorRecord& record : records) {
    const Record encoded{
        .key = AsText(record.key),
        .value = record.value.has_value() ? std::optional(AsText(*record.value)) : std::nullopt};
    builder.Append(encoded, timestamp);
  }
  absl::StatusOr<std::span<std::byte>> batch = builder.Finish();
  if (!batch.ok()) return done(batch.status());
  const absl::StatusOr<AppendResult> result =
      (*found)->AppendBatch(*batch, AppendOrigin::kCoordinator, /*trusted=*/true, /*acks_all=*/true);
  if (!result.ok()) return done(result.status());
  (*found)->OnCommitted(result->last_offset + 1, /*committed=*/true, topic_->config()->durability,
                        std::move(done));
}

absl::Status OffsetsTopic::Load(GroupService* service, Logger* logger) {
  for (int32_t i = 0; i < partitions(); ++i) {
    MILLRACE_RETURN_IF_ERROR(LoadPartition(service, i, logger));
  }
  return absl::OkStatus();
}

absl::Status OffsetsTopic::LoadPartition(GroupService* service, int32_t partition, Logger* logger) {
  constexpr size_t kReadBytes = 1 << 20;
  MILLRACE_ASSIGN_OR_RETURN(const std::shared_ptr<Partition> found,
                            topic_->partition(PartitionId(partition)));
  MILLRACE_ASSIGN_OR_RETURN(Log * log, found->OpenLog());
  service->StartLoading(partition);
  MILLRACE_ASSIGN_OR_RETURN(const std::unique_ptr<LogCursor> cursor, log->NewCursor(log->log_start_offset()));
  for (;;) {
    const absl::StatusOr<LogSlice> slice = cursor->Next(kReadBytes);
    if (!slice.ok()) {
      const std::optional<DamagedRange> range = DamagedRangeOf(slice.status());
      if (!range.has_value()) return slice.status();
      logger->Log(Severity::kError, "group",
                  StrCat("offsets committed in ", found->topic_partition().ToString(), " from ", range->first,
                         " to ", range->next, " are lost: ", ToStd(slice.status().message())));
      MILLRACE_RETURN_IF_ERROR(cursor->Seek(range->next));
      continue;
    }
    if (slice->empty()) break;
    for (const BatchView batch : *slice) {
      if (absl::Status status = service->LoadBatch(partition, batch); !status.ok()) {
        logger->Log(Severity::kError, "group",
                    StrCat("a batch of ", found->topic_partition().ToString(), " at offset ",
                           batch.base_offset(), " is passed over: ", ToStd(status.message())));
      }
    }
  }
  service->FinishLoading(partition);
  return absl::OkStatus();
}

}  // namespace millrace::inline v0
