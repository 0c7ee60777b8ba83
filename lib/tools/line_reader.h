// LineReader: makes a record of each line, as Kafka's LineMessageReader.

#ifndef MILLRACE_TOOLS_LINE_READER_H_
#define MILLRACE_TOOLS_LINE_READER_H_

#include <istream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "millrace/record.h"
#include "tools/flags.h"

namespace millrace::inline v0::tools {

// By Kafka's names: parse.key, key.separator, parse.headers, headers.delimiter, headers.separator,
// headers.key.separator, null.marker, ignore.error.
struct LineReaderOptions {
  bool parse_key = false;
  std::string key_separator = "\t";
  bool parse_headers = false;
  // Between the headers and the rest, between headers, between a header's key and value.
  std::string headers_delimiter = "\t";
  std::string headers_separator = ",";
  std::string headers_key_separator = ":";
  // A key, value or header's value that is just this is null.
  std::optional<std::string> null_marker = std::nullopt;
  // A line without the separators is a value alone, not an error.
  bool ignore_error = false;

  // Names of other readers are no error, as in Kafka; contradictions and empty separators are.
  static absl::StatusOr<LineReaderOptions> From(const Properties& properties);
};

// A record that owns its text.
struct ParsedLine {
  std::optional<std::string> key = {};
  std::optional<std::string> value = {};
  std::vector<std::pair<std::string, std::optional<std::string>>> headers = {};
};

// `number` (from 1) is for the message. kInvalidArgument: a separator is missing.
absl::StatusOr<ParsedLine> ParseLine(std::string_view line, int64_t number, const LineReaderOptions& options);

}  // namespace millrace::inline v0::tools

#endif  // MILLRACE_TOOLS_LINE_READER_H_
