// Uses a bit of every public header, as a stranger would. Exit status 0: it all works.

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "millrace/millrace.h"

namespace {

bool BatchesWork() {
  millrace::BatchBuilder builder;
  builder.Append({.key = "42", .value = "paid"}, millrace::Timestamp(1));
  const auto bytes = builder.Finish(millrace::Offset(7));
  if (!bytes.ok()) return false;
  const auto batch = millrace::BatchView::Parse(*bytes);
  return batch.ok() && batch->Validate().ok() && batch->base_offset() == millrace::Offset(7);
}

bool StatusesWork() {
  const absl::Status status = millrace::Error(millrace::ErrorCode::kMessageTooLarge, "a test");
  return !status.ok() && millrace::ErrorCodeOf(status) == millrace::ErrorCode::kMessageTooLarge;
}

bool ConfigsWork() {
  millrace::TopicConfig config;
  return config.Set("retention.ms", "1000").ok() && config.retention_ms == 1000 &&
         !config.Set("no.such", "1").ok();
}

bool EnginesWork() {
  auto engine = millrace::Engine::Open({});  // in memory alone
  if (!engine.ok() || !(*engine)->CreateTopic("orders").ok()) return false;
  auto producer = (*engine)->NewProducer();
  if (!producer.ok() || !(*producer)->Send("orders", {.key = "42", .value = "paid"}).ok()) return false;
  if (!(*producer)->Flush().ok()) return false;
  auto consumer = (*engine)->NewConsumer({.group = "billing", .start = millrace::Start::kEarliest});
  if (!consumer.ok() || !(*consumer)->Subscribe({"orders"}).ok()) return false;
  int records = 0;
  for (int polls = 0; records == 0 && polls < 100; ++polls) {
    const auto batches = (*consumer)->Poll(absl::Milliseconds(100));
    if (!batches.ok()) return false;
    for (const millrace::Batch& batch : *batches) {
      for (const millrace::RecordView& record : batch) records += record.value == "paid" ? 1 : 0;
    }
  }
  return records == 1;
}

}  // namespace

int main() {
  bool works = true;
  const auto check = [&](const char* what, bool is_fine) {
    if (!is_fine) std::printf("%s: broken\n", what);
    works = works && is_fine;
  };
  check("batches", BatchesWork());
  check("statuses", StatusesWork());
  check("topic configs", ConfigsWork());
  check("engines", EnginesWork());
  if (works) std::printf("consumer works\n");
  return works ? 0 : 1;
}
