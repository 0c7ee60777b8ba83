// The tools over an engine and its broker, all in one simulated world: no network, no thread, no real time.

#ifndef MILLRACE_TEST_TOOLS_TOOL_WORLD_H_
#define MILLRACE_TEST_TOOLS_TOOL_WORLD_H_

#include <catch2/catch.hpp>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "broker/broker_world.h"
#include "tools/all_tools.h"

namespace millrace::inline v0::tools {

// Records go to the engine, questions through the wire.
class EngineCluster final : public Cluster {
 public:
  EngineCluster(Engine* engine, Transport* transport, Env env)
      : engine_(engine), wire_(transport, {.bootstrap_servers = "broker:9092", .env = env}) {}
  absl::StatusOr<std::unique_ptr<Producer>> NewProducer(ProducerOptions options) override {
    return engine_->NewProducer(std::move(options));
  }
  absl::StatusOr<std::unique_ptr<Consumer>> NewConsumer(ConsumerOptions options) override {
    return engine_->NewConsumer(std::move(options));
  }
  absl::StatusOr<Admin*> admin() override { return &engine_->admin(); }
  WireCaller& wire() override { return wire_; }

 private:
  Engine* const engine_;
  WireCaller wire_;
};

struct ToolResult {
  int code = -1;
  std::string out = {};
  std::string err = {};
};

// As a shell does, for '...' and "...".
inline std::vector<std::string> Words(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (const char c : line) {
    if (quote != 0 ? c == quote : c == '\'' || c == '"') {
      quote = quote != 0 ? '\0' : c;
      in_word = true;
    } else if (quote == 0 && c == ' ') {
      if (in_word) words.push_back(std::exchange(word, {}));
      in_word = false;
    } else {
      word.push_back(c);
      in_word = true;
    }
  }
  if (in_word) words.push_back(word);
  return words;
}

struct ToolWorld {
  // Runs "millrace COMMAND" and gives it `input`. "%B" stands for the flag of the broker.
  ToolResult Run(std::string command, const std::string& input = {}) {
    if (const size_t at = command.find("%B"); at != std::string::npos) {
      command.replace(at, 2, "--bootstrap-server broker:9092");
    }
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    Host host;
    host.in = &in;
    host.out = &out;
    host.err = &err;
    host.in_is_terminal = terminal;
    host.out_is_terminal = terminal;
    host.env = world.sim.env();
    host.interrupt = &interrupt;
    host.connect = [this](const ConnectRequest& request) -> absl::StatusOr<std::unique_ptr<Cluster>> {
      requested = request;
      return std::make_unique<EngineCluster>(world.engine.get(), world.transport.get(), world.sim.env());
    };
    ToolResult result;
    result.code = RunProgram("millrace", Words(command), host);
    result.out = out.str();
    result.err = err.str();
    return result;
  }
  // Likewise, where only the exit code counts; shows the rest when it is another.
  std::string Expect(int code, const std::string& command, const std::string& input = {}) {
    const ToolResult result = Run(command, input);
    INFO(command << "\nout: " << result.out << "\nerr: " << result.err);
    CHECK(result.code == code);
    return code == kExitOk ? result.out : result.err;
  }

  BrokerWorld world;
  Interrupt interrupt;
  bool terminal = false;
  ConnectRequest requested;
};

}  // namespace millrace::inline v0::tools

#endif  // MILLRACE_TEST_TOOLS_TOOL_WORLD_H_
