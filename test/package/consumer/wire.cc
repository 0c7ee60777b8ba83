// Uses millrace::broker as a stranger would. Exit status 0: it works.

#include <cstdio>
#include <string>

#include "millrace/wire/messages.h"

namespace wire = millrace::wire;

int main() {
  wire::FetchRequest request{.max_wait_ms = 500, .min_bytes = 1};
  request.topics.push_back({.topic = "orders", .partitions = {{.partition = 3, .fetch_offset = 42}}});
  wire::Bytes bytes;
  if (!wire::Encode(request, 12, &bytes).ok()) return 1;
  const auto decoded = wire::Decode<wire::FetchRequest>(bytes, 12);
  if (!decoded.ok() || !wire::Equal(*decoded, request)) return 1;
  if (wire::Print(*decoded, 12).find("topic=\"orders\"") == std::string::npos) return 1;
  std::printf("consumer works\n");
  return 0;
}
