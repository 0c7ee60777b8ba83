// What logs count: true after a flush, a roll or a second, over reopening, truncation and deletion.

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "log/log_manager_fixture.h"
#include "millrace/metrics.h"

namespace millrace {
namespace {

struct Counted : World {
  LogManagerOptions Options() {
    LogManagerOptions options = World::Options();
    options.metrics = &metrics;
    return options;
  }
  int64_t Value(const char* name) const { return metrics.Snapshot().Value(name); }
  int64_t Records() const { return Value("millrace_log_messages_in_total"); }
  int64_t Bytes() const { return Value("millrace_log_bytes_in_total"); }
  MetricsRegistry metrics;
};

void Fill(Log* log, int count) {
  for (int i = 0; i < count; ++i) REQUIRE(Put(log, "k", std::string(500, 'v')).ok());
}

TEST_CASE("appends are counted once, through flushes, rolls, colds and reopenings", "[log][metrics]") {
  Counted world;
  auto manager = world.Open(world.Options());
  Create(manager.get(), {"a", "b"});
  auto log = Get(manager.get(), "a");
  Fill(log.get(), 3);
  CHECK(world.Records() == 0);  // nothing happens for one append
  REQUIRE(log->Flush().ok());
  CHECK(world.Records() == 3);
  const int64_t three = log->stats().size_bytes;
  CHECK(world.Bytes() == three);
  REQUIRE(log->Flush().ok());
  CHECK(world.Records() == 3);

  Fill(log.get(), 97);  // over several segments of 16 KiB
  REQUIRE(log->RunMaintenance().ok());
  CHECK(world.Records() == 100);
  CHECK(world.Bytes() == log->stats().size_bytes);
  CHECK(world.Value("millrace_log_rolls_total") == log->stats().segments - 1);

  Fill(Get(manager.get(), "b").get(), 10);
  manager->Sweep(0);
  CHECK(world.Records() == 110);
  Fill(log.get(), 1);  // warm again
  log.reset();
  REQUIRE(manager->Close().ok());
  CHECK(world.Records() == 111);
  manager = world.Open(world.Options());
  Fill(Get(manager.get(), "a").get(), 2);
  REQUIRE(Get(manager.get(), "a")->Flush().ok());
  CHECK(world.Records() == 113);
  manager.reset();
}

TEST_CASE("what goes away again is not taken back from the counts", "[log][metrics]") {
  Counted world;
  auto manager = world.Open(world.Options());
  Create(manager.get(), {"a"});
  auto log = Get(manager.get(), "a");
  Fill(log.get(), 100);
  const int32_t segments = log->stats().segments;
  REQUIRE(segments > 3);
  REQUIRE(log->TruncateTo(Offset(90)).ok());
  CHECK(world.Records() == 100);
  Fill(log.get(), 5);
  REQUIRE(log->DeleteRecordsBefore(Offset(80)).ok());
  REQUIRE(log->Flush().ok());
  CHECK(world.Records() == 105);
  CHECK(world.Value("millrace_log_segments_removed_total") > 0);
  CHECK(world.Value("millrace_log_flush_failures_total") == 0);
  log.reset();
  manager.reset();
}

TEST_CASE("flushes and openings have histograms that Prometheus can read", "[log][metrics]") {
  Counted world;
  auto manager = world.Open(world.Options());
  Create(manager.get(), {"a"});
  auto log = Get(manager.get(), "a");
  Fill(log.get(), 1);
  REQUIRE(log->Flush().ok());
  const std::string text = world.metrics.Snapshot().ToPrometheus();
  CHECK(text.find("# TYPE millrace_log_flush_time_ns histogram") != std::string::npos);
  CHECK(text.find("millrace_log_flush_time_ns_count 1\n") != std::string::npos);
  CHECK(text.find("millrace_log_open_time_ns_count 1\n") != std::string::npos);
  CHECK(text.find("millrace_log_messages_in_total 1\n") != std::string::npos);
  log.reset();
  manager.reset();
}

TEST_CASE("views that readers hold are seen, those of deleted segments with their bytes", "[log][metrics]") {
  Counted world;
  auto manager = world.Open(world.Options());
  Create(manager.get(), {"a"});
  auto log = Get(manager.get(), "a");
  Fill(log.get(), 100);
  CHECK(manager->pinned().deleted_bytes == 0);
  auto cursor = log->NewCursor(Offset(0));
  REQUIRE(cursor.ok());
  auto slice = (*cursor)->Next(1 << 10);
  REQUIRE(slice.ok());
  CHECK(manager->pinned().views > 0);
  REQUIRE(log->DeleteRecordsBefore(Offset(90)).ok());
  CHECK(manager->pinned().deleted_bytes > 0);
  slice = absl::CancelledError();
  cursor->reset();
  CHECK(manager->pinned().deleted_bytes == 0);
  log.reset();
  manager.reset();
}

}  // namespace
}  // namespace millrace
