// Findings: what a conformance suite reports.

#ifndef MILLRACE_TEST_TRANSPORT_FINDINGS_H_
#define MILLRACE_TEST_TRANSPORT_FINDINGS_H_

#include <string>
#include <string_view>

namespace millrace::test {

class Findings {
 public:
  // const, as absl::FunctionRef asks for.
  void operator()(std::string_view wrong) const { text_.append(wrong).append("\n"); }
  // A line each; empty for a pass.
  const std::string& text() const { return text_; }

 private:
  mutable std::string text_;
};

}  // namespace millrace::test

#endif  // MILLRACE_TEST_TRANSPORT_FINDINGS_H_
