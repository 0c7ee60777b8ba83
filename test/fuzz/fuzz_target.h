// Fuzz targets: functions that take any bytes. One list of them serves libFuzzer (fuzz_main.cc) and a test
// that needs no fuzzer (corpus_test.cc).

#ifndef MILLRACE_TEST_FUZZ_FUZZ_TARGET_H_
#define MILLRACE_TEST_FUZZ_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::inline v0::fuzz {

using Input = std::span<const std::byte>;
using Bytes = std::vector<std::byte>;

// What must hold of any input. To a fuzzer the exception is a crash.
struct Broken : std::logic_error {
  using std::logic_error::logic_error;
};
inline void Require(bool holds, const char* what = "a promise is broken") {
  if (!holds) throw Broken(what);
}

struct Target {
  // Letters, digits, '_', '.' and '-' alone: it is a file name, too.
  std::string name = {};
  std::function<void(Input)> run = {};
  // Inputs to begin with. Called when they are needed.
  std::function<std::vector<Bytes>()> seeds = [] { return std::vector<Bytes>(); };
  // So many bytes in front choose what the rest is taken for: they are changed apart, all values alike.
  size_t head_bytes = 0;
  // How long one input takes, about: thousandths of a millisecond, without instrumentation.
  int64_t cost_micros = 5;
};

using Targets = std::vector<Target>;

void AddApiTargets(Targets* to);
void AddBatchTargets(Targets* to);
void AddBrokerTargets(Targets* to);
void AddCodecTargets(Targets* to);
void AddConfigTargets(Targets* to);
void AddFrameTargets(Targets* to);
void AddGroupTargets(Targets* to);
void AddLogFileTargets(Targets* to);
void AddRecoveryTargets(Targets* to);

// All of them. Of the messages there is one for each request and response ("api.FetchRequest"), whose first
// byte is the version.
Targets AllTargets();
// One of AllTargets(); or "api", the messages all in one; "key.1", those of one API key;
// "api.FetchRequest.12", one at one version.
std::optional<Target> FindTarget(std::string_view name);
std::optional<Target> FindApiTarget(std::string_view name);

// --- For seeds

inline Bytes ToInput(std::string_view text) {
  const auto* const data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

}  // namespace millrace::inline v0::fuzz

#endif  // MILLRACE_TEST_FUZZ_FUZZ_TARGET_H_
