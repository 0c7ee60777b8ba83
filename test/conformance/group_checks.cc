#include <set>

#include "conformance/client_suite.h"
#include "millrace/env/clock.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

std::unique_ptr<Consumer> MakeMember(ClientHost& host, ConsumerOptions options, Findings* findings) {
  options.session_timeout = absl::Seconds(6);
  options.heartbeat_interval = absl::Milliseconds(100);
  options.start = Start::kEarliest;
  auto made = host.NewConsumer(std::move(options));
  return ExpectOk(made.status(), "NewConsumer", findings) ? *std::move(made) : nullptr;
}

// A topic with the numbers 0 to `last` in each of its partitions.
std::string MakeTopic(ClientHost& host, int32_t partitions, int last, Findings* findings) {
  std::string topic = host.Unique("grouped");
  if (ExpectOk(host.CreateTopic(topic, partitions), "CreateTopic", findings)) {
    for (int32_t i = 0; i < partitions; ++i) SendNumbers(host, topic, PartitionId(i), 0, last, findings);
  }
  return topic;
}

void AGroupGoesOnWhereItWas(ClientHost& host, Findings* findings) {
  const std::string topic = MakeTopic(host, 2, 9, findings);
  const std::string group = host.Unique("group");
  const TopicPartition zero = {topic, PartitionId(0)};
  const TopicPartition one = {topic, PartitionId(1)};
  if (!findings->empty()) return;
  {
    const auto member = MakeMember(host, {.group = group}, findings);
    if (member == nullptr || !ExpectOk(member->Subscribe({topic}), "Subscribe", findings)) return;
    Expect(member->subscription() == std::vector{topic}, "subscription()", findings);
    KeptRecords read;
    Read(*member, 20, &read, findings);
    ExpectNumbers(read, zero, 0, 9, findings);
    ExpectNumbers(read, one, 0, 9, findings);
    Expect(member->assignment() == std::vector{zero, one}, "the only member has all", findings);
    Expect(member->group_metadata().group == group && !member->group_metadata().member_id.empty(),
           "group_metadata()", findings);
    ExpectOk(member->Close(), "Close", findings);  // commits by itself
  }
  SendNumbers(host, topic, PartitionId(0), 10, 14, findings);
  const auto member = MakeMember(host, {.group = group}, findings);
  if (member == nullptr || !ExpectOk(member->Subscribe({topic}), "Subscribe", findings)) return;
  KeptRecords read;
  Read(*member, 5, &read, findings);
  ExpectNumbers(read, zero, 10, 14, findings);
}

void CommitsAreKept(ClientHost& host, Findings* findings) {
  const std::string topic = MakeTopic(host, 2, 9, findings);
  const std::string group = host.Unique("group");
  const TopicPartition zero = {topic, PartitionId(0)};
  const TopicPartition one = {topic, PartitionId(1)};
  const auto consumer = MakeMember(host, {.group = group, .auto_commit = false}, findings);
  if (!findings->empty() || !ExpectOk(consumer->Assign({zero, one}), "Assign", findings)) return;
  auto committed = consumer->Committed({zero, one});
  Expect(committed.ok() && committed->empty(), "nothing is committed at first", findings);
  KeptRecords read;
  Read(*consumer, 20, &read, findings);
  ExpectOk(consumer->CommitSync({{zero, {.offset = Offset(3), .metadata = "a note"}}}), "CommitSync",
           findings);
  committed = consumer->Committed({zero, one});
  Expect(committed.ok() && committed->size() == 1 && committed->at(zero).offset == Offset(3) &&
             committed->at(zero).metadata == "a note",
         "what was committed, with its note", findings);
  std::optional<absl::Status> answer;
  consumer->CommitAsync([&](const absl::Status& status) { answer = status; });
  KeptRecords none;
  PollUntil(*consumer, &none, [&] { return answer.has_value(); }, findings);
  Expect(answer.has_value() && answer->ok(), "CommitAsync is answered in a poll", findings);
  committed = consumer->Committed({zero, one});
  Expect(committed.ok() && committed->size() == 2 && committed->at(zero).offset == Offset(10) &&
             committed->at(one).offset == Offset(10),
         "the positions are committed", findings);
  const std::string long_note(5000, 'x');
  ExpectCode(consumer->CommitSync({{zero, {.offset = Offset(3), .metadata = long_note}}}),
             ErrorCode::kOffsetMetadataTooLarge, "a note that is too long", findings);
  ExpectOk(consumer->Close(), "Close", findings);
  const auto again = MakeMember(host, {.group = group}, findings);
  if (again == nullptr || !ExpectOk(again->Assign({zero, one}), "Assign", findings)) return;
  Expect(Is(again->position(zero), Offset(10)) && Is(again->position(one), Offset(10)), "a group's positions",
         findings);
}

// Writes down what it hears.
struct Hearing final : RebalanceListener {
  void OnAssigned(const std::vector<TopicPartition>& added) override {
    for (const TopicPartition& partition : added) owned.insert(partition);
  }
  void OnRevoked(const std::vector<TopicPartition>& removed) override {
    for (const TopicPartition& partition : removed) owned.erase(partition);
    ++revocations;
  }
  std::set<TopicPartition> owned;
  int revocations = 0;
};

// Two members take turns until each has `share` of the partitions.
void AwaitShares(Consumer& a, const Hearing& heard_a, Consumer& b, const Hearing& heard_b, size_t share,
                 KeptRecords* read, Findings* findings) {
  const MonotonicNanos deadline = Clock::System()->Monotonic() + absl::ToInt64Nanoseconds(Patience());
  while (heard_a.owned.size() != share || heard_b.owned.size() != share) {
    if (!Expect(Clock::System()->Monotonic() < deadline, "the members share the partitions", findings))
      return;
    for (Consumer* const member : {&a, &b}) {
      const auto batches = member->Poll(absl::Milliseconds(20));
      if (!ExpectOk(batches.status(), "Poll", findings)) return;
      Keep(*batches, read, findings);
    }
  }
}

void MembersShare(ClientHost& host, std::vector<AssignorKind> assignors, Findings* findings) {
  const std::string topic = MakeTopic(host, 4, 9, findings);
  const std::string group = host.Unique("group");
  Hearing heard_a;
  Hearing heard_b;
  const auto a = MakeMember(host, {.group = group, .assignors = assignors}, findings);
  const auto b = MakeMember(host, {.group = group, .assignors = assignors}, findings);
  if (!findings->empty() || !ExpectOk(a->Subscribe({topic}, &heard_a), "Subscribe", findings)) return;
  KeptRecords read;
  Read(*a, 40, &read, findings);
  Expect(heard_a.owned.size() == 4, "the only member has all", findings);
  if (!ExpectOk(b->Subscribe({topic}, &heard_b), "Subscribe", findings)) return;
  AwaitShares(*a, heard_a, *b, heard_b, 2, &read, findings);
  if (!findings->empty()) return;
  Expect(heard_a.revocations > 0, "the first was told to give some up", findings);
  for (const TopicPartition& partition : heard_a.owned) {
    Expect(!heard_b.owned.contains(partition), partition.ToString() + " has two owners", findings);
  }
  const std::vector<TopicPartition> owned(heard_a.owned.begin(), heard_a.owned.end());
  Expect(a->assignment() == owned, "assignment() is what the listener heard", findings);
  for (int32_t i = 0; i < 4; ++i) SendNumbers(host, topic, PartitionId(i), 10, 19, findings);
  // Positions were committed when partitions changed hands: nothing is read again.
  const MonotonicNanos deadline = Clock::System()->Monotonic() + absl::ToInt64Nanoseconds(Patience());
  while (CountOf(read) < 80 && Clock::System()->Monotonic() < deadline) {
    for (Consumer* const member : {a.get(), b.get()}) {
      const auto batches = member->Poll(absl::Milliseconds(20));
      if (!ExpectOk(batches.status(), "Poll", findings)) return;
      Keep(*batches, &read, findings);
    }
  }
  for (int32_t i = 0; i < 4; ++i) ExpectNumbers(read, {topic, PartitionId(i)}, 0, 19, findings);
  ExpectOk(b->Close(), "Close", findings);
  Expect(heard_b.owned.empty(), "who closes is told of what it gives up", findings);
  PollUntil(*a, &read, [&] { return heard_a.owned.size() == 4; }, findings);
  Expect(heard_a.owned.size() == 4, "who stays has all again", findings);
  Expect(CountOf(read) == 80, "nothing is read twice", findings);
}

void MembersShareAllAtOnce(ClientHost& host, Findings* findings) {
  MembersShare(host, {AssignorKind::kRange, AssignorKind::kRoundRobin}, findings);
}

void MembersShareCooperatively(ClientHost& host, Findings* findings) {
  MembersShare(host, {AssignorKind::kCooperativeSticky}, findings);
}

void APatternFindsNewTopics(ClientHost& host, Findings* findings) {
  const std::string prefix = host.Unique("pattern");
  const auto make = [&](const std::string& name, int last) {
    ExpectOk(host.CreateTopic(name, 1), "CreateTopic", findings);
    SendNumbers(host, name, PartitionId(0), 0, last, findings);
  };
  make(prefix + ".first", 4);
  make(prefix + ".first.not", 4);
  const auto member = MakeMember(host, {.group = host.Unique("group")}, findings);
  if (!findings->empty()) return;
  ExpectCode(member->SubscribePattern("(", nullptr), ErrorCode::kInvalidRequest, "a pattern that is none",
             findings);
  if (!ExpectOk(member->SubscribePattern(prefix + R"(\.(?:first|second))"), "SubscribePattern", findings))
    return;
  KeptRecords read;
  Read(*member, 5, &read, findings);
  ExpectNumbers(read, {prefix + ".first", PartitionId(0)}, 0, 4, findings);
  make(prefix + ".second", 6);
  Read(*member, 12, &read, findings);
  ExpectNumbers(read, {prefix + ".second", PartitionId(0)}, 0, 6, findings);
}

void ATopicMayComeLater(ClientHost& host, Findings* findings) {
  const std::string topic = host.Unique("later");
  const auto member = MakeMember(host, {.group = host.Unique("group")}, findings);
  if (member == nullptr || !ExpectOk(member->Subscribe({topic}), "Subscribe", findings)) return;
  KeptRecords read;
  Read(*member, 0, &read, findings);
  ExpectOk(host.CreateTopic(topic, 1), "CreateTopic", findings);
  SendNumbers(host, topic, PartitionId(0), 0, 4, findings);
  Read(*member, 5, &read, findings);
  ExpectOk(member->Unsubscribe(), "Unsubscribe", findings);
  Expect(member->assignment().empty() && member->subscription().empty(), "nothing is left", findings);
  ExpectOk(member->Assign({{topic, PartitionId(0)}}), "Assign after Unsubscribe", findings);
}

}  // namespace

const std::vector<ClientCheck>& GroupChecks() {
  static const std::vector<ClientCheck> kChecks = {
      {"a group goes on where it was", AGroupGoesOnWhereItWas},
      {"commits are kept", CommitsAreKept},
      {"members share, all at once", MembersShareAllAtOnce},
      {"members share, cooperatively", MembersShareCooperatively},
      {"a pattern finds new topics", APatternFindsNewTopics},
      {"a topic may come later", ATopicMayComeLater},
  };
  return kChecks;
}

}  // namespace millrace::inline v0
