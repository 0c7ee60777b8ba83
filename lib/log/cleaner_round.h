// The cleaning that a LogManager has under way.

#ifndef MILLRACE_LOG_CLEANER_ROUND_H_
#define MILLRACE_LOG_CLEANER_ROUND_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "log/cleaner.h"
#include "log/log_compaction.h"
#include "log/log_manager.h"

namespace millrace::inline v0 {

struct LogManager::CleanerRound {
  CleanerRound(const Env& env, std::string log_name, std::shared_ptr<LogImpl> of, const CleaningPlan& plan,
               const CleanerOptions& options)
      : name(std::move(log_name)),
        log(std::move(of)),
        started(env.clock->Monotonic()),
        cleaning(env.files, log.get(), plan, options, env.clock->Wall(),
                 {env.random->Next(), env.random->Next()}) {}

  const std::string name;
  const std::shared_ptr<LogImpl> log;
  const MonotonicNanos started;
  Cleaning cleaning;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_CLEANER_ROUND_H_
