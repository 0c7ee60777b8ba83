#include "tools/flags.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/parse_number.h"
#include "base/strings.h"

namespace millrace::inline v0::tools {
namespace {

constexpr FlagSpec kCommonFlags[] = {
    {.name = "help", .help = "Print this and end."},
    {.name = "version", .help = "Print the version and end."},
};

absl::Status UsageError(std::string_view message) {
  return absl::InvalidArgumentError(ToAbsl(message));
}

// The flag that `name` means: its own name, its alias, or the one that begins with it.
absl::StatusOr<const FlagSpec*> Find(std::span<const FlagSpec> specs, std::string_view name) {
  const FlagSpec* found = nullptr;
  bool ambiguous = false;
  const auto look = [&](std::span<const FlagSpec> in) -> const FlagSpec* {
    for (const FlagSpec& spec : in) {
      if (spec.name == name || (!spec.alias.empty() && spec.alias == name)) return &spec;
      if (!spec.name.starts_with(name)) continue;
      ambiguous = ambiguous || found != nullptr;
      found = &spec;
    }
    return nullptr;
  };
  if (const FlagSpec* exact = look(specs); exact != nullptr) return exact;
  if (const FlagSpec* exact = look(kCommonFlags); exact != nullptr) return exact;
  if (ambiguous)
    return UsageError(StrCat("--", name, " is the beginning of several options: give more of it"));
  if (found == nullptr) return UsageError(StrCat(name, " is not a recognized option"));
  return found;
}

const FlagSpec* FindLetter(std::span<const FlagSpec> specs, char letter) {
  for (const FlagSpec& spec : specs) {
    if (spec.letter == letter) return &spec;
  }
  return nullptr;
}

bool IsFlag(std::string_view arg) {
  return arg.size() > 2 && arg.starts_with("--");
}

class FlagParser {
 public:
  FlagParser(std::span<const FlagSpec> specs, std::span<const std::string> args)
      : specs_(specs), args_(args) {}

  using Take = std::map<std::string, std::vector<std::string>, std::less<>>;
  absl::Status Run(Take* values, std::vector<std::string>* positional) {
    while (next_ < args_.size()) {
      const std::string& arg = args_[next_++];
      const bool is_letter = arg.size() == 2 && arg[0] == '-' && arg[1] != '-' &&
                             std::isdigit(static_cast<unsigned char>(arg[1])) == 0;
      if (!IsFlag(arg) && !is_letter) {
        if (arg != "--") positional->push_back(arg);
        continue;
      }
      absl::Status taken = is_letter ? TakeLetter(arg, values) : TakeLong(arg, values);
      if (!taken.ok()) return taken;
    }
    return absl::OkStatus();
  }

 private:
  absl::Status TakeLetter(const std::string& arg, Take* values) {
    const FlagSpec* spec = FindLetter(specs_, arg[1]);
    if (spec == nullptr) return UsageError(StrCat(arg, " is not a recognized option"));
    return TakeValues(*spec, std::nullopt, values);
  }
  absl::Status TakeLong(std::string_view arg, Take* values) {
    arg.remove_prefix(2);
    const size_t equals = arg.find('=');
    absl::StatusOr<const FlagSpec*> spec = Find(specs_, arg.substr(0, equals));
    if (!spec.ok()) return spec.status();
    std::optional<std::string> inline_value;
    if (equals != std::string_view::npos) inline_value = std::string(arg.substr(equals + 1));
    return TakeValues(**spec, std::move(inline_value), values);
  }
  absl::Status TakeValues(const FlagSpec& spec, std::optional<std::string> inline_value, Take* values) {
    std::vector<std::string>& of = (*values)[std::string(spec.name)];
    if (spec.takes == Takes::kNothing) {
      if (inline_value.has_value()) return UsageError(StrCat("Option ", spec.name, " takes no argument"));
      return absl::OkStatus();
    }
    if (!spec.repeated && spec.takes != Takes::kValues && !of.empty()) {
      return UsageError(
          StrCat("Found multiple arguments for option ", spec.name, ", but you asked for only one"));
    }
    if (inline_value.has_value()) {
      of.push_back(*std::move(inline_value));
      return absl::OkStatus();
    }
    const bool follows = next_ < args_.size() && !IsFlag(args_[next_]);
    if (!follows) {
      if (spec.takes == Takes::kMaybeValue) return absl::OkStatus();
      return UsageError(StrCat("Option ", spec.name, " requires an argument"));
    }
    of.push_back(args_[next_++]);
    while (spec.takes == Takes::kValues && next_ < args_.size() && !IsFlag(args_[next_])) {
      of.push_back(args_[next_++]);
    }
    return absl::OkStatus();
  }

  const std::span<const FlagSpec> specs_;
  const std::span<const std::string> args_;
  size_t next_ = 0;
};

}  // namespace

absl::StatusOr<Flags> Flags::Parse(std::span<const FlagSpec> specs, std::span<const std::string> args,
                                   size_t positional_max) {
  Flags flags;
  absl::Status parsed = FlagParser(specs, args).Run(&flags.values_, &flags.positional_);
  if (!parsed.ok()) return parsed;
  if (flags.has("help") || flags.has("version")) return flags;
  for (const FlagSpec& spec : specs) {
    if (spec.required && !flags.has(spec.name)) {
      return UsageError(StrCat("Missing required argument \"[", spec.name, "]\""));
    }
  }
  if (flags.positional_.size() > positional_max) {
    return UsageError(StrCat("Found unexpected argument: ", flags.positional_[positional_max]));
  }
  return flags;
}

std::string Flags::Get(std::string_view name, std::string_view fallback) const {
  const auto at = values_.find(name);
  return at == values_.end() || at->second.empty() ? std::string(fallback) : at->second.back();
}

std::vector<std::string> Flags::All(std::string_view name) const {
  const auto at = values_.find(name);
  return at == values_.end() ? std::vector<std::string>() : at->second;
}

absl::StatusOr<int64_t> ParseInt(std::string_view what, std::string_view text, int64_t min, int64_t max) {
  const std::optional<int64_t> value = ParseNumber<int64_t>(text);
  if (!value.has_value()) {
    return UsageError(
        StrCat("Cannot parse argument '", text, "' of option ", what, ": a whole number is wanted"));
  }
  if (*value < min) return UsageError(StrCat(what, " must be at least ", min, ", not ", *value));
  if (*value > max) return UsageError(StrCat(what, " must be at most ", max, ", not ", *value));
  return *value;
}

absl::StatusOr<std::optional<int64_t>> Flags::Int(std::string_view name, int64_t min, int64_t max) const {
  if (!has(name)) return std::optional<int64_t>();
  absl::StatusOr<int64_t> value = ParseInt(name, Get(name), min, max);
  if (!value.ok()) return value.status();
  return std::optional<int64_t>(*value);
}

absl::StatusOr<int64_t> Flags::IntOr(std::string_view name, int64_t fallback, int64_t min,
                                     int64_t max) const {
  absl::StatusOr<std::optional<int64_t>> value = Int(name, min, max);
  if (!value.ok()) return value.status();
  return value->value_or(fallback);
}

absl::StatusOr<std::optional<double>> Flags::Double(std::string_view name) const {
  if (!has(name)) return std::optional<double>();
  const std::string text = Get(name);
  const std::optional<double> value = ParseNumber<double>(text);
  if (!value.has_value()) {
    return UsageError(StrCat("Cannot parse argument '", text, "' of option ", name, ": a number is wanted"));
  }
  return value;
}

absl::StatusOr<Properties> Flags::KeyValues(std::string_view name) const {
  Properties pairs;
  for (const std::string& text : All(name)) {
    const size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return UsageError(
          StrCat("Invalid command line properties: ", text, " (of option ", name, ", wanted: key=value)"));
    }
    pairs.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return pairs;
}

std::string DescribeFlags(std::span<const FlagSpec> specs) {
  std::vector<std::pair<std::string, std::string>> rows;
  const auto add = [&](std::span<const FlagSpec> from) {
    for (const FlagSpec& spec : from) {
      std::string left = StrCat("--", spec.name);
      if (spec.letter != 0) left = StrCat("-", std::string(1, spec.letter), ", ", left);
      if (spec.takes == Takes::kMaybeValue) {
        StrAppend(&left, " [", spec.value, "]");
      } else if (spec.takes != Takes::kNothing) {
        StrAppend(&left, " <", spec.value, ">", spec.takes == Takes::kValues ? " ..." : "");
      }
      rows.emplace_back(std::move(left), StrCat(spec.required ? "REQUIRED: " : "", spec.help));
    }
  };
  add(specs);
  std::sort(rows.begin(), rows.end());
  add(kCommonFlags);
  size_t width = 0;
  for (const auto& [left, help] : rows) width = std::max(width, left.size());
  width = std::min<size_t>(width, 40);
  const std::string indent(width + 4, ' ');
  std::string text;
  for (const auto& [left, help] : rows) {
    StrAppend(&text, "  ", left);
    if (left.size() > width) {
      StrAppend(&text, "\n", indent);
    } else {
      text.append(width + 2 - left.size(), ' ');
    }
    // Broken at blanks, so that a line has 110 characters at the most.
    size_t column = indent.size();
    for (const std::string& word : Split(help, ' ')) {
      if (column + word.size() > 110) {
        StrAppend(&text, "\n", indent);
        column = indent.size();
      }
      StrAppend(&text, word, " ");
      column += word.size() + 1;
    }
    text.back() = '\n';
  }
  return text;
}

Properties ParseProperties(std::string_view text) {
  Properties pairs;
  std::string line;
  const auto finish = [&] {
    const std::string_view whole = Trim(line);
    if (!whole.empty() && whole[0] != '#' && whole[0] != '!') {
      const size_t at = whole.find_first_of("=:");
      const std::string_view value = at == std::string_view::npos ? std::string_view() : whole.substr(at + 1);
      pairs.emplace_back(std::string(Trim(whole.substr(0, at))), std::string(Trim(value)));
    }
    line.clear();
  };
  for (std::string one : Split(text, '\n')) {
    if (one.ends_with('\r')) one.pop_back();
    const std::string_view begun = line.empty() ? std::string_view(one) : Trim(one);
    if (begun.ends_with('\\')) {
      line += begun.substr(0, begun.size() - 1);
      continue;
    }
    line += begun;
    finish();
  }
  finish();
  return pairs;
}

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (size_t at = 0;;) {
    const size_t end = text.find(separator, at);
    parts.emplace_back(text.substr(at, end == std::string_view::npos ? end : end - at));
    if (end == std::string_view::npos) return parts;
    at = end + 1;
  }
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.remove_suffix(1);
  return text;
}

}  // namespace millrace::inline v0::tools
