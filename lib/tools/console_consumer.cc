// kafka-console-consumer.sh: prints records as they come.

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "millrace/status.h"
#include "tools/all_tools.h"
#include "tools/client_options.h"
#include "tools/record_formatter.h"

namespace millrace::inline v0::tools {
namespace {

constexpr FlagSpec kConsoleConsumerFlags[] = {
    {.name = "bootstrap-server",
     .takes = Takes::kValue,
     .value = "HOST:PORT",
     .help = "The broker to connect to, or several, separated by commas.",
     .required = true},
    {.name = "topic", .takes = Takes::kValue, .value = "TOPIC", .help = "The topic to read."},
    {.name = "include",
     .takes = Takes::kValue,
     .value = "REGEX",
     .help = "Read every topic whose name matches.",
     .alias = "whitelist"},
    {.name = "partition",
     .takes = Takes::kValue,
     .value = "N",
     .help = "Read this partition alone, without a group; from the end unless --offset or --from-beginning "
             "says otherwise."},
    {.name = "offset",
     .takes = Takes::kValue,
     .value = "OFFSET",
     .help = "With --partition: where to begin: an offset, 'earliest' or 'latest'. Default: latest."},
    {.name = "from-beginning",
     .help = "Without committed offsets, begin with the earliest record and not with the next that comes."},
    {.name = "group",
     .takes = Takes::kValue,
     .value = "GROUP",
     .help = "The consumer group. Default: one made up, which commits nothing."},
    {.name = "max-messages",
     .takes = Takes::kValue,
     .value = "N",
     .help = "End after so many records. Default: go on."},
    {.name = "timeout-ms",
     .takes = Takes::kValue,
     .value = "MS",
     .help = "End when no record has come for so long. Default: go on."},
    {.name = "formatter",
     .takes = Takes::kValue,
     .value = "CLASS",
     .help = "DefaultMessageFormatter, LoggingMessageFormatter or NoOpMessageFormatter."},
    {.name = "formatter-property",
     .takes = Takes::kValue,
     .value = "KEY=VALUE",
     .help = "What is printed: print.timestamp, print.partition, print.offset, print.epoch, print.headers, "
             "print.key, print.value (true or false), key.separator, line.separator, headers.separator, "
             "null.literal, key.deserializer, value.deserializer, headers.deserializer. May be repeated.",
     .repeated = true,
     .alias = "property"},
    {.name = "formatter-config",
     .takes = Takes::kValue,
     .value = "FILE",
     .help = "The same, as key=value lines."},
    {.name = "key-deserializer",
     .takes = Takes::kValue,
     .value = "CLASS",
     .help = "String, ByteArray, Short, Integer, Long, Float or Double, with 'Deserializer' behind."},
    {.name = "value-deserializer", .takes = Takes::kValue, .value = "CLASS", .help = "Likewise."},
    {.name = "isolation-level",
     .takes = Takes::kValue,
     .value = "LEVEL",
     .help = "read_committed or read_uncommitted. Default: read_uncommitted."},
    {.name = "skip-message-on-error", .help = "Skip a record that cannot be read instead of ending."},
    {.name = "enable-systest-events", .help = "Accepted; prints nothing more."},
    {.name = "command-property",
     .takes = Takes::kValue,
     .value = "KEY=VALUE",
     .help = "A setting of the consumer (max.poll.interval.ms, ...). May be repeated.",
     .repeated = true,
     .alias = "consumer-property"},
    {.name = "command-config",
     .takes = Takes::kValue,
     .value = "FILE",
     .help = "The same, as key=value lines.",
     .alias = "consumer.config"},
    {.name = "consumer-config", .takes = Takes::kValue, .value = "FILE", .help = "Likewise."},
};

struct ConsumerSetting {
  ConsumerOptions options = {};
  Properties client = {};
  RecordFormat format = {};
  bool print = true;
  std::optional<int32_t> partition = std::nullopt;
  // With a partition: an offset, or the start or the end.
  std::optional<int64_t> offset = std::nullopt;
  int64_t max_messages = INT64_MAX;
  absl::Duration timeout = absl::InfiniteDuration();
};

absl::Status WrongUse(std::string_view message) {
  return absl::InvalidArgumentError(ToAbsl(message));
}

absl::Status ReadPlace(const Flags& flags, ConsumerSetting* setting) {
  const bool topic = flags.has("topic");
  if (topic == flags.has("include")) return WrongUse("Exactly one of --include/--topic is required.");
  absl::StatusOr<std::optional<int64_t>> partition = flags.Int("partition", 0, INT32_MAX);
  if (!partition.ok()) return partition.status();
  if (!partition->has_value()) {
    if (flags.has("offset")) return WrongUse("The partition is required when offset is specified.");
    return absl::OkStatus();
  }
  if (!topic) return WrongUse("The topic is required when partition is specified.");
  if (flags.has("group")) return WrongUse("Options group and partition cannot be specified together.");
  if (flags.has("from-beginning") && flags.has("offset")) {
    return WrongUse("Options from-beginning and offset cannot be specified together.");
  }
  setting->partition = static_cast<int32_t>(**partition);
  const std::string offset = flags.Get("offset", flags.has("from-beginning") ? "earliest" : "latest");
  if (offset == "earliest" || offset == "latest") {
    setting->options.start = offset == "earliest" ? Start::kEarliest : Start::kLatest;
    return absl::OkStatus();
  }
  absl::StatusOr<int64_t> number = ParseInt("offset", offset, 0);
  if (!number.ok()) {
    return WrongUse(StrCat("The provided offset value '", offset,
                           "' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long."));
  }
  setting->offset = *number;
  return absl::OkStatus();
}

absl::Status ReadFormat(const Call& call, ConsumerSetting* setting) {
  constexpr std::string_view kFiles[] = {"formatter-config"};
  constexpr std::string_view kProperties[] = {"formatter-property"};
  absl::StatusOr<Properties> properties = call.ClientProperties(kFiles, kProperties);
  if (!properties.ok()) return properties.status();
  for (const std::string_view which : {"key", "value"}) {
    const std::string flag = StrCat(which, "-deserializer");
    if (call.flags.has(flag)) properties->emplace_back(StrCat(which, ".deserializer"), call.flags.Get(flag));
  }
  absl::StatusOr<RecordFormat> format = RecordFormat::From(*properties);
  if (!format.ok()) return format.status();
  setting->format = *std::move(format);
  const std::string formatter = call.flags.Get("formatter", "DefaultMessageFormatter");
  const std::string_view name = std::string_view(formatter).substr(formatter.rfind('.') + 1);
  setting->print = name != "NoOpMessageFormatter";
  if (setting->print && name != "DefaultMessageFormatter" && name != "LoggingMessageFormatter") {
    return WrongUse(StrCat("There is no formatter ", formatter));
  }
  return absl::OkStatus();
}

// The group that is asked for by flag, by setting, or one made up.
absl::Status ChooseGroup(const Call& call, bool auto_commit_given, ConsumerOptions* options) {
  const std::string by_flag = call.flags.Get("group");
  if (!by_flag.empty() && !options->group.empty() && by_flag != options->group) {
    return WrongUse(
        StrCat("The group ids provided in different places (directly using '--group', via "
               "'--consumer-property', or via '--consumer.config') do not match. Detected group ids: '",
               by_flag, "', '", options->group, "'"));
  }
  if (!by_flag.empty()) options->group = by_flag;
  if (!options->group.empty()) return absl::OkStatus();
  options->group = StrCat("console-consumer-", call.host.env.random->Below(100'000));
  if (!auto_commit_given) options->auto_commit = false;
  return absl::OkStatus();
}

absl::StatusOr<ConsumerSetting> ConsumerSettingOf(const Call& call) {
  ConsumerSetting setting;
  constexpr std::string_view kFiles[] = {"command-config", "consumer-config"};
  constexpr std::string_view kProperties[] = {"command-property"};
  absl::StatusOr<Properties> properties = call.ClientProperties(kFiles, kProperties);
  if (!properties.ok()) return properties.status();
  setting.client = *std::move(properties);
  setting.options.client_id = "console-consumer";
  setting.options.wait = WaitStrategy::kPark;
  bool reset_given = false;
  bool auto_commit_given = false;
  absl::Status status =
      TakeConsumerProperties(&setting.client, &setting.options, &reset_given, &auto_commit_given);
  if (!status.ok()) return status;
  if (call.flags.has("from-beginning")) {
    if (reset_given && setting.options.start != Start::kEarliest) {
      return WrongUse("Can't simultaneously specify --from-beginning and 'auto.offset.reset=latest'");
    }
    setting.options.start = Start::kEarliest;
  }
  if (status = ReadPlace(call.flags, &setting); !status.ok()) return status;
  if (status = ReadFormat(call, &setting); !status.ok()) return status;
  if (!setting.partition.has_value()) status = ChooseGroup(call, auto_commit_given, &setting.options);
  if (!status.ok()) return status;
  if (setting.partition.has_value() && setting.options.group.empty()) setting.options.auto_commit = false;
  absl::StatusOr<int64_t> messages = call.flags.IntOr("max-messages", -1, -1);
  if (!messages.ok()) return messages.status();
  if (*messages >= 0) setting.max_messages = *messages;
  absl::StatusOr<int64_t> timeout = call.flags.IntOr("timeout-ms", -1, -1);
  if (!timeout.ok()) return timeout.status();
  if (*timeout >= 0) setting.timeout = absl::Milliseconds(*timeout);
  if (call.flags.has("isolation-level")) {
    const std::string level = call.flags.Get("isolation-level");
    if (level != "read_committed" && level != "read_uncommitted") {
      return WrongUse("isolation-level is read_committed or read_uncommitted");
    }
    setting.client.emplace_back("isolation.level", level);
  }
  if (status = setting.options.Validate(); !status.ok()) return status;
  return setting;
}

// The reading itself. Single-threaded.
class ConsoleReader {
 public:
  ConsoleReader(const Call& call, const ConsumerSetting& setting, Consumer* consumer)
      : call_(call), setting_(setting), consumer_(consumer) {}

  absl::Status Begin() {
    const std::string topic = call_.flags.Get("topic");
    if (call_.flags.has("include")) return consumer_->SubscribePattern(call_.flags.Get("include"));
    if (!setting_.partition.has_value()) return consumer_->Subscribe({topic});
    const TopicPartition partition{topic, PartitionId(*setting_.partition)};
    if (absl::Status assigned = consumer_->Assign({partition}); !assigned.ok()) return assigned;
    if (setting_.offset.has_value()) return consumer_->Seek(partition, Offset(*setting_.offset));
    return setting_.options.start == Start::kEarliest ? consumer_->SeekToBeginning({partition})
                                                      : consumer_->SeekToEnd({partition});
  }

  // Until enough has come, nothing has come for too long, or somebody interrupts.
  absl::Status Run() {
    Clock* const clock = call_.host.env.clock;
    MonotonicNanos last = clock->Monotonic();
    while (printed_ < setting_.max_messages && !call_.host.interrupt->raised()) {
      const absl::Duration idle = absl::Nanoseconds(clock->Monotonic() - last);
      if (idle >= setting_.timeout) {
        timed_out_ = true;
        return absl::OkStatus();
      }
      absl::StatusOr<Batches> batches = consumer_->Poll(std::min(setting_.timeout - idle, absl::Seconds(1)));
      if (!batches.ok()) {
        if (call_.host.interrupt->raised()) return absl::OkStatus();
        return batches.status();
      }
      if (batches->empty()) continue;
      last = clock->Monotonic();
      absl::Status printed = Print(*batches);
      if (!printed.ok()) return printed;
    }
    return absl::OkStatus();
  }

  int64_t printed() const { return printed_; }
  bool timed_out() const { return timed_out_; }

 private:
  absl::Status Print(const Batches& batches) {
    // Where the next reader goes on, for partitions whose records were not all printed.
    std::map<TopicPartition, Offset> unread;
    absl::Status status;
    for (const Batch& batch : batches) {
      const RecordPlace place{.partition = batch.partition(),
                              .leader_epoch = batch.view().leader_epoch(),
                              .timestamp_type = batch.view().timestamp_type()};
      auto record = batch.begin();
      for (; record != batch.end(); ++record) {
        if (printed_ >= setting_.max_messages) {
          unread.emplace(batch.topic_partition(), record->offset);
          break;
        }
        ++printed_;
        if (!setting_.print) continue;
        text_.clear();
        AppendRecord(&text_, *record, place, setting_.format);
        call_.out().write(text_.data(), static_cast<std::streamsize>(text_.size()));
      }
      if (!record.status().ok() && !call_.flags.has("skip-message-on-error")) status = record.status();
    }
    call_.out().flush();
    if (!call_.out()) return absl::DataLossError("Unable to write to standard out, closing consumer.");
    for (const auto& [partition, offset] : unread) {
      if (absl::Status sought = consumer_->Seek(partition, offset); !sought.ok()) return sought;
    }
    return status;
  }

  const Call& call_;
  const ConsumerSetting& setting_;
  Consumer* const consumer_;
  std::string text_;
  int64_t printed_ = 0;
  bool timed_out_ = false;
};

int RunConsoleConsumer(Call& call) {
  absl::StatusOr<ConsumerSetting> setting = ConsumerSettingOf(call);
  if (!setting.ok()) return call.Usage(setting.status());
  auto cluster = call.host.connect(
      {.bootstrap_servers = call.flags.Get("bootstrap-server"), .properties = setting->client});
  if (!cluster.ok()) return call.Fail(cluster.status());
  absl::StatusOr<std::unique_ptr<Consumer>> made = (*cluster)->NewConsumer(setting->options);
  if (!made.ok()) return call.Fail(made.status());
  Consumer* const consumer = made->get();
  ConsoleReader reader(call, *setting, consumer);
  if (absl::Status begun = reader.Begin(); !begun.ok()) return call.Fail(begun);
  call.host.interrupt->OnRaise([consumer] {
    consumer->Wakeup();
    return true;
  });
  const absl::Status status = reader.Run();
  const absl::Status closed = consumer->Close();
  call.host.interrupt->OnRaise(nullptr);
  if (reader.timed_out()) {
    call.err() << "No record has come for " << call.flags.Get("timeout-ms") << " ms.\n";
  }
  call.err() << "Processed a total of " << reader.printed() << " messages\n";
  if (!status.ok()) return call.Fail(status);
  if (!closed.ok()) return call.Fail(closed);
  return call.host.interrupt->raised() ? kExitInterrupted : kExitOk;
}

}  // namespace

const Tool kConsoleConsumerTool{.name = "console-consumer",
                                .script = "kafka-console-consumer.sh",
                                .summary = "Print the records of topics as they come.",
                                .flags = kConsoleConsumerFlags,
                                .run = RunConsoleConsumer};

}  // namespace millrace::inline v0::tools
