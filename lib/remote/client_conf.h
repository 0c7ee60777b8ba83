// The settings of one librdkafka client, gathered; and where its log lines go.

#ifndef MILLRACE_REMOTE_CLIENT_CONF_H_
#define MILLRACE_REMOTE_CLIENT_CONF_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/remote.h"
#include "remote/rdkafka_handles.h"

namespace millrace::inline v0 {

// ClientOwner: what librdkafka's callbacks find behind a client's opaque pointer. Outlives the client.
struct ClientOwner {
  Logger* logger = nullptr;
  void* self = nullptr;
};

// Logs `event` if it is an error of the client as a whole.
void LogErrorEvent(const ClientOwner& owner, rd_kafka_event_t* event);

// ClientConf: gathers settings, keeps the first error. Single-threaded.
class ClientConf {
 public:
  // `owner` is borrowed by the client that is made.
  ClientConf(const std::string& bootstrap_servers, const RemoteOptions& options, std::string_view client_id,
             ClientOwner* owner);

  ClientConf& Set(const char* name, const std::string& value);
  ClientConf& Set(const char* name, int64_t value) { return Set(name, std::to_string(value)); }
  rd_kafka_conf_t* get() { return conf_.get(); }

  // Applies the host's properties, then makes the client.
  absl::StatusOr<rdk::Client> MakeClient(rd_kafka_type_t type);

 private:
  const RemoteOptions& options_;
  rdk::Conf conf_;
  absl::Status status_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_REMOTE_CLIENT_CONF_H_
