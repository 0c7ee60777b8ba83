#include "fuzz/fuzz_target.h"

namespace millrace::inline v0::fuzz {

Targets AllTargets() {
  Targets all;
  AddFrameTargets(&all);
  AddApiTargets(&all);
  AddBrokerTargets(&all);
  AddBatchTargets(&all);
  AddCodecTargets(&all);
  AddConfigTargets(&all);
  AddGroupTargets(&all);
  AddLogFileTargets(&all);
  AddRecoveryTargets(&all);
  return all;
}

std::optional<Target> FindTarget(std::string_view name) {
  for (Target& target : AllTargets()) {
    if (target.name == name) return std::move(target);
  }
  return FindApiTarget(name);
}

}  // namespace millrace::inline v0::fuzz
