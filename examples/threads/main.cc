// Threads: one thread publishes, N threads read, each all of it, through a topic in memory.
//
//   threads [READERS] [RECORDS]        default: 3 readers, 1,000,000 records

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "millrace/millrace.h"

namespace {

constexpr char kTopic[] = "numbers";

// Reads `records` records from the start and adds up their values; -1 if something fails.
int64_t ReadAll(millrace::Engine& engine, int64_t records) {
  auto consumer = engine.NewConsumer({.start = millrace::Start::kEarliest});
  if (!consumer.ok() || !(*consumer)->Assign({{kTopic, millrace::PartitionId(0)}}).ok()) return -1;
  int64_t sum = 0;
  for (int64_t seen = 0; seen < records;) {
    auto batches = (*consumer)->Poll(absl::Seconds(10));
    if (!batches.ok() || batches->empty()) return -1;
    for (const millrace::Batch& batch : *batches) {
      for (const millrace::RecordView& record : batch) {
        const auto number = millrace::Decode<int64_t>(record.value);
        if (!number.ok() || !number->has_value()) return -1;
        sum += **number;
        ++seen;
      }
    }
  }
  return sum;
}

absl::Status Publish(millrace::Engine& engine, int64_t records) {
  auto producer = engine.NewProducer({.linger = absl::Milliseconds(1)});
  if (!producer.ok()) return producer.status();
  auto topic = (*producer)->Topic(kTopic);
  if (!topic.ok()) return topic.status();
  millrace::TypedProducer<std::string, int64_t> numbers(producer->get(), *topic);
  for (int64_t i = 1; i <= records; ++i) {
    if (absl::Status status = numbers.Send("n", i); !status.ok()) return status;
  }
  return (*producer)->Close();
}

}  // namespace

int main(int argc, char** argv) {
  const int readers = argc > 1 ? std::atoi(argv[1]) : 3;
  const int64_t records = argc > 2 ? std::atoll(argv[2]) : 1'000'000;
  if (readers < 1 || records < 1) {
    std::fprintf(stderr, "usage: threads [READERS] [RECORDS], both at least 1\n");
    return 2;
  }
  auto engine = millrace::Engine::Open({});  // no directory: in memory
  if (!engine.ok() || !(*engine)->CreateTopic(kTopic).ok()) return 1;

  const auto begin = std::chrono::steady_clock::now();
  std::vector<int64_t> sums(static_cast<size_t>(readers), 0);
  std::vector<std::thread> threads;
  for (int64_t& sum : sums) threads.emplace_back([&] { sum = ReadAll(**engine, records); });
  const absl::Status published = Publish(**engine, records);
  for (std::thread& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();

  const int64_t expected = records * (records + 1) / 2;
  for (const int64_t sum : sums) {
    if (!published.ok() || sum != expected) {
      std::fprintf(stderr, "threads: a reader added up %lld, expected %lld\n", static_cast<long long>(sum),
                   static_cast<long long>(expected));
      return 1;
    }
  }
  std::printf("%lld records, 1 writer, %d readers: %.1f M deliveries/s, every sum right\n",
              static_cast<long long>(records), readers,
              static_cast<double>(records) * readers / seconds / 1e6);
  return 0;
}
