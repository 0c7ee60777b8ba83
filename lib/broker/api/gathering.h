// Gathering: the answer to a request that asks for several things, complete when the last of them is.

#ifndef MILLRACE_BROKER_API_GATHERING_H_
#define MILLRACE_BROKER_API_GATHERING_H_

#include <atomic>
#include <cstddef>
#include <utility>

#include "broker/request.h"

namespace millrace::inline v0 {

// Shared by those who fill in the parts of `response`, each its own; the last Done() answers. Begins with one
// part under way: the caller's, who hands out the others.
template <typename Response>
struct Gathering {
  explicit Gathering(Request from) : request(std::move(from)) {}

  void Done() {
    if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) request.Respond(response);
  }

  Request request;
  Response response;
  std::atomic<size_t> left = 1;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_BROKER_API_GATHERING_H_
