// Frames as one line each, for logs.

#ifndef MILLRACE_WIRE_PRINT_FRAME_H_
#define MILLRACE_WIRE_PRINT_FRAME_H_

#include <cstddef>
#include <span>
#include <string>

#include "millrace/export.h"
#include "millrace/wire/messages/headers.h"

namespace millrace::inline v0::wire {

// A request frame without its size: `Fetch v12 #7 from "app": {max_wait_ms=500 ...}`, the body as Print shows
// it. What cannot be decoded is told instead of the body: any bytes give a line.
MILLRACE_EXPORT std::string PrintRequest(std::span<const std::byte> request);

// A response frame without its size, to a request with `header`: `Fetch v12 #7: {throttle_time_ms=0 ...}`.
MILLRACE_EXPORT std::string PrintResponse(const RequestHeader& header, std::span<const std::byte> response);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_PRINT_FRAME_H_
