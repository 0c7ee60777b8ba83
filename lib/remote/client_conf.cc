#include "remote/client_conf.h"

#include <array>

#include "base/return_if_error.h"
#include "base/strings.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

// From syslog's levels.
Severity SeverityOf(int level) {
  if (level <= 3) return Severity::kError;
  if (level == 4) return Severity::kWarning;
  return level <= 6 ? Severity::kInfo : Severity::kDebug;
}

void OnLog(const rd_kafka_t* client, int level, const char* facility, const char* text) {
  const auto* const owner = static_cast<const ClientOwner*>(rd_kafka_opaque(client));
  if (owner == nullptr || owner->logger == nullptr) return;
  owner->logger->Log(SeverityOf(level), "remote",
                     StrCat(std::string_view(facility), ": ", std::string_view(text)));
}

// Errors of the client as a whole ("all brokers are down"): it goes on trying, so they are news, not results.
void LogClientError(const ClientOwner& owner, rd_kafka_resp_err_t error, std::string_view reason) {
  if (owner.logger == nullptr) return;
  owner.logger->Log(Severity::kWarning, "remote",
                    StrCat(std::string_view(rd_kafka_err2name(error)), ": ", reason));
}

void OnClientError(rd_kafka_t* client, int error, const char* reason, void* opaque) {
  (void)client;
  LogClientError(*static_cast<const ClientOwner*>(opaque), static_cast<rd_kafka_resp_err_t>(error), reason);
}

}  // namespace

void LogErrorEvent(const ClientOwner& owner, rd_kafka_event_t* event) {
  if (rd_kafka_event_type(event) != RD_KAFKA_EVENT_ERROR) return;
  LogClientError(owner, rd_kafka_event_error(event), rd_kafka_event_error_string(event));
}

ClientConf::ClientConf(const std::string& bootstrap_servers, const RemoteOptions& options,
                       std::string_view client_id, ClientOwner* owner)
    : options_(options), conf_(rd_kafka_conf_new()) {
  owner->logger = options.logger;
  rd_kafka_conf_set_opaque(conf_.get(), owner);
  rd_kafka_conf_set_log_cb(conf_.get(), OnLog);
  rd_kafka_conf_set_error_cb(conf_.get(), OnClientError);
  Set("bootstrap.servers", bootstrap_servers);
  Set("client.id", client_id.empty() ? options.client_id : std::string(client_id));
  // A host on the same machine may be back at once.
  Set("reconnect.backoff.ms", 20);
  Set("reconnect.backoff.max.ms", 2000);
}

ClientConf& ClientConf::Set(const char* name, const std::string& value) {
  std::array<char, 512> why{};
  const rd_kafka_conf_res_t result =
      rd_kafka_conf_set(conf_.get(), name, value.c_str(), why.data(), why.size());
  if (result != RD_KAFKA_CONF_OK && status_.ok()) {
    status_ = Error(ErrorCode::kInvalidConfig, StrCat("librdkafka refuses ", std::string_view(name), " = \"",
                                                      value, "\": ", std::string_view(why.data())));
  }
  return *this;
}

absl::StatusOr<rdk::Client> ClientConf::MakeClient(rd_kafka_type_t type) {
  for (const auto& [name, value] : options_.properties) Set(name.c_str(), value);
  MILLRACE_RETURN_IF_ERROR(status_);
  std::array<char, 512> why{};
  rd_kafka_t* const client = rd_kafka_new(type, conf_.get(), why.data(), why.size());
  if (client == nullptr) {
    return Error(ErrorCode::kInvalidConfig,
                 StrCat("librdkafka makes no client of these settings: ", std::string_view(why.data())));
  }
  // The client's now.
  (void)conf_.release();
  return rdk::Client(client);
}

}  // namespace millrace::inline v0
