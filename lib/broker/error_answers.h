// Answers that bear an error, to any request: for injected faults.

#ifndef MILLRACE_BROKER_ERROR_ANSWERS_H_
#define MILLRACE_BROKER_ERROR_ANSWERS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "millrace/types.h"
#include "millrace/wire/fields.h"

namespace millrace::inline v0 {

// `body`: of a request of that key and version. False as well where it cannot be decoded. A zero `id` counts
// as none.
bool RequestNamesTopic(int16_t key, int16_t version, std::span<const std::byte> body, std::string_view topic,
                       TopicId id);

// The body of an answer to that request with `code` wherever it can stand: for the whole, and for each topic,
// partition, group, ... that was asked about. Nullopt: there is no place for it, or the request cannot be
// decoded.
std::optional<wire::Bytes> ErrorAnswer(int16_t key, int16_t version, std::span<const std::byte> request,
                                       int16_t code);
// Likewise, of an answer that was made already.
std::optional<wire::Bytes> AnswerWithError(int16_t key, int16_t version, std::span<const std::byte> answer,
                                           int16_t code);

}  // namespace millrace::inline v0

#endif  // MILLRACE_BROKER_ERROR_ANSWERS_H_
