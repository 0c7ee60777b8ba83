// Uses millrace::remote as a stranger would. Exit status 0: it works.

#include <cstdio>

#include "millrace/mirror.h"

int main() {
  // Nobody listens there.
  const auto cluster = millrace::Connect("127.0.0.1:1", {.timeout = absl::Milliseconds(100)});
  if (!absl::IsUnavailable(cluster.status())) return 1;
  if (millrace::ErrorCodeOf(cluster.status()) != millrace::ErrorCode::kNetworkException) return 1;
  const millrace::MirrorOptions unnamed = {.topics = {{.from = "orders"}}};
  if (!absl::IsInvalidArgument(unnamed.Validate())) return 1;
  std::printf("consumer works\n");
  return 0;
}
