// The input of the quickstart: a text, cut into lines that are keyed by their first word.

#ifndef MILLRACE_EXAMPLES_QUICKSTART_LINE_SOURCE_H_
#define MILLRACE_EXAMPLES_QUICKSTART_LINE_SOURCE_H_

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quickstart {

struct Line {
  std::string_view text;
  // Empty for a line without a word: it is sent without a key.
  std::string_view first_word;
};

// Owns the text that its lines point into.
class LineSource {
 public:
  // Reads all of `path`, or of standard input for "-". Nullopt if it cannot be read.
  static std::optional<LineSource> Read(const std::string& path) {
    LineSource source;
    if (path == "-") {
      source.text_ = Slurp(std::cin);
    } else {
      std::ifstream file(path, std::ios::binary);
      if (!file) return std::nullopt;
      source.text_ = Slurp(file);
    }
    return source;
  }

  size_t size_bytes() const { return text_.size(); }

  std::vector<Line> Lines() const {
    std::vector<Line> lines;
    for (std::string_view rest = text_; !rest.empty();) {
      const size_t length = std::min(rest.find('\n'), rest.size());
      const std::string_view text = rest.substr(0, length);
      lines.push_back({.text = text, .first_word = FirstWord(text)});
      rest.remove_prefix(std::min(length + 1, rest.size()));
    }
    return lines;
  }

 private:
  static std::string Slurp(std::istream& in) {
    return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  static std::string_view FirstWord(std::string_view text) {
    const size_t begin = std::min(text.find_first_not_of(" \t\r"), text.size());
    return text.substr(begin, text.find_first_of(" \t\r", begin) - begin);
  }

  std::string text_;
};

}  // namespace quickstart

#endif  // MILLRACE_EXAMPLES_QUICKSTART_LINE_SOURCE_H_
