// Any text, taken for a server.properties: it is read or refused with a line for each thing that is wrong;
// what is read holds what the table allows, and shows values that give the same again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "broker/config/broker_configs.h"
#include "millrace/server.h"

namespace millrace::inline v0 {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

void FuzzProperties(std::string_view text) {
  const absl::StatusOr<ServerConfig> config = ParseServerProperties(text);
  if (!config.ok()) return Require(!config.status().message().empty());
  Require(config->engine.Validate().ok());
  Require(!config->listeners.empty());
  ServerConfig again;
  for (const BrokerSetting& setting : BrokerSettings()) {
    const std::string value = GetBrokerSetting(setting, *config);
    Require(!SetBrokerSetting(setting, value, &again).has_value());
    Require(GetBrokerSetting(setting, again) == value);
  }
}

}  // namespace millrace::inline v0

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  millrace::FuzzProperties({reinterpret_cast<const char*>(data), size});
  return 0;
}
