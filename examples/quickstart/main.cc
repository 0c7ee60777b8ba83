// Quickstart: publishes each line of a file to a topic while two consumer groups read it, then closes, opens
// again, and shows that both groups go on where they were.
//
//   quickstart [FILE | -]        default: standard input

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "line_source.h"
#include "millrace/millrace.h"
#include "reader.h"

namespace {

using quickstart::Line;
using quickstart::NowNanos;
using quickstart::Tally;

// What both groups gather, over both runs.
struct Findings {
  std::unordered_map<std::string, int64_t> words;
  quickstart::LatencyHistogram latency;
  Tally published, counted, timed;
  double seconds = 0;
};

// `first` is the number of the first of `lines` in the input.
absl::Status Publish(millrace::Engine& engine, std::span<const Line> lines, size_t first, Tally* tally) {
  auto producer = engine.NewProducer();
  if (!producer.ok()) return producer.status();
  auto topic = (*producer)->Topic("lines");
  if (!topic.ok()) return topic.status();
  std::string sent;
  for (const Line& line : lines) {
    sent.clear();
    millrace::Serde<int64_t>::Serialize(NowNanos(), &sent);
    const millrace::Header header{.key = "sent", .value = sent};
    millrace::Record record{.value = line.text, .headers = {&header, 1}};
    if (!line.first_word.empty()) record.key = line.first_word;
    if (absl::Status status = (*producer)->Send(*topic, record); !status.ok()) {
      const auto number = first + static_cast<size_t>(&line - lines.data());
      return {status.code(), "line " + std::to_string(number) + ": " + std::string(status.message())};
    }
    tally->Add(line.text);
  }
  absl::Status status = (*producer)->Close();
  return status.ok() ? (*producer)->first_error() : status;
}

void CountWords(std::string_view text, std::unordered_map<std::string, int64_t>* words) {
  for (size_t begin = text.find_first_not_of(' '); begin != text.npos;) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    ++(*words)[std::string(text.substr(begin, end - begin))];
    begin = text.find_first_not_of(' ', end);
  }
}

// Opens the engine, publishes `lines` while both groups read, closes.
absl::Status RunOnce(const std::string& directory, std::span<const Line> lines, size_t first, Findings* all) {
  auto engine = millrace::Engine::Open({.directory = directory});
  if (!engine.ok()) return engine.status();
  if ((*engine)->admin().ListTopics().empty()) {
    if (absl::Status status = (*engine)->CreateTopic("lines", {.partitions = 4}); !status.ok()) return status;
  }
  const int64_t begin = NowNanos();
  quickstart::Reader counter(engine->get(), "word-count", [all](const millrace::RecordView& record) {
    CountWords(*record.value, &all->words);
  });
  quickstart::Reader timer(engine->get(), "latency", [all](const millrace::RecordView& record) {
    const auto sent = millrace::Serde<int64_t>::Deserialize(*record.headers.begin()->value);
    if (sent.ok()) all->latency.Add(NowNanos() - *sent);
  });
  Tally published;
  absl::Status status = Publish(**engine, lines, first, &published);
  status.Update(counter.Finish(published.lines));
  status.Update(timer.Finish(published.lines));
  all->seconds += static_cast<double>(NowNanos() - begin) / 1e9;
  all->published.Add(published);
  all->counted.Add(counter.tally());
  all->timed.Add(timer.tally());
  status.Update((*engine)->Close());
  return status;
}

void Report(const Findings& all, size_t bytes) {
  std::vector<std::pair<int64_t, std::string>> top;
  for (const auto& [word, count] : all.words) top.emplace_back(count, word);
  const size_t shown = std::min<size_t>(5, top.size());
  std::partial_sort(top.begin(), top.begin() + static_cast<std::ptrdiff_t>(shown), top.end(),
                    std::greater<>());
  std::printf("word-count: %zu different words; most frequent:", all.words.size());
  for (size_t i = 0; i < shown; ++i) {
    std::printf(" %s (%lld)", top[i].second.c_str(), static_cast<long long>(top[i].first));
  }
  std::printf(
      "\nlatency:    %.0f lines/s, %.1f MB/s; append to delivery p50 %.0f us, p99 %.0f us, p99.9 %.0f us\n",
      static_cast<double>(all.timed.lines) / all.seconds, static_cast<double>(bytes) / 1e6 / all.seconds,
      all.latency.MicrosAt(0.50), all.latency.MicrosAt(0.99), all.latency.MicrosAt(0.999));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string path = argc > 1 ? argv[1] : "-";
  if (argc > 2 || path == "--help" || path == "-h") {
    std::fprintf(
        argc > 2 ? stderr : stdout,
        "usage: quickstart [FILE | -]\n\nPublishes each line of FILE, or of standard input, to a topic "
        "while two consumer groups read it;\nthen closes, opens again, and goes on.\n");
    return argc > 2 ? 2 : 0;
  }
  const auto source = quickstart::LineSource::Read(path);
  if (!source.has_value()) {
    std::fprintf(stderr, "quickstart: cannot read %s\n", path.c_str());
    return 1;
  }
  const std::vector<Line> lines = source->Lines();
  if (lines.empty()) {
    std::fprintf(stderr, "quickstart: %s is empty: there is nothing to publish\n",
                 path == "-" ? "standard input" : path.c_str());
    return 1;
  }
  const auto first_half = std::span(lines).first(lines.size() / 2);
  const auto second_half = std::span(lines).subspan(lines.size() / 2);

  char directory[] = "/tmp/millrace-quickstart-XXXXXX";
  if (mkdtemp(directory) == nullptr) {
    std::perror("quickstart: cannot make a directory under /tmp");
    return 1;
  }
  Findings all;
  absl::Status status = RunOnce(directory, first_half, 1, &all);
  if (status.ok()) {
    std::printf("published %zu lines to 4 partitions, read live by two groups; closed, opening again\n",
                first_half.size());
    status = RunOnce(directory, second_half, 1 + first_half.size(), &all);
  }
  std::filesystem::remove_all(directory);
  if (!status.ok()) {
    std::fprintf(stderr, "quickstart: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  std::printf("published %zu more; both groups went on where they were\n", second_half.size());
  Report(all, source->size_bytes());
  const bool same = all.counted == all.published && all.timed == all.published;
  std::printf("%s: published %lld, word-count read %lld, latency read %lld, checksums %s\n",
              same ? "nothing lost, nothing doubled" : "MISMATCH",
              static_cast<long long>(all.published.lines), static_cast<long long>(all.counted.lines),
              static_cast<long long>(all.timed.lines), same ? "equal" : "differ");
  return same ? 0 : 1;
}
