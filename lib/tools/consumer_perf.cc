// kafka-consumer-perf-test.sh: reads records, and tells how many and how fast.

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "base/strings.h"
#include "tools/all_tools.h"
#include "tools/client_options.h"
#include "tools/times.h"

namespace millrace::inline v0::tools {
namespace {

constexpr FlagSpec kConsumerPerfFlags[] = {
    {.name = "bootstrap-server",
     .takes = Takes::kValue,
     .value = "HOST:PORT",
     .help = "The broker to connect to, or several, separated by commas.",
     .required = true,
     .alias = "broker-list"},
    {.name = "topic", .takes = Takes::kValue, .value = "TOPIC", .help = "The topic to read."},
    {.name = "include",
     .takes = Takes::kValue,
     .value = "REGEX",
     .help = "Read every topic whose name matches."},
    {.name = "num-records",
     .takes = Takes::kValue,
     .value = "N",
     .help = "How many records to read.",
     .required = true,
     .alias = "messages"},
    {.name = "group",
     .takes = Takes::kValue,
     .value = "GROUP",
     .help = "The consumer group. Default: one made up."},
    {.name = "from-latest", .help = "Without committed offsets, begin with what comes from now on."},
    {.name = "fetch-size",
     .takes = Takes::kValue,
     .value = "BYTES",
     .help = "What a fetch takes of a partition. Default: 1048576."},
    {.name = "socket-buffer-size",
     .takes = Takes::kValue,
     .value = "BYTES",
     .help = "The size of the TCP buffer."},
    {.name = "timeout",
     .takes = Takes::kValue,
     .value = "MS",
     .help = "End when no record has come for so long. Default: 10000."},
    {.name = "reporting-interval",
     .takes = Takes::kValue,
     .value = "MS",
     .help = "How often --show-detailed-stats prints. Default: 5000."},
    {.name = "date-format",
     .takes = Takes::kValue,
     .value = "FORMAT",
     .help = "How times are printed, by the letters of Java's SimpleDateFormat. Default: yyyy-MM-dd "
             "HH:mm:ss:SSS."},
    {.name = "show-detailed-stats", .help = "Print figures on the way, and not at the end."},
    {.name = "hide-header", .help = "Leave out the line with the names of the columns."},
    {.name = "print-metrics", .help = "Accepted; there are none to print."},
    {.name = "command-property",
     .takes = Takes::kValue,
     .value = "KEY=VALUE",
     .help = "A setting of the consumer. May be repeated.",
     .repeated = true},
    {.name = "command-config",
     .takes = Takes::kValue,
     .value = "FILE",
     .help = "The same, as key=value lines.",
     .alias = "consumer.config"},
};

struct ReadSetting {
  ConsumerOptions options = {};
  ConnectRequest connect = {};
  int64_t records = 0;
  int64_t timeout_ms = 10'000;
  int64_t interval_ms = 5000;
  std::string date_format = {};

  // Requires: ReadSettingOf has checked the format.
  std::string TimeText(Timestamp time) const {
    return *FormatJavaTime(date_format, time, absl::LocalTimeZone());
  }
};

absl::StatusOr<ReadSetting> ReadSettingOf(const Call& call) {
  ReadSetting setting;
  const Flags& flags = call.flags;
  if (flags.has("topic") == flags.has("include")) {
    return absl::InvalidArgumentError("Exactly one of --topic and --include is required.");
  }
  constexpr std::string_view kFiles[] = {"command-config"};
  constexpr std::string_view kProperties[] = {"command-property"};
  absl::StatusOr<Properties> properties = call.ClientProperties(kFiles, kProperties);
  if (!properties.ok()) return properties.status();
  setting.options.client_id = "perf-consumer-client";
  setting.options.wait = WaitStrategy::kPark;
  absl::Status taken = TakeConsumerProperties(&*properties, &setting.options);
  if (!taken.ok()) return taken;
  setting.options.start = flags.has("from-latest") ? Start::kLatest : Start::kEarliest;
  setting.options.group = flags.Get("group", StrCat("perf-consumer-", call.host.env.random->Below(100'000)));
  if (flags.has("socket-buffer-size")) {
    properties->emplace_back("socket.receive.buffer.bytes", flags.Get("socket-buffer-size"));
  }
  setting.connect = {.bootstrap_servers = flags.Get("bootstrap-server"),
                     .properties = *std::move(properties)};
  setting.date_format = flags.Get("date-format", "yyyy-MM-dd HH:mm:ss:SSS");
  if (auto time = FormatJavaTime(setting.date_format, Timestamp(0), absl::UTCTimeZone()); !time.ok()) {
    return time.status();
  }
  int64_t fetch_bytes = 0;
  const std::tuple<std::string_view, int64_t, int64_t, int64_t*> numbers[] = {
      {"num-records", 1, 1, &setting.records},
      {"timeout", 10'000, 0, &setting.timeout_ms},
      {"fetch-size", 1 << 20, 1, &fetch_bytes},
      {"reporting-interval", 5000, 1, &setting.interval_ms}};
  for (const auto& [name, fallback, min, to] : numbers) {
    absl::StatusOr<int64_t> number = flags.IntOr(name, fallback, min);
    if (!number.ok()) return number.status();
    *to = *number;
  }
  setting.options.max_partition_fetch_bytes = static_cast<size_t>(fetch_bytes);
  if (absl::Status valid = setting.options.Validate(); !valid.ok()) return valid;
  return setting;
}

struct ReadCounts {
  int64_t records = 0;
  int64_t bytes = 0;
  // How long groups took to form.
  int64_t rebalance_ms = 0;
};

// Counts the time without an assignment.
class JoinTimer final : public RebalanceListener {
 public:
  JoinTimer(Clock* clock, ReadCounts* counts) : clock_(clock), counts_(counts), since_ms_(Now()) {}
  void OnAssigned(const std::vector<TopicPartition>& added) override {
    if (held_ == 0) counts_->rebalance_ms += Now() - since_ms_;
    held_ += added.size();
  }
  void OnRevoked(const std::vector<TopicPartition>& removed) override {
    held_ -= std::min(held_, removed.size());
    if (held_ == 0) since_ms_ = Now();
  }

 private:
  int64_t Now() const { return clock_->Monotonic().value() / 1'000'000; }
  Clock* const clock_;
  ReadCounts* const counts_;
  int64_t since_ms_;
  size_t held_ = 0;
};

double PerSecond(double amount, int64_t ms) {
  return ms <= 0 ? 0.0 : amount / (static_cast<double>(ms) / 1000.0);
}

// The five columns after the time, and the four that Kafka added later.
std::string Columns(int64_t bytes, int64_t records, const ReadCounts& delta, int64_t elapsed_ms) {
  constexpr double kMiB = 1024.0 * 1024.0;
  const double mib = static_cast<double>(delta.bytes) / kMiB;
  const auto count = static_cast<double>(delta.records);
  const int64_t fetch_ms = elapsed_ms - delta.rebalance_ms;
  return absl::StrFormat("%.4f, %.4f, %d, %.4f, %d, %d, %.4f, %.4f\n", static_cast<double>(bytes) / kMiB,
                         PerSecond(mib, elapsed_ms), records, PerSecond(count, elapsed_ms),
                         delta.rebalance_ms, fetch_ms, PerSecond(mib, fetch_ms), PerSecond(count, fetch_ms));
}

void CountBatches(const Batches& batches, const ReadSetting& setting, ReadCounts* counts) {
  for (const Batch& batch : batches) {
    for (const RecordView& record : batch) {
      if (counts->records >= setting.records) return;
      ++counts->records;
      counts->bytes +=
          static_cast<int64_t>(record.key.value_or("").size() + record.value.value_or("").size());
    }
  }
}

absl::Status ReadAll(Call& call, Consumer& consumer, const ReadSetting& setting, ReadCounts* counts) {
  Clock* const clock = call.host.env.clock;
  const auto now = [clock] { return clock->Monotonic().value() / 1'000'000; };
  int64_t last_ms = now();
  int64_t report_ms = last_ms;
  ReadCounts reported;
  while (counts->records < setting.records && now() - last_ms <= setting.timeout_ms &&
         !call.host.interrupt->raised()) {
    absl::StatusOr<Batches> batches = consumer.Poll(absl::Milliseconds(100));
    if (!batches.ok()) return call.host.interrupt->raised() ? absl::OkStatus() : batches.status();
    if (!batches->empty()) last_ms = now();
    CountBatches(*batches, setting, counts);
    const int64_t elapsed = now() - report_ms;
    if (!call.flags.has("show-detailed-stats") || elapsed < setting.interval_ms) continue;
    const ReadCounts delta{.records = counts->records - reported.records,
                           .bytes = counts->bytes - reported.bytes,
                           .rebalance_ms = counts->rebalance_ms - reported.rebalance_ms};
    call.out() << setting.TimeText(clock->Wall()) << ", 0, "
               << Columns(counts->bytes, counts->records, delta, elapsed) << std::flush;
    reported = *counts;
    report_ms += elapsed;
  }
  if (counts->records < setting.records && !call.host.interrupt->raised()) {
    call.out() << "WARNING: Exiting before consuming the expected number of messages: timeout ("
               << setting.timeout_ms
               << " ms) exceeded. You can use the --timeout option to increase the timeout.\n";
  }
  return absl::OkStatus();
}

int RunConsumerPerf(Call& call) {
  absl::StatusOr<ReadSetting> setting = ReadSettingOf(call);
  if (!setting.ok()) return call.Usage(setting.status());
  auto cluster = call.host.connect(setting->connect);
  if (!cluster.ok()) return call.Fail(cluster.status());
  absl::StatusOr<std::unique_ptr<Consumer>> consumer = (*cluster)->NewConsumer(setting->options);
  if (!consumer.ok()) return call.Fail(consumer.status());
  const bool detailed = call.flags.has("show-detailed-stats");
  if (!call.flags.has("hide-header")) {
    call.out() << (detailed ? "time, threadId" : "start.time, end.time")
               << ", data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, "
                  "fetch.time.ms, "
                  "fetch.MB.sec, fetch.nMsg.sec\n"
               << std::flush;
  }
  call.host.interrupt->OnRaise([&] {
    (*consumer)->Wakeup();
    return true;
  });
  Clock* const clock = call.host.env.clock;
  const Timestamp start = clock->Wall();
  ReadCounts counts;
  JoinTimer timer(clock, &counts);
  absl::Status read = call.flags.has("topic")
                          ? (*consumer)->Subscribe({call.flags.Get("topic")}, &timer)
                          : (*consumer)->SubscribePattern(call.flags.Get("include"), &timer);
  if (read.ok()) read = ReadAll(call, **consumer, *setting, &counts);
  const Timestamp end = clock->Wall();
  const absl::Status closed = (*consumer)->Close();
  call.host.interrupt->OnRaise(nullptr);
  if (!read.ok()) return call.Fail(read);
  if (!closed.ok()) return call.Fail(closed);
  if (!detailed) {
    call.out() << setting->TimeText(start) << ", " << setting->TimeText(end) << ", "
               << Columns(counts.bytes, counts.records, counts, end - start);
  }
  return call.host.interrupt->raised() ? kExitInterrupted : kExitOk;
}

}  // namespace

const Tool kConsumerPerfTool{.name = "consumer-perf-test",
                             .script = "kafka-consumer-perf-test.sh",
                             .summary = "Read records, and tell how fast they came.",
                             .flags = kConsumerPerfFlags,
                             .run = RunConsumerPerf};

}  // namespace millrace::inline v0::tools
