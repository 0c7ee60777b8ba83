// Tool: one command of the CLI, and the world that it is given: streams, environment, the way to a cluster.
// Nothing here touches the process: a host (examples/cli, or a test) hands everything in.

#ifndef MILLRACE_TOOLS_TOOL_H_
#define MILLRACE_TOOLS_TOOL_H_

#include <atomic>
#include <istream>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "millrace/env/env.h"
#include "tools/cluster.h"
#include "tools/flags.h"

namespace millrace::inline v0::tools {

// What scripts are told.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInterrupted = 130;

// Interrupt: somebody asked the command to end (Ctrl-C, or the like). Thread-safe.
class Interrupt {
 public:
  // Raised once, stays raised. Runs what OnRaise was given, in the calling thread. True if the command will
  // end by itself; false if nobody listens, so that the host ends the process.
  bool Raise();
  bool raised() const { return raised_.load(); }
  // `listener` runs in the thread that raises, or at once where it was raised before; what it returns, Raise
  // does. Null: nobody listens any more; it does not return while a listener runs.
  void OnRaise(absl::AnyInvocable<bool()> listener);

 private:
  std::atomic<bool> raised_{false};
  Mutex mutex_;
  absl::AnyInvocable<bool()> listener_ ABSL_GUARDED_BY(mutex_);
};

// What a command asks a cluster with.
struct ConnectRequest {
  std::string bootstrap_servers = {};
  // Of the client, by Kafka's names: from --command-config, --producer-property and the like.
  Properties properties = {};
};

// The world. Borrowed members must outlive the call.
struct Host {
  std::istream* in = nullptr;
  std::ostream* out = nullptr;
  std::ostream* err = nullptr;
  // Prompts, progress and colour only there.
  bool in_is_terminal = false;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  // With all members but the executor.
  Env env = Env().WithDefaults();
  Interrupt* interrupt = nullptr;
  absl::AnyInvocable<absl::StatusOr<std::unique_ptr<Cluster>>(const ConnectRequest&) const> connect = nullptr;
};

struct Tool;

// Call: one run of a tool.
struct Call {
  const Host& host;
  const Tool& tool;
  // As the person called it: "kafka-topics.sh" or "millrace topics".
  std::string name;
  Flags flags = {};

  std::ostream& out() const { return *host.out; }
  std::ostream& err() const { return *host.err; }

  // Print a line for a person on `err` and return the exit code.
  int Usage(std::string_view message) const;
  int Usage(const absl::Status& status) const;
  int Fail(std::string_view message) const;
  int Fail(const absl::Status& status) const;
  int Fail(std::string_view what, const absl::Status& status) const;

  // The cluster of --bootstrap-server, with the client properties of `file_flag` (a file) and then those of
  // `property_flag` (key=value). Flags that the tool does not have are skipped.
  absl::StatusOr<std::unique_ptr<Cluster>> Connect(std::string_view file_flag = "command-config",
                                                   std::string_view property_flag = "command-property") const;
  // As Connect, for several files and flags, which count in their order, and `more` last.
  absl::StatusOr<Properties> ClientProperties(std::span<const std::string_view> file_flags,
                                              std::span<const std::string_view> property_flags) const;
};

struct Tool {
  std::string_view name = {};     // "topics"
  std::string_view script = {};   // "kafka-topics.sh"
  std::string_view summary = {};  // "Create, list, describe, change and delete topics."
  std::span<const FlagSpec> flags = {};
  int (*run)(Call&) = nullptr;
  // Words beside the flags, and how the help shows them.
  size_t positional_max = 0;
  std::string_view positional = {};
};

// The whole of a file. kNotFound and the like name the path; kInvalidArgument above 64 MiB.
absl::StatusOr<std::string> ReadFile(const Env& env, std::string_view path);

// Runs one tool: parses `args`, prints help or version, or runs it.
int RunTool(const Tool& tool, std::string_view name, std::span<const std::string> args, const Host& host);

// Every tool, in the order of the help.
std::span<const Tool* const> AllTools();

// The program. `program` is argv[0]: called by a tool's script name it is that tool; else the first of `args`
// names the tool.
int RunProgram(std::string_view program, std::span<const std::string> args, const Host& host);

}  // namespace millrace::inline v0::tools

#endif  // MILLRACE_TOOLS_TOOL_H_
