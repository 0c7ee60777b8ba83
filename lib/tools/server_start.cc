// kafka-server-start.sh: runs a broker from a server.properties until it is told to end.

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "base/strings.h"
#include "millrace/server.h"
#include "tools/all_tools.h"
#include "tools/server_files.h"

namespace millrace::inline v0::tools {
namespace {

constexpr FlagSpec kServerStartFlags[] = {
    {.name = "override",
     .takes = Takes::kValue,
     .value = "KEY=VALUE",
     .help = "A setting that wins over the file's. May be repeated.",
     .repeated = true},
    {.name = "drain-ms",
     .takes = Takes::kValue,
     .value = "MS",
     .help = "How long connections have to finish when the server ends. Default: 5000."},
};

// Parks the calling thread until somebody asks the command to end. The listener may come from any thread.
class EndSignal {
 public:
  explicit EndSignal(const Host& host) : host_(host) {
    host_.interrupt->OnRaise([this] {
      word_.store(1);
      host_.env.parker->UnparkAll(word_);
      return true;
    });
  }
  ~EndSignal() { host_.interrupt->OnRaise(nullptr); }
  void Wait() {
    while (word_.load() == 0) host_.env.parker->Park(word_, 0, kNever);
  }

 private:
  const Host& host_;
  std::atomic<uint32_t> word_{0};
};

int RunServerStart(Call& call) {
  if (call.flags.positional().empty()) return call.Usage("The server's properties file is wanted");
  absl::StatusOr<Properties> overrides = call.flags.KeyValues("override");
  if (!overrides.ok()) return call.Usage(overrides.status());
  absl::StatusOr<int64_t> drain = call.flags.IntOr("drain-ms", 5000, 0);
  if (!drain.ok()) return call.Usage(drain.status());
  absl::StatusOr<ServerConfig> config =
      ReadServerConfig(call.host.env, call.flags.positional()[0], *overrides);
  if (!config.ok()) return call.Fail(config.status());
  for (const std::string& warning : config->warnings) call.err() << "WARN " << warning << '\n';
  EndSignal end(call.host);
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(*std::move(config));
  if (!server.ok()) return call.Fail(server.status());
  call.out() << "Kafka Server started: " << (*server)->broker().bootstrap_servers() << '\n';
  if (!(*server)->metrics_address().empty()) {
    call.out() << "Metrics: http://" << (*server)->metrics_address() << "/metrics\n";
  }
  call.out().flush();
  end.Wait();
  call.out() << "Shutting down\n" << std::flush;
  if (absl::Status closed = (*server)->Close(absl::Milliseconds(*drain)); !closed.ok())
    return call.Fail(closed);
  call.out() << "Shut down completed\n";
  return kExitOk;
}

}  // namespace

absl::StatusOr<ServerConfig> ReadServerConfig(const Env& env, std::string_view path,
                                              const Properties& overrides) {
  absl::StatusOr<std::string> text = ReadFile(env, path);
  if (!text.ok()) return text.status();
  absl::StatusOr<ServerConfig> config = ParseServerProperties(*text, overrides);
  if (!config.ok()) {
    return absl::Status(config.status().code(), ToAbsl(StrCat(path, ": ", config.status().message())));
  }
  config->engine.env = env;
  return config;
}

const Tool kServerStartTool{.name = "server-start",
                            .script = "kafka-server-start.sh",
                            .summary = "Run a broker until it is told to end (Ctrl-C, SIGTERM).",
                            .flags = kServerStartFlags,
                            .run = RunServerStart,
                            .positional_max = 1,
                            .positional = "server.properties"};

}  // namespace millrace::inline v0::tools
