// Flags of a command line, in the manner of Kafka's tools: `--flag value`, `--flag=value`, `-f value`,
// repeated flags, and any unambiguous beginning of a flag's name.

#ifndef MILLRACE_TOOLS_FLAGS_H_
#define MILLRACE_TOOLS_FLAGS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace millrace::inline v0::tools {

// Whether a flag is followed by a value.
enum class Takes : uint8_t {
  kNothing,
  kValue,
  kMaybeValue,  // what follows is its value unless it begins with "--"
  kValues,      // everything up to the next flag
};

struct FlagSpec {
  std::string_view name = {};  // without the dashes
  Takes takes = Takes::kNothing;
  // What the value is, for the help: "TOPIC".
  std::string_view value = {};
  std::string_view help = {};
  bool required = false;
  bool repeated = false;
  char letter = 0;  // "-t" beside "--cluster-id"; 0: none
  // Another name for the same ("consumer.config" for "command-config"); not shown in the help.
  std::string_view alias = {};
};

// Of the tools that ask a broker.
constexpr FlagSpec kBootstrapServerFlag = {.name = "bootstrap-server",
                                           .takes = Takes::kValue,
                                           .value = "HOST:PORT",
                                           .help = "The broker to ask, or several, separated by commas.",
                                           .required = true};
constexpr FlagSpec kCommandConfigFlag = {.name = "command-config",
                                         .takes = Takes::kValue,
                                         .value = "FILE",
                                         .help = "Settings of the client, as key=value lines."};

using Properties = std::vector<std::pair<std::string, std::string>>;

// What a command line said. Thread-compatible.
class Flags {
 public:
  // kInvalidArgument with a sentence for the person who typed it. Required flags are looked at unless
  // "--help" or "--version" is there; those two every tool has.
  static absl::StatusOr<Flags> Parse(std::span<const FlagSpec> specs, std::span<const std::string> args,
                                     size_t positional_max = 0);

  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  // The last value given; `fallback` where there is none.
  std::string Get(std::string_view name, std::string_view fallback = {}) const;
  // Every value given, in order.
  std::vector<std::string> All(std::string_view name) const;
  const std::vector<std::string>& positional() const { return positional_; }

  // A whole number in [min, max]; nullopt where the flag is absent.
  absl::StatusOr<std::optional<int64_t>> Int(std::string_view name, int64_t min = INT64_MIN,
                                             int64_t max = INT64_MAX) const;
  absl::StatusOr<int64_t> IntOr(std::string_view name, int64_t fallback, int64_t min = INT64_MIN,
                                int64_t max = INT64_MAX) const;
  absl::StatusOr<std::optional<double>> Double(std::string_view name) const;
  // "key=value" of each occurrence. The value may hold '=' and may be empty.
  absl::StatusOr<Properties> KeyValues(std::string_view name) const;

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::vector<std::string> positional_;
};

// The flags, two columns, for --help.
std::string DescribeFlags(std::span<const FlagSpec> specs);

absl::StatusOr<int64_t> ParseInt(std::string_view what, std::string_view text, int64_t min = INT64_MIN,
                                 int64_t max = INT64_MAX);
// Lines "key=value" of a .properties file: '#' and '!' begin comments, blanks around the '=' do not count, a
// backslash continues a line or escapes a character.
Properties ParseProperties(std::string_view text);
std::vector<std::string> Split(std::string_view text, char separator);
std::string_view Trim(std::string_view text);

}  // namespace millrace::inline v0::tools

#endif  // MILLRACE_TOOLS_FLAGS_H_
