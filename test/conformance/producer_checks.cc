#include <algorithm>
#include <array>
#include <atomic>

#include "conformance/client_suite.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

// A topic of `partitions` and a consumer of all of it.
struct Setup {
  Setup(ClientHost& host, int32_t partitions, Findings* findings) : topic(host.Unique("records")) {
    if (!ExpectOk(host.CreateTopic(topic, partitions), "CreateTopic", findings)) return;
    auto made = host.NewConsumer({.start = Start::kEarliest});
    if (!ExpectOk(made.status(), "NewConsumer", findings)) return;
    for (int32_t i = 0; i < partitions; ++i) all.push_back({topic, PartitionId(i)});
    if (!ExpectOk((*made)->Assign(all), "Assign", findings)) return;
    consumer = *std::move(made);
  }
  std::string topic;
  std::vector<TopicPartition> all;
  std::unique_ptr<Consumer> consumer;
};

void WhatGoesInComesOut(ClientHost& host, Findings* findings) {
  Setup setup(host, 1, findings);
  auto producer = host.NewProducer({.linger = absl::ZeroDuration()});
  if (setup.consumer == nullptr || !ExpectOk(producer.status(), "NewProducer", findings)) return;
  const std::array<Header, 3> headers = {Header{.key = "a", .value = "1"},
                                         Header{.key = "b", .value = std::nullopt},
                                         Header{.key = "a", .value = ""}};
  const std::string binary("\0\xff\x01", 3);
  const std::vector<Record> records = {
      {.key = "key", .value = "value", .timestamp = host.TimeOf(0)},
      {.key = std::nullopt, .value = "no key", .timestamp = host.TimeOf(1)},
      {.key = "tombstone", .value = std::nullopt, .timestamp = host.TimeOf(2)},
      {.key = "", .value = "", .headers = headers, .timestamp = host.TimeOf(3)},
      {.key = binary, .value = binary, .timestamp = host.TimeOf(3)}};
  std::vector<absl::StatusOr<Appended>> appended;
  for (const Record& record : records) {
    if (!ExpectOk((*producer)->Send(setup.topic, record, [&](auto result) { appended.push_back(result); }),
                  "Send", findings)) {
      return;
    }
    // One at a time, so that the list needs no lock.
    if (!ExpectOk((*producer)->Flush(Patience()), "Flush", findings)) return;
  }
  KeptRecords read;
  Read(*setup.consumer, records.size(), &read, findings);
  const std::vector<Kept>& list = read[setup.all[0]];
  if (!Expect(list.size() == records.size() && appended.size() == records.size(), "a result for each",
              findings)) {
    return;
  }
  for (size_t i = 0; i < records.size(); ++i) {
    const std::string here = "record " + std::to_string(i);
    Expect(list[i].key == records[i].key, here + ": its key", findings);
    Expect(list[i].value == records[i].value, here + ": its value", findings);
    Expect(list[i].timestamp == records[i].timestamp, here + ": its time", findings);
    Expect(list[i].offset == Offset(static_cast<int64_t>(i)), here + ": its offset", findings);
    Expect(
        appended[i].ok() && appended[i]->offset == list[i].offset && appended[i]->partition == PartitionId(0),
        here + ": where the acknowledgement says", findings);
    Expect(appended[i].ok() && appended[i]->timestamp == list[i].timestamp, here + ": the time acknowledged",
           findings);
    bool same = list[i].headers.size() == records[i].headers.size();
    for (size_t k = 0; same && k < records[i].headers.size(); ++k) {
      same = list[i].headers[k].first == records[i].headers[k].key &&
             list[i].headers[k].second == records[i].headers[k].value;
    }
    Expect(same, here + ": its headers", findings);
  }
}

void KeysGoWhereKafkaSendsThem(ClientHost& host, Findings* findings) {
  constexpr int kKeys = 300;
  constexpr int32_t kPartitions = 7;
  Setup setup(host, kPartitions, findings);
  auto producer = host.NewProducer({});
  if (setup.consumer == nullptr || !ExpectOk(producer.status(), "NewProducer", findings)) return;
  for (int i = 0; i < kKeys; ++i) {
    const std::string key = i == 0 ? "" : "key " + std::to_string(i);
    if (!ExpectOk((*producer)->Send(setup.topic, {.key = key, .value = "x"}), "Send", findings)) return;
  }
  ExpectOk((*producer)->Flush(Patience()), "Flush", findings);
  KeptRecords read;
  Read(*setup.consumer, kKeys, &read, findings);
  for (const auto& [partition, list] : read) {
    for (const Kept& record : list) {
      Expect(PartitionForKey(record.key.value_or("none"), kPartitions) == partition.partition,
             "key \"" + record.key.value_or("none") + "\" in " + partition.ToString(), findings);
    }
  }
}

void OrderIsKept(ClientHost& host, Findings* findings) {
  constexpr int kRecords = 20'000;
  for (const Acks acks : {Acks::kAll, Acks::kLeader}) {
    Setup setup(host, 1, findings);
    auto producer = host.NewProducer({.acks = acks, .batch_bytes = 4096});
    if (setup.consumer == nullptr || !ExpectOk(producer.status(), "NewProducer", findings)) return;
    const auto handle = (*producer)->Topic(setup.topic);
    if (!ExpectOk(handle.status(), "Topic", findings)) return;
    std::atomic<int64_t> next = 0;
    std::atomic<bool> in_order = true;
    for (int i = 0; i < kRecords; ++i) {
      const std::string text = std::to_string(i);
      const auto done = [&](absl::StatusOr<Appended> result) {
        if (!result.ok() || result->offset.value() != next.fetch_add(1)) in_order = false;
      };
      if (!ExpectOk((*producer)->Send(*handle, {.value = text}, done, PartitionId(0)), "Send", findings))
        return;
    }
    ExpectOk((*producer)->Flush(Patience()), "Flush", findings);
    Expect(next == kRecords && in_order, "each callback once, in order", findings);
    KeptRecords read;
    Read(*setup.consumer, kRecords, &read, findings);
    ExpectNumbers(read, setup.all[0], 0, kRecords - 1, findings);
  }
}

void EveryCodec(ClientHost& host, Findings* findings) {
  constexpr int kRecords = 500;
  for (const Compression codec : {Compression::kNone, Compression::kGzip, Compression::kSnappy,
                                  Compression::kLz4, Compression::kZstd}) {
    Setup setup(host, 1, findings);
    auto producer = host.NewProducer({.compression = codec});
    if (setup.consumer == nullptr || !ExpectOk(producer.status(), "NewProducer", findings)) return;
    for (int i = 0; i < kRecords; ++i) {
      const std::string text = std::to_string(i);
      if (!ExpectOk((*producer)->Send(setup.topic, {.key = "the same key", .value = text}), "Send", findings))
        return;
    }
    ExpectOk((*producer)->Flush(Patience()), "Flush", findings);
    KeptRecords read;
    Read(*setup.consumer, kRecords, &read, findings);
    ExpectNumbers(read, setup.all[0], 0, kRecords - 1, findings);
  }
}

void BatchesLandTogether(ClientHost& host, Findings* findings) {
  Setup setup(host, 2, findings);
  auto producer = host.NewProducer({.linger = absl::Minutes(5)});
  if (setup.consumer == nullptr || !ExpectOk(producer.status(), "NewProducer", findings)) return;
  const auto handle = (*producer)->Topic(setup.topic);
  if (!ExpectOk(handle.status(), "Topic", findings)) return;
  const std::vector<std::string> texts = {"0", "1", "2", "3"};
  std::vector<Record> records;
  for (const std::string& text : texts) records.push_back({.value = text});
  std::vector<absl::StatusOr<AppendedBatch>> results;
  ExpectOk(
      (*producer)->SendBatch(*handle, PartitionId(1), records, [&](const auto& r) { results.push_back(r); }),
      "SendBatch", findings);
  ExpectOk((*producer)->Flush(Patience()), "Flush", findings);
  int64_t next = 0;
  for (const auto& result : results) {
    if (!ExpectOk(result.status(), "the batch", findings)) return;
    Expect(result->partition == PartitionId(1) && result->first_offset.value() == next, "its place",
           findings);
    next = result->last_offset.value() + 1;
  }
  Expect(next == 4, "the batches cover the records", findings);
  KeptRecords read;
  Read(*setup.consumer, 4, &read, findings);
  ExpectNumbers(read, setup.all[1], 0, 3, findings);
}

void WhatCannotBeSentIsRefused(ClientHost& host, Findings* findings) {
  Setup setup(host, 2, findings);
  auto producer = host.NewProducer({.max_request_bytes = 1000});
  if (setup.consumer == nullptr || !ExpectOk(producer.status(), "NewProducer", findings)) return;
  const auto handle = (*producer)->Topic(setup.topic);
  if (!ExpectOk(handle.status(), "Topic", findings)) return;
  bool called = false;
  const auto never = [&](absl::StatusOr<Appended>) { called = true; };
  ExpectCode((*producer)->Send(*handle, {.value = "x"}, never, PartitionId(2)),
             ErrorCode::kUnknownTopicOrPartition, "a partition too far", findings);
  ExpectCode((*producer)->Send(*handle, {.value = "x"}, never, PartitionId(-1)),
             ErrorCode::kUnknownTopicOrPartition, "a negative partition", findings);
  const std::string large(2000, 'x');
  ExpectCode((*producer)->Send(*handle, {.value = large}, never), ErrorCode::kMessageTooLarge,
             "a large record", findings);
  ExpectCode((*producer)->Send("no such topic!", {.value = "x"}, never), ErrorCode::kInvalidTopicException,
             "a name that is none", findings);
  ExpectCode((*producer)->Topic(host.Unique("missing")).status(), ErrorCode::kUnknownTopicOrPartition,
             "a topic that is not there", findings);
  ExpectOk((*producer)->Close(Patience()), "Close", findings);
  Expect(!(*producer)->Send(*handle, {.value = "x"}, never).ok(), "a closed producer refuses", findings);
  Expect(!called, "no callback for what was refused", findings);
  KeptRecords read;
  Read(*setup.consumer, 0, &read, findings);
  ExpectCode(host.NewProducer({.batch_bytes = 1}).status(), ErrorCode::kInvalidConfig, "a bad option",
             findings);
}

class ByHeader final : public Partitioner {
 public:
  PartitionId Choose(std::string_view, const Record& record, int32_t) override {
    return PartitionId(record.headers[0].value == "one" && record.value == "v" ? 1 : 0);
  }
};

void AHostsPartitionerIsAsked(ClientHost& host, Findings* findings) {
  Setup setup(host, 3, findings);
  ByHeader partitioner;
  auto producer = host.NewProducer({.partitioner = &partitioner});
  if (setup.consumer == nullptr || !ExpectOk(producer.status(), "NewProducer", findings)) return;
  const std::array<Header, 1> one = {Header{.key = "h", .value = "one"}};
  const std::array<Header, 1> zero = {Header{.key = "h", .value = "zero"}};
  ExpectOk((*producer)->Send(setup.topic, {.value = "v", .headers = one}), "Send", findings);
  ExpectOk((*producer)->Send(setup.topic, {.key = "k", .value = "v", .headers = one}), "Send", findings);
  ExpectOk((*producer)->Send(setup.topic, {.key = "k", .value = "v", .headers = zero}), "Send", findings);
  ExpectOk((*producer)->Flush(Patience()), "Flush", findings);
  KeptRecords read;
  Read(*setup.consumer, 3, &read, findings);
  Expect(read[setup.all[0]].size() == 1 && read[setup.all[1]].size() == 2, "where it said", findings);
}

void ClosingSendsWhatLingers(ClientHost& host, Findings* findings) {
  Setup setup(host, 1, findings);
  auto producer = host.NewProducer({.linger = absl::Minutes(5)});
  if (setup.consumer == nullptr || !ExpectOk(producer.status(), "NewProducer", findings)) return;
  auto future = (*producer)->SendWithFuture(*(*producer)->Topic(setup.topic), {.value = "0"});
  ExpectOk((*producer)->Close(Patience()), "Close", findings);
  Expect(future.wait_for(std::chrono::seconds(0)) == std::future_status::ready && future.get().ok(),
         "acknowledged when closed", findings);
  KeptRecords read;
  Read(*setup.consumer, 1, &read, findings);
}

}  // namespace

const std::vector<ClientCheck>& ProducerChecks() {
  static const std::vector<ClientCheck> kChecks = {
      {"what goes in comes out", WhatGoesInComesOut},
      {"keys go where Kafka sends them", KeysGoWhereKafkaSendsThem},
      {"order is kept", OrderIsKept},
      {"every codec", EveryCodec},
      {"batches land together", BatchesLandTogether},
      {"what cannot be sent is refused", WhatCannotBeSentIsRefused},
      {"a host's partitioner is asked", AHostsPartitionerIsAsked},
      {"closing sends what lingers", ClosingSendsWhatLingers},
  };
  return kChecks;
}

}  // namespace millrace::inline v0
