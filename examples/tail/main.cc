// Tail: another process follows a live topic, with no server, no lock and no copy between the two.
//
//   tail follow DIRECTORY TOPIC [COUNT]     prints records as they come, until COUNT were printed
//   tail                                    demonstration: writes a topic and follows it from a second
//   process

#include <spawn.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "millrace/millrace.h"

extern char** environ;

namespace {

absl::Status Follow(const std::string& directory, const std::string& topic, int64_t count) {
  auto engine = millrace::Engine::Open({.directory = directory, .read_only = true});
  if (!engine.ok()) return engine.status();
  auto description = (*engine)->admin().DescribeTopic(topic);
  if (!description.ok()) return description.status();
  std::vector<millrace::TopicPartition> partitions;
  for (const millrace::PartitionDescription& partition : description->partitions) {
    partitions.push_back({.topic = topic, .partition = partition.partition});
  }
  auto consumer =
      (*engine)->NewConsumer({.start = millrace::Start::kEarliest, .wait = millrace::WaitStrategy::kPark});
  if (!consumer.ok()) return consumer.status();
  if (absl::Status status = (*consumer)->Assign(partitions); !status.ok()) return status;
  while (count > 0) {
    auto batches = (*consumer)->Poll(absl::Seconds(30));
    if (!batches.ok()) return batches.status();
    if (batches->empty()) return absl::DeadlineExceededError("nothing came for 30 seconds");
    for (const millrace::Batch& batch : *batches) {
      for (const millrace::RecordView& record : batch) {
        const std::string value(record.value.value_or("null"));
        std::printf("%s-%d@%lld: %s\n", topic.c_str(), batch.partition().value(),
                    static_cast<long long>(record.offset.value()), value.c_str());
        if (--count == 0) return absl::OkStatus();
      }
    }
  }
  return absl::OkStatus();
}

// Writes five records, starts a follower, writes five more; the follower must see all ten.
absl::Status Demonstrate(const char* self, const std::string& directory) {
  auto engine = millrace::Engine::Open({.directory = directory});
  if (!engine.ok()) return engine.status();
  if (absl::Status status = (*engine)->CreateTopic("news"); !status.ok()) return status;
  auto producer = (*engine)->NewProducer({.linger = absl::ZeroDuration()});
  if (!producer.ok()) return producer.status();
  pid_t follower = -1;
  for (int i = 0; i < 10; ++i) {
    const std::string news = "item " + std::to_string(i);
    if (absl::Status status = (*producer)->Send("news", {.value = news}); !status.ok()) return status;
    if (i != 4) continue;
    const std::vector<const char*> arguments = {self, "follow", directory.c_str(), "news", "10", nullptr};
    if (posix_spawn(&follower, self, nullptr, nullptr, const_cast<char**>(arguments.data()), environ) != 0) {
      return absl::InternalError("cannot start a second process");
    }
  }
  int exit_status = 1;
  if (waitpid(follower, &exit_status, 0) != follower || exit_status != 0) {
    return absl::InternalError("the follower did not see all ten records");
  }
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  absl::Status status;
  if (argc >= 4 && std::string(argv[1]) == "follow") {
    status = Follow(argv[2], argv[3], argc > 4 ? std::atoll(argv[4]) : INT64_MAX);
  } else if (argc == 1) {
    char directory[] = "/tmp/millrace-tail-XXXXXX";
    if (mkdtemp(directory) == nullptr) return 1;
    status = Demonstrate(std::filesystem::read_symlink("/proc/self/exe").c_str(), directory);
    std::filesystem::remove_all(directory);
  } else {
    status = absl::InvalidArgumentError("usage: tail [follow DIRECTORY TOPIC [COUNT]]");
  }
  if (status.ok()) return 0;
  std::fprintf(stderr, "tail: %s\n", std::string(status.message()).c_str());
  return 1;
}
