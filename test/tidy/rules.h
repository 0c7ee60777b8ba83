// The house rules as functions from one file's path and text to what is wrong with it, so that the tidy test
// can try them on planted mistakes before it trusts them with the tree.

#ifndef MILLRACE_TEST_TIDY_RULES_H_
#define MILLRACE_TEST_TIDY_RULES_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::tidy {

// A file of the tree: its path from the root, with '/', and its text.
struct SourceFile {
  std::string path = {};
  std::string text = {};
};

// What is wrong, and on which line (from 1).
struct Finding {
  std::string path = {};
  size_t line = 0;
  std::string what = {};
};

using Findings = std::vector<Finding>;
using Rule = Findings (*)(const SourceFile& file);

// Which room may include which, what a public header may include, and the form of an #include.
Findings CheckIncludes(const SourceFile& file);
// Fewer than 600 lines.
Findings CheckFileSize(const SourceFile& file);
// MILLRACE_PATH_H_, without "lib/" and "include/millrace/".
Findings CheckGuard(const SourceFile& file);
// Calls that belong to lib/env's posix and memory files alone, output, absl::Mutex, Abseil's own view types
// in public headers.
Findings CheckBannedCalls(const SourceFile& file);
// No function over 70 lines, by its braces.
Findings CheckFunctionLength(const SourceFile& file);
// No range-for over what lies in something that a call gives and nobody holds: `: F()->list`, `: *F()` and
// `: F().value()` look at it after it is gone, where F gives an absl::StatusOr or a smart pointer.
Findings CheckRangeFor(const SourceFile& file);
// No work that was put off with a note, and no path of somebody's machine.
Findings CheckLeftovers(const SourceFile& file);

// The classes, structs and enums that a header defines, those of millrace::wire as "wire::X": one namespace
// holds all rooms, so two of one name would be two definitions of one thing, which no linker reports.
std::vector<std::string> TypesDefinedIn(const SourceFile& header);

// The lines of `text`; what follows the last newline is one, if it is not empty.
std::vector<std::string_view> Lines(std::string_view text);
// C++ with every comment and the contents of every literal blanked out, newlines kept.
std::string CodeAlone(std::string_view text);

// Every text file of the project below `root`, by path.
std::vector<SourceFile> ReadTree(const std::string& root);

}  // namespace millrace::tidy

#endif  // MILLRACE_TEST_TIDY_RULES_H_
