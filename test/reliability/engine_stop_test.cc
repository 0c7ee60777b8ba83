// R2, of a whole engine: it stops at each call to the file system while topics are made, enlarged, changed
// and deleted, records are sent, deleted, compacted and expire, offsets are committed and everything is
// copied. It is killed, or the power goes. What was answered is so afterwards; what was not is so or not, but
// never half.
//
// MILLRACE_STOP_STRIDE: from one call to the next (default 1, all).

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "millrace/engine.h"
#include "millrace/testing/sim_env.h"
#include "reliability/world.h"

namespace millrace::testing {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
const TopicPartition kOld{"old", PartitionId(0)};

enum class Death : uint8_t { kKill, kPower, kPowerSynced };
constexpr const char* kDeaths[] = {"killed", "power lost", "power lost, only what was synced left"};

// What became of a request.
enum class Answer : uint8_t { kNotAsked, kNone, kDone };

TopicConfig Durable() {
  TopicConfig config;
  config.durability = Durability::kPowerLoss;
  config.segment_bytes = 4096;
  config.file_delete_delay_ms = 0;
  return config;
}

class House {
 public:
  explicit House(uint64_t seed, Durability registry) : sim(seed), registry_(registry) {}

  std::string Open(EngineReport* report = nullptr) {
    auto opened =
        Engine::Open({.directory = "/data", .env = sim.env(), .registry_durability = registry_}, report);
    if (!opened.ok()) return "Open: " + std::string(opened.status().message());
    engine = *std::move(opened);
    return "";
  }

  // Topics with something in them, all of it durable.
  std::string Furnish() {
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

  // Everything the scenario asks for, until it is stopped.
  void Act() {
    Admin& admin = engine->admin();
    Ask("create", [&] { return engine->CreateTopic("new", {.partitions = 3, .config = Durable()}); });
    for (int i = 6; i < 9; ++i) {
      if (Ask("send", [&] { return Send("old", i); }) == Answer::kNotAsked) break;
      sent_ = i + 1;
      if (answers_["send"] == Answer::kDone) acked_ = i + 1;
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

  void Die(Death death, uint64_t seed) {
    sim.files->StopAtCall(0);
    if (!sim.files->stopped()) sim.files->Stop();
    engine.reset();
    if (death == Death::kKill) {
      sim.KillProcess();
    } else {
      sim.Crash({.seed = seed, .keep = death == Death::kPower ? SimKeep::kRandom : SimKeep::kSynced});
    }
  }

  std::string Check() {
    std::string problem = CheckTopics();
    if (problem.empty()) problem = CheckRecords();
    if (problem.empty()) problem = CheckCompacted();
    if (problem.empty()) problem = CheckAged();
    if (problem.empty()) problem = CheckOffsets();
    return problem;
  }
  std::string CheckCopy() {
    if (answers_["copy"] != Answer::kDone) return "";
    auto copy = Engine::Open({.directory = "/copy", .env = sim.env()});
    if (!copy.ok()) return "the copy: " + std::string(copy.status().message());
    std::vector<int64_t> offsets;
    std::string problem = Read(**copy, "old", &offsets);
    if (problem.empty() && offsets.size() != static_cast<size_t>(acked_) - 3)
      problem = absl::StrFormat("the copy has %d records of the topic 'old'", offsets.size());
    return problem;
  }

  SimEnv sim;
  std::unique_ptr<Engine> engine;

 private:
  static std::string ValueOf(int64_t offset) {
    return std::to_string(offset) + std::string(300, static_cast<char>('a' + offset % 26));
  }
  static std::string KeyOf(int64_t offset) { return "key " + std::to_string(offset % 4); }

  absl::Status Send(std::string_view topic, int64_t offset) {
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

  template <typename Request>
  Answer Ask(const std::string& name, Request request) {
    if (sim.files->stopped()) return Answer::kNotAsked;
    answers_[name] = Answer::kNone;
    const absl::Status status = request();
    if (sim.files->stopped()) return Answer::kNone;
    if (!status.ok()) refused_ += name + ": " + std::string(status.message()) + "; ";
    answers_[name] = Answer::kDone;
    return Answer::kDone;
  }

  // Whether `found` is what `answer` allows: the new state if it was answered, the old one if nobody asked.
  template <typename T>
  std::string Compare(const std::string& name, const T& found, const T& before, const T& after) {
    const Answer answer = answers_[name];
    if (answer != Answer::kDone && found == before) return "";
    if (answer != Answer::kNotAsked && found == after) return "";
    return name + (answer == Answer::kDone ? ": it was answered, and is not so"
                                           : ": neither as before nor as asked for");
  }

  std::string CheckTopics() {
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

  // All records of the first partition; each must be what was sent there.
  static std::string Read(Engine& engine, const char* topic, std::vector<int64_t>* offsets) {
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

  std::string CheckRecords() {
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

  std::string CheckCompacted() {
    std::vector<int64_t> offsets;
    std::string problem = Read(*engine, "compacted", &offsets);
    for (int64_t last = 26; last < 30 && problem.empty(); ++last) {
      if (std::find(offsets.begin(), offsets.end(), last) == offsets.end())
        problem = "compaction has lost the last value of a key";
    }
    return problem;
  }

  std::string CheckAged() {
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

  std::string CheckOffsets() {
    const auto offsets = engine->admin().ListGroupOffsets("group");
    if (!offsets.ok()) return "offsets: " + std::string(offsets.status().message());
    const auto found = offsets->find(kOld);
    if (found == offsets->end()) return "a committed offset is gone";
    return Compare<int64_t>("commit", found->second.offset.value(), 1, 4);
  }

  const Durability registry_;
  std::map<std::string, Answer> answers_;
  std::string refused_;
  int64_t sent_ = 0;
  int64_t acked_ = 0;
};

// True: the scenario made so many calls.
bool StopAt(Durability registry, Death death, uint64_t nth, bool half, std::string* problem) {
  House house(nth, registry);
  *problem = house.Open();
  if (problem->empty()) *problem = house.Furnish();
  if (!problem->empty()) return false;
  house.sim.files->StopAtCall(nth, half);
  house.Act();
  const bool stopped = house.sim.files->stopped();
  house.Die(death, nth);
  *problem = house.Open();
  if (problem->empty()) *problem = house.Check();
  if (problem->empty()) *problem = house.CheckCopy();
  if (!problem->empty()) return stopped;
  if (!house.engine->Close().ok()) *problem = "it cannot be closed";
  house.engine.reset();
  EngineReport report;
  if (problem->empty()) *problem = house.Open(&report);
  if (problem->empty()) *problem = house.Check();
  if (report.shutdown != RecoveryReport::Shutdown::kClean) *problem += "it was not closed cleanly";
  for (const std::string& note : report.notes) {
    // Files of a deleted topic wait for file.delete.delay.ms, or for this opening.
    if (!note.starts_with("the deletion of")) *problem += "still to be repaired: " + note;
  }
  return stopped;
}

uint64_t Stride() {
  return static_cast<uint64_t>(FromEnvironment("MILLRACE_STOP_STRIDE", 1));
}

TEST_CASE("an engine may stop at each of its calls") {
  const Death death = GENERATE(Death::kKill, Death::kPower, Death::kPowerSynced);
  const bool half = GENERATE(false, true);
  bool stopped = true;
  uint64_t nth = 1;
  for (; stopped; nth += Stride()) {
    std::string problem;
    stopped = StopAt(Durability::kPowerLoss, death, nth, half, &problem);
    INFO("stopped at call " << nth << (half ? ", half done" : "") << ", " << kDeaths[static_cast<int>(death)]
                            << ": " << problem);
    REQUIRE(problem.empty());
  }
  CHECK(nth > 100);
}

// The control: what was promised to survive a process alone is lost with the power, and that is seen.
TEST_CASE("answers that a power loss takes back are found out") {
  int found = 0;
  bool stopped = true;
  for (uint64_t nth = 1; stopped; nth += 5) {
    std::string problem;
    stopped = StopAt(Durability::kProcess, Death::kPowerSynced, nth, false, &problem);
    if (!problem.empty()) ++found;
  }
  CHECK(found > 0);
}

}  // namespace
}  // namespace millrace::testing
