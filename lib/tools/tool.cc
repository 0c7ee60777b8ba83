#include "tools/tool.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "millrace/types.h"

namespace millrace::inline v0::tools {
namespace {

constexpr std::string_view kVersion = "0.1.0";

void PrintHelp(const Tool& tool, std::string_view name, std::ostream& out) {
  out << tool.summary << "\n\nUsage: " << name;
  if (!tool.positional.empty()) out << ' ' << tool.positional;
  if (!tool.flags.empty()) out << " [options]";
  out << "\n\n" << DescribeFlags(tool.flags);
}

void PrintProgramHelp(std::ostream& out) {
  out << "millrace: Kafka's tools, for a millrace broker or any Kafka cluster.\n\n"
         "Usage: millrace COMMAND [options]      (or by Kafka's names: kafka-topics.sh [options], ...)\n\n";
  for (const Tool* tool : AllTools()) {
    out << "  " << tool->name << std::string(24 - tool->name.size(), ' ') << tool->summary << '\n';
  }
  out << "\n'millrace COMMAND --help' tells the options of a command.\n"
         "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.\n";
}

}  // namespace

bool Interrupt::Raise() {
  raised_ = true;
  MutexLock lock(&mutex_);
  return listener_ != nullptr && listener_();
}

void Interrupt::OnRaise(absl::AnyInvocable<bool()> listener) {
  MutexLock lock(&mutex_);
  listener_ = std::move(listener);
  if (listener_ != nullptr && raised_) (void)listener_();
}

int Call::Usage(std::string_view message) const {
  err() << message << "\nTry '" << name << " --help'.\n";
  return kExitUsage;
}
int Call::Usage(const absl::Status& status) const {
  return Usage(ToStd(status.message()));
}
int Call::Fail(std::string_view message) const {
  out().flush();
  err() << name << ": " << message << '\n';
  return kExitFailed;
}
int Call::Fail(const absl::Status& status) const {
  return Fail(ToStd(status.message()));
}
int Call::Fail(std::string_view what, const absl::Status& status) const {
  return Fail(StrCat(what, ": ", status.message()));
}

absl::StatusOr<Properties> Call::ClientProperties(std::span<const std::string_view> file_flags,
                                                  std::span<const std::string_view> property_flags) const {
  Properties all;
  for (const std::string_view flag : file_flags) {
    for (const std::string& path : flags.All(flag)) {
      absl::StatusOr<std::string> text = ReadFile(host.env, path);
      if (!text.ok()) return text.status();
      for (auto& pair : ParseProperties(*text)) all.push_back(std::move(pair));
    }
  }
  for (const std::string_view flag : property_flags) {
    absl::StatusOr<Properties> pairs = flags.KeyValues(flag);
    if (!pairs.ok()) return pairs.status();
    for (auto& pair : *pairs) all.push_back(std::move(pair));
  }
  return all;
}

absl::StatusOr<std::unique_ptr<Cluster>> Call::Connect(std::string_view file_flag,
                                                       std::string_view property_flag) const {
  const std::string_view files[] = {file_flag};
  const std::string_view properties[] = {property_flag};
  absl::StatusOr<Properties> all = ClientProperties(files, properties);
  if (!all.ok()) return all.status();
  return host.connect({.bootstrap_servers = flags.Get("bootstrap-server"), .properties = *std::move(all)});
}

absl::StatusOr<std::string> ReadFile(const Env& env, std::string_view path) {
  absl::StatusOr<std::unique_ptr<File>> file = env.files->Open(path, OpenMode::kRead);
  if (!file.ok()) return file.status();
  absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  if (*size > (uint64_t{64} << 20))
    return absl::InvalidArgumentError(ToAbsl(StrCat(path, " is above 64 MiB")));
  std::string text(*size, '\0');
  absl::StatusOr<size_t> read = (*file)->ReadAt(0, std::as_writable_bytes(std::span(text)));
  if (!read.ok()) return read.status();
  text.resize(*read);
  return text;
}

int RunTool(const Tool& tool, std::string_view name, std::span<const std::string> args, const Host& host) {
  Call call{.host = host, .tool = tool, .name = std::string(name)};
  absl::StatusOr<Flags> flags = Flags::Parse(tool.flags, args, tool.positional_max);
  if (!flags.ok()) return call.Usage(flags.status());
  call.flags = *std::move(flags);
  if (call.flags.has("help")) {
    PrintHelp(tool, name, call.out());
    return kExitOk;
  }
  if (call.flags.has("version")) {
    call.out() << "millrace " << kVersion << '\n';
    return kExitOk;
  }
  const int code = tool.run(call);
  call.out().flush();
  if (code == kExitOk && !call.out()) return call.Fail("the output could not be written");
  return code;
}

int RunProgram(std::string_view program, std::span<const std::string> args, const Host& host) {
  const std::string_view base = program.substr(program.rfind('/') + 1);
  for (const Tool* tool : AllTools()) {
    const std::string_view script = tool->script;
    if (script.empty()) continue;
    if (base == script || base == script.substr(0, script.rfind(".sh")))
      return RunTool(*tool, base, args, host);
  }
  if (args.empty()) {
    PrintProgramHelp(*host.err);
    return kExitUsage;
  }
  const std::string& command = args[0];
  if (command == "--help" || command == "help" || command == "-h") {
    PrintProgramHelp(*host.out);
    return kExitOk;
  }
  if (command == "--version" || command == "version") {
    *host.out << "millrace " << kVersion << '\n';
    return kExitOk;
  }
  for (const Tool* tool : AllTools()) {
    if (command == tool->name) return RunTool(*tool, StrCat("millrace ", command), args.subspan(1), host);
  }
  *host.err << "millrace: no command '" << command << "'. 'millrace --help' lists them.\n";
  return kExitUsage;
}

}  // namespace millrace::inline v0::tools
