// The parts that logs share: the gate, the control file, the budget.

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "log/append_gate.h"
#include "log/budget.h"
#include "log/control_file.h"
#include "log/files.h"
#include "log/log_fixture.h"
#include "log/log_impl.h"

namespace millrace {
namespace {

using log_test::LogFixture;
using log_test::SmallSegments;

// With the system's fence, where it has one, and without.
bool Fences() {
  return GENERATE(false, true) && ProcessFence::Available();
}

TEST_CASE("the gate lets one in at a time", "[log][gate]") {
  AppendGate gate(Fences());
  int64_t count = 0;  // not atomic: that is what the gate is for
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 20'000; ++n) {
        gate.Lock();
        ++count;
        if (n % 3 == 0) {
          gate.Unlock();
        } else {
          static_cast<void>(gate.UnlockAndCheck());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(count == 80'000);
}

TEST_CASE("who sleeps at the gate is woken, whoever takes it meanwhile", "[log][gate]") {
  AppendGate gate(Fences());
  std::atomic<int> done{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 300; ++n) {
        gate.Lock();
        // Long enough for the others to fall asleep.
        if (n % 4 == i) {
          for (int turn = 0; turn < 20; ++turn) std::this_thread::yield();
          for (std::atomic<int> spin{0}; spin < 20'000; ++spin) {
          }
        }
        gate.Unlock();
        done.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(done.load() == 1200);
}

TEST_CASE("an armed gate tells exactly the next append", "[log][gate]") {
  AppendGate gate(Fences());
  gate.Lock();
  // Catch's macros mention what they check twice, which the lock's annotations take for unlocking twice.
  bool told = gate.UnlockAndCheck();
  CHECK_FALSE(told);
  gate.Arm();
  gate.Lock();
  gate.Unlock();  // no append: stays armed
  gate.Lock();
  told = gate.UnlockAndCheck();
  CHECK(told);
  gate.Lock();
  told = gate.UnlockAndCheck();
  CHECK_FALSE(told);
  gate.Lock();
  gate.Arm();  // while somebody appends
  told = gate.UnlockAndCheck();
  CHECK(told);
}

TEST_CASE("no append slips past a reader that arms and looks again", "[log][gate]") {
  AppendGate gate(Fences());
  std::atomic<int> end{0};
  std::atomic<int> told{0};
  constexpr int kAppends = 50'000;
  std::thread appender([&] {
    for (int i = 0; i < kAppends; ++i) {
      gate.Lock();
      end.store(i + 1, std::memory_order_release);
      if (gate.UnlockAndCheck()) told.fetch_add(1, std::memory_order_release);
    }
  });
  int slept = 0;
  int seen = 0;
  while (seen < kAppends) {
    const int now = end.load(std::memory_order_acquire);
    if (now > seen) {
      seen = now;
      continue;
    }
    const int before = told.load(std::memory_order_acquire);
    gate.Arm();
    if (end.load(std::memory_order_acquire) > seen) continue;
    ++slept;
    while (told.load(std::memory_order_acquire) == before) std::this_thread::yield();
  }
  appender.join();
  CHECK(seen == kAppends);
  CHECK(slept >= 0);
}

TEST_CASE("listeners are told once, and not after Disarm", "[log][gate]") {
  LogFixture f;
  struct Listener : AppendListener {
    void OnAppend() override { ++calls; }
    int calls = 0;
  } listener;
  // The public interface hides it; the rooms above have the LogImpl.
  auto* const log = dynamic_cast<LogImpl*>(f.log.get());
  REQUIRE(log != nullptr);
  REQUIRE(log->Arm(&listener, Offset(0)));
  f.Append(0, 2);
  CHECK(listener.calls == 1);
  CHECK_FALSE(log->Arm(&listener, Offset(1)));
  f.Append(2, 3);
  CHECK(listener.calls == 1);
  REQUIRE(log->Arm(&listener, Offset(3)));
  log->Disarm(&listener);
  f.Append(3, 4);
  CHECK(listener.calls == 1);
}

TEST_CASE("a cold log holds nothing, and comes back when it is used", "[log][cold]") {
  LogFixture f(SmallSegments(), log_test::kAllPlaces);
  auto* const log = dynamic_cast<LogImpl*>(f.log.get());
  REQUIRE(log != nullptr);
  f.Append(0, 200);
  CHECK_FALSE(log->GoCold());  // not flushed
  auto cursor = f.log->NewCursor(Offset(0));
  REQUIRE(cursor.ok());
  const auto held = (*cursor)->Next(100);
  REQUIRE(held.ok());
  f.Flush();
  REQUIRE(log->GoCold());
  CHECK(log->IsCold());
  CHECK(f.log->stats().open_files == 0);
  CHECK(f.log->stats().mappings == 0);
  CHECK(f.log->log_end_offset() == Offset(200));
  // What was held is there still; the cursor goes on; appends go on.
  CHECK((*held->begin()).record_count() == 1);
  CHECK((*cursor)->Next(1)->next_offset == Offset(2));
  CHECK(f.Read(Offset(0)) == log_test::Numbers(0, 200));
  f.Append(200, 250);
  CHECK_FALSE(log->IsCold());
  CHECK(f.Read(Offset(190)) == log_test::Numbers(190, 250));
  f.Flush();
  REQUIRE(log->GoCold());
  f.Reopen();
  CHECK(f.Read(Offset(0)) == log_test::Numbers(0, 250));
}

VolumeIdentity Identity(const std::string& boot) {
  return {.boot_id = boot, .mount_id = 3, .device = 4, .certain = true};
}

TEST_CASE("slots are believed in the same boot and mount alone", "[log][control]") {
  const auto files = log_test::MemoryFiles();
  const auto open = [&](const VolumeIdentity& identity, bool read_only = false) {
    return log_test::Must(ControlFile::Open(files.get(), "/d/control", read_only, identity));
  };
  CHECK(ControlFile::Open(files.get(), "/d/control", true, Identity("a")).status().code() ==
        absl::StatusCode::kNotFound);
  {
    const auto control = open(Identity("a"));
    CHECK_FALSE(control->survived());
    ControlSlot* const slot = log_test::Must(control->Slot(5));
    CHECK_FALSE(slot->Read(control->term()).has_value());
    slot->Begin(control->term(), Offset(100), {.offsets = 7, .position = 70}, Offset(90));
    slot->end()->Publish(SegmentEnd{.offsets = 8, .position = 80}.word());
    const auto reader = open(Identity("a"), /*read_only=*/true);
    const auto state = log_test::Must(reader->Slot(5))->Read(reader->term());
    REQUIRE(state.has_value());
    CHECK(state->segment_base == Offset(100));
    CHECK(state->end == SegmentEnd{.offsets = 8, .position = 80});
    CHECK(state->log_start_offset == Offset(90));
    // Far away, and the pointer of before still good.
    REQUIRE(control->Slot(5000).ok());
    slot->Roll(Offset(108), {});
    CHECK(slot->Read(control->term())->segment_base == Offset(108));
    CHECK_FALSE(control->Slot(ControlFile::kSlotsMax).ok());
  }
  {
    const auto control = open(Identity("a"));
    CHECK(control->survived());
    CHECK(log_test::Must(control->Slot(5))->Read(control->term())->segment_base == Offset(108));
    CHECK_FALSE(log_test::Must(control->Slot(6))->Read(control->term()).has_value());
  }
  {
    const auto control = open(Identity("b"));
    CHECK_FALSE(control->survived());
    CHECK_FALSE(log_test::Must(control->Slot(5))->Read(control->term()).has_value());
  }
  // An identity that is not certain is never the same.
  VolumeIdentity unsure = Identity("b");
  unsure.certain = false;
  CHECK_FALSE(open(unsure)->survived());
  CHECK_FALSE(open(unsure)->survived());
}

TEST_CASE("a damaged control file is believed in nothing", "[log][control]") {
  const auto files = log_test::MemoryFiles();
  {
    const auto control = log_test::Must(ControlFile::Open(files.get(), "/d/control", false, Identity("a")));
    log_test::Must(control->Slot(0))->Begin(control->term(), Offset(1), {}, Offset(0));
  }
  const log_test::Bytes whole = log_test::ReadAll(files.get(), "/d/control");
  for (const size_t bit : {size_t{3}, size_t{8 * 8}, size_t{12 * 8}, size_t{16 * 8}, size_t{40 * 8}}) {
    log_test::Bytes damaged = whole;
    log_test::FlipBit(&damaged, bit);
    log_test::Put(files.get(), "/d/control", damaged);
    const auto control = ControlFile::Open(files.get(), "/d/control", false, Identity("a"));
    INFO("bit " << bit << ": " << control.status().message());
    const bool believed = control.ok() && (*control)->survived();
    CHECK_FALSE(believed);
  }
  log_test::Put(files.get(), "/d/control", whole);
  CHECK(log_test::Must(ControlFile::Open(files.get(), "/d/control", false, Identity("a")))->survived());
}

TEST_CASE("a budget refuses what eviction cannot find room for", "[log][budget]") {
  Budget budget({.descriptors = 2, .mappings = 1, .disk_bytes = 1000});
  CHECK(budget.AcquireSegment(true, true).ok());
  const absl::Status refused = budget.AcquireSegment(true, true);
  CHECK(refused.code() == absl::StatusCode::kResourceExhausted);
  CHECK(std::string(refused.message()).find("1 mappings") != std::string::npos);
  CHECK(budget.AcquireSegment(false, true).ok());
  CHECK_FALSE(budget.AcquireSegment(false, true).ok());
  int asked = 0;
  budget.set_evict([&] {
    ++asked;
    budget.ReleaseDescriptor();
    budget.ReleaseMapping();
    return true;
  });
  CHECK(budget.AcquireSegment(true, true).ok());
  CHECK(asked == 1);
  CHECK(budget.descriptors() == 2);
  CHECK(budget.mappings() == 1);
  CHECK(budget.AcquireDisk(900).ok());
  CHECK(ErrorCodeOf(budget.AcquireDisk(101)) == ErrorCode::kKafkaStorageError);
  CHECK(budget.disk_bytes() == 900);
  budget.ReleaseDisk(500);
  CHECK(budget.AcquireDisk(101).ok());
}

}  // namespace
}  // namespace millrace
