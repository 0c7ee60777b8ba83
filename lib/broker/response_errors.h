// The errors in an answer, found by its schema.

#ifndef MILLRACE_BROKER_RESPONSE_ERRORS_H_
#define MILLRACE_BROKER_RESPONSE_ERRORS_H_

#include <concepts>
#include <cstdint>

#include "millrace/wire/fields.h"

namespace millrace::inline v0 {

template <typename S, typename F>
void ForEachError(const S& message, F&& each);

namespace broker_internal {

template <typename S, typename F>
struct ErrorVisitor {
  const S& message;
  F& each;

  template <typename M>
  void operator()(M S::* member, const wire::Field& field) {
    if constexpr (std::same_as<M, int16_t>) {
      if (message.*member != 0 && field.name == "error_code") each(message.*member);
    } else if constexpr (wire::internal::Array<M>) {
      if constexpr (wire::internal::Struct<typename M::value_type>) {
        for (const auto& element : message.*member) ForEachError(element, each);
      }
    }
  }
  template <typename M>
  void Tagged(uint32_t, M S::* member, const wire::Field& field) {
    (*this)(member, field);
  }
};

}  // namespace broker_internal

// Calls each(code) for every error code of `message` that is not 0: of the whole, of topics, of partitions.
template <typename S, typename F>
void ForEachError(const S& message, F&& each) {
  broker_internal::ErrorVisitor<S, std::remove_reference_t<F>> visitor{message, each};
  S::Fields(visitor);
}

}  // namespace millrace::inline v0

#endif  // MILLRACE_BROKER_RESPONSE_ERRORS_H_
