// The two consumer groups of the quickstart: each reads the topic on a thread of its own and hands every
// record to a visitor.

#ifndef MILLRACE_EXAMPLES_QUICKSTART_READER_H_
#define MILLRACE_EXAMPLES_QUICKSTART_READER_H_

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "millrace/millrace.h"

namespace quickstart {

// What has been seen, in a form that does not depend on the order: two sides that agree on it saw the same
// lines as often.
struct Tally {
  int64_t lines = 0;
  uint64_t checksum = 0;

  void Add(std::string_view line) {
    uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
    for (const char c : line) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    ++lines;
    checksum += hash;
  }
  void Add(const Tally& other) {
    lines += other.lines;
    checksum += other.checksum;
  }
  bool operator==(const Tally&) const = default;
};

inline int64_t NowNanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Nanoseconds in power-of-two steps, each cut in 16: percentiles to about 6 %.
class LatencyHistogram {
 public:
  void Add(int64_t nanos) {
    ++counts_[Bucket(static_cast<uint64_t>(nanos < 0 ? 0 : nanos))];
    ++total_;
  }
  double MicrosAt(double quantile) const {
    const double rank = quantile * static_cast<double>(total_);
    double below = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      below += static_cast<double>(counts_[i]);
      if (below >= rank && below > 0) return UpperNanos(i) / 1000.0;
    }
    return 0;
  }

 private:
  static size_t Bucket(uint64_t nanos) {
    if (nanos < 16) return nanos;
    const int shift = static_cast<int>(std::bit_width(nanos)) - 5;
    return (static_cast<size_t>(shift) + 1) * 16 + ((nanos >> shift) & 15);
  }
  static double UpperNanos(size_t bucket) {
    if (bucket < 16) return static_cast<double>(bucket);
    const size_t shift = bucket / 16 - 1;
    return static_cast<double>((uint64_t{17} + bucket % 16) << shift);
  }

  std::array<int64_t, 1024> counts_ = {};
  int64_t total_ = 0;
};

// One member of a group, on a thread. It stops once `published` is known and as many lines have come, or when
// nothing has come for ten seconds.
class Reader {
 public:
  using Visitor = std::function<void(const millrace::RecordView&)>;

  Reader(millrace::Engine* engine, std::string group, Visitor visit)
      : engine_(engine), group_(std::move(group)), visit_(std::move(visit)) {
    thread_ = std::thread([this] { status_ = Run(); });
  }
  // `published`: how many lines there are to read in all, those of earlier runs not counted.
  absl::Status Finish(int64_t published) {
    published_.store(published);
    thread_.join();
    return status_;
  }
  const Tally& tally() const { return tally_; }

 private:
  absl::Status Run() {
    auto consumer = engine_->NewConsumer({.group = group_, .start = millrace::Start::kEarliest});
    if (!consumer.ok()) return consumer.status();
    if (absl::Status status = (*consumer)->Subscribe({"lines"}); !status.ok()) return status;
    int64_t last_news = NowNanos();
    while (published_.load() < 0 || tally_.lines < published_.load()) {
      auto batches = (*consumer)->Poll(absl::Milliseconds(100));
      if (!batches.ok()) return batches.status();
      for (const millrace::Batch& batch : *batches) {
        for (const millrace::RecordView& record : batch) {
          tally_.Add(*record.value);
          visit_(record);
        }
      }
      if (!batches->empty()) last_news = NowNanos();
      if (NowNanos() - last_news > 10'000'000'000) break;
    }
    return (*consumer)->Close();  // commits where it got to
  }

  millrace::Engine* engine_;
  std::string group_;
  Visitor visit_;
  std::atomic<int64_t> published_{-1};
  Tally tally_;
  absl::Status status_;
  std::thread thread_;
};

}  // namespace quickstart

#endif  // MILLRACE_EXAMPLES_QUICKSTART_READER_H_
