#include "tools/line_reader.h"

#include "base/strings.h"

namespace millrace::inline v0::tools {
namespace {

std::optional<std::string> OrNull(std::string_view text, const LineReaderOptions& options) {
  if (options.null_marker.has_value() && text == *options.null_marker) return std::nullopt;
  return std::string(text);
}

// Cuts what stands before `separator` off the front of `rest`. False: it is not there, and that is ignored.
absl::StatusOr<bool> CutFront(std::string_view* rest, std::string_view* front, const std::string& separator,
                              std::string_view what, int64_t number, bool ignore_error) {
  const size_t at = rest->find(separator);
  if (at == std::string_view::npos) {
    if (ignore_error) return false;
    return absl::InvalidArgumentError(
        ToAbsl(StrCat("No ", what, " found on line number ", number, ": '", *rest, "'")));
  }
  *front = rest->substr(0, at);
  rest->remove_prefix(at + separator.size());
  return true;
}

absl::Status ParseHeaders(std::string_view text, int64_t number, const LineReaderOptions& options,
                          ParsedLine* line) {
  while (true) {
    const size_t end = text.find(options.headers_separator);
    std::string_view value = text.substr(0, end);
    std::string_view key;
    absl::StatusOr<bool> cut = CutFront(&value, &key, options.headers_key_separator, "header key separator",
                                        number, options.ignore_error);
    if (!cut.ok()) return cut.status();
    if (*cut) {
      line->headers.emplace_back(std::string(key), OrNull(value, options));
    } else {
      line->headers.emplace_back(std::string(value), std::nullopt);
    }
    if (end == std::string_view::npos) return absl::OkStatus();
    text.remove_prefix(end + options.headers_separator.size());
  }
}

}  // namespace

absl::StatusOr<LineReaderOptions> LineReaderOptions::From(const Properties& properties) {
  LineReaderOptions options;
  for (const auto& [name, value] : properties) {
    const bool yes = value == "true" || value == "TRUE" || value == "True";
    if (name == "parse.key") options.parse_key = yes;
    if (name == "parse.headers") options.parse_headers = yes;
    if (name == "ignore.error") options.ignore_error = yes;
    if (name == "key.separator") options.key_separator = value;
    if (name == "headers.delimiter") options.headers_delimiter = value;
    if (name == "headers.separator") options.headers_separator = value;
    if (name == "headers.key.separator") options.headers_key_separator = value;
    if (name == "null.marker") options.null_marker = value;
  }
  const std::pair<std::string_view, const std::string&> separators[] = {
      {"key.separator", options.key_separator},
      {"headers.delimiter", options.headers_delimiter},
      {"headers.separator", options.headers_separator},
      {"headers.key.separator", options.headers_key_separator}};
  for (const auto& [name, value] : separators) {
    if (value.empty()) return absl::InvalidArgumentError(ToAbsl(StrCat(name, " must not be empty")));
  }
  const auto differ = [](const auto& a, const auto& b) {
    if (a.second != b.second) return absl::OkStatus();
    return absl::InvalidArgumentError(ToAbsl(StrCat(a.first, " and ", b.first, " may not be equal")));
  };
  if (options.parse_headers) {
    if (absl::Status s = differ(separators[1], separators[2]); !s.ok()) return s;
    if (absl::Status s = differ(separators[1], separators[3]); !s.ok()) return s;
    if (absl::Status s = differ(separators[2], separators[3]); !s.ok()) return s;
  }
  const bool marks = options.null_marker.has_value();
  for (const auto& [name, value] : separators) {
    if (marks && *options.null_marker == value) {
      return absl::InvalidArgumentError(ToAbsl(StrCat("null.marker and ", name, " may not be equal")));
    }
  }
  return options;
}

absl::StatusOr<ParsedLine> ParseLine(std::string_view line, int64_t number,
                                     const LineReaderOptions& options) {
  ParsedLine parsed;
  std::string_view rest = line;
  if (options.parse_headers) {
    // A line that begins with the null marker in the place of its headers has none.
    std::string_view headers;
    absl::StatusOr<bool> cut = CutFront(&rest, &headers, options.headers_delimiter, "headers delimiter",
                                        number, options.ignore_error);
    if (!cut.ok()) return cut.status();
    const bool none = headers.empty() || (options.null_marker.has_value() && headers == *options.null_marker);
    if (*cut && !none) {
      absl::Status read = ParseHeaders(headers, number, options, &parsed);
      if (!read.ok()) return read;
    }
  }
  if (options.parse_key) {
    std::string_view key;
    absl::StatusOr<bool> cut =
        CutFront(&rest, &key, options.key_separator, "key separator", number, options.ignore_error);
    if (!cut.ok()) return cut.status();
    if (*cut) parsed.key = OrNull(key, options);
  }
  parsed.value = OrNull(rest, options);
  return parsed;
}

}  // namespace millrace::inline v0::tools
