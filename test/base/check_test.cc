#include "base/check.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

namespace millrace {
namespace {

TEST_CASE("A check that holds does nothing; one that fails ends the process by a trap") {
  int evaluated = 0;
  MILLRACE_CHECK(++evaluated == 1);
  CHECK(evaluated == 1);

  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::signal(SIGILL, SIG_DFL);
    ::signal(SIGTRAP, SIG_DFL);
    MILLRACE_CHECK(evaluated == 2);
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  CHECK((WTERMSIG(status) == SIGILL || WTERMSIG(status) == SIGTRAP));
}

}  // namespace
}  // namespace millrace
