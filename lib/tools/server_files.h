// The properties file of a server.

#ifndef MILLRACE_TOOLS_SERVER_FILES_H_
#define MILLRACE_TOOLS_SERVER_FILES_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "millrace/env/env.h"
#include "millrace/server.h"
#include "tools/flags.h"

namespace millrace::inline v0::tools {

// Reads and checks a file; errors name it. Everything but the executor of `env` goes into the engine's
// options.
absl::StatusOr<ServerConfig> ReadServerConfig(const Env& env, std::string_view path,
                                              const Properties& overrides);

}  // namespace millrace::inline v0::tools

#endif  // MILLRACE_TOOLS_SERVER_FILES_H_
