// The printing visitor of the schema codec: a message as one line for logs.

#ifndef MILLRACE_WIRE_PRINTER_H_
#define MILLRACE_WIRE_PRINTER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "millrace/export.h"
#include "millrace/types.h"
#include "millrace/wire/fields.h"

namespace millrace::inline v0::wire {

// `text` in quotes and printable ASCII, cut off after 64 bytes: `"a\x0a"`, `"aaaa"...(300 bytes)`.
MILLRACE_EXPORT std::string QuoteForLog(std::string_view text);

// Printer: a visitor that writes one message at one version. Use Print().
class Printer {
 public:
  explicit Printer(int16_t version) : version_(version) {}

  template <typename S>
  void Message(const S& message) {
    line_ += '{';
    Visitor<S> visitor{*this, message};
    S::Fields(visitor);
    line_ += '}';
  }
  std::string Take() { return std::move(line_); }

 private:
  // Beyond so many characters no array gets another element.
  static constexpr size_t kLineLengthMax = 4096;

  template <typename S>
  struct Visitor {
    Printer& printer;
    const S& message;
    bool is_first = true;

    template <typename M>
    void operator()(M S::* member, const Field& field) {
      if (!field.versions.Has(printer.version_)) return;
      printer.Name(field, is_first);
      is_first = false;
      printer.Value(message.*member, field);
    }
    template <typename M>
    void Tagged(uint32_t, M S::* member, const Field& field) {
      if (!internal::IsDefault(message, member)) (*this)(member, field);
    }
  };

  template <typename T>
  void Value(const T& value, const Field& field) {
    if constexpr (internal::Optional<T>) {
      if (value.has_value()) return Value(*value, field);
      Word("null");
    } else if constexpr (std::same_as<T, bool>) {
      Word(value ? "true" : "false");
    } else if constexpr (std::same_as<T, double>) {
      Double(value);
    } else if constexpr (internal::Number<T>) {
      Integer(value);
    } else if constexpr (std::same_as<T, Uuid>) {
      Word(value.ToString());
    } else if constexpr (internal::Text<T>) {
      Text(value, field);
    } else if constexpr (internal::Blob<T>) {
      Size(value.size());
    } else if constexpr (internal::Array<T>) {
      line_ += '[';
      size_t shown = 0;
      for (; shown < value.size() && line_.size() < kLineLengthMax; ++shown) {
        if (shown > 0) line_ += ", ";
        Value(value[shown], field);
      }
      if (shown < value.size()) More(value.size() - shown);
      line_ += ']';
    } else {
      Message(value);
    }
  }

  // What does not depend on a message's type is compiled once, in printer.cc.
  MILLRACE_EXPORT void Name(const Field& field, bool is_first);
  MILLRACE_EXPORT void Word(std::string_view word);
  MILLRACE_EXPORT void Integer(int64_t value);
  MILLRACE_EXPORT void Double(double value);
  MILLRACE_EXPORT void Text(std::string_view text, const Field& field);
  MILLRACE_EXPORT void Size(size_t bytes);
  MILLRACE_EXPORT void More(size_t elements);

  int16_t version_;
  std::string line_;
};

// `message` as it is at `version`, on one line of printable ASCII: `{group_id="g"
// members=[{member_id="m"}]}`. Tagged fields are shown where they differ from their default; strings are
// quoted, escaped and cut off after 64 bytes; of bytes, records and secrets the size is shown; of long arrays
// the first elements. For people: the form may change.
template <typename S>
std::string Print(const S& message, int16_t version) {
  Printer printer(version);
  printer.Message(message);
  return printer.Take();
}

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_PRINTER_H_
