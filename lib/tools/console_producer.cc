// kafka-console-producer.sh: sends each line of the input as a record.

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/strings.h"
#include "tools/all_tools.h"
#include "tools/client_options.h"
#include "tools/line_reader.h"

namespace millrace::inline v0::tools {
namespace {

constexpr FlagSpec kConsoleProducerFlags[] = {
    {.name = "bootstrap-server",
     .takes = Takes::kValue,
     .value = "HOST:PORT",
     .help = "The broker to connect to, or several, separated by commas.",
     .required = true,
     .alias = "broker-list"},
    {.name = "topic",
     .takes = Takes::kValue,
     .value = "TOPIC",
     .help = "The topic to send to.",
     .required = true},
    {.name = "sync", .help = "Send records one after another, each when its predecessor is acknowledged."},
    {.name = "compression-codec",
     .takes = Takes::kMaybeValue,
     .value = "CODEC",
     .help = "none, gzip, snappy, lz4 or zstd; without a value gzip."},
    {.name = "batch-size",
     .takes = Takes::kValue,
     .value = "BYTES",
     .help = "A batch is sent when it has this size. Default: 16384.",
     .alias = "max-partition-memory-bytes"},
    {.name = "timeout",
     .takes = Takes::kValue,
     .value = "MS",
     .help = "How long a record waits for company. Default: 1000."},
    {.name = "request-required-acks",
     .takes = Takes::kValue,
     .value = "ACKS",
     .help = "all (or -1), 1 or 0. Default: -1."},
    {.name = "request-timeout-ms",
     .takes = Takes::kValue,
     .value = "MS",
     .help = "How long a request waits for its answer. Default: 1500."},
    {.name = "message-send-max-retries",
     .takes = Takes::kValue,
     .value = "N",
     .help = "How often a send is tried again. Default: 3."},
    {.name = "retry-backoff-ms",
     .takes = Takes::kValue,
     .value = "MS",
     .help = "Between two tries. Default: 100."},
    {.name = "metadata-expiry-ms",
     .takes = Takes::kValue,
     .value = "MS",
     .help = "How often the partitions' leaders are asked for again."},
    {.name = "max-block-ms",
     .takes = Takes::kValue,
     .value = "MS",
     .help = "How long a send waits for room in the buffer. Default: 60000."},
    {.name = "max-memory-bytes",
     .takes = Takes::kValue,
     .value = "BYTES",
     .help = "The buffer. Default: 33554432."},
    {.name = "socket-buffer-size",
     .takes = Takes::kValue,
     .value = "BYTES",
     .help = "The size of the TCP buffer."},
    {.name = "line-reader",
     .takes = Takes::kValue,
     .value = "CLASS",
     .help = "Accepted for Kafka's own line reader only."},
    {.name = "reader-property",
     .takes = Takes::kValue,
     .value = "KEY=VALUE",
     .help = "How lines are read: parse.key, key.separator, parse.headers, headers.delimiter, "
             "headers.separator, headers.key.separator, null.marker, ignore.error. May be repeated.",
     .repeated = true,
     .alias = "property"},
    {.name = "reader-config",
     .takes = Takes::kValue,
     .value = "FILE",
     .help = "The same, as key=value lines."},
    {.name = "command-property",
     .takes = Takes::kValue,
     .value = "KEY=VALUE",
     .help = "A setting of the producer (linger.ms, ...). May be repeated.",
     .repeated = true,
     .alias = "producer-property"},
    {.name = "command-config",
     .takes = Takes::kValue,
     .value = "FILE",
     .help = "The same, as key=value lines.",
     .alias = "producer.config"},
};

// What became of the records. Thread-safe: callbacks run where the producer likes.
class Failures {
 public:
  explicit Failures(std::ostream& err) : err_(err) {}
  void Add(const std::string& topic, const absl::Status& why) {
    MutexLock lock(&mutex_);
    if (++count_ <= kShown) {
      err_ << "Error when sending message to topic " << topic << ": " << ToStd(why.message()) << std::endl;
    }
  }
  int64_t count() const {
    MutexLock lock(&mutex_);
    return count_;
  }

 private:
  static constexpr int64_t kShown = 10;
  std::ostream& err_;
  mutable Mutex mutex_;
  int64_t count_ ABSL_GUARDED_BY(mutex_) = 0;
};

// The flags that stand for settings; those given as settings count before them, as in Kafka's tool.
absl::Status AddFlagProperties(const Flags& flags, Properties* properties) {
  constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"batch-size", "batch.size"},
      {"timeout", "linger.ms"},
      {"request-required-acks", "acks"},
      {"request-timeout-ms", "request.timeout.ms"},
      {"message-send-max-retries", "retries"},
      {"retry-backoff-ms", "retry.backoff.ms"},
      {"metadata-expiry-ms", "metadata.max.age.ms"},
      {"max-block-ms", "max.block.ms"},
      {"max-memory-bytes", "buffer.memory"},
      {"socket-buffer-size", "socket.send.buffer.bytes"},
  };
  Properties from_flags = {{"linger.ms", "1000"}};
  for (const auto& [flag, name] : kNames) {
    if (!flags.has(flag)) continue;
    if (flag != "request-required-acks") {
      absl::StatusOr<std::optional<int64_t>> number = flags.Int(flag, 0);
      if (!number.ok()) return number.status();
    }
    from_flags.emplace_back(name, flags.Get(flag));
  }
  if (flags.has("compression-codec")) {
    from_flags.emplace_back("compression.type", flags.Get("compression-codec", "gzip"));
  }
  properties->insert(properties->begin(), from_flags.begin(), from_flags.end());
  return absl::OkStatus();
}

struct ProducerSetting {
  ProducerOptions options = {};
  Properties client = {};
  LineReaderOptions reader = {};
};

absl::StatusOr<ProducerSetting> SettingOf(const Call& call) {
  ProducerSetting setting;
  constexpr std::string_view kFiles[] = {"command-config"};
  constexpr std::string_view kProperties[] = {"command-property"};
  absl::StatusOr<Properties> properties = call.ClientProperties(kFiles, kProperties);
  if (!properties.ok()) return properties.status();
  setting.client = *std::move(properties);
  if (absl::Status added = AddFlagProperties(call.flags, &setting.client); !added.ok()) return added;
  setting.options.client_id = "console-producer";
  absl::Status taken = TakeProducerProperties(&setting.client, &setting.options);
  if (!taken.ok()) return taken;
  if (absl::Status valid = setting.options.Validate(); !valid.ok()) return valid;
  constexpr std::string_view kReaderFiles[] = {"reader-config"};
  constexpr std::string_view kReaderProperties[] = {"reader-property"};
  absl::StatusOr<Properties> reader = call.ClientProperties(kReaderFiles, kReaderProperties);
  if (!reader.ok()) return reader.status();
  absl::StatusOr<LineReaderOptions> parsed = LineReaderOptions::From(*reader);
  if (!parsed.ok()) return parsed.status();
  setting.reader = *std::move(parsed);
  return setting;
}

absl::Status SendLine(Producer& producer, const TopicHandle& handle, const ParsedLine& line,
                      const std::string& topic, const std::shared_ptr<Failures>& failures) {
  std::vector<Header> headers;
  for (const auto& [key, value] : line.headers) {
    headers.push_back(
        {.key = key, .value = value.has_value() ? std::optional<std::string_view>(*value) : std::nullopt});
  }
  Record record{.headers = headers};
  if (line.key.has_value()) record.key = *line.key;
  if (line.value.has_value()) record.value = *line.value;
  return producer.Send(handle, record, [failures, topic](const absl::StatusOr<Appended>& appended) {
    if (!appended.ok()) failures->Add(topic, appended.status());
  });
}

// Reads to the end of the input, or to a line that cannot be read.
absl::Status SendLines(Call& call, Producer& producer, const ProducerSetting& setting,
                       const std::shared_ptr<Failures>& failures) {
  const std::string topic = call.flags.Get("topic");
  absl::StatusOr<TopicHandle> handle = producer.Topic(topic);
  if (!handle.ok()) return handle.status();
  const bool one_by_one = call.flags.has("sync");
  std::string text;
  for (int64_t number = 1;; ++number) {
    if (call.host.in_is_terminal) call.out() << '>' << std::flush;
    if (!std::getline(*call.host.in, text)) return absl::OkStatus();
    if (text.ends_with('\r')) text.pop_back();
    absl::StatusOr<ParsedLine> line = ParseLine(text, number, setting.reader);
    if (!line.ok()) return line.status();
    absl::Status sent = SendLine(producer, *handle, *line, topic, failures);
    if (sent.ok() && one_by_one) sent = producer.Flush();
    if (!sent.ok()) failures->Add(topic, sent);
  }
}

int RunConsoleProducer(Call& call) {
  absl::StatusOr<ProducerSetting> setting = SettingOf(call);
  if (!setting.ok()) return call.Usage(setting.status());
  auto cluster = call.host.connect(
      {.bootstrap_servers = call.flags.Get("bootstrap-server"), .properties = setting->client});
  if (!cluster.ok()) return call.Fail(cluster.status());
  absl::StatusOr<std::unique_ptr<Producer>> producer = (*cluster)->NewProducer(setting->options);
  if (!producer.ok()) return call.Fail(producer.status());
  // Reading a line cannot be interrupted: what was read is sent, and then the host ends the process.
  const auto failures = std::make_shared<Failures>(call.err());
  call.host.interrupt->OnRaise([&] {
    (*producer)->Flush(absl::Seconds(10)).IgnoreError();
    return false;
  });
  const absl::Status read = SendLines(call, **producer, *setting, failures);
  const absl::Status closed = (*producer)->Close();
  call.host.interrupt->OnRaise(nullptr);
  if (!read.ok()) return call.Fail(read);
  if (!closed.ok()) return call.Fail(closed);
  if (failures->count() > 0) return call.Fail(StrCat(failures->count(), " records were not sent"));
  return kExitOk;
}

}  // namespace

const Tool kConsoleProducerTool{.name = "console-producer",
                                .script = "kafka-console-producer.sh",
                                .summary = "Send each line of the input as a record.",
                                .flags = kConsoleProducerFlags,
                                .run = RunConsoleProducer};

}  // namespace millrace::inline v0::tools
