// Logger: where the engine's few log lines go. The library itself never writes to stderr.

#ifndef MILLRACE_ENV_LOGGER_H_
#define MILLRACE_ENV_LOGGER_H_

#include <string_view>

#include "millrace/export.h"

namespace millrace::inline v0 {

enum class Severity { kDebug, kInfo, kWarning, kError };

// Thread-safe: called from whichever thread has something to say, perhaps with locks held. So it must not
// call back into the engine, block for long, or throw. Called rarely (repairs, failures, refused
// connections), never for a record.
class MILLRACE_EXPORT Logger {
 public:
  virtual ~Logger() = default;

  // `room` names the part of the library ("log", "group", "broker"); `message` is one line without a newline.
  // Both are valid during the call alone.
  virtual void Log(Severity severity, std::string_view room, std::string_view message) = 0;

  // Drops everything. The default. Lives for ever.
  static Logger* None();
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENV_LOGGER_H_
