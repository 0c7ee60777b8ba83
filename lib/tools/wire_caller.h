// WireCaller: asks brokers in Kafka's protocol, one request after another, and waits for each answer.

#ifndef MILLRACE_TOOLS_WIRE_CALLER_H_
#define MILLRACE_TOOLS_WIRE_CALLER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "millrace/env/env.h"
#include "millrace/transport.h"
#include "millrace/wire/api_keys.h"
#include "millrace/wire/messages/api_versions.h"
#include "millrace/wire/schema.h"

namespace millrace::inline v0::tools {

struct WireCallerOptions {
  // "host:port,host:port": the first that answers is asked.
  std::string bootstrap_servers = {};
  std::string client_id = "millrace";
  // Of each request, and of each attempt to connect.
  absl::Duration timeout = absl::Seconds(30);
  // Clock and parker; with defaults.
  Env env = Env().WithDefaults();
};

struct WireNode {
  int32_t id = -1;
  std::string host = {};
  int32_t port = 0;
  std::string rack = {};
};

// Of no particular broker.
inline constexpr int32_t kAnyNode = -1;

// Single-threaded. Connects when it is first asked, keeps its connections.
class WireCaller {
 public:
  // `transport` is borrowed.
  WireCaller(Transport* transport, WireCallerOptions options);
  ~WireCaller();
  WireCaller(const WireCaller&) = delete;
  WireCaller& operator=(const WireCaller&) = delete;

  // The answer to `request` from `node`, in the newest version that both sides have (up to `version_max`).
  // kUnavailable: nobody answers; kUnsupportedVersion: the broker lacks the API. Error codes inside an answer
  // are the caller's to look at.
  template <typename Response, typename Request>
  absl::StatusOr<Response> Ask(const Request& request, int32_t node = kAnyNode,
                               int16_t version_max = INT16_MAX) {
    int16_t version = 0;
    absl::StatusOr<Frame> frame = Exchange(
        node, Request::kApi, version_max,
        [&](int16_t chosen, wire::Bytes* to) { return wire::Encode(request, chosen, to); }, &version);
    if (!frame.ok()) return frame.status();
    return wire::Decode<Response>(frame->bytes(), version);
  }

  // Every broker of the cluster, by id.
  absl::StatusOr<std::vector<WireNode>> Nodes();
  // Who answers requests that change topics; kAnyNode where that is not told.
  absl::StatusOr<int32_t> Controller();
  // What `node` serves, and its address.
  absl::StatusOr<wire::ApiVersionsResponse> ApiVersions(int32_t node = kAnyNode);

 private:
  class Channel;
  using EncodeBody = absl::FunctionRef<absl::Status(int16_t version, wire::Bytes* to)>;

  // The body of the answer: its header is cut off.
  absl::StatusOr<Frame> Exchange(int32_t node, const wire::Api& api, int16_t version_max, EncodeBody encode,
                                 int16_t* version);
  absl::StatusOr<Channel*> ChannelTo(int32_t node);
  absl::StatusOr<std::unique_ptr<Channel>> Dial(const std::string& address);
  absl::Status RefreshNodes();

  Transport* const transport_;
  const WireCallerOptions options_;
  std::map<int32_t, std::unique_ptr<Channel>> channels_;
  std::vector<WireNode> nodes_;
  int32_t controller_ = kAnyNode;
};

// "The error of an answer", as a status: OK for 0; `message` where the broker sent one, else the code's name.
absl::Status AnswerStatus(int16_t error_code, std::string_view message = {});

}  // namespace millrace::inline v0::tools

#endif  // MILLRACE_TOOLS_WIRE_CALLER_H_
