#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tidy/rules.h"

namespace millrace::tidy {
namespace {

// The end of the literal that starts at `at` with `quote`, one past the closing quote.
size_t LiteralEnd(std::string_view text, size_t at, char quote) {
  size_t i = at + 1;
  while (i < text.size() && text[i] != quote && text[i] != '\n') i += text[i] == '\\' ? 2 : 1;
  return std::min(i + 1, text.size());
}

// The same for R"delimiter(...)delimiter", where `at` is the quote.
size_t RawLiteralEnd(std::string_view text, size_t at) {
  const size_t open = text.find('(', at);
  if (open == std::string_view::npos) return text.size();
  const std::string close = ")" + std::string(text.substr(at + 1, open - at - 1)) + "\"";
  const size_t end = text.find(close, open);
  return end == std::string_view::npos ? text.size() : end + close.size();
}

bool IsWord(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

}  // namespace

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

std::string CodeAlone(std::string_view text) {
  std::string code(text);
  const auto blank = [&](size_t from, size_t to) {
    for (size_t i = from; i < to && i < code.size(); ++i) {
      if (code[i] != '\n') code[i] = ' ';
    }
  };
  size_t i = 0;
  while (i < text.size()) {
    const char c = text[i];
    size_t end = i + 1;
    if (text.substr(i, 2) == "//") {
      end = std::min(text.find('\n', i), text.size());
      blank(i, end);
    } else if (text.substr(i, 2) == "/*") {
      const size_t close = text.find("*/", i + 2);
      end = close == std::string_view::npos ? text.size() : close + 2;
      blank(i, end);
    } else if (c == '"') {
      const bool raw = i > 0 && text[i - 1] == 'R' && (i < 2 || !IsWord(text[i - 2]));
      end = raw ? RawLiteralEnd(text, i) : LiteralEnd(text, i, '"');
      blank(i + 1, end - 1);
    } else if (c == '\'' && (i == 0 || !IsWord(text[i - 1]))) {  // else it separates digits
      end = LiteralEnd(text, i, '\'');
      blank(i + 1, end - 1);
    }
    i = end;
  }
  return code;
}

std::vector<SourceFile> ReadTree(const std::string& root) {
  namespace fs = std::filesystem;
  constexpr std::string_view kKinds[] = {".h",  ".cc",  ".py",   ".sh", ".cmake",
                                         ".md", ".txt", ".json", ".in", ".pc"};
  constexpr std::string_view kPlaces[] = {"include", "lib", "test", "bench", "examples", "cmake", ".ci"};
  std::vector<SourceFile> files;
  const auto read = [&](const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    files.push_back({.path = fs::relative(path, root).generic_string(),
                     .text = std::string(std::istreambuf_iterator<char>(in), {})});
  };
  const auto known = [&](const fs::path& path) {
    const std::string kind = path.extension().string();
    return std::find(std::begin(kKinds), std::end(kKinds), kind) != std::end(kKinds) ||
           path.parent_path().filename() == ".ci";
  };
  for (const fs::directory_entry& entry : fs::directory_iterator(root)) {
    if (entry.is_regular_file() && known(entry.path())) read(entry.path());
  }
  for (const std::string_view place : kPlaces) {
    if (!fs::is_directory(fs::path(root) / place)) continue;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(fs::path(root) / place)) {
      if (entry.is_regular_file() && known(entry.path())) read(entry.path());
    }
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

}  // namespace millrace::tidy
