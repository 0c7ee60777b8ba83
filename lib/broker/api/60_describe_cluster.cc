// DescribeCluster (key 60): the brokers there are: this one. Versions 0 to 2.
//
// 1: of brokers or of controllers (KIP-919); a broker answers the first alone. 2: fenced brokers too, of
// which there are none. Which operations are allowed: all there are, without an authorizer.

#include <optional>

#include "base/strings.h"
#include "broker/api/handlers.h"
#include "millrace/wire/messages/describe_cluster.h"

namespace millrace::inline v0 {
namespace {

constexpr int8_t kBrokers = 1;
constexpr int8_t kControllers = 2;

}  // namespace

void HandleDescribeCluster(BrokerImpl& broker, Request request) {
  const auto asked = request.Decode<wire::DescribeClusterRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  wire::DescribeClusterResponse response;
  if (asked->endpoint_type != kBrokers) {
    const bool known = asked->endpoint_type == kControllers;
    response.error_code =
        CodeOf(known ? ErrorCode::kMismatchedEndpointType : ErrorCode::kUnsupportedEndpointType);
    response.error_message = StrCat("endpoint type ", asked->endpoint_type, ": this is a broker, type 1");
    return request.Respond(response);
  }
  const BrokerOptions& options = broker.options();
  response.cluster_id = broker.cluster_id();
  response.controller_id = options.node_id;
  response.brokers.push_back({.broker_id = options.node_id,
                              .host = request.endpoint().host,
                              .port = request.endpoint().port,
                              .rack = options.rack.empty() ? std::nullopt : std::optional(options.rack)});
  if (asked->include_cluster_authorized_operations)
    response.cluster_authorized_operations = kClusterOperations;
  request.Respond(response);
}

}  // namespace millrace::inline v0
