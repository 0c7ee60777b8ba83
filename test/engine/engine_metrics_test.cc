// What an engine counts: by topic, partition, group, and of its producers and consumers.

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>

#include "millrace/engine.h"
#include "millrace/status.h"
#include "millrace/testing/sim_env.h"

namespace millrace {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

struct Counted {
  explicit Counted(EngineOptions options = {}) {
    options.directory = "/data";
    options.env = sim.env();
    options.offsets_topic_num_partitions = 1;
    auto opened = Engine::Open(std::move(options));
    REQUIRE(opened.ok());
    engine = *std::move(opened);
  }
  // Logs count what they have taken in each second.
  int64_t Value(const std::string& name, const Labels& labels = {}) {
    sim.executor->RunFor(2 * kSecond);
    return engine->metrics().Snapshot().Value(name, labels);
  }
  bool Has(const std::string& name, const Labels& labels) {
    Labels sorted = labels;
    std::sort(sorted.begin(), sorted.end());
    for (const MetricSample& sample : engine->metrics().Snapshot().samples) {
      if (sample.name == name && sample.labels == sorted) return true;
    }
    return false;
  }
  void Create(const std::string& topic, int32_t partitions = 1) {
    REQUIRE(engine->CreateTopic(topic, {.partitions = partitions}).ok());
  }
  std::unique_ptr<Producer> NewProducer(ProducerOptions options = {}) {
    auto made = engine->NewProducer(std::move(options));
    REQUIRE(made.ok());
    return *std::move(made);
  }
  std::unique_ptr<Consumer> NewConsumer(ConsumerOptions options) {
    options.wait = WaitStrategy::kPark;  // simulated time does not pass while something spins
    auto made = engine->NewConsumer(std::move(options));
    REQUIRE(made.ok());
    return *std::move(made);
  }
  static int64_t Drain(Consumer& consumer) {
    int64_t records = 0;
    for (;;) {
      const auto batches = consumer.Poll(absl::Milliseconds(200));
      REQUIRE(batches.ok());
      if (batches->empty()) return records;
      for (const Batch& batch : *batches) {
        for ([[maybe_unused]] const RecordView& record : batch) ++records;
      }
    }
  }

  SimEnv sim{7};
  std::unique_ptr<Engine> engine;
};

const std::string kIn = "kafka_server_brokertopicmetrics_messagesin_total";
const std::string kBytesIn = "kafka_server_brokertopicmetrics_bytesin_total";
const std::string kBytesOut = "kafka_server_brokertopicmetrics_bytesout_total";

TEST_CASE("records and bytes in and out, by topic and in all") {
  Counted world;
  world.Create("orders", 2);
  world.Create("others");
  auto producer = world.NewProducer();
  for (int i = 0; i < 10; ++i)
    REQUIRE(producer->Send("orders", {.key = std::to_string(i), .value = "v"}).ok());
  for (int i = 0; i < 3; ++i) REQUIRE(producer->Send("others", {.value = "v"}).ok());
  REQUIRE(producer->Flush(absl::Seconds(1)).ok());
  CHECK(world.Value(kIn, {{"topic", "orders"}}) == 10);
  CHECK(world.Value(kIn, {{"topic", "others"}}) == 3);
  CHECK(world.Value(kIn) == 13);
  int64_t size = 0;
  for (const char* partition : {"0", "1"})
    size += world.Value("kafka_log_log_size", {{"topic", "orders"}, {"partition", partition}});
  CHECK(world.Value(kBytesIn, {{"topic", "orders"}}) == size);
  CHECK(world.Value("kafka_log_log_logendoffset", {{"topic", "others"}, {"partition", "0"}}) == 3);
  CHECK(world.Value("kafka_log_log_logstartoffset", {{"topic", "others"}, {"partition", "0"}}) == 0);
  CHECK(world.Value("kafka_log_log_numlogsegments", {{"topic", "others"}, {"partition", "0"}}) == 1);
  CHECK(world.Value("kafka_topic_partitions", {{"topic", "orders"}}) == 2);
  CHECK(world.Value("kafka_controller_kafkacontroller_globaltopiccount") == 2);
  CHECK(world.Value("kafka_controller_kafkacontroller_globalpartitioncount") == 3);

  CHECK(world.Value(kBytesOut, {{"topic", "orders"}}) == 0);
  auto consumer = world.NewConsumer({.start = Start::kEarliest});
  REQUIRE(consumer->Assign({{"orders", PartitionId(0)}, {"orders", PartitionId(1)}}).ok());
  CHECK(Counted::Drain(*consumer) == 10);
  CHECK(world.Value(kBytesOut, {{"topic", "orders"}}) == size);
  CHECK(world.Value(kBytesOut) == size);
  CHECK(world.Value(kBytesOut, {{"topic", "others"}}) == 0);
}

TEST_CASE("a topic that is gone has no series, and the sums do not fall") {
  Counted world;
  world.Create("orders");
  auto producer = world.NewProducer();
  REQUIRE(producer->Send("orders", {.value = "v"}).ok());
  REQUIRE(producer->Flush(absl::Seconds(1)).ok());
  REQUIRE(world.Value(kIn, {{"topic", "orders"}}) == 1);
  const int64_t bytes = world.Value(kBytesIn);
  REQUIRE(world.engine->DeleteTopic("orders").ok());
  CHECK_FALSE(world.Has(kIn, {{"topic", "orders"}}));
  CHECK_FALSE(world.Has("kafka_log_log_size", {{"topic", "orders"}, {"partition", "0"}}));
  CHECK(world.Value(kIn) == 1);
  CHECK(world.Value(kBytesIn) == bytes);
  // A new one of that name begins anew.
  world.Create("orders");
  REQUIRE(producer->Send("orders", {.value = "v"}).ok());
  REQUIRE(producer->Send("orders", {.value = "v"}).ok());
  REQUIRE(producer->Flush(absl::Seconds(1)).ok());
  CHECK(world.Value(kIn, {{"topic", "orders"}}) == 2);
  CHECK(world.Value(kIn) == 3);
}

TEST_CASE("producers are counted, with what they have sent") {
  Counted world;
  world.Create("orders");
  CHECK(world.Value("millrace_producers") == 0);
  for (const absl::Duration linger : {absl::ZeroDuration(), absl::Seconds(100)}) {
    const int64_t before = world.Value("millrace_producer_batched_records_total");
    const int64_t bytes_before = world.Value("millrace_producer_batched_bytes_total");
    auto producer = world.NewProducer({.linger = linger});
    CHECK(world.Value("millrace_producers") == 1);
    const auto send = [&](size_t bytes) {
      REQUIRE(producer->Send("orders", {.value = std::string(bytes, 'v')}, [](const auto&) {}).ok());
    };
    for (int i = 0; i < 5; ++i) send(100);
    const bool lingers = linger > absl::ZeroDuration();
    CHECK((world.Value("millrace_producer_buffer_bytes") > 0) == lingers);
    REQUIRE(producer->Flush(absl::Seconds(1)).ok());
    CHECK(world.Value("millrace_producer_buffer_bytes") == 0);
    CHECK(world.Value("millrace_producer_batched_records_total") == before + 5);
    CHECK(world.Value("millrace_producer_batched_bytes_total") > bytes_before + 500);
    CHECK(world.Value("millrace_producer_batched_bytes_total") < bytes_before + 5 * 140);
    // Large ones, and what a producer takes with it.
    for (int i = 0; i < 200; ++i) send(1000);
    producer.reset();
    CHECK(world.Value("millrace_producers") == 0);
    CHECK(world.Value("millrace_producer_batched_records_total") == before + 205);
  }
}

TEST_CASE("records that fail after they were accepted are errors") {
  Counted world;
  REQUIRE(world.engine->CreateTopic("orders", {.config = {.durability = Durability::kPowerLoss}}).ok());
  auto producer = world.NewProducer();
  REQUIRE(producer->Send("orders", {.value = "v"}).ok());
  REQUIRE(producer->Flush(absl::Seconds(1)).ok());
  CHECK(world.Value("millrace_producer_record_errors_total") == 0);
  CHECK(world.Value("kafka_controller_kafkacontroller_offlinepartitionscount") == 0);
  world.sim.files->Fail({.operation = FileOperation::kSync, .times = 1000});
  for (int i = 0; i < 3; ++i) REQUIRE(producer->Send("orders", {.value = "v"}).ok());
  producer->Flush(absl::Seconds(1)).IgnoreError();
  CHECK(world.Value("millrace_producer_record_errors_total") == 3);
  CHECK(world.Value("kafka_controller_kafkacontroller_offlinepartitionscount") == 1);
}

TEST_CASE("consumers are counted, with what they were handed") {
  Counted world;
  world.Create("orders");
  {
    auto producer = world.NewProducer();
    for (int i = 0; i < 5000; ++i) REQUIRE(producer->Send("orders", {.value = std::string(100, 'v')}).ok());
  }
  auto consumer = world.NewConsumer({.start = Start::kEarliest});
  CHECK(world.Value("millrace_consumers") == 1);
  REQUIRE(consumer->Assign({{"orders", PartitionId(0)}}).ok());
  CHECK(Counted::Drain(*consumer) == 5000);
  CHECK(world.Value("millrace_consumer_records_total") == 5000);
  CHECK(world.Value("millrace_consumer_bytes_total") == world.Value(kBytesOut));
  const int64_t polls = world.Value("millrace_consumer_polls_total");
  CHECK(polls > 0);
  // Polls without waiting are told of by the thousand, and at the end.
  for (int i = 0; i < 2500; ++i) REQUIRE(consumer->TryPoll().ok());
  CHECK(world.Value("millrace_consumer_polls_total") >= polls + 2000);
  consumer.reset();
  CHECK(world.Value("millrace_consumer_polls_total") >= polls + 2500);
  CHECK(world.Value("millrace_consumers") == 0);
  CHECK(world.Value("millrace_consumer_rebalances_total") == 0);
}

TEST_CASE("the lag of a group is what it has yet to commit") {
  Counted world;
  world.Create("orders", 2);
  const Labels first = {{"consumergroup", "billing"}, {"topic", "orders"}, {"partition", "0"}};
  const Labels both = {{"consumergroup", "billing"}, {"topic", "orders"}};
  CHECK_FALSE(world.Has("kafka_consumergroup_lag", first));
  // Asking for metrics makes no topic for groups.

  CHECK(world.engine->admin().ListTopics().size() == 1);

  auto producer = world.NewProducer();
  const auto topic = producer->Topic("orders");
  REQUIRE(topic.ok());
  const auto send = [&](int32_t partition, int count) {
    for (int i = 0; i < count; ++i)
      REQUIRE(producer->Send(*topic, {.value = "v"}, PartitionId(partition)).ok());
    REQUIRE(producer->Flush(absl::Seconds(1)).ok());
  };
  send(0, 4);
  send(1, 2);
  auto consumer = world.NewConsumer({.group = "billing", .start = Start::kEarliest, .auto_commit = false});
  REQUIRE(consumer->Subscribe({"orders"}, nullptr).ok());
  CHECK(Counted::Drain(*consumer) == 6);
  CHECK(world.Value("millrace_consumer_rebalances_total") >= 1);
  CHECK(world.Value("kafka_consumergroup_members", {{"consumergroup", "billing"}}) == 1);
  CHECK(world.Value("kafka_coordinator_group_groupmetadatamanager_numgroups") == 1);
  CHECK(world.Value("kafka_coordinator_group_groupmetadatamanager_numgroupsstable") == 1);
  CHECK(world.Value("kafka_server_group_coordinator_metrics_group_count", {{"protocol", "classic"}}) == 1);
  CHECK(world.Value("kafka_server_group_coordinator_metrics_group_count", {{"protocol", "consumer"}}) == 0);
  CHECK_FALSE(world.Has("kafka_consumergroup_lag", first));  // nothing is committed
  REQUIRE(consumer->CommitSync().ok());
  CHECK(world.Has("kafka_consumergroup_lag", first));
  CHECK(world.Value("kafka_consumergroup_lag", first) == 0);
  CHECK(world.Value("kafka_consumergroup_current_offset", first) == 4);
  send(0, 3);
  send(1, 1);
  CHECK(world.Value("kafka_consumergroup_lag", first) == 3);
  CHECK(world.Value("kafka_consumergroup_lag_sum", both) == 4);
  CHECK(Counted::Drain(*consumer) == 4);
  CHECK(world.Value("kafka_consumergroup_lag", first) == 3);
  REQUIRE(consumer->CommitSync().ok());
  CHECK(world.Value("kafka_consumergroup_lag_sum", both) == 0);
  consumer.reset();
  CHECK(world.Value("kafka_consumergroup_members", {{"consumergroup", "billing"}}) == 0);
  CHECK(world.Value("kafka_coordinator_group_groupmetadatamanager_numgroupsempty") == 1);
}

TEST_CASE("only so many partitions have series of their own") {
  Counted world({.metrics_partitions_max = 2});
  world.Create("orders", 3);
  auto producer = world.NewProducer();
  const auto topic = producer->Topic("orders");
  REQUIRE(topic.ok());
  for (int32_t i = 0; i < 3; ++i) REQUIRE(producer->Send(*topic, {.value = "v"}, PartitionId(i)).ok());
  REQUIRE(producer->Flush(absl::Seconds(1)).ok());
  CHECK(world.Has("kafka_log_log_size", {{"topic", "orders"}, {"partition", "1"}}));
  CHECK_FALSE(world.Has("kafka_log_log_size", {{"topic", "orders"}, {"partition", "2"}}));
  CHECK(world.Value(kIn, {{"topic", "orders"}}) == 3);
}

TEST_CASE("a closed engine still answers") {
  Counted world;
  world.Create("orders");
  {
    auto producer = world.NewProducer();
    REQUIRE(producer->Send("orders", {.value = "v"}).ok());
  }
  REQUIRE(world.engine->Close().ok());
  CHECK(world.engine->metrics().Snapshot().Value(kIn) == 1);
}

}  // namespace
}  // namespace millrace
