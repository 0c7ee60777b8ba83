#include <catch2/catch.hpp>
#include <memory>
#include <vector>

#include "millrace/testing/sim_env.h"

namespace millrace {
namespace {

constexpr int64_t kMs = 1'000'000;

TEST_CASE("SimClock moves when told, and its wall clock jumps") {
  SimClock clock(Timestamp(5000));
  CHECK(clock.Monotonic() == MonotonicNanos(0));
  clock.Advance(3 * kMs);
  CHECK(clock.Wall() == Timestamp(5003));
  clock.JumpWall(-1000);
  CHECK(clock.Wall() == Timestamp(4003));
  CHECK(clock.Monotonic() == MonotonicNanos(3 * kMs));
  clock.AdvanceTo(MonotonicNanos(kMs));
  CHECK(clock.Monotonic() == MonotonicNanos(3 * kMs));
}

TEST_CASE("SimExecutor runs each task at its time") {
  SimClock clock;
  const auto executor = NewSimExecutor(&clock);
  std::vector<int64_t> at;
  const auto note = [&] { at.push_back(clock.Monotonic().value() / kMs); };
  executor->PostAt(MonotonicNanos(30 * kMs), note);
  executor->PostAt(MonotonicNanos(10 * kMs), [&] {
    note();
    executor->PostAt(MonotonicNanos(20 * kMs), note);
  });
  CHECK_FALSE(executor->RunOne());
  CHECK(executor->NextDue() == MonotonicNanos(10 * kMs));
  CHECK(executor->RunFor(25 * kMs) == 2);
  CHECK(clock.Monotonic() == MonotonicNanos(25 * kMs));
  CHECK(executor->RunFor(25 * kMs) == 1);
  CHECK(at == std::vector<int64_t>{10, 20, 30});
  CHECK_FALSE(executor->RunNext());
  CHECK(executor->NextDue() == kNever);
}

TEST_CASE("DropTasks destroys what waits, without running it") {
  SimClock clock;
  const auto executor = NewSimExecutor(&clock);
  const auto token = std::make_shared<int>(0);
  executor->Post([token] { ++*token; });
  executor->PostAt(MonotonicNanos(kMs), [token] { ++*token; });
  CHECK(token.use_count() == 3);
  CHECK(executor->DropTasks() == 2);
  CHECK(token.use_count() == 1);
  CHECK(executor->RunFor(10 * kMs) == 0);
  CHECK(*token == 0);
}

TEST_CASE("SimParker runs the world until the word changes, or time is up, or nothing is left") {
  SimEnv sim(1);
  std::atomic<uint32_t> word = 0;
  sim.executor->PostAt(MonotonicNanos(7 * kMs), [&] { word = 1; });
  sim.parker->Park(word, 0, MonotonicNanos(5 * kMs));
  CHECK(word == 0);
  CHECK(sim.clock.Monotonic() == MonotonicNanos(5 * kMs));
  sim.parker->Park(word, 0, kNever);
  CHECK(word == 1);
  CHECK(sim.clock.Monotonic() == MonotonicNanos(7 * kMs));
  CHECK(sim.parker->deadlocks() == 0);
  sim.parker->Park(word, 1, kNever);
  CHECK(sim.parker->deadlocks() == 1);
  CHECK(sim.parker->NewEventDescriptor().status().code() == absl::StatusCode::kUnimplemented);
}

TEST_CASE("Equal seeds give equal worlds") {
  SimEnv one(42);
  SimEnv two(42);
  SimEnv other(43);
  bool differs = false;
  for (int i = 0; i < 10; ++i) {
    const uint64_t number = one.random->Next();
    CHECK(number == two.random->Next());
    differs = differs || number != other.random->Next();
  }
  CHECK(differs);
}

}  // namespace
}  // namespace millrace
