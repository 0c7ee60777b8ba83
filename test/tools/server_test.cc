// storage and server-start, over a real directory and a real port.

#include "temp_dir.h"
#include "tools/tool_world.h"

namespace millrace::inline v0::tools {
namespace {

using Catch::Matchers::Contains;

struct ServerWorld {
  ServerWorld() {
    Write("node.id=1\nlisteners=PLAINTEXT://localhost:0\nlog.dirs=" + data() + "\nodd.name=1\n");
  }
  std::string data() const { return std::string(directory.path()) + "/data"; }
  std::string properties() const { return std::string(directory.path()) + "/server.properties"; }
  void Write(const std::string& text) {
    auto file = FileSystem::System()->Open(properties(), OpenMode::kCreate);
    REQUIRE(file.ok());
    REQUIRE((*file)->Truncate(0).ok());
    REQUIRE((*file)->WriteAt(0, std::as_bytes(std::span(text))).ok());
  }
  ToolResult Run(const std::string& command) {
    std::ostringstream out;
    std::ostringstream err;
    Host host;
    host.out = &out;
    host.err = &err;
    host.interrupt = &interrupt;
    ToolResult result;
    result.code = RunProgram("millrace", Words(command), host);
    result.out = out.str();
    result.err = err.str();
    return result;
  }

  test::TempDir directory;
  Interrupt interrupt;
};

TEST_CASE("A directory is formatted once, and described") {
  ServerWorld world;
  const ToolResult uuid = world.Run("storage random-uuid");
  REQUIRE(uuid.code == kExitOk);
  REQUIRE(uuid.out.size() == 23);
  const std::string id = uuid.out.substr(0, 22);
  CHECK(world.Run("storage random-uuid").out != uuid.out);

  const ToolResult before = world.Run("storage info -c " + world.properties());
  CHECK(before.code == kExitFailed);
  CHECK_THAT(before.out, Contains(world.data() + " is not formatted."));
  const std::string format = "storage format -t " + id + " -c " + world.properties();
  const ToolResult formatted = world.Run(format);
  INFO(formatted.err);
  CHECK(formatted.code == kExitOk);
  CHECK_THAT(formatted.out, Contains("Formatting metadata directory " + world.data()));
  const ToolResult again = world.Run(format);
  CHECK(again.code == kExitFailed);
  CHECK_THAT(again.err, Contains("is already formatted. Use --ignore-formatted"));
  CHECK(world.Run(format + " --ignore-formatted").code == kExitOk);
  const ToolResult info = world.Run("storage info --config " + world.properties());
  CHECK(info.code == kExitOk);
  CHECK_THAT(info.out, Contains("Found log directory:\n  " + world.data() +
                                "\n\nFound metadata: {cluster.id=" + id + ", ") &&
                           Contains("node.id=1, version=1}"));
}

TEST_CASE("A server starts where the directory is formatted, and ends when it is told to") {
  ServerWorld world;
  const std::string start = "server-start " + world.properties();
  const ToolResult unformatted = world.Run(start);
  CHECK(unformatted.code == kExitFailed);
  CHECK_THAT(unformatted.err, Contains("format"));
  const std::string id = world.Run("storage random-uuid").out.substr(0, 22);
  REQUIRE(world.Run("storage format -t " + id + " -c " + world.properties()).code == kExitOk);
  world.interrupt.Raise();  // it ends as soon as it has started
  const ToolResult served = world.Run(start);
  INFO(served.err);
  CHECK(served.code == kExitOk);
  CHECK_THAT(served.out, Contains("Kafka Server started: localhost:") && Contains("Shut down completed\n"));
  CHECK_THAT(served.err, Contains("odd.name"));
  const ToolResult other = world.Run(start + " --override node.id=7");
  CHECK(other.code == kExitFailed);
  CHECK_THAT(other.err, Contains("7"));
}

TEST_CASE("What is wrong with a properties file is told, each with its place") {
  ServerWorld world;
  world.Write("node.id=one\nnum.partitions=-3\n");
  const ToolResult result = world.Run("server-start " + world.properties());
  CHECK(result.code == kExitFailed);
  CHECK_THAT(result.err, Contains(world.properties()) && Contains("node.id") && Contains("num.partitions"));
  CHECK(world.Run("server-start " + world.properties() + ".no").code == kExitFailed);
}

TEST_CASE("Wrong use of storage and server-start is told") {
  ServerWorld world;
  const std::pair<std::string, const char*> cases[] = {
      {"storage", "An action is wanted"},
      {"storage grow", "No action 'grow'"},
      {"storage info", "[config]"},
      {"storage format -c " + world.properties(), "[cluster-id]"},
      {"storage random-uuid more", "unexpected argument"},
      {"server-start", "properties file"},
      {"server-start x --drain-ms soon", "whole number"},
      {"server-start x --override y", "key=value"},
  };
  for (const auto& [command, why] : cases) {
    const ToolResult result = world.Run(command);
    INFO(command);
    CHECK(result.code == kExitUsage);
    CHECK_THAT(result.err, Contains(why));
  }
  const ToolResult bad = world.Run("storage format -t short -c " + world.properties());
  CHECK(bad.code == kExitFailed);
}

}  // namespace
}  // namespace millrace::inline v0::tools
