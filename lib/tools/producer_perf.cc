// kafka-producer-perf-test.sh: sends records, and tells how many, how fast and how late they were
// acknowledged.

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "tools/all_tools.h"
#include "tools/client_options.h"

namespace millrace::inline v0::tools {
namespace {

constexpr FlagSpec kProducerPerfFlags[] = {
    {.name = "topic",
     .takes = Takes::kValue,
     .value = "TOPIC",
     .help = "The topic to send to.",
     .required = true},
    {.name = "num-records",
     .takes = Takes::kValue,
     .value = "N",
     .help = "How many records.",
     .required = true},
    {.name = "record-size",
     .takes = Takes::kValue,
     .value = "BYTES",
     .help = "The size of each value, of random letters. This, --payload-file or --payload-monotonic."},
    {.name = "payload-file",
     .takes = Takes::kValue,
     .value = "FILE",
     .help = "Values are taken from this file at random."},
    {.name = "payload-delimiter",
     .takes = Takes::kValue,
     .value = "TEXT",
     .help = "Between two values of --payload-file. Default: a new line."},
    {.name = "payload-monotonic", .help = "Values are numbers that count up."},
    {.name = "throughput",
     .takes = Takes::kValue,
     .value = "RATE",
     .help = "Records a second, about; -1: as fast as it goes. Default: -1."},
    {.name = "bootstrap-server",
     .takes = Takes::kValue,
     .value = "HOST:PORT",
     .help = "The broker to connect to; or bootstrap.servers in --producer-props."},
    {.name = "producer-props",
     .takes = Takes::kValues,
     .value = "KEY=VALUE",
     .help = "Settings of the producer: bootstrap.servers, acks, linger.ms, ...",
     .alias = "command-property"},
    {.name = "producer.config",
     .takes = Takes::kValue,
     .value = "FILE",
     .help = "The same, as key=value lines.",
     .alias = "command-config"},
    {.name = "print-metrics", .help = "Accepted; there are none to print."},
    {.name = "warmup-records",
     .takes = Takes::kValue,
     .value = "N",
     .help = "So many records are left out of a second line of figures. Default: 0."},
    {.name = "reporting-interval",
     .takes = Takes::kValue,
     .value = "MS",
     .help = "How often figures are printed on the way. Default: 5000."},
};

// Latencies in milliseconds, as Kafka's tool counts them. Not thread-safe.
class SendStatistics {
 public:
  SendStatistics(int64_t records, int64_t start_ms, bool steady)
      : sampling_(records / std::min<int64_t>(records, 500'000)),
        start_ms_(start_ms),
        window_start_ms_(start_ms),
        steady_(steady) {}

  void Record(int64_t latency_ms, int64_t bytes) {
    if (count_ % sampling_ == 0) latencies_.push_back(static_cast<int32_t>(latency_ms));
    ++count_;
    bytes_ += bytes;
    total_ms_ += latency_ms;
    max_ms_ = std::max(max_ms_, latency_ms);
    ++window_count_;
    window_bytes_ += bytes;
    window_total_ms_ += latency_ms;
    window_max_ms_ = std::max(window_max_ms_, latency_ms);
  }
  int64_t window_start_ms() const { return window_start_ms_; }
  int64_t count() const { return count_; }

  std::string Window(int64_t now_ms) {
    const double elapsed = static_cast<double>(std::max<int64_t>(now_ms - window_start_ms_, 1));
    std::string line = absl::StrFormat(
        "%d records sent, %.1f records/sec (%.2f MB/sec), %.1f ms avg latency, %.1f ms max latency.\n",
        window_count_, 1000.0 * static_cast<double>(window_count_) / elapsed,
        1000.0 * static_cast<double>(window_bytes_) / elapsed / (1024.0 * 1024.0),
        static_cast<double>(window_total_ms_) / static_cast<double>(std::max<int64_t>(window_count_, 1)),
        static_cast<double>(window_max_ms_));
    window_start_ms_ = now_ms;
    window_count_ = window_bytes_ = window_total_ms_ = window_max_ms_ = 0;
    return line;
  }
  std::string Total(int64_t now_ms) {
    const double elapsed = static_cast<double>(std::max<int64_t>(now_ms - start_ms_, 1));
    std::sort(latencies_.begin(), latencies_.end());
    const auto percentile = [&](double share) {
      if (latencies_.empty()) return 0;
      return latencies_[static_cast<size_t>(share * static_cast<double>(latencies_.size()))];
    };
    return absl::StrFormat(
        "%d%s records sent, %f records/sec (%.2f MB/sec), %.2f ms avg latency, %.2f ms max latency, %d ms "
        "50th, %d ms "
        "95th, %d ms 99th, %d ms 99.9th.\n",
        count_, steady_ ? " steady state" : "", 1000.0 * static_cast<double>(count_) / elapsed,
        1000.0 * static_cast<double>(bytes_) / elapsed / (1024.0 * 1024.0),
        static_cast<double>(total_ms_) / static_cast<double>(std::max<int64_t>(count_, 1)),
        static_cast<double>(max_ms_), percentile(0.5), percentile(0.95), percentile(0.99), percentile(0.999));
  }

 private:
  const int64_t sampling_;
  const int64_t start_ms_;
  int64_t window_start_ms_;
  const bool steady_;
  std::vector<int32_t> latencies_;
  int64_t count_ = 0;
  int64_t bytes_ = 0;
  int64_t total_ms_ = 0;
  int64_t max_ms_ = 0;
  int64_t window_count_ = 0;
  int64_t window_bytes_ = 0;
  int64_t window_total_ms_ = 0;
  int64_t window_max_ms_ = 0;
};

// Shared by the sender and the callbacks. Thread-safe.
struct SendResults {
  explicit SendResults(int64_t records, int64_t now_ms) : all(records, now_ms, false) {}

  Mutex mutex;
  SendStatistics all ABSL_GUARDED_BY(mutex);
  std::unique_ptr<SendStatistics> steady ABSL_GUARDED_BY(mutex);
  int64_t failed ABSL_GUARDED_BY(mutex) = 0;
  absl::Status first_error ABSL_GUARDED_BY(mutex);
};

int64_t NowMs(const Call& call) {
  return call.host.env.clock->Monotonic().value() / 1'000'000;
}

struct PerfSetting {
  ProducerOptions options = {};
  ConnectRequest connect = {};
  int64_t records = 0;
  int64_t warmup = 0;
  double rate = -1;
  int64_t interval_ms = 5000;
  // One of these three.
  int64_t record_size = 0;
  std::vector<std::string> payloads = {};
  bool monotonic = false;
};

absl::Status ReadPayload(const Call& call, PerfSetting* setting) {
  const Flags& flags = call.flags;
  const int ways = (flags.has("record-size") ? 1 : 0) + (flags.has("payload-file") ? 1 : 0) +
                   (flags.has("payload-monotonic") ? 1 : 0);
  if (ways != 1)
    return absl::InvalidArgumentError(
        "one of the arguments --record-size --payload-file --payload-monotonic is required");
  setting->monotonic = flags.has("payload-monotonic");
  absl::StatusOr<int64_t> size = flags.IntOr("record-size", 1, 1, INT32_MAX);
  if (!size.ok()) return size.status();
  setting->record_size = *size;
  if (!flags.has("payload-file")) return absl::OkStatus();
  absl::StatusOr<std::string> text = ReadFile(call.host.env, flags.Get("payload-file"));
  if (!text.ok()) return text.status();
  std::string delimiter = flags.Get("payload-delimiter", "\n");
  if (delimiter == "\\n") delimiter = "\n";
  for (size_t at = 0; at < text->size();) {
    const size_t end = delimiter.empty() ? std::string::npos : text->find(delimiter, at);
    setting->payloads.push_back(text->substr(at, end == std::string::npos ? end : end - at));
    at = end == std::string::npos ? text->size() : end + delimiter.size();
  }
  if (setting->payloads.empty())
    return absl::InvalidArgumentError("File does not exist or empty file provided.");
  return absl::OkStatus();
}

absl::StatusOr<PerfSetting> PerfSettingOf(const Call& call) {
  PerfSetting setting;
  constexpr std::string_view kFiles[] = {"producer.config"};
  constexpr std::string_view kProperties[] = {"producer-props"};
  absl::StatusOr<Properties> properties = call.ClientProperties(kFiles, kProperties);
  if (!properties.ok()) return properties.status();
  setting.connect.bootstrap_servers = call.flags.Get("bootstrap-server");
  for (const auto& [name, value] : *properties) {
    if (name == "bootstrap.servers" && !call.flags.has("bootstrap-server"))
      setting.connect.bootstrap_servers = value;
  }
  if (setting.connect.bootstrap_servers.empty()) {
    return absl::InvalidArgumentError(
        "--bootstrap-server, or bootstrap.servers in --producer-props, must be specified");
  }
  setting.options.client_id = "perf-producer-client";
  absl::Status taken = TakeProducerProperties(&*properties, &setting.options);
  if (taken.ok()) taken = setting.options.Validate();
  if (!taken.ok()) return taken;
  setting.connect.properties = *std::move(properties);
  const std::tuple<std::string_view, int64_t, int64_t, int64_t*> numbers[] = {
      {"num-records", 1, 1, &setting.records},
      {"warmup-records", 0, 0, &setting.warmup},
      {"reporting-interval", 5000, 1, &setting.interval_ms}};
  for (const auto& [name, fallback, min, to] : numbers) {
    absl::StatusOr<int64_t> number = call.flags.IntOr(name, fallback, min);
    if (!number.ok()) return number.status();
    *to = *number;
  }
  if (setting.warmup >= setting.records) {
    return absl::InvalidArgumentError(
        "The value for --warmup-records must be strictly fewer than the number of records in the test, "
        "--num-records.");
  }
  absl::StatusOr<std::optional<double>> rate = call.flags.Double("throughput");
  if (!rate.ok()) return rate.status();
  setting.rate = rate->value_or(-1);
  if (absl::Status read = ReadPayload(call, &setting); !read.ok()) return read;
  return setting;
}

// Values one after another.
class Payloads {
 public:
  explicit Payloads(const PerfSetting& setting) : setting_(setting), random_(Random::Seeded(0)) {
    value_.resize(static_cast<size_t>(setting.record_size));
  }
  std::string_view Next(int64_t number) {
    if (!setting_.payloads.empty()) return setting_.payloads[random_->Below(setting_.payloads.size())];
    if (setting_.monotonic) {
      value_ = StrCat(number);
      return value_;
    }
    for (char& c : value_) c = static_cast<char>('A' + random_->Below(26));
    return value_;
  }

 private:
  const PerfSetting& setting_;
  const std::unique_ptr<Random> random_;
  std::string value_;
};

void PrintWindowWhenDue(Call& call, SendResults& results, const PerfSetting& setting, int64_t now_ms) {
  std::string line;
  {
    MutexLock lock(&results.mutex);
    if (now_ms - results.all.window_start_ms() < setting.interval_ms) return;
    line = results.all.Window(now_ms);
  }
  call.out() << line << std::flush;
}

// Waits until record `number` is due at the rate that was asked for.
void Throttle(const Call& call, double rate, int64_t number, int64_t start_ms) {
  if (rate <= 0) return;
  Clock* const clock = call.host.env.clock;
  const std::atomic<uint32_t> never{0};
  const MonotonicNanos due(
      static_cast<int64_t>(static_cast<double>(start_ms) * 1e6 + static_cast<double>(number) * 1e9 / rate));
  while (clock->Monotonic() < due && !call.host.interrupt->raised()) {
    const MonotonicNanos step = clock->Monotonic() + 100'000'000;
    call.host.env.parker->Park(never, 0, std::min(due, step));
  }
}

absl::Status SendAll(Call& call, Producer& producer, const PerfSetting& setting,
                     const std::shared_ptr<SendResults>& results) {
  absl::StatusOr<TopicHandle> topic = producer.Topic(call.flags.Get("topic"));
  if (!topic.ok()) return topic.status();
  Payloads payloads(setting);
  Clock* const clock = call.host.env.clock;
  const int64_t start_ms = NowMs(call);
  for (int64_t i = 0; i < setting.records && !call.host.interrupt->raised(); ++i) {
    const std::string_view value = payloads.Next(i);
    const int64_t sent_ms = NowMs(call);
    if (setting.warmup > 0 && i == setting.warmup) {
      MutexLock lock(&results->mutex);
      results->steady = std::make_unique<SendStatistics>(setting.records - setting.warmup, sent_ms, true);
    }
    const auto bytes = static_cast<int64_t>(value.size());
    const bool steady = setting.warmup > 0 && i >= setting.warmup;
    absl::Status sent =
        producer.Send(*topic, {.value = value},
                      [results, clock, sent_ms, bytes, steady](const absl::StatusOr<Appended>& appended) {
                        const int64_t latency = clock->Monotonic().value() / 1'000'000 - sent_ms;
                        MutexLock lock(&results->mutex);
                        if (!appended.ok()) {
                          if (results->failed++ == 0) results->first_error = appended.status();
                          return;
                        }
                        results->all.Record(latency, bytes);
                        if (steady) results->steady->Record(latency, bytes);
                      });
    if (!sent.ok()) return sent;
    PrintWindowWhenDue(call, *results, setting, sent_ms);
    Throttle(call, setting.rate, i + 1, start_ms);
  }
  return producer.Flush();
}

int RunProducerPerf(Call& call) {
  absl::StatusOr<PerfSetting> setting = PerfSettingOf(call);
  if (!setting.ok()) return call.Usage(setting.status());
  auto cluster = call.host.connect(setting->connect);
  if (!cluster.ok()) return call.Fail(cluster.status());
  absl::StatusOr<std::unique_ptr<Producer>> producer = (*cluster)->NewProducer(setting->options);
  if (!producer.ok()) return call.Fail(producer.status());
  if (setting->warmup > 0) {
    call.out() << "Warmup first " << setting->warmup
               << " records. Steady state results will print after the complete test summary.\n";
  }
  call.host.interrupt->OnRaise([] { return true; });
  const auto results = std::make_shared<SendResults>(setting->records, NowMs(call));
  absl::Status sent = SendAll(call, **producer, *setting, results);
  const int64_t now_ms = NowMs(call);
  call.host.interrupt->OnRaise(nullptr);
  MutexLock lock(&results->mutex);
  if (results->all.count() > 0) call.out() << results->all.Total(now_ms);
  if (results->steady != nullptr) call.out() << results->steady->Total(now_ms);
  if (!sent.ok()) return call.Fail(sent);
  if (results->failed > 0)
    return call.Fail(StrCat(results->failed, " records were not sent"), results->first_error);
  return call.host.interrupt->raised() ? kExitInterrupted : kExitOk;
}

}  // namespace

const Tool kProducerPerfTool{
    .name = "producer-perf-test",
    .script = "kafka-producer-perf-test.sh",
    .summary = "Send records, and tell how fast and how late they were acknowledged.",
    .flags = kProducerPerfFlags,
    .run = RunProducerPerf};

}  // namespace millrace::inline v0::tools
