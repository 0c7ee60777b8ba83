#include "tools/tool.h"

#include "tools/tool_world.h"

namespace millrace::inline v0::tools {
namespace {

using Catch::Matchers::Contains;

TEST_CASE("The program helps, and says what is wrong") {
  ToolWorld world;
  CHECK(world.Run("").code == kExitUsage);
  CHECK_THAT(world.Expect(kExitOk, "--help"), Contains("console-consumer"));
  CHECK_THAT(world.Expect(kExitOk, "--version"), Contains("millrace 0."));
  CHECK_THAT(world.Expect(kExitUsage, "nonsense"), Contains("no command 'nonsense'"));
  CHECK_THAT(world.Expect(kExitUsage, "topics --nope"), Contains("Try 'millrace topics --help'"));
}

TEST_CASE("Every tool has its help, and a script's name that runs it") {
  ToolWorld world;
  for (const Tool* tool : AllTools()) {
    INFO(tool->name);
    const std::string help = world.Expect(kExitOk, std::string(tool->name) + " --help");
    CHECK_THAT(help, Contains(std::string(tool->summary)));
    std::ostringstream out;
    Host host;
    host.out = &out;
    host.err = &out;
    const std::string args[] = {"--help"};
    CHECK(RunProgram("/opt/bin/" + std::string(tool->script), args, host) == kExitOk);
    CHECK_THAT(out.str(), Contains("Usage: " + std::string(tool->script)));
  }
}

TEST_CASE("An interrupt tells its listener, also one that comes late") {
  Interrupt interrupt;
  CHECK_FALSE(interrupt.raised());
  int heard = 0;
  interrupt.OnRaise([&] { return ++heard > 0; });
  CHECK(interrupt.Raise());
  CHECK(heard == 1);
  interrupt.OnRaise(nullptr);
  CHECK_FALSE(interrupt.Raise());
  interrupt.OnRaise([&] { return ++heard > 0; });
  CHECK(heard == 2);
}

}  // namespace
}  // namespace millrace::inline v0::tools
