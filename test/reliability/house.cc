#include "reliability/house.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"

namespace millrace::testing {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
const TopicPartition kOld{"old", PartitionId(0)};

TopicConfig Durable() {
  TopicConfig config;
  config.durability = Durability::kPowerLoss;
  config.segment_bytes = 4096;
  config.file_delete_delay_ms = 0;
  return config;
}

std::string ValueOf(int64_t offset) {
  return std::to_string(offset) + std::string(300, static_cast<char>('a' + offset % 26));
}
std::string KeyOf(int64_t offset) {
  return "key " + std::to_string(offset % 4);
}

// All records of the first partition; each must be what was sent there.
std::string Read(Engine& engine, const char* topic, std::vector<int64_t>* offsets) {
  auto log = engine.PartitionLog({topic, PartitionId(0)});
  if (!log.ok()) return std::string(log.status().message());
  auto cursor = (*log)->NewCursor((*log)->log_start_offset());
  if (!cursor.ok()) return std::string(cursor.status().message());
  for (;;) {
    const auto slice = (*cursor)->Next(1 << 20);
    if (!slice.ok()) return std::string(slice.status().message());
    if (slice->empty()) return "";
    for (const BatchView batch : *slice) {
      RecordReader reader(batch);
      for (RecordView record; reader.Next(&record);) {
        const int64_t offset = record.offset.value();
        if (record.key != KeyOf(offset) || record.value != ValueOf(offset))
          return absl::StrFormat("%s: at offset %d is not what was sent there", topic, offset);
        offsets->push_back(offset);
      }
    }
  }
}

}  // namespace

std::string House::Open(EngineReport* report) {
  auto opened = Engine::Open(
      {.directory = "/data", .env = sim.env(), .registry_durability = options_.registry}, report);
  if (!opened.ok()) return "Open: " + std::string(opened.status().message());
  engine = *std::move(opened);
  return "";
}

std::string House::Furnish() {
  absl::Status status = engine->CreateTopic("old", {.partitions = 2, .config = Durable()});
  status.Update(engine->CreateTopic("gone", {.config = Durable()}));
  TopicConfig compacted = Durable();
  compacted.cleanup_policy = {.remove = false, .compact = true};
  status.Update(engine->CreateTopic("compacted", {.config = compacted}));
  TopicConfig aged = Durable();
  aged.retention_ms = 60'000;
  status.Update(engine->CreateTopic("aged", {.config = aged}));
  for (int i = 0; i < 6; ++i) status.Update(Send("old", i));
  for (int i = 0; i < 3; ++i) status.Update(Send("gone", i));
  for (int i = 0; i < 30; ++i) status.Update(Send("compacted", i));
  for (int i = 0; i < 12; ++i) status.Update(Send("aged", i));
  status.Update(engine->admin().AlterGroupOffsets("group", {{kOld, {.offset = Offset(1)}}}));
  sent_ = acked_ = 6;
  return status.ok() ? "" : std::string(status.message());
}

void House::Act() {
  Admin& admin = engine->admin();
  Ask("create", [&] { return engine->CreateTopic("new", {.partitions = 3, .config = Durable()}); });
  for (int i = 6; i < 9; ++i) {
    const Answer answer = Ask("send", [&] { return Send("old", i); });
    if (answer == Answer::kNotAsked) break;
    sent_ = i + 1;
    // One that was refused is there or not: what the next offset is, nobody knows.
    if (answer == Answer::kNone) break;
    acked_ = i + 1;
  }
  Ask("commit", [&] { return admin.AlterGroupOffsets("group", {{kOld, {.offset = Offset(4)}}}); });
  Ask("enlarge", [&] { return admin.AddPartitions("old", 4); });
  Ask("alter",
      [&] { return admin.AlterTopicConfig("old", {{.name = "max.message.bytes", .value = "5000"}}); });
  Ask("delete records", [&] { return admin.DeleteRecordsBefore(kOld, Offset(3)).status(); });
  Ask("delete", [&] { return admin.DeleteTopic("gone"); });
  Ask("compact", [&] {
    auto log = engine->PartitionLog({"compacted", PartitionId(0)});
    return log.ok() ? (*log)->Compact(true).status() : log.status();
  });
  Ask("expire", [&] {
    sim.executor->RunFor(400 * kSecond);
    return absl::OkStatus();
  });
  Ask("copy", [&] { return admin.Checkpoint("/copy"); });
  Ask("close", [&] { return engine->Close(); });
}

void House::Die(Death death, uint64_t seed) {
  sim.files->StopAtCall(0);
  if (!sim.files->stopped()) sim.files->Stop();
  engine.reset();
  if (death == Death::kKill) {
    sim.KillProcess();
  } else {
    sim.Crash({.seed = seed, .keep = death == Death::kPower ? SimKeep::kRandom : SimKeep::kSynced});
  }
}

std::string House::Check() {
  std::string problem = CheckTopics();
  if (problem.empty()) problem = CheckRecords();
  if (problem.empty()) problem = CheckCompacted();
  if (problem.empty()) problem = CheckAged();
  if (problem.empty()) problem = CheckOffsets();
  return problem;
}
std::string House::CheckCopy() {
  if (answers_["copy"] != Answer::kDone) return "";
  auto copy = Engine::Open({.directory = "/copy", .env = sim.env()});
  if (!copy.ok()) return "the copy: " + std::string(copy.status().message());
  std::vector<int64_t> offsets;
  std::string problem = Read(**copy, "old", &offsets);
  if (problem.empty() && offsets.size() != static_cast<size_t>(acked_) - 3)
    problem = absl::StrFormat("the copy has %d records of the topic 'old'", offsets.size());
  return problem;
}

absl::Status House::Send(std::string_view topic, int64_t offset) {
  auto producer = engine->NewProducer({.linger = absl::ZeroDuration()});
  if (!producer.ok()) return producer.status();
  auto handle = (*producer)->Topic(topic);
  if (!handle.ok()) return handle.status();
  absl::Status answer = absl::UnknownError("no answer");
  const std::string key = KeyOf(offset);
  const std::string value = ValueOf(offset);
  absl::Status sent = (*producer)->Send(
      *handle, {.key = key, .value = value}, [&](absl::StatusOr<Appended> at) { answer = at.status(); },
      PartitionId(0));
  sent.Update((*producer)->Flush());
  return sent.ok() ? answer : sent;
}

House::Answer House::Ask(const std::string& name, const std::function<absl::Status()>& request) {
  if (sim.files->stopped()) return Answer::kNotAsked;
  answers_[name] = Answer::kNone;
  const absl::Status status = request();
  if (sim.files->stopped()) return Answer::kNone;
  if (!status.ok()) {
    if (options_.may_refuse) return Answer::kNone;
    refused_ += name + ": " + std::string(status.message()) + "; ";
  }
  return answers_[name] = Answer::kDone;
}

int House::answered() const {
  return static_cast<int>(std::count_if(answers_.begin(), answers_.end(),
                                        [](const auto& one) { return one.second == Answer::kDone; }));
}

// Whether `found` is what `answer` allows: the new state if it was answered, the old one if nobody asked.
template <typename T>
std::string House::Compare(const std::string& name, const T& found, const T& before, const T& after) {
  const Answer answer = answers_[name];
  if (answer != Answer::kDone && found == before) return "";
  if (answer != Answer::kNotAsked && found == after) return "";
  return name + (answer == Answer::kDone ? ": it was answered, and is not so"
                                         : ": neither as before nor as asked for");
}

std::string House::CheckTopics() {
  if (!refused_.empty()) return "refused: " + refused_;
  Admin& admin = engine->admin();
  const auto partitions = [&](const char* topic) -> size_t {
    const auto found = admin.DescribeTopic(topic);
    return found.ok() ? found->partitions.size() : 0;
  };
  std::string problem = Compare<size_t>("create", partitions("new"), 0, 3);
  problem += Compare<size_t>("enlarge", partitions("old"), 2, 4);
  problem += Compare<size_t>("delete", partitions("gone"), 1, 0);
  const auto old = admin.DescribeTopic("old");
  if (!old.ok()) return "a topic is gone";
  problem += Compare<int64_t>("alter", old->config.max_message_bytes, Durable().max_message_bytes, 5000);
  if (partitions("gone") == 1) {
    std::vector<int64_t> offsets;
    problem += Read(*engine, "gone", &offsets);
    if (offsets.size() != 3) problem += "a topic that was not deleted has lost records";
  }
  return problem;
}

std::string House::CheckRecords() {
  std::vector<int64_t> offsets;
  std::string problem = Read(*engine, "old", &offsets);
  if (!problem.empty()) return problem;
  if (offsets.empty()) return "all records are gone";
  problem = Compare<int64_t>("delete records", offsets.front(), 0, 3);
  const int64_t end = offsets.back() + 1;
  if (static_cast<int64_t>(offsets.size()) != end - offsets.front()) problem += "a record is missing";
  if (end < acked_ || end > sent_)
    problem += absl::StrFormat("%d records, of which %d were sent and %d acknowledged", end, sent_, acked_);
  return problem;
}

std::string House::CheckCompacted() {
  std::vector<int64_t> offsets;
  std::string problem = Read(*engine, "compacted", &offsets);
  for (int64_t last = 26; last < 30 && problem.empty(); ++last) {
    if (std::find(offsets.begin(), offsets.end(), last) == offsets.end())
      problem = "compaction has lost the last value of a key";
  }
  return problem;
}

std::string House::CheckAged() {
  std::vector<int64_t> offsets;
  std::string problem = Read(*engine, "aged", &offsets);
  const bool due = answers_["expire"] != Answer::kNotAsked;
  if (problem.empty() && !due && offsets.size() != 12) problem = "records expired before their time";
  for (size_t i = 1; i < offsets.size() && problem.empty(); ++i) {
    if (offsets[i] != offsets[i - 1] + 1) problem = "expiry has left a hole";
  }
  if (problem.empty() && !offsets.empty() && offsets.back() != 11) problem = "expiry took the newest";
  return problem;
}

std::string House::CheckOffsets() {
  const auto offsets = engine->admin().ListGroupOffsets("group");
  if (!offsets.ok()) return "offsets: " + std::string(offsets.status().message());
  const auto found = offsets->find(kOld);
  if (found == offsets->end()) return "a committed offset is gone";
  return Compare<int64_t>("commit", found->second.offset.value(), 1, 4);
}

}  // namespace millrace::testing
