// TopicPattern: a regular expression over names of topics, as members of the consumer protocol subscribe
// with.

#ifndef MILLRACE_COORDINATOR_TOPIC_PATTERN_H_
#define MILLRACE_COORDINATOR_TOPIC_PATTERN_H_

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace::inline v0 {

// RE2's syntax as far as names of topics (ASCII letters, digits, '.', '_' and '-') need it: literals, '.',
// classes with ranges and negation, \d \D \w \W \s \S, escaped characters, groups of all kinds (they only
// group), '|',
// '*' '+' '?' '{n,m}' greedy or not (which is the same to a whole match), '^' '$' \A \z, and (?i) ahead.
//
// What a stranger sends must not cost more than it is worth: matching follows all ways at once, in time
// linear in the name and the pattern (std::regex goes back and forth, exponentially), and patterns are
// bounded. Immutable.
class TopicPattern {
 public:
  static constexpr size_t kLengthMax = 4096;
  static constexpr size_t kProgramMax = 1000;
  static constexpr int kRepeatMax = 1000;
  static constexpr int kDepthMax = 100;

  // kInvalidRegularExpression saying where and why: malformed, not supported (backreferences, look-around,
  // \b, \p), or too large.
  static absl::StatusOr<TopicPattern> Compile(std::string_view pattern);
  // The whole name.
  bool Matches(std::string_view name) const;

 private:
  friend class TopicPatternCompiler;
  enum class Op : uint8_t { kClass, kSplit, kBegin, kEnd, kMatch };
  struct Instruction {
    Op op = Op::kMatch;
    // kClass: index of the set of bytes. Else the next instruction.
    uint32_t set = 0;
    uint32_t next = 0;
    // kSplit: the other way.
    uint32_t other = 0;
  };

  std::vector<Instruction> program_ = {};
  std::vector<std::bitset<256>> sets_ = {};
  uint32_t start_ = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_COORDINATOR_TOPIC_PATTERN_H_
