// An engine on a simulated disk, what it is asked to do, and what must be so afterwards (R2, R9).

#ifndef MILLRACE_TEST_RELIABILITY_HOUSE_H_
#define MILLRACE_TEST_RELIABILITY_HOUSE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/engine.h"
#include "millrace/testing/sim_env.h"

namespace millrace::testing {

enum class Death : uint8_t { kKill, kPower, kPowerSynced };
inline constexpr const char* kDeaths[] = {"killed", "power lost", "power lost, only what was synced left"};

struct HouseOptions {
  uint64_t seed = 1;
  Durability registry = Durability::kPowerLoss;
  // A request may be refused, which is then no answer: what it asked for is so or not, but never half. False:
  // a refusal is a failure of the test.
  bool may_refuse = false;
};

// Topics are made, enlarged, changed and deleted, records are sent, deleted, compacted and expire, offsets
// are committed and everything is copied. Each check returns "" or what is wrong.
class House {
 public:
  explicit House(HouseOptions options) : sim(options.seed), options_(options) {}

  std::string Open(EngineReport* report = nullptr);
  // Topics with something in them, all of it durable.
  std::string Furnish();
  // Everything the scenario asks for, until the disk is stopped.
  void Act();
  // Ends the process that has the engine, whose disk may have stopped before.
  void Die(Death death, uint64_t seed);
  // What was answered is so; what was not is so or not, but never half.
  std::string Check();
  std::string CheckCopy();
  // How many requests were made, and how many of them answered.
  int asked() const { return static_cast<int>(answers_.size()); }
  int answered() const;

  SimEnv sim;
  std::unique_ptr<Engine> engine;

 private:
  enum class Answer : uint8_t { kNotAsked, kNone, kDone };

  absl::Status Send(std::string_view topic, int64_t offset);
  Answer Ask(const std::string& name, const std::function<absl::Status()>& request);
  template <typename T>
  std::string Compare(const std::string& name, const T& found, const T& before, const T& after);
  std::string CheckTopics();
  std::string CheckRecords();
  std::string CheckCompacted();
  std::string CheckAged();
  std::string CheckOffsets();

  const HouseOptions options_;
  std::map<std::string, Answer> answers_;
  std::string refused_;
  int64_t sent_ = 0;
  int64_t acked_ = 0;
};

}  // namespace millrace::testing

#endif  // MILLRACE_TEST_RELIABILITY_HOUSE_H_
