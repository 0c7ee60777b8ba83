// Event sourcing: account balances are kept as a compacted topic: the log is the state. After a restart the
// balances are rebuilt from it, and compaction keeps it as small as the state.

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "millrace/millrace.h"

namespace {

using Balances = std::map<std::string, int64_t>;

constexpr char kTopic[] = "balances";
const millrace::TopicPartition kPartition = {.topic = kTopic, .partition = millrace::PartitionId(0)};

struct Replay {
  Balances balances;
  int64_t records = 0;
};

// The state is what the last record of each key says; a tombstone closes the account.
absl::StatusOr<Replay> Rebuild(millrace::Engine& engine) {
  auto consumer = engine.NewConsumer({.start = millrace::Start::kEarliest});
  if (!consumer.ok()) return consumer.status();
  if (absl::Status status = (*consumer)->Assign({kPartition}); !status.ok()) return status;
  Replay replay;
  while (true) {
    auto lag = (*consumer)->lag(kPartition);
    if (!lag.ok()) return lag.status();
    if (*lag == 0) return replay;
    auto batches = (*consumer)->TryPoll();
    if (!batches.ok()) return batches.status();
    for (const millrace::Batch& batch : *batches) {
      for (const millrace::RecordView& record : batch) {
        const std::string account(*record.key);
        auto balance = millrace::Decode<int64_t>(record.value);
        if (!balance.ok()) return balance.status();
        if (balance->has_value()) {
          replay.balances[account] = **balance;
        } else {
          replay.balances.erase(account);
        }
        ++replay.records;
      }
    }
  }
}

absl::Status Transact(millrace::Engine& engine, Balances* balances) {
  auto producer = engine.NewProducer();
  if (!producer.ok()) return producer.status();
  auto topic = (*producer)->Topic(kTopic);
  if (!topic.ok()) return topic.status();
  millrace::TypedProducer<std::string, int64_t> accounts(producer->get(), *topic);
  for (int64_t i = 0; i < 50'000; ++i) {
    const std::string account = "account-" + std::to_string(i * 7919 % 100);
    const int64_t balance = ((*balances)[account] += i % 13 - 5);
    if (absl::Status status = accounts.Send(account, balance); !status.ok()) return status;
  }
  balances->erase("account-42");
  if (absl::Status status = accounts.Delete("account-42"); !status.ok()) return status;
  return (*producer)->Close();
}

absl::Status Run(const std::string& directory) {
  Balances balances;
  {
    auto engine = millrace::Engine::Open({.directory = directory});
    if (!engine.ok()) return engine.status();
    const millrace::TopicConfig config = {.cleanup_policy = {.remove = false, .compact = true},
                                          .segment_bytes = 256 << 10};
    if (absl::Status s = (*engine)->CreateTopic(kTopic, {.config = config}); !s.ok()) return s;
    if (absl::Status s = Transact(**engine, &balances); !s.ok()) return s;
    if (absl::Status s = (*engine)->Close(); !s.ok()) return s;
  }
  auto engine = millrace::Engine::Open({.directory = directory});
  if (!engine.ok()) return engine.status();
  auto before = Rebuild(**engine);
  if (!before.ok()) return before.status();
  std::printf("rebuilt %zu balances from %lld events\n", before->balances.size(),
              static_cast<long long>(before->records));

  // The engine compacts in the background; here it is asked to, so that there is something to see.
  auto log = (*engine)->PartitionLog(kPartition);
  if (!log.ok()) return log.status();
  if (absl::Status s = (*log)->Roll(); !s.ok()) return s;
  if (auto freed = (*log)->Compact(/*force=*/true); !freed.ok()) return freed.status();
  auto after = Rebuild(**engine);
  if (!after.ok()) return after.status();
  std::printf("rebuilt %zu balances from %lld events after compaction\n", after->balances.size(),
              static_cast<long long>(after->records));
  if (before->balances != balances || after->balances != balances || after->records >= before->records) {
    return absl::InternalError("the rebuilt balances differ from those that were written");
  }
  return (*engine)->Close();
}

}  // namespace

int main() {
  char directory[] = "/tmp/millrace-event-sourcing-XXXXXX";
  if (mkdtemp(directory) == nullptr) return 1;
  const absl::Status status = Run(directory);
  std::filesystem::remove_all(directory);
  if (status.ok()) return 0;
  std::fprintf(stderr, "event_sourcing: %s\n", std::string(status.message()).c_str());
  return 1;
}
