#include "coordinator/topic_pattern.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

using Set = std::bitset<256>;

Set RangeSet(int from, int to) {
  Set set;
  for (int c = from; c <= to; ++c) set.set(static_cast<size_t>(c));
  return set;
}
Set SetOf(char c) {
  return Set().set(static_cast<unsigned char>(c));
}
// Of \d and its like; nullopt: c is none of those letters.
std::optional<Set> NamedSet(char c) {
  const Set digits = RangeSet('0', '9');
  const Set words = digits | RangeSet('a', 'z') | RangeSet('A', 'Z') | SetOf('_');
  const Set spaces = SetOf(' ') | SetOf('\t') | SetOf('\n') | SetOf('\f') | SetOf('\r');
  switch (c) {
    case 'd':
      return digits;
    case 'D':
      return ~digits;
    case 'w':
      return words;
    case 'W':
      return ~words;
    case 's':
      return spaces;
    case 'S':
      return ~spaces;
    default:
      return std::nullopt;
  }
}

bool IsLetterOrDigit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// What a pattern says, before it is a program: repetitions copy their node.
struct Node {
  enum class Kind : uint8_t { kEmpty, kSet, kBegin, kEnd, kSequence, kChoice, kRepeat };
  Kind kind = Kind::kEmpty;
  Set set = {};
  int min = 0;
  int max = -1;  // no bound
  std::vector<std::unique_ptr<Node>> parts = {};
};
using NodePtr = std::unique_ptr<Node>;

NodePtr MakeNode(Node::Kind kind) {
  auto node = std::make_unique<Node>();
  node->kind = kind;
  return node;
}

class PatternParser {
 public:
  explicit PatternParser(std::string_view text) : text_(text) {}

  absl::StatusOr<NodePtr> Parse() {
    if (text_.starts_with("(?i)")) {
      ignore_case_ = true;
      at_ = 4;
    }
    MILLRACE_ASSIGN_OR_RETURN(NodePtr node, Choice(0));
    if (!AtEnd()) return Bad("a ')' that closes nothing");
    return node;
  }

 private:
  bool AtEnd() const { return at_ == text_.size(); }
  bool Take(std::string_view what) {
    if (!text_.substr(at_).starts_with(what)) return false;
    at_ += what.size();
    return true;
  }
  absl::Status Bad(std::string_view why) const {
    return Error(ErrorCode::kInvalidRegularExpression,
                 StrCat("not a regular expression that is understood: ", why, ", at character ", at_));
  }

  absl::StatusOr<NodePtr> Choice(int depth) {
    if (depth > TopicPattern::kDepthMax) return Bad("groups too deep in one another");
    NodePtr choice = MakeNode(Node::Kind::kChoice);
    do {
      MILLRACE_ASSIGN_OR_RETURN(NodePtr sequence, Sequence(depth));
      choice->parts.push_back(std::move(sequence));
    } while (Take("|"));
    return choice;
  }

  absl::StatusOr<NodePtr> Sequence(int depth) {
    NodePtr sequence = MakeNode(Node::Kind::kSequence);
    while (!AtEnd() && text_[at_] != '|' && text_[at_] != ')') {
      MILLRACE_ASSIGN_OR_RETURN(NodePtr atom, Atom(depth));
      MILLRACE_ASSIGN_OR_RETURN(NodePtr repeated, Repeated(std::move(atom)));
      sequence->parts.push_back(std::move(repeated));
    }
    return sequence;
  }

  absl::StatusOr<NodePtr> Repeated(NodePtr atom) {
    int min = 0;
    int max = -1;
    if (Take("*")) {
    } else if (Take("+")) {
      min = 1;
    } else if (Take("?")) {
      max = 1;
    } else if (!Bounds(&min, &max)) {
      return atom;
    }
    if (max != -1 && max < min) return Bad("a repetition whose end is before its start");
    if (min > TopicPattern::kRepeatMax || max > TopicPattern::kRepeatMax)
      return Bad("a repetition above 1000");
    Take("?");
    if (!AtEnd() && (text_[at_] == '*' || text_[at_] == '+' || text_[at_] == '?')) {
      return Bad("a repetition of a repetition");
    }
    NodePtr repeat = MakeNode(Node::Kind::kRepeat);
    repeat->min = min;
    repeat->max = max;
    repeat->parts.push_back(std::move(atom));
    return repeat;
  }

  // {n}, {n,} or {n,m}; anything else is no repetition but text.
  bool Bounds(int* min, int* max) {
    const size_t before = at_;
    const auto number = [this](int* to) {
      const size_t first = at_;
      int64_t n = 0;
      while (!AtEnd() && text_[at_] >= '0' && text_[at_] <= '9') {
        n = std::min<int64_t>(n * 10 + (text_[at_++] - '0'), TopicPattern::kRepeatMax + 1);
      }
      *to = static_cast<int>(n);
      return at_ != first;
    };
    if (Take("{") && number(min)) {
      *max = *min;
      if (Take(",") && !number(max)) *max = -1;
      if (Take("}")) return true;
    }
    at_ = before;
    return false;
  }

  absl::StatusOr<NodePtr> Atom(int depth) {
    const char c = text_[at_++];
    switch (c) {
      case '(':
        return Group(depth);
      case '[':
        return Class();
      case '.':
        return Bytes(~SetOf('\n'));
      case '^':
        return MakeNode(Node::Kind::kBegin);
      case '$':
        return MakeNode(Node::Kind::kEnd);
      case '*':
      case '+':
      case '?':
        --at_;
        return Bad("a repetition of nothing");
      case '\\':
        if (Take("A")) return MakeNode(Node::Kind::kBegin);
        if (Take("z")) return MakeNode(Node::Kind::kEnd);
        if (!AtEnd()) {
          if (const auto named = NamedSet(text_[at_])) {
            ++at_;
            return Bytes(*named);
          }
        }
        --at_;
        {
          MILLRACE_ASSIGN_OR_RETURN(const char escaped, Character());
          return Bytes(SetOf(escaped));
        }
      default:
        return Bytes(SetOf(c));
    }
  }

  absl::StatusOr<NodePtr> Group(int depth) {
    if (Take("?") && !Take(":")) {
      if (!Take("P<") && !(text_.substr(at_).starts_with("<") && !text_.substr(at_).starts_with("<=") &&
                           !text_.substr(at_).starts_with("<!") && Take("<"))) {
        return Bad("a group of a kind that is not supported");
      }
      const size_t name = at_;
      while (!AtEnd() && (IsLetterOrDigit(text_[at_]) || text_[at_] == '_')) ++at_;
      if (at_ == name || !Take(">")) return Bad("a group without a name");
    }
    MILLRACE_ASSIGN_OR_RETURN(NodePtr inside, Choice(depth + 1));
    if (!Take(")")) return Bad("a '(' that is not closed");
    return inside;
  }

  // One, maybe escaped.
  absl::StatusOr<char> Character() {
    const char c = text_[at_++];
    if (c != '\\') return c;
    if (AtEnd()) return Bad("a '\\' at the end");
    const char escaped = text_[at_++];
    switch (escaped) {
      case 't':
        return '\t';
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 'f':
        return '\f';
      default:
        break;
    }
    if (IsLetterOrDigit(escaped)) return Bad("an escape that is not supported");
    return escaped;
  }

  absl::StatusOr<NodePtr> Class() {
    Set set;
    const bool negated = Take("^");
    for (bool first = true; first || AtEnd() || text_[at_] != ']'; first = false) {
      if (AtEnd()) return Bad("a '[' that is not closed");
      if (text_[at_] == '[' && text_.substr(at_).starts_with("[:")) return Bad("a named class of characters");
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        if (const auto named = NamedSet(text_[at_ + 1])) {
          at_ += 2;
          set |= *named;
          continue;
        }
      }
      MILLRACE_ASSIGN_OR_RETURN(const char from, Character());
      char to = from;
      if (at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ']') {
        ++at_;
        MILLRACE_ASSIGN_OR_RETURN(to, Character());
      }
      if (static_cast<unsigned char>(to) < static_cast<unsigned char>(from)) {
        return Bad("a range whose end is before its start");
      }
      set |= RangeSet(static_cast<unsigned char>(from), static_cast<unsigned char>(to));
    }
    ++at_;
    if (ignore_case_) set = Folded(set);
    return Bytes(negated ? ~set : set);
  }

  static Set Folded(Set set) {
    for (size_t lower = 'a'; lower <= 'z'; ++lower) {
      const size_t upper = lower - 'a' + 'A';
      if (set[lower] || set[upper]) set.set(lower).set(upper);
    }
    return set;
  }
  NodePtr Bytes(const Set& set) const {
    NodePtr node = MakeNode(Node::Kind::kSet);
    node->set = ignore_case_ ? Folded(set) : set;
    return node;
  }

  const std::string_view text_;
  size_t at_ = 0;
  bool ignore_case_ = false;
};

}  // namespace

// Builds the program from its end: each part is made knowing what follows it.
class TopicPatternCompiler {
 public:
  using Op = TopicPattern::Op;

  absl::StatusOr<TopicPattern> Compile(const Node& root) {
    const uint32_t match = Add({.op = Op::kMatch});
    pattern_.start_ = Emit(root, match);
    if (!full_) return std::move(pattern_);
    return Error(ErrorCode::kInvalidRegularExpression,
                 "the regular expression is too large when written out");
  }

 private:
  // Returns the instruction that begins `node`, which goes on to `next`.
  uint32_t Emit(const Node& node, uint32_t next) {
    // What is empty adds nothing however often it is repeated: count the work too.
    full_ = full_ || ++steps_ > 10 * TopicPattern::kProgramMax;
    if (full_) return next;
    switch (node.kind) {
      case Node::Kind::kEmpty:
        return next;
      case Node::Kind::kSet:
        pattern_.sets_.push_back(node.set);
        return Add({.op = Op::kClass, .set = static_cast<uint32_t>(pattern_.sets_.size() - 1), .next = next});
      case Node::Kind::kBegin:
        return Add({.op = Op::kBegin, .next = next});
      case Node::Kind::kEnd:
        return Add({.op = Op::kEnd, .next = next});
      case Node::Kind::kSequence:
        for (auto part = node.parts.rbegin(); part != node.parts.rend(); ++part) next = Emit(**part, next);
        return next;
      case Node::Kind::kChoice: {
        uint32_t chosen = Emit(*node.parts.back(), next);
        for (size_t i = node.parts.size() - 1; i > 0; --i) {
          chosen = Add({.op = Op::kSplit, .next = Emit(*node.parts[i - 1], next), .other = chosen});
        }
        return chosen;
      }
      case Node::Kind::kRepeat:
        return EmitRepeat(node, next);
    }
    return next;
  }

  uint32_t EmitRepeat(const Node& node, uint32_t next) {
    const Node& part = *node.parts.front();
    uint32_t begin = next;
    if (node.max == -1) {
      const uint32_t loop = Add({.op = Op::kSplit, .other = next});
      pattern_.program_[loop].next = Emit(part, loop);
      begin = loop;
    } else {
      for (int i = node.min; i < node.max && !full_; ++i) {
        begin = Add({.op = Op::kSplit, .next = Emit(part, begin), .other = next});
      }
    }
    for (int i = 0; i < node.min && !full_; ++i) begin = Emit(part, begin);
    return begin;
  }

  uint32_t Add(TopicPattern::Instruction instruction) {
    // One is always there to be pointed to.
    full_ = full_ || pattern_.program_.size() >= TopicPattern::kProgramMax;
    if (full_) return 0;
    pattern_.program_.push_back(instruction);
    return static_cast<uint32_t>(pattern_.program_.size() - 1);
  }

  TopicPattern pattern_;
  bool full_ = false;
  size_t steps_ = 0;
};

absl::StatusOr<TopicPattern> TopicPattern::Compile(std::string_view pattern) {
  if (pattern.size() > kLengthMax) {
    return Error(ErrorCode::kInvalidRegularExpression, StrCat("a regular expression of ", pattern.size(),
                                                              " characters; ", kLengthMax, " are allowed"));
  }
  MILLRACE_ASSIGN_OR_RETURN(const NodePtr root, PatternParser(pattern).Parse());
  return TopicPatternCompiler().Compile(*root);
}

bool TopicPattern::Matches(std::string_view name) const {
  // All instructions that the text so far may have led to, each once.
  std::vector<uint32_t> now;
  std::vector<uint32_t> todo;
  std::vector<size_t> seen(program_.size(), SIZE_MAX);
  bool matched = false;
  const auto follow = [&](uint32_t from, size_t at, std::vector<uint32_t>* to) {
    todo.push_back(from);
    while (!todo.empty()) {
      const uint32_t i = todo.back();
      todo.pop_back();
      if (seen[i] == at) continue;
      seen[i] = at;
      const Instruction& one = program_[i];
      switch (one.op) {
        case Op::kClass:
          to->push_back(i);
          break;
        case Op::kSplit:
          todo.push_back(one.other);
          todo.push_back(one.next);
          break;
        case Op::kBegin:
          if (at == 0) todo.push_back(one.next);
          break;
        case Op::kEnd:
          if (at == name.size()) todo.push_back(one.next);
          break;
        case Op::kMatch:
          matched = matched || at == name.size();
          break;
      }
    }
  };
  follow(start_, 0, &now);
  std::vector<uint32_t> next;
  for (size_t at = 0; at < name.size() && !now.empty(); ++at) {
    next.clear();
    for (const uint32_t i : now) {
      if (sets_[program_[i].set][static_cast<unsigned char>(name[at])])
        follow(program_[i].next, at + 1, &next);
    }
    now.swap(next);
  }
  return matched;
}

}  // namespace millrace::inline v0
