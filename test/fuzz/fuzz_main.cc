// The entrance for libFuzzer. See README.md.
//
//   MILLRACE_FUZZ_TARGET=NAME  which target the inputs are for
//   MILLRACE_FUZZ_API=KEY      both messages of one API key, at all versions: the target "key.KEY"
//   MILLRACE_FUZZ_LIST=1       prints the targets, a line each, with the time that an input takes; and ends
//   MILLRACE_FUZZ_SEEDS=DIR    writes the target's first inputs to a directory that is there; and ends

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <random>
#include <string>

#include "fuzz/fuzz_target.h"

// libFuzzer's own mutations.
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t size_max);

namespace millrace::inline v0::fuzz {
namespace {

std::string Setting(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

Target Chosen() {
  if (!Setting("MILLRACE_FUZZ_LIST").empty()) {
    for (const Target& target : AllTargets())
      std::printf("%s %lld\n", target.name.c_str(), static_cast<long long>(target.cost_micros));
    std::exit(0);
  }
  const std::string key = Setting("MILLRACE_FUZZ_API");
  const std::string name = key.empty() ? Setting("MILLRACE_FUZZ_TARGET") : "key." + key;
  std::optional<Target> target = FindTarget(name);
  if (!target.has_value()) {
    std::fprintf(stderr,
                 "MILLRACE_FUZZ_TARGET: no target is called \"%s\"; MILLRACE_FUZZ_LIST=1 lists them\n",
                 name.c_str());
    std::exit(2);
  }
  if (const std::string directory = Setting("MILLRACE_FUZZ_SEEDS"); !directory.empty()) {
    int number = 0;
    for (const Bytes& seed : target->seeds()) {
      std::ofstream file(directory + "/seed" + std::to_string(number++), std::ios::binary);
      file.write(reinterpret_cast<const char*>(seed.data()), static_cast<std::streamsize>(seed.size()));
      if (!file.good()) std::exit(2);
    }
    std::exit(0);
  }
  return *std::move(target);
}

const Target& TheTarget() {
  static const Target& target = *new Target(Chosen());
  return target;
}

}  // namespace
}  // namespace millrace::inline v0::fuzz

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  millrace::fuzz::TheTarget();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  millrace::fuzz::TheTarget().run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}

// The head is drawn anew, all values alike, so that each version of each message gets its share whatever the
// corpus prefers; the rest is mutated as ever.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t size_max, unsigned int seed) {
  const size_t head = millrace::fuzz::TheTarget().head_bytes;
  if (size < head || size_max <= head + 1) return LLVMFuzzerMutate(data, size, size_max);
  std::minstd_rand random(seed);
  if (head > 0 && random() % 4 == 0) {
    for (size_t i = 0; i < head; ++i) data[i] = static_cast<uint8_t>(random() >> 8);
    if (random() % 2 == 0) return size;
  }
  return head + LLVMFuzzerMutate(data + head, size - head, size_max - head);
}
