// How does a single append compare with a key-value store's write-ahead log? The same 100-byte records, one
// by one: ours into a log, RocksDB's into its memtable behind a WAL that is not synced (`fillseq`).

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <memory>

#include "bench_util.h"
#include "millrace/log/log.h"

namespace {

using namespace millrace_bench;  // NOLINT(google-build-using-namespace): this file is a program of its own

constexpr size_t kBytes = 100;

double AppendsPerSecond(uint64_t records) {
  Directory directory;
  auto log = Value(millrace::Log::Open(directory.path() + "/log-0",
                                       {.config = {.segment_bytes = int64_t{1} << 30, .preallocate = true}}),
                   "opening the log");
  Payload<kBytes> payload;
  Check(log->Append({.value = payload.view()}, millrace::Timestamp(1)).status(), "the first append");
  const int64_t begin = NowNanos();
  for (uint64_t i = 0; i < records; ++i) {
    payload.Set(i);
    Check(log->Append({.value = payload.view()}, millrace::Timestamp(1)).status(), "appending");
  }
  return static_cast<double>(records) / (static_cast<double>(NowNanos() - begin) / 1e9);
}

double FillSeqPerSecond(uint64_t records) {
  Directory directory;
  rocksdb::Options options;
  options.create_if_missing = true;
  options.compression = rocksdb::kNoCompression;
  rocksdb::DB* opened = nullptr;
  Require(rocksdb::DB::Open(options, directory.path() + "/db", &opened).ok(), "opening RocksDB");
  std::unique_ptr<rocksdb::DB> db(opened);
  Payload<kBytes> payload;
  char key[17];
  const int64_t begin = NowNanos();
  for (uint64_t i = 0; i < records; ++i) {
    payload.Set(i);
    std::snprintf(key, sizeof key, "%016llu", static_cast<unsigned long long>(i));
    Require(db->Put(rocksdb::WriteOptions(), rocksdb::Slice(key, 16),
                    rocksdb::Slice(payload.bytes.data(), kBytes))
                .ok(),
            "RocksDB's Put");
  }
  return static_cast<double>(records) / (static_cast<double>(NowNanos() - begin) / 1e9);
}

void AppendVsRocksDb(benchmark::State& state) {
  for (auto _ : state) {
    const double ours = AppendsPerSecond(4'000'000);
    const double peer = FillSeqPerSecond(400'000);
    state.SetIterationTime(1e6 / ours);
    state.counters["records_per_second"] = ours;
    state.counters["peer_per_second"] = peer;
    state.counters["vs_peer"] = ours / peer;
  }
}

BENCHMARK(AppendVsRocksDb)->Name("AppendVsRocksDB/100")->Apply(Standard);

}  // namespace

BENCHMARK_MAIN();
