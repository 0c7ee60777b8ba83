#include "broker/wake_ups.h"

#include <catch2/catch.hpp>
#include <memory>

namespace millrace::inline v0 {
namespace {

struct Counting final : Wakeable {
  void OnWoken() override { ++times; }
  int times = 0;
};

TEST_CASE("wake-ups: nothing is kept while no handler runs") {
  WakeUps wake_ups;
  const auto woken = std::make_shared<Counting>();
  CHECK_FALSE(wake_ups.Add(woken));
  {
    const WakeUps::Scope scope(&wake_ups);
  }
  CHECK_FALSE(wake_ups.Add(woken));
  CHECK(woken->times == 0);
  CHECK(woken.use_count() == 1);
}

TEST_CASE("wake-ups: what a handler's appends have woken is run once, when it ends") {
  WakeUps wake_ups;
  const auto woken = std::make_shared<Counting>();
  {
    const WakeUps::Scope scope(&wake_ups);
    CHECK(wake_ups.Add(woken));
    CHECK(woken->times == 0);
  }
  CHECK(woken->times == 1);
  {
    const WakeUps::Scope scope(&wake_ups);
  }
  CHECK(woken->times == 1);
}

TEST_CASE("wake-ups: with several handlers, the first that ends runs them") {
  WakeUps wake_ups;
  const auto woken = std::make_shared<Counting>();
  const auto later = std::make_shared<Counting>();
  {
    const WakeUps::Scope first(&wake_ups);
    {
      const WakeUps::Scope second(&wake_ups);
      CHECK(wake_ups.Add(woken));
    }
    CHECK(woken->times == 1);
    CHECK(wake_ups.Add(later));
    CHECK(later->times == 0);
  }
  CHECK(woken->times == 1);
  CHECK(later->times == 1);
}

}  // namespace
}  // namespace millrace::inline v0
