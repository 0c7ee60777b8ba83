// The syntax of java.util.Properties.

#ifndef MILLRACE_BROKER_CONFIG_PROPERTIES_H_
#define MILLRACE_BROKER_CONFIG_PROPERTIES_H_

#include <string>
#include <string_view>
#include <vector>

namespace millrace::inline v0 {

struct Property {
  std::string name = {};
  std::string value = {};
  // Where it begins, from 1; 0: not from a file.
  int line = 0;
};

// What is in `text`, in its order, duplicates and all. What cannot be read is left out, with a line each in
// `errors`. Reads UTF-8 as it is; \uXXXX gives UTF-8.
// Source: java.util.Properties.load: comments with # and !, separators '=', ':' and blanks, lines that go on
// after a backslash, escapes.
std::vector<Property> ReadProperties(std::string_view text, std::vector<std::string>* errors);

}  // namespace millrace::inline v0

#endif  // MILLRACE_BROKER_CONFIG_PROPERTIES_H_
