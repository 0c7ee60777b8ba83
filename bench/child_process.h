// This program again, in a process of its own: so that what it serves can be told from those who ask.

#ifndef MILLRACE_BENCH_CHILD_PROCESS_H_
#define MILLRACE_BENCH_CHILD_PROCESS_H_

#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench_util.h"

namespace millrace_bench {

// Nanoseconds of a process on a processor so far, the system's work for it included, and of threads that have
// ended.
inline double ProcessorNanosOf(pid_t pid) {
  ::clockid_t clock = 0;
  ::timespec used = {};
  Require(clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &used) == 0, "the time of a process");
  return static_cast<double>(used.tv_sec) * 1e9 + static_cast<double>(used.tv_nsec);
}

// Runs /proc/self/exe with `arguments`. The child serves until its standard input ends, and first says where
// in one line; see TellAndServe.
class ChildProcess {
 public:
  // All its threads stay on `cpu`, where one is given.
  explicit ChildProcess(std::vector<std::string> arguments, std::optional<unsigned> cpu = std::nullopt) {
    int to_child[2], from_child[2];
    // Other children hold no end of them, so that this one hears when its input ends.
    Require(pipe2(to_child, O_CLOEXEC) == 0 && pipe2(from_child, O_CLOEXEC) == 0, "pipes");
    std::vector<char*> argv = {const_cast<char*>("millrace_bench_child")};
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_ = fork();
    Require(pid_ >= 0, "a child");
    if (pid_ == 0) {
      dup2(to_child[0], STDIN_FILENO);
      dup2(from_child[1], STDOUT_FILENO);
      if (cpu.has_value()) PinTo(*cpu);
      execv("/proc/self/exe", argv.data());
      _exit(1);
    }
    close(to_child[0]);
    close(from_child[1]);
    in_ = to_child[1];
    out_ = from_child[0];
    char byte = 0;
    while (read(out_, &byte, 1) == 1 && byte != '\n') told_ += byte;
    Require(byte == '\n', "the child serves");
  }
  ~ChildProcess() {
    close(in_);
    int ended = 0;
    waitpid(pid_, &ended, 0);
    close(out_);
    Require(ended == 0, "the child ends well");
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // Its line.
  const std::string& told() const { return told_; }

  double ProcessorNanos() const { return ProcessorNanosOf(pid_); }
  // The number after `key` in /proc/PID/status.
  double Status(const std::string& key) const {
    std::ifstream in(Proc() + "status");
    for (std::string word; in >> word;) {
      double number = 0;
      if (word == key && in >> number) return number;
    }
    return 0;
  }

 private:
  std::string Proc() const { return "/proc/" + std::to_string(pid_) + "/"; }

  pid_t pid_ = 0;
  int in_ = -1;
  int out_ = -1;
  std::string told_;
};

// In the child: says `line`, and returns when its parent has heard enough.
inline int TellAndServe(std::string line) {
  line += '\n';
  Require(write(STDOUT_FILENO, line.data(), line.size()) == static_cast<ssize_t>(line.size()),
          "telling that it serves");
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}

}  // namespace millrace_bench

#endif  // MILLRACE_BENCH_CHILD_PROCESS_H_
