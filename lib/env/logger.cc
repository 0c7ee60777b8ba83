#include "millrace/env/logger.h"

namespace millrace::inline v0 {
namespace {

class NoLogger final : public Logger {
 public:
  void Log(Severity, std::string_view, std::string_view) override {}
};

}  // namespace

Logger* Logger::None() {
  static Logger* const logger = new NoLogger;
  return logger;
}

}  // namespace millrace::inline v0
