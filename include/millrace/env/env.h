// Env: the engine's doors to the world, gathered. Each may be the host's own.

#ifndef MILLRACE_ENV_ENV_H_
#define MILLRACE_ENV_ENV_H_

#include "millrace/env/clock.h"
#include "millrace/env/executor.h"
#include "millrace/env/file_system.h"
#include "millrace/env/logger.h"
#include "millrace/env/parker.h"
#include "millrace/env/random.h"

namespace millrace::inline v0 {

// All pointers are borrowed and must outlive what they are given to. A null member stands for the system's
// own, except `executor`, for which null asks the engine to make one of its own (threads that start lazily).
struct Env {
  Clock* clock = nullptr;
  FileSystem* files = nullptr;
  Executor* executor = nullptr;
  Parker* parker = nullptr;
  Random* random = nullptr;
  Logger* logger = nullptr;

  // A copy with every null member but `executor` replaced by the system's own.
  Env WithDefaults() const {
    Env env = *this;
    if (env.clock == nullptr) env.clock = Clock::System();
    if (env.files == nullptr) env.files = FileSystem::System();
    if (env.parker == nullptr) env.parker = Parker::System();
    if (env.random == nullptr) env.random = Random::System();
    if (env.logger == nullptr) env.logger = Logger::None();
    return env;
  }
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENV_ENV_H_
