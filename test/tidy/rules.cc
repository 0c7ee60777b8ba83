#include "tidy/rules.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <optional>

namespace millrace::tidy {
namespace {

constexpr size_t kFileLinesMax = 599;
constexpr size_t kFunctionLinesMax = 70;

// The rooms from the lowest floor up. A room may include itself and those before it; `testing` stands aside:
// over the rooms whose seams it simulates and checks, and nobody in lib/ includes it.
constexpr std::string_view kRooms[] = {"base",      "env",    "metrics",     "record",    "wire",
                                       "transport", "log",    "replication", "partition", "coordinator",
                                       "engine",    "broker", "remote",      "tools"};
// The room to which a public header belongs, where its directory does not say. admin.h and consumer.h hold
// the descriptions of partitions and groups that those rooms give.
struct Home {
  std::string_view header;
  std::string_view room;
};
constexpr Home kHomes[] = {
    {"admin.h", "partition"},    {"broker.h", "broker"},           {"broker_faults.h", "broker"},
    {"consumer.h", "partition"}, {"engine.h", "engine"},           {"export.h", "base"},
    {"metrics.h", "metrics"},    {"metrics_listener.h", "broker"}, {"millrace.h", "engine"},
    {"producer.h", "engine"},    {"mirror.h", "remote"},           {"offsets_topic.h", "coordinator"},
    {"record.h", "record"},      {"remote.h", "remote"},           {"replicator.h", "replication"},
    {"serde.h", "engine"},       {"server.h", "broker"},           {"status.h", "base"},
    {"topic.h", "log"},          {"transport.h", "transport"},     {"types.h", "base"},
};

bool IsWord(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}
bool IsCpp(std::string_view path) {
  return path.ends_with(".h") || path.ends_with(".cc");
}
bool IsPublic(std::string_view path) {
  return path.starts_with("include/");
}
bool IsLib(std::string_view path) {
  return path.starts_with("lib/");
}

std::string_view FirstPart(std::string_view path) {
  const size_t slash = path.find('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::optional<size_t> RoomRank(std::string_view room) {
  const auto* const at = std::find(std::begin(kRooms), std::end(kRooms), room);
  if (at == std::end(kRooms)) return std::nullopt;
  return static_cast<size_t>(at - std::begin(kRooms));
}

// The room of a header named as in an #include below include/millrace; empty if no table knows it.
std::string_view HomeOf(std::string_view header) {
  const std::string_view directory = FirstPart(header);
  if (!directory.empty()) return directory;
  for (const Home& home : kHomes) {
    if (home.header == header) return home.room;
  }
  return {};
}

// Empty if `from` may include a header of `to`, else why not.
std::string WhyNot(std::string_view from, std::string_view to) {
  if (from == to) return {};
  const auto words = [&](std::string_view why) {
    return "room '" + std::string(from) + "' includes room '" + std::string(to) + "': " + std::string(why);
  };
  if (to == "testing") return words("only tests may");
  const std::optional<size_t> target = RoomRank(to);
  if (!target) return words("no room of that name");
  if (from == "testing") {
    const bool simulated = to == "base" || to == "env" || to == "transport";
    return simulated ? std::string() : words("it is no seam that testing simulates");
  }
  const std::optional<size_t> rank = RoomRank(from);
  if (!rank) return words("the including room is in no table");
  return *target <= *rank ? std::string() : words("it stands above");
}

std::string IncludeProblem(const SourceFile& file, std::string_view target, bool quoted) {
  if (!quoted) {
    const bool is_public_c = IsPublic(file.path) && target.find_first_of("./") != std::string_view::npos;
    if (is_public_c) return "a public header includes only the standard library, Abseil and millrace";
    return target.starts_with("millrace/") || target.starts_with("absl/") ? "write it with quotes"
                                                                          : std::string();
  }
  const std::string_view first = FirstPart(target);
  if (first == "absl") return {};
  if (first.empty()) return "name the path from include/ or lib/";
  const std::string_view to = first == "millrace" ? HomeOf(target.substr(first.size() + 1)) : first;
  if (IsPublic(file.path)) {
    if (first != "millrace") return "a public header includes a private one";
    return WhyNot(HomeOf(std::string_view(file.path).substr(std::string_view("include/millrace/").size())),
                  to);
  }
  const std::string_view from = FirstPart(std::string_view(file.path).substr(4));
  const bool on_top = from == "remote" || from == "tools";
  if (on_top && first != "millrace" && to != "base" && to != from) {
    return "room '" + std::string(from) +
           "' stands on the public headers; of the private ones it may use base/";
  }
  return WhyNot(from, to);
}

struct Banned {
  std::string_view token;
  bool call;  // only before a '('
  std::string_view instead;
};
// Belong to lib/env's posix and memory files alone.
constexpr Banned kSystem[] = {
    {"std::thread", false, "Env::executor"},
    {"std::jthread", false, "Env::executor"},
    {"std::async", false, "Env::executor"},
    {"std::this_thread", false, "Env::parker"},
    {"sleep", true, "Env::parker"},
    {"usleep", true, "Env::parker"},
    {"nanosleep", true, "Env::parker"},
    {"sleep_for", true, "Env::parker"},
    {"sleep_until", true, "Env::parker"},
    {"::now", true, "Env::clock"},
    {"absl::Now", true, "Env::clock"},
    {"clock_gettime", true, "Env::clock"},
    {"gettimeofday", true, "Env::clock"},
    {"open", true, "Env::files"},
    {"openat", true, "Env::files"},
    {"fopen", true, "Env::files"},
    {"std::ifstream", false, "Env::files"},
    {"std::ofstream", false, "Env::files"},
    {"std::filesystem", false, "Env::files"},
    {"mmap", true, "Env::files"},
    {"std::random_device", false, "Env::random"},
    {"rand", true, "Env::random"},
};
// Belong to the TCP transport's files alone.
constexpr Banned kNetwork[] = {
    {"socket", true, "a Transport"},      {"accept4", true, "a Transport"},
    {"sendmsg", true, "a Transport"},     {"epoll_create1", true, "a Transport"},
    {"getaddrinfo", true, "a Transport"},
};
// Belong nowhere in the library.
constexpr Banned kEverywhere[] = {
    {"std::cout", false, "Env::logger"},
    {"std::cerr", false, "Env::logger"},
    {"std::clog", false, "Env::logger"},
    {"printf", true, "Env::logger"},
    {"fprintf", true, "Env::logger"},
    {"absl::Mutex", false, "base/mutex.h"},
    {"absl::MutexLock", false, "base/mutex.h"},
    {"absl::CondVar", false, "base/mutex.h"},
    {"signal", true, "nothing: the process is the host's"},
    {"sigaction", true, "nothing: the process is the host's"},
};
constexpr Banned kInPublic[] = {
    {"absl::string_view", false, "std::string_view"},
    {"absl::optional", false, "std::optional"},
    {"absl::variant", false, "std::variant"},
    {"absl::Span", false, "std::span"},
};

// Where `banned` stands in `line` as a word of its own (and no member of something), or npos.
size_t FindBanned(std::string_view line, const Banned& banned) {
  const std::string_view token = banned.token;
  for (size_t at = line.find(token); at != std::string_view::npos; at = line.find(token, at + 1)) {
    const bool qualified = token.starts_with("::");
    if (at > 0 && !qualified) {
      const char before = line[at - 1];
      if (IsWord(before) || before == '.' || (before == '>' && at > 1 && line[at - 2] == '-')) continue;
      const bool scoped = before == ':' && at > 2 && (IsWord(line[at - 3]) || line[at - 3] == '>');
      const bool of_std = scoped && at >= 5 && line.substr(at - 5, 5) == "std::";
      if (scoped && !of_std && !line.substr(0, at).ends_with("this_thread::")) continue;
    }
    size_t end = at + token.size();
    if (end < line.size() && IsWord(line[end])) continue;
    if (!banned.call) return at;
    end = line.find_first_not_of(' ', end);
    if (end != std::string_view::npos && line[end] == '(') return at;
  }
  return std::string_view::npos;
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.remove_suffix(1);
  return text;
}

// What stands before a '{' says whether a function's body begins there.
bool StartsFunction(std::string_view before) {
  before = Trimmed(before);
  if (before.find(')') == std::string_view::npos) return false;
  if (before.ends_with('=') || before.ends_with(',') || before.ends_with('(')) return false;
  for (const std::string_view word : {"namespace", "class", "struct", "enum", "union"}) {
    const size_t at = before.find(word);
    const bool whole = at != std::string_view::npos && (at == 0 || !IsWord(before[at - 1])) &&
                       (at + word.size() < before.size() && !IsWord(before[at + word.size()]));
    if (whole && before.find('(') > at && before.find("template") == std::string_view::npos &&
        before.rfind(')') < before.find_last_of(" \n")) {
      return false;
    }
  }
  return true;
}

// `text` begins behind the "(" of a for: what a range-for walks through; empty for another loop.
std::string_view RangeOf(std::string_view text) {
  size_t depth = 0;
  size_t from = std::string_view::npos;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '(' || c == '[' || c == '{') ++depth;
    if (c == ')' && depth == 0) {
      return from == std::string_view::npos ? std::string_view() : Trimmed(text.substr(from, i - from));
    }
    if ((c == ')' || c == ']' || c == '}') && depth > 0) --depth;
    const bool alone = c == ':' && depth == 0 && i > 0 && text[i - 1] != ':' && text.substr(i, 2) != "::";
    if (alone && from == std::string_view::npos) from = i + 1;
    if (c == ';' && depth == 0 && from != std::string_view::npos) return {};
  }
  return {};
}

// Whether `range` is a part of what a call gives, by way of "->", "*" or value().
bool ReachesThroughCall(std::string_view range) {
  const size_t call = range.find('(');
  if (range.starts_with('*') && call != std::string_view::npos && call > 0 && IsWord(range[call - 1]) &&
      !range.starts_with("*std::move(")) {
    return true;
  }
  for (size_t open = call; open != std::string_view::npos; open = range.find('(', open + 1)) {
    if (open == 0 || !IsWord(range[open - 1])) continue;
    size_t depth = 1;
    size_t end = open + 1;
    for (; end < range.size() && depth > 0; ++end) {
      if (range[end] == '(') ++depth;
      if (range[end] == ')') --depth;
    }
    const std::string_view rest = range.substr(end);
    if (rest.starts_with("->") || rest.starts_with(".value()")) return true;
  }
  return false;
}

}  // namespace

Findings CheckIncludes(const SourceFile& file) {
  Findings findings;
  if (!IsCpp(file.path) || !(IsLib(file.path) || IsPublic(file.path))) return findings;
  size_t number = 0;
  for (std::string_view line : Lines(file.text)) {
    ++number;
    line = Trimmed(line);
    if (!line.starts_with('#')) continue;
    line = Trimmed(line.substr(1));
    if (!line.starts_with("include")) continue;
    line = Trimmed(line.substr(7));
    if (line.empty() || (line[0] != '"' && line[0] != '<')) continue;
    const bool quoted = line[0] == '"';
    const size_t end = line.find(quoted ? '"' : '>', 1);
    const std::string problem = IncludeProblem(file, line.substr(1, end - 1), quoted);
    if (!problem.empty()) findings.push_back({file.path, number, problem});
  }
  return findings;
}

Findings CheckFileSize(const SourceFile& file) {
  for (const std::string_view kind : {".h", ".cc", ".py", ".sh", ".cmake"}) {
    const size_t lines = file.path.ends_with(kind) ? Lines(file.text).size() : 0;
    if (lines > kFileLinesMax)
      return {{file.path, lines, std::to_string(lines) + " lines; fewer than 600 are allowed"}};
  }
  return {};
}

Findings CheckGuard(const SourceFile& file) {
  if (!file.path.ends_with(".h")) return {};
  std::string_view path = file.path;
  for (const std::string_view prefix : {"include/millrace/", "lib/"}) {
    if (path.starts_with(prefix)) path.remove_prefix(prefix.size());
  }
  std::string guard = "MILLRACE_";
  for (const char c : path) {
    guard += IsWord(c) ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : '_';
  }
  guard += '_';
  const std::string code = CodeAlone(file.text);
  const std::string wanted = "#ifndef " + guard + "\n#define " + guard + "\n";
  const size_t at = code.find(wanted);
  const bool closed = Trimmed(file.text).ends_with("#endif  // " + guard);
  if (at != std::string::npos && Trimmed(std::string_view(code).substr(0, at)).empty() && closed) return {};
  return {{file.path, 1, "wants the include guard " + guard + ", first and last"}};
}

Findings CheckBannedCalls(const SourceFile& file) {
  Findings findings;
  if (!IsCpp(file.path) || !(IsLib(file.path) || IsPublic(file.path))) return findings;
  const bool is_env = file.path.starts_with("lib/env/posix") || file.path.starts_with("lib/env/memory");
  const bool is_tcp = file.path.starts_with("lib/transport/tcp");
  const std::string code = CodeAlone(file.text);
  size_t number = 0;
  for (const std::string_view line : Lines(code)) {
    ++number;
    const auto check = [&](const auto& table) {
      for (const Banned& banned : table) {
        if (FindBanned(line, banned) == std::string_view::npos) continue;
        findings.push_back(
            {file.path, number,
             std::string(banned.token) + " is banned here; use " + std::string(banned.instead)});
      }
    };
    if (!is_env) check(kSystem);
    if (!is_tcp) check(kNetwork);
    check(kEverywhere);
    if (IsPublic(file.path)) check(kInPublic);
  }
  return findings;
}

Findings CheckFunctionLength(const SourceFile& file) {
  Findings findings;
  if (!IsCpp(file.path)) return findings;
  const std::string code = CodeAlone(file.text);
  size_t line = 1;
  size_t depth = 0;
  size_t function_depth = 0;  // 0: in none
  size_t function_line = 0;
  size_t statement = 0;  // where the text before the next brace begins
  size_t statement_line = 1;
  bool fresh = true;  // nothing but space since `statement`
  for (size_t i = 0; i < code.size(); ++i) {
    const char c = code[i];
    if (c == '\n') {
      ++line;
      // A preprocessor line belongs to no statement.
      if (code[i + 1] == '#' || fresh) fresh = true, statement = i + 1;
      continue;
    }
    if (fresh && std::isspace(static_cast<unsigned char>(c)) == 0) fresh = false, statement_line = line;
    if (c == '{') {
      ++depth;
      if (function_depth == 0 && StartsFunction(std::string_view(code).substr(statement, i - statement))) {
        function_depth = depth;
        function_line = statement_line;
      }
    } else if (c == '}' && depth > 0) {
      const size_t lines = line - function_line + 1;
      if (depth == function_depth && lines > kFunctionLinesMax) {
        findings.push_back({file.path, function_line,
                            "a function of " + std::to_string(lines) + " lines; at most 70 are allowed"});
      }
      if (depth == function_depth) function_depth = 0;
      --depth;
    }
    if (c == '{' || c == '}' || c == ';') fresh = true, statement = i + 1;
  }
  return findings;
}

Findings CheckRangeFor(const SourceFile& file) {
  Findings findings;
  if (!IsCpp(file.path)) return findings;
  const std::string code = CodeAlone(file.text);
  for (size_t at = code.find("for ("); at != std::string::npos; at = code.find("for (", at + 1)) {
    if (at > 0 && IsWord(code[at - 1])) continue;
    const std::string_view range = RangeOf(std::string_view(code).substr(at + 5));
    if (!ReachesThroughCall(range)) continue;
    const auto line =
        static_cast<size_t>(std::count(code.begin(), code.begin() + static_cast<ptrdiff_t>(at), '\n'));
    findings.push_back(
        {file.path, line + 1, "nobody holds what is walked through; give it a name before the loop"});
  }
  return findings;
}

std::vector<std::string> TypesDefinedIn(const SourceFile& header) {
  std::vector<std::string> types;
  const std::string code = CodeAlone(header.text);
  std::string scope;  // "wire::" in millrace::wire, empty in millrace
  for (std::string_view line : Lines(code)) {
    constexpr std::string_view kHouse = "namespace millrace::inline v0";
    if (line.starts_with(kHouse)) {
      const std::string_view below = Trimmed(line.substr(kHouse.size(), line.find('{') - kHouse.size()));
      scope = below.empty() ? std::string() : std::string(below.substr(2)) + "::";
    }
    // At the margin, for the house indents nothing for a namespace; with a brace, or it only declares.
    if (line.find('{') == std::string_view::npos) continue;
    for (const std::string_view word : {"class ", "struct ", "enum class ", "enum "}) {
      if (!line.starts_with(word)) continue;
      line.remove_prefix(word.size());
      while (line.starts_with("MILLRACE_") || line.starts_with("ABSL_")) {
        line = Trimmed(line.substr(std::min(line.find(' '), line.size())));
      }
      const size_t end = std::min(line.find_first_of(" :{<"), line.size());
      // Nested definitions and specializations name their scope.
      if (line.substr(end, 2) != "::" && line.substr(end, 1) != "<") {
        types.push_back(scope + std::string(line.substr(0, end)));
      }
      break;
    }
  }
  return types;
}

Findings CheckLeftovers(const SourceFile& file) {
  // Split, so that this file holds none of them.
  const std::string later[] = {std::string("TO") + "DO", std::string("FIX") + "ME", std::string("XX") + "X"};
  const std::string paths[] = {std::string("/wo") + "rk", std::string("/tmp/") + "wt",
                               std::string("/ro") + "ot"};
  Findings findings;
  size_t number = 0;
  for (const std::string_view line : Lines(file.text)) {
    ++number;
    const auto check = [&](const std::string& word, std::string_view why) {
      for (size_t at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
        const size_t end = at + word.size();
        if (at > 0 && IsWord(line[at - 1])) continue;
        if (end < line.size() && IsWord(line[end])) continue;
        findings.push_back({file.path, number, word + ": " + std::string(why)});
      }
    };
    for (const std::string& word : later) check(word, "do it, or write down what is absent");
    for (const std::string& path : paths) check(path, "a path of one machine");
  }
  return findings;
}

}  // namespace millrace::tidy
