// ApiVersions (key 18): what the broker speaks. The first request on a connection, sent before the client
// knows any version: a broker answers a version that it does not have in version 0, with UNSUPPORTED_VERSION
// and its range for this key. The response's header has version 0 always (KIP-511).
//
// Versions:
//   1: throttle time.
//   3: flexible; the client's name (KIP-511); features (KIP-584).
//   4: a feature's min_version may be 0 (KAFKA-17011).
//   5: the cluster and node that the client means to reach (KIP-1242).

#ifndef MILLRACE_WIRE_MESSAGES_API_VERSIONS_H_
#define MILLRACE_WIRE_MESSAGES_API_VERSIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/wire/message.h"

namespace millrace::inline v0::wire {

struct ApiVersionsRequest {
  static constexpr Api kApi{.key = 18, .name = "ApiVersionsRequest", .valid = {0, 5}, .flexible = 3};

  // Letters, digits, dots and dashes; a broker refuses others with INVALID_REQUEST.
  std::string client_software_name = {};
  std::string client_software_version = {};
  // The cluster and the node that the client means to reach; null and -1 if it does not care.
  std::optional<std::string> cluster_id = {};
  int32_t node_id = -1;

  static constexpr void Fields(auto&& f) {
    using M = ApiVersionsRequest;
    f(&M::client_software_name, {.name = "client_software_name", .versions = Since(3), .ignorable = true});
    f(&M::client_software_version,
      {.name = "client_software_version", .versions = Since(3), .ignorable = true});
    f(&M::cluster_id, {.name = "cluster_id", .versions = Since(5), .ignorable = true});
    f(&M::node_id, {.name = "node_id", .versions = Since(5), .ignorable = true});
  }
};
MILLRACE_WIRE_MESSAGE(ApiVersionsRequest);

struct ApiVersionsResponse {
  static constexpr Api kApi{.key = 18, .name = "ApiVersionsResponse", .valid = {0, 5}, .flexible = 3};

  // The versions of one API key, both ends included.
  struct ApiVersion {
    int16_t api_key = 0;
    int16_t min_version = 0;
    int16_t max_version = 0;

    static constexpr void Fields(auto&& f) {
      f(&ApiVersion::api_key, {.name = "api_key"});
      f(&ApiVersion::min_version, {.name = "min_version"});
      f(&ApiVersion::max_version, {.name = "max_version"});
    }
  };

  // The levels of a feature that the broker could run at.
  struct SupportedFeature {
    std::string name = {};
    int16_t min_version = 0;
    int16_t max_version = 0;

    static constexpr void Fields(auto&& f) {
      f(&SupportedFeature::name, {.name = "name"});
      f(&SupportedFeature::min_version, {.name = "min_version"});
      f(&SupportedFeature::max_version, {.name = "max_version"});
    }
  };

  // The level that the cluster has agreed on.
  struct FinalizedFeature {
    std::string name = {};
    int16_t max_version_level = 0;
    int16_t min_version_level = 0;

    static constexpr void Fields(auto&& f) {
      f(&FinalizedFeature::name, {.name = "name"});
      f(&FinalizedFeature::max_version_level, {.name = "max_version_level"});
      f(&FinalizedFeature::min_version_level, {.name = "min_version_level"});
    }
  };

  int16_t error_code = 0;
  std::vector<ApiVersion> api_keys = {};
  int32_t throttle_time_ms = 0;
  std::vector<SupportedFeature> supported_features = {};
  // Grows with each change of the finalized features; -1: unknown.
  int64_t finalized_features_epoch = -1;
  std::vector<FinalizedFeature> finalized_features = {};
  // Of clusters that leave ZooKeeper (KIP-866).
  bool zk_migration_ready = false;

  static constexpr void Fields(auto&& f) {
    using M = ApiVersionsResponse;
    f(&M::error_code, {.name = "error_code"});
    f(&M::api_keys, {.name = "api_keys"});
    f(&M::throttle_time_ms, {.name = "throttle_time_ms", .versions = Since(1), .ignorable = true});
    f.Tagged(0, &M::supported_features,
             {.name = "supported_features", .versions = Since(3), .ignorable = true});
    f.Tagged(1, &M::finalized_features_epoch,
             {.name = "finalized_features_epoch", .versions = Since(3), .ignorable = true});
    f.Tagged(2, &M::finalized_features,
             {.name = "finalized_features", .versions = Since(3), .ignorable = true});
    f.Tagged(3, &M::zk_migration_ready,
             {.name = "zk_migration_ready", .versions = Since(3), .ignorable = true});
  }
};
MILLRACE_WIRE_MESSAGE(ApiVersionsResponse);

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_API_VERSIONS_H_
