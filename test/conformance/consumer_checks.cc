#include <poll.h>

#include <thread>

#include "conformance/client_suite.h"
#include "millrace/env/clock.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

constexpr PartitionId kFirst{0};

std::unique_ptr<Consumer> MakeConsumer(ClientHost& host, ConsumerOptions options, Findings* findings) {
  auto made = host.NewConsumer(std::move(options));
  return ExpectOk(made.status(), "NewConsumer", findings) ? *std::move(made) : nullptr;
}

// A topic with the numbers 0 to `last` in each of its partitions.
std::string MakeNumbers(ClientHost& host, int32_t partitions, int last, Findings* findings) {
  std::string topic = host.Unique("numbers");
  if (ExpectOk(host.CreateTopic(topic, partitions), "CreateTopic", findings) && last >= 0) {
    for (int32_t i = 0; i < partitions; ++i) SendNumbers(host, topic, PartitionId(i), 0, last, findings);
  }
  return topic;
}

void ReadingBeginsWhereStartSays(ClientHost& host, Findings* findings) {
  const std::string topic = MakeNumbers(host, 1, 9, findings);
  const TopicPartition name = {topic, kFirst};
  const auto earliest = MakeConsumer(host, {.start = Start::kEarliest}, findings);
  const auto latest = MakeConsumer(host, {.start = Start::kLatest}, findings);
  const auto none = MakeConsumer(host, {.start = Start::kNone}, findings);
  if (!findings->empty()) return;
  for (Consumer* const consumer : {earliest.get(), latest.get(), none.get()}) {
    ExpectOk(consumer->Assign({name}), "Assign", findings);
    Expect(consumer->assignment() == std::vector{name}, "assignment()", findings);
  }
  Expect(Is(latest->position(name), Offset(10)), "the position at the end", findings);
  SendNumbers(host, topic, kFirst, 10, 14, findings);
  KeptRecords from_begin;
  Read(*earliest, 15, &from_begin, findings);
  ExpectNumbers(from_begin, name, 0, 14, findings);
  KeptRecords from_end;
  Read(*latest, 5, &from_end, findings);
  ExpectNumbers(from_end, name, 10, 14, findings);
  Expect(Is(earliest->position(name), Offset(15)) && Is(latest->position(name), Offset(15)), "positions move",
         findings);
  ExpectCode(none->Poll(absl::Milliseconds(10)).status(), ErrorCode::kOffsetOutOfRange, "without a start",
             findings);
  ExpectOk(none->Seek(name, Offset(13)), "Seek", findings);
  KeptRecords sought;
  Read(*none, 2, &sought, findings);
  ExpectNumbers(sought, name, 13, 14, findings);
}

void SeeksGoBothWays(ClientHost& host, Findings* findings) {
  const std::string topic = MakeNumbers(host, 2, 99, findings);
  const TopicPartition zero = {topic, kFirst};
  const TopicPartition one = {topic, PartitionId(1)};
  const auto consumer = MakeConsumer(host, {.start = Start::kEarliest}, findings);
  if (!findings->empty() || !ExpectOk(consumer->Assign({zero, one}), "Assign", findings)) return;
  ExpectOk(consumer->Seek(one, Offset(90)), "a seek before the first poll", findings);
  KeptRecords read;
  Read(*consumer, 110, &read, findings);
  ExpectNumbers(read, zero, 0, 99, findings);
  ExpectNumbers(read, one, 90, 99, findings);
  ExpectOk(consumer->Seek(zero, Offset(50)), "a seek back", findings);
  Expect(Is(consumer->position(zero), Offset(50)), "the position is what was sought", findings);
  read.clear();
  Read(*consumer, 50, &read, findings);
  ExpectNumbers(read, zero, 50, 99, findings);
  ExpectOk(consumer->SeekToBeginning({one}), "SeekToBeginning", findings);
  read.clear();
  Read(*consumer, 100, &read, findings);
  ExpectNumbers(read, one, 0, 99, findings);
  ExpectOk(consumer->SeekToBeginning({}), "SeekToBeginning", findings);
  ExpectOk(consumer->SeekToEnd({}), "SeekToEnd", findings);
  Expect(Is(consumer->position(zero), Offset(100)), "the end", findings);
  SendNumbers(host, topic, kFirst, 100, 101, findings);
  read.clear();
  Read(*consumer, 2, &read, findings);
  ExpectNumbers(read, zero, 100, 101, findings);
  Expect(!consumer->Seek({topic, PartitionId(7)}, Offset(0)).ok(), "a seek where nothing is assigned",
         findings);
  Expect(!consumer->position({topic, PartitionId(7)}).ok(), "a position where nothing is assigned", findings);
}

void PausedIsNotRead(ClientHost& host, Findings* findings) {
  const std::string topic = MakeNumbers(host, 2, 9, findings);
  const TopicPartition zero = {topic, kFirst};
  const TopicPartition one = {topic, PartitionId(1)};
  const auto consumer = MakeConsumer(host, {.start = Start::kEarliest}, findings);
  if (!findings->empty() || !ExpectOk(consumer->Assign({zero, one}), "Assign", findings)) return;
  ExpectOk(consumer->Pause({one}), "Pause", findings);
  Expect(consumer->paused() == std::vector{one}, "paused()", findings);
  KeptRecords read;
  Read(*consumer, 10, &read, findings);
  ExpectNumbers(read, zero, 0, 9, findings);
  Expect(Is(consumer->position(one), Offset(0)), "its position stays", findings);
  ExpectOk(consumer->Resume({one}), "Resume", findings);
  Expect(consumer->paused().empty(), "paused()", findings);
  Read(*consumer, 20, &read, findings);
  ExpectNumbers(read, one, 0, 9, findings);
  ExpectOk(consumer->Pause({zero, one}), "Pause", findings);
  SendNumbers(host, topic, kFirst, 10, 19, findings);
  Read(*consumer, 20, &read, findings);
  ExpectOk(consumer->Resume({zero, one}), "Resume", findings);
  Read(*consumer, 30, &read, findings);
  ExpectNumbers(read, zero, 0, 19, findings);
}

void OffsetsAreFound(ClientHost& host, Findings* findings) {
  const std::string topic = MakeNumbers(host, 2, 9, findings);
  const TopicPartition zero = {topic, kFirst};
  const TopicPartition one = {topic, PartitionId(1)};
  SendNumbers(host, topic, PartitionId(1), 10, 19, findings);
  const auto consumer = MakeConsumer(host, {.start = Start::kEarliest}, findings);
  if (!findings->empty() || !ExpectOk(consumer->Assign({zero}), "Assign", findings)) return;
  const auto begin = consumer->BeginningOffsets({zero, one});
  Expect(begin.ok() && begin->at(zero) == Offset(0) && begin->at(one) == Offset(0), "BeginningOffsets",
         findings);
  const auto end = consumer->EndOffsets({zero, one});
  Expect(end.ok() && end->at(zero) == Offset(10) && end->at(one) == Offset(20), "EndOffsets", findings);
  Expect(Is(consumer->lag(zero), int64_t{10}), "lag", findings);
  const auto found = consumer->OffsetsForTimes({{zero, host.TimeOf(4)}, {one, host.TimeOf(15)}});
  if (ExpectOk(found.status(), "OffsetsForTimes", findings)) {
    Expect(found->contains(zero) && found->at(zero).offset == Offset(4), "the offset for a time", findings);
    Expect(found->contains(one) && found->at(one).offset == Offset(15), "the offset for a time", findings);
  }
  const auto late = consumer->OffsetsForTimes({{zero, host.TimeOf(5000)}});
  Expect(late.ok() && late->empty(), "a time after the last record", findings);
  Expect(Is(host.admin().BeginningOffset(one), Offset(0)) && Is(host.admin().EndOffset(one), Offset(20)),
         "the admin finds the same", findings);
  const auto by_admin = host.admin().OffsetForTime(zero, host.TimeOf(4));
  Expect(by_admin.ok() && by_admin->has_value() && (*by_admin)->offset == Offset(4), "OffsetForTime",
         findings);
  const auto never = host.admin().OffsetForTime(zero, host.TimeOf(5000));
  Expect(never.ok() && !never->has_value(), "OffsetForTime after the last record", findings);
}

void WhatIsNotThereIsRefused(ClientHost& host, Findings* findings) {
  const std::string topic = MakeNumbers(host, 1, 0, findings);
  const auto consumer = MakeConsumer(host, {.start = Start::kEarliest}, findings);
  if (!findings->empty()) return;
  ExpectOk(consumer->Assign({{topic, kFirst}}), "Assign", findings);
  ExpectCode(consumer->Assign({{host.Unique("missing"), kFirst}}), ErrorCode::kUnknownTopicOrPartition,
             "assigning a topic that is not there", findings);
  ExpectCode(consumer->Assign({{topic, PartitionId(1)}}), ErrorCode::kUnknownTopicOrPartition,
             "assigning a partition that is not there", findings);
  Expect(consumer->assignment() == std::vector<TopicPartition>{{topic, kFirst}}, "it changed nothing",
         findings);
  ExpectCode(consumer->Subscribe({topic}), ErrorCode::kInvalidGroupId, "subscribing without a group",
             findings);
  ExpectCode(consumer->CommitSync(), ErrorCode::kInvalidGroupId, "committing without a group", findings);
  KeptRecords read;
  Read(*consumer, 1, &read, findings);
  ExpectOk(consumer->Unsubscribe(), "Unsubscribe", findings);
  Expect(consumer->assignment().empty(), "nothing is assigned then", findings);
  ExpectOk(consumer->Close(), "Close", findings);
  ExpectOk(consumer->Close(), "Close again", findings);
  Expect(!consumer->Poll(absl::ZeroDuration()).ok() && !consumer->Assign({{topic, kFirst}}).ok(),
         "a closed consumer refuses", findings);
}

void BatchesOutliveTheirConsumer(ClientHost& host, Findings* findings) {
  const std::string topic = MakeNumbers(host, 1, 99, findings);
  auto consumer = MakeConsumer(host, {.start = Start::kEarliest}, findings);
  if (!findings->empty() || !ExpectOk(consumer->Assign({{topic, kFirst}}), "Assign", findings)) return;
  std::vector<Batches> all;
  size_t count = 0;
  const MonotonicNanos deadline = Clock::System()->Monotonic() + absl::ToInt64Nanoseconds(Patience());
  while (count < 100 && Clock::System()->Monotonic() < deadline) {
    auto batches = consumer->Poll(absl::Milliseconds(50));
    if (!ExpectOk(batches.status(), "Poll", findings)) return;
    for (const Batch& batch : *batches) count += static_cast<size_t>(batch.view().record_count());
    all.push_back(*std::move(batches));
  }
  consumer.reset();
  KeptRecords read;
  for (const Batches& batches : all) Keep(batches, &read, findings);
  ExpectNumbers(read, {topic, kFirst}, 0, 99, findings);
}

void APollCanBeWoken(ClientHost& host, Findings* findings) {
  const std::string topic = MakeNumbers(host, 1, -1, findings);
  const auto consumer = MakeConsumer(host, {}, findings);
  if (!findings->empty() || !ExpectOk(consumer->Assign({{topic, kFirst}}), "Assign", findings)) return;
  consumer->Wakeup();
  Expect(absl::IsAborted(consumer->Poll(Patience()).status()), "woken before the poll", findings);
  const MonotonicNanos before = Clock::System()->Monotonic();
  std::thread waker([&] { consumer->Wakeup(); });
  const auto woken = consumer->Poll(Patience());
  waker.join();
  Expect(absl::IsAborted(woken.status()), "woken while polling", findings);
  Expect(Clock::System()->Monotonic() - before < absl::ToInt64Nanoseconds(Patience()), "before its time",
         findings);
  Expect(consumer->Poll(absl::ZeroDuration()).ok(), "once", findings);
}

void TheDescriptorTellsOfRecords(ClientHost& host, Findings* findings) {
  const std::string topic = MakeNumbers(host, 1, -1, findings);
  const auto consumer = MakeConsumer(host, {.start = Start::kEarliest}, findings);
  if (!findings->empty() || !ExpectOk(consumer->Assign({{topic, kFirst}}), "Assign", findings)) return;
  const auto descriptor = consumer->Descriptor();
  if (!ExpectOk(descriptor.status(), "Descriptor", findings)) return;
  KeptRecords read;
  for (int round = 0; round < 3; ++round) {
    SendNumbers(host, topic, kFirst, round * 10, round * 10 + 9, findings);
    const auto wanted = static_cast<size_t>(round + 1) * 10;
    // As an event loop does: nothing but TryPoll, and only when the descriptor says so.
    while (CountOf(read) < wanted) {
      pollfd watched = {.fd = *descriptor, .events = POLLIN, .revents = 0};
      if (!Expect(poll(&watched, 1, static_cast<int>(absl::ToInt64Milliseconds(Patience()))) == 1,
                  "the descriptor becomes readable", findings)) {
        return;
      }
      const auto batches = consumer->TryPoll();
      if (!ExpectOk(batches.status(), "TryPoll", findings)) return;
      Keep(*batches, &read, findings);
    }
  }
  ExpectNumbers(read, {topic, kFirst}, 0, 29, findings);
}

}  // namespace

const std::vector<ClientCheck>& ConsumerChecks() {
  static const std::vector<ClientCheck> kChecks = {
      {"reading begins where start says", ReadingBeginsWhereStartSays},
      {"seeks go both ways", SeeksGoBothWays},
      {"paused is not read", PausedIsNotRead},
      {"offsets are found", OffsetsAreFound},
      {"what is not there is refused", WhatIsNotThereIsRefused},
      {"batches outlive their consumer", BatchesOutliveTheirConsumer},
      {"a poll can be woken", APollCanBeWoken},
      {"the descriptor tells of records", TheDescriptorTellsOfRecords},
  };
  return kChecks;
}

}  // namespace millrace::inline v0
