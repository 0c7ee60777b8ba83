// Outbox: an order is accepted only once it lies in a log that survives a power loss; a relay passes it on to
// the outside world and remembers how far it got in the same way. A crash between the two repeats a delivery
// but never loses one, and the offset tells the receiver what it has seen already. Uses the Log alone: no
// topics, no engine.

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "millrace/log/log.h"
#include "millrace/serde.h"

namespace {

using millrace::Log;
using millrace::Offset;

absl::StatusOr<std::unique_ptr<Log>> OpenDurable(const std::string& directory) {
  return Log::Open(directory, {.config = {.durability = millrace::Durability::kPowerLoss}});
}

// Returns once the order cannot be lost any more. Many threads may call it: they share the flushes.
absl::StatusOr<Offset> Accept(Log& outbox, const std::string& order) {
  auto appended = outbox.Append({.value = order});
  if (!appended.ok()) return appended.status();
  if (absl::Status status = outbox.Flush(); !status.ok()) return status;
  return appended->first_offset;
}

// The relay's memory: a log whose last record holds the offset of the next order to deliver.
absl::StatusOr<Offset> NextToDeliver(Log& progress) {
  const Offset end = progress.log_end_offset();
  if (end == progress.log_start_offset()) return Offset(0);
  auto cursor = progress.NewCursor(end - 1);
  if (!cursor.ok()) return cursor.status();
  auto slice = (*cursor)->Next(1 << 20);
  if (!slice.ok()) return slice.status();
  Offset next(0);
  for (const millrace::BatchView batch : *slice) {
    millrace::RecordReader reader(batch);
    for (millrace::RecordView record; reader.Next(&record);) {
      auto value = millrace::Serde<int64_t>::Deserialize(*record.value);
      if (!value.ok()) return value.status();
      next = Offset(*value);
    }
  }
  return next;
}

// Delivers what waits, at most `limit` orders. The world may see an order twice, under the same offset.
absl::Status Relay(Log& outbox, Log& progress, int limit, std::vector<Offset>* world) {
  auto next = NextToDeliver(progress);
  if (!next.ok()) return next.status();
  auto cursor = outbox.NewCursor(*next);
  if (!cursor.ok()) return cursor.status();
  while (limit > 0) {
    auto slice = (*cursor)->Next(1);  // one batch: one order
    if (!slice.ok()) return slice.status();
    if (slice->empty()) break;
    world->push_back(slice->next_offset - 1);
    if (--limit == 0) break;  // "crash": delivered, but not remembered
    std::string value;
    millrace::Serde<int64_t>::Serialize(slice->next_offset.value(), &value);
    if (auto noted = progress.Append({.value = value}); !noted.ok()) return noted.status();
    if (absl::Status status = progress.Flush(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Run(const std::string& directory) {
  constexpr int64_t kOrders = 20;
  std::vector<Offset> world;
  for (const int limit : {7, 1000}) {  // the first relay dies at its seventh delivery, the second finishes
    auto outbox = OpenDurable(directory + "/outbox-0");
    if (!outbox.ok()) return outbox.status();
    auto progress = OpenDurable(directory + "/progress-0");
    if (!progress.ok()) return progress.status();
    while ((*outbox)->log_end_offset() < Offset(kOrders)) {
      auto order = Accept(**outbox, "order " + std::to_string((*outbox)->log_end_offset().value()));
      if (!order.ok()) return order.status();
    }
    if (absl::Status status = Relay(**outbox, **progress, limit, &world); !status.ok()) return status;
  }
  const std::set<Offset> distinct(world.begin(), world.end());
  std::printf("%lld orders accepted; %zu deliveries, %zu of them repeated after the crash, none missing\n",
              static_cast<long long>(kOrders), world.size(), world.size() - distinct.size());
  if (distinct.size() != kOrders || world.size() != kOrders + 1) {
    return absl::InternalError("the world did not see every order, and just one twice");
  }
  return absl::OkStatus();
}

}  // namespace

int main() {
  char directory[] = "/tmp/millrace-outbox-XXXXXX";
  if (mkdtemp(directory) == nullptr) return 1;
  const absl::Status status = Run(directory);
  std::filesystem::remove_all(directory);
  if (status.ok()) return 0;
  std::fprintf(stderr, "outbox: %s\n", std::string(status.message()).c_str());
  return 1;
}
