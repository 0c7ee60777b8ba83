// `listeners` and what goes with it. Source: org.apache.kafka.network.EndPoint, KafkaConfig,
// SocketServerConfigs.

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "broker/config/broker_configs.h"
#include "log/text_lines.h"
#include "transport/address.h"

namespace millrace::inline v0 {
namespace {

constexpr std::string_view kDefaultListeners = "PLAINTEXT://:9092";
constexpr std::string_view kDefaultMap =
    "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT";

std::string UpperCase(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c & ~0x20) : c;
  return upper;
}

std::vector<std::string_view> ListItems(std::string_view list) {
  std::vector<std::string_view> items;
  for (TextLines rest(list, ','); !rest.AtEnd();) {
    if (const std::string_view item = TrimSetting(rest.Next()); !item.empty()) items.push_back(item);
  }
  return items;
}

// "NAME://host:port". Nullopt: it is none.
std::optional<ServerConfig::Listener> ReadEndpoint(std::string_view text) {
  const size_t slashes = text.find("://");
  if (slashes == std::string_view::npos || slashes == 0) return std::nullopt;
  std::string address(text.substr(slashes + 3));
  if (!ParseHostPort(address).ok()) return std::nullopt;
  return ServerConfig::Listener{
      .name = UpperCase(text.substr(0, slashes)), .address = std::move(address), .advertised_address = {}};
}

// All that stands in the values, while it is read.
class ListenerReader {
 public:
  ListenerReader(const ListenerProperties& properties, ServerConfig* config,
                 std::vector<ListenerError>* errors)
      : properties_(properties), config_(config), errors_(errors) {}

  void Read() {
    ReadControllers();
    ReadProtocols();
    for (const std::string_view item : ListItems(Or(properties_.listeners, kDefaultListeners))) ReadOne(item);
    if (errors_->empty() && config_->listeners.empty()) {
      Fail(kListenersName, "must name a listener for clients, such as PLAINTEXT://localhost:9092");
    }
    if (properties_.advertised == nullptr) return;
    for (const std::string_view item : ListItems(*properties_.advertised)) ReadAdvertised(item);
  }

 private:
  static std::string_view Or(const std::string* given, std::string_view otherwise) {
    return given != nullptr ? std::string_view(*given) : otherwise;
  }
  void Fail(std::string_view name, std::string why) {
    errors_->push_back({.name = name, .why = std::move(why)});
  }

  void ReadControllers() {
    for (const std::string_view item : ListItems(Or(properties_.controllers, "")))
      controllers_.insert(UpperCase(item));
  }
  void ReadProtocols() {
    for (const std::string_view item : ListItems(Or(properties_.protocol_map, kDefaultMap))) {
      const size_t colon = item.find(':');
      if (colon == std::string_view::npos || colon == 0) {
        Fail(kProtocolMapName, StrCat("must be a list of NAME:PROTOCOL, which \"", item, "\" is not"));
        continue;
      }
      protocols_[UpperCase(TrimSetting(item.substr(0, colon)))] =
          UpperCase(TrimSetting(item.substr(colon + 1)));
    }
  }
  // "" where connections of that listener are plain, else why not.
  std::string WhyNotPlain(std::string_view name) const {
    const auto found = protocols_.find(name);
    if (found == protocols_.end()) {
      return StrCat("the listener ", name, " has no protocol in ", kProtocolMapName);
    }
    if (found->second == "PLAINTEXT") return "";
    if (found->second == "SSL" || found->second.starts_with("SASL_")) {
      return StrCat("the listener ", name, " asks for ", found->second,
                    ", which millrace has not got yet; only PLAINTEXT is served");
    }
    return StrCat("the listener ", name, " has the unknown protocol ", found->second);
  }

  void ReadOne(std::string_view item) {
    auto endpoint = ReadEndpoint(item);
    if (!endpoint.has_value()) {
      return Fail(kListenersName, StrCat("must be a list of NAME://host:port, which \"", item, "\" is not"));
    }
    if (controllers_.contains(endpoint->name)) {
      config_->warnings.push_back(
          StrCat("the controller listener ", item, " is not opened: a single node is its own controller"));
      return;
    }
    if (std::string why = WhyNotPlain(endpoint->name); !why.empty())
      return Fail(kListenersName, std::move(why));
    for (const ServerConfig::Listener& other : config_->listeners) {
      const bool same = other.name == endpoint->name;
      const uint16_t port = ParseHostPort(endpoint->address)->port;
      if (!same && (port == 0 || other.address != endpoint->address)) continue;
      return Fail(kListenersName,
                  StrCat("each listener needs a name and a port of its own, which \"", item, "\" has not"));
    }
    config_->listeners.push_back(*std::move(endpoint));
  }

  void ReadAdvertised(std::string_view item) {
    auto endpoint = ReadEndpoint(item);
    if (!endpoint.has_value()) {
      return Fail(kAdvertisedName, StrCat("must be a list of NAME://host:port, which \"", item, "\" is not"));
    }
    if (controllers_.contains(endpoint->name)) return;
    const auto address = ParseHostPort(endpoint->address);
    if (address->host == "0.0.0.0" || address->host == "::") {
      return Fail(kAdvertisedName,
                  StrCat("must say where clients find the broker, which ", address->host, " does not"));
    }
    const auto found = std::ranges::find(config_->listeners, endpoint->name, &ServerConfig::Listener::name);
    if (found == config_->listeners.end()) {
      return Fail(kAdvertisedName,
                  StrCat("names ", endpoint->name, ", which is no name of ", kListenersName));
    }
    // An empty host: that of the machine, as if nothing had been said of it.
    if (!address->host.empty()) found->advertised_address = endpoint->address;
  }

  const ListenerProperties properties_;
  ServerConfig* const config_;
  std::vector<ListenerError>* const errors_;
  std::set<std::string, std::less<>> controllers_;
  std::map<std::string, std::string, std::less<>> protocols_;
};

}  // namespace

void ReadListeners(const ListenerProperties& properties, ServerConfig* config,
                   std::vector<ListenerError>* errors) {
  ListenerReader(properties, config, errors).Read();
}

}  // namespace millrace::inline v0
