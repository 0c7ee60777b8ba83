// A broker is killed at any moment, round after round, while a producer of librdkafka's sends to it; it comes
// back on the same port. With an idempotent producer and acks=all the partitions hold in the end what was
// sent: nothing lost, nothing doubled, all of it in order.
//
// MILLRACE_BROKER_KILL_ROUNDS sets the rounds (default 40; 500 before a release), MILLRACE_SEED the delays.

#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "millrace/env/random.h"
#include "millrace/millrace.h"
#include "setting.h"
#include "temp_dir.h"

extern char** environ;

namespace millrace {
namespace {

constexpr int32_t kPartitions = 3;
// Not yet acknowledged at once.
constexpr int64_t kUnderWay = 600;
constexpr char kTopic[] = "t";

// Microseconds from now on.
class Stopwatch {
 public:
  int64_t micros() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin_)
        .count();
  }

 private:
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// A broker in a process of its own.
class BrokerProcess {
 public:
  BrokerProcess(const std::string& directory, const std::string& address, const char* forgets) {
    int to_child[2], from_child[2];
    REQUIRE(pipe2(to_child, O_CLOEXEC) == 0);
    REQUIRE(pipe2(from_child, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to_child[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from_child[1], STDOUT_FILENO);
    const std::array<const char*, 5> arguments = {MILLRACE_KILL_BROKER, directory.c_str(), address.c_str(),
                                                  forgets, nullptr};
    REQUIRE(posix_spawn(&pid_, MILLRACE_KILL_BROKER, &actions, nullptr, const_cast<char**>(arguments.data()),
                        environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(to_child[0]);
    close(from_child[1]);
    in_ = to_child[1];
    out_ = from_child[0];
    char byte = 0;
    while (read(out_, &byte, 1) == 1 && byte != '\n') address_ += byte;
    REQUIRE(byte == '\n');
  }
  ~BrokerProcess() {
    close(in_);
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
    close(out_);
  }
  BrokerProcess(const BrokerProcess&) = delete;
  BrokerProcess& operator=(const BrokerProcess&) = delete;

  const std::string& address() const { return address_; }
  // Whether it was alive until then.
  bool Kill() {
    kill(pid_, SIGKILL);
    int status = 0;
    waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFSIGNALED(status);
  }

 private:
  pid_t pid_ = -1;
  int in_ = -1;
  int out_ = -1;
  std::string address_;
};

// Sends 0, 1, 2, ... to each partition.
class Sender {
 public:
  using Settings = std::vector<std::pair<const char*, const char*>>;

  Sender(const std::string& bootstrap, const Settings& settings) {
    rd_kafka_conf_t* const conf = rd_kafka_conf_new();
    std::array<char, 512> why = {};
    Settings all = {{"bootstrap.servers", bootstrap.c_str()},
                    {"linger.ms", "0"},
                    {"batch.num.messages", "20"},
                    {"retry.backoff.ms", "1"},
                    {"retries", "1000000"},
                    {"reconnect.backoff.ms", "1"},
                    {"reconnect.backoff.max.ms", "5"},
                    {"message.timeout.ms", "120000"},
                    {"log_level", "0"}};
    all.insert(all.end(), settings.begin(), settings.end());
    for (const auto& [name, value] : all) {
      INFO(name);
      REQUIRE(rd_kafka_conf_set(conf, name, value, why.data(), why.size()) == RD_KAFKA_CONF_OK);
    }
    rd_kafka_conf_set_dr_msg_cb(conf, OnDelivery);
    rd_kafka_conf_set_opaque(conf, this);
    client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why.data(), why.size());
    REQUIRE(client_ != nullptr);
  }
  ~Sender() { rd_kafka_destroy(client_); }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  // Sends, and hears of what was delivered, for about a millisecond.
  void Work() {
    for (; sent_ - answered_ < kUnderWay; ++sent_) {
      const auto partition = static_cast<int32_t>(sent_ % kPartitions);
      const std::string value = std::to_string(sent_ / kPartitions);
      const auto error =
          rd_kafka_producev(client_, RD_KAFKA_V_TOPIC(kTopic), RD_KAFKA_V_PARTITION(partition),
                            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                            RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()), RD_KAFKA_V_END);
      if (error != RD_KAFKA_RESP_ERR_NO_ERROR) break;
    }
    rd_kafka_poll(client_, 1);
  }
  // Until everything was answered, or a minute has passed.
  void Finish() {
    rd_kafka_flush(client_, 60'000);
    REQUIRE(sent_ == answered_);
  }

  int64_t sent() const { return sent_; }
  int64_t answered() const { return answered_; }
  int64_t failed() const { return failed_; }
  const std::string& failure() const { return failure_; }

 private:
  static void OnDelivery(rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
    auto* const sender = static_cast<Sender*>(self);
    ++sender->answered_;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    ++sender->failed_;
    sender->failure_ = rd_kafka_err2str(message->err);
  }

  rd_kafka_t* client_ = nullptr;
  int64_t sent_ = 0;
  int64_t answered_ = 0;
  int64_t failed_ = 0;
  std::string failure_;
};

struct Held {
  int64_t records = 0;
  int64_t missing = 0;
  int64_t doubled = 0;
  // Behind one that was sent after it.
  int64_t out_of_order = 0;
};

// What the partitions hold, of `sent` records.
Held Read(const std::string& directory, int64_t sent) {
  auto engine = Engine::Open({.directory = directory});
  INFO(engine.status().message());
  REQUIRE(engine.ok());
  auto consumer = (*engine)->NewConsumer();
  REQUIRE(consumer.ok());
  std::vector<TopicPartition> partitions;
  int64_t there = 0;
  for (int32_t partition = 0; partition < kPartitions; ++partition)
    partitions.push_back({.topic = kTopic, .partition = PartitionId(partition)});
  REQUIRE((*consumer)->Assign(partitions).ok());
  REQUIRE((*consumer)->SeekToBeginning(partitions).ok());
  for (const TopicPartition& partition : partitions) {
    const auto end = (*consumer)->EndOffsets({partition});
    REQUIRE(end.ok());
    there += end->begin()->second.value();
  }
  Held held;
  std::vector<std::vector<int>> times(kPartitions,
                                      std::vector<int>(static_cast<size_t>(sent / kPartitions) + 1));
  std::vector<int64_t> last(kPartitions, -1);
  while (held.records < there) {
    const auto batches = (*consumer)->Poll(absl::Seconds(10));
    REQUIRE(batches.ok());
    REQUIRE(!batches->empty());
    for (const Batch& batch : *batches) {
      const auto partition = static_cast<size_t>(batch.topic_partition().partition.value());
      for (const RecordView& record : batch) {
        const int64_t number = std::stoll(std::string(*record.value));
        ++held.records;
        if (++times[partition].at(static_cast<size_t>(number)) > 1) ++held.doubled;
        if (number < last[partition]) ++held.out_of_order;
        last[partition] = number;
      }
    }
  }
  for (int64_t number = 0; number < sent; ++number) {
    if (times[static_cast<size_t>(number % kPartitions)][static_cast<size_t>(number / kPartitions)] == 0)
      ++held.missing;
  }
  return held;
}

struct Outcome {
  int64_t kills = 0;
  // Kills that found something sent and not answered.
  int64_t kills_under_way = 0;
  int64_t failed = 0;
  std::string failure;
  int64_t sent = 0;
  Held held;
};

Outcome Run(int64_t rounds, const Sender::Settings& settings, const char* forgets = nullptr) {
  const test::TempDir directory;
  const std::string path = directory.path() + "/data";
  {
    auto engine = Engine::Open({.directory = path});
    REQUIRE(engine.ok());
    REQUIRE((*engine)->CreateTopic(kTopic, {.partitions = kPartitions}).ok());
  }
  const auto random = Random::Seeded(static_cast<uint64_t>(test::Setting("MILLRACE_SEED", 20261123)));
  Outcome outcome;
  std::string address = "127.0.0.1:0";
  auto broker = std::make_unique<BrokerProcess>(path, address, forgets);
  address = broker->address();
  Sender sender(address, settings);
  for (int64_t round = 0; round < rounds; ++round) {
    // The kill's clock starts with the first answer, or the rounds would only interrupt the coming back.
    const int64_t before = sender.answered();
    for (const Stopwatch waited; sender.answered() == before && waited.micros() < 30'000'000;) sender.Work();
    const auto micros = static_cast<int64_t>(random->Below(30'000));
    for (const Stopwatch lived; lived.micros() < micros;) sender.Work();
    if (sender.answered() > before && broker->Kill()) ++outcome.kills;
    if (sender.sent() > sender.answered()) ++outcome.kills_under_way;
    broker = std::make_unique<BrokerProcess>(path, address, forgets);
  }
  sender.Finish();
  broker.reset();
  outcome.failed = sender.failed();
  outcome.failure = sender.failure();
  outcome.sent = sender.sent();
  outcome.held = Read(path, outcome.sent);
  return outcome;
}

TEST_CASE("an idempotent producer loses and doubles nothing when its broker is killed") {
  const int64_t rounds = test::Setting("MILLRACE_BROKER_KILL_ROUNDS", 40);
  const Outcome outcome = Run(rounds, {{"enable.idempotence", "true"}, {"acks", "all"}});
  INFO(outcome.failed << " failed: " << outcome.failure);
  CHECK(outcome.kills == rounds);
  CHECK(outcome.kills_under_way > 0);
  CHECK(outcome.sent > rounds);
  CHECK(outcome.failed == 0);
  CHECK(outcome.held.records == outcome.sent);
  CHECK(outcome.held.missing == 0);
  CHECK(outcome.held.doubled == 0);
  CHECK(outcome.held.out_of_order == 0);
}

TEST_CASE("nor when answers are lost as well") {
  const Outcome outcome = Run(5, {{"enable.idempotence", "true"}, {"acks", "all"}}, "10");
  INFO(outcome.failed << " failed: " << outcome.failure);
  CHECK(outcome.failed == 0);
  CHECK(outcome.held.records == outcome.sent);
  CHECK(outcome.held.missing + outcome.held.doubled + outcome.held.out_of_order == 0);
}

TEST_CASE("negative control: a producer that is not idempotent doubles what was not answered") {
  const Outcome outcome = Run(5, {{"enable.idempotence", "false"}, {"acks", "all"}}, "10");
  CHECK(outcome.held.doubled > 0);
}

TEST_CASE("negative control: what nobody acknowledges is lost") {
  int64_t missing = 0;
  for (int turn = 0; turn < 20 && missing == 0; ++turn)
    missing = Run(5, {{"enable.idempotence", "false"}, {"acks", "0"}}).held.missing;
  CHECK(missing > 0);
}

}  // namespace
}  // namespace millrace
