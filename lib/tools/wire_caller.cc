#include "tools/wire_caller.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <optional>
#include <utility>

#include "base/mutex.h"
#include "base/strings.h"
#include "millrace/status.h"
#include "millrace/wire/messages/headers.h"
#include "millrace/wire/messages/metadata.h"
#include "tools/flags.h"

namespace millrace::inline v0::tools {
namespace {

// What comes in, until it is asked for. Shared with the handler, which may outlive the caller. Thread-safe.
struct Inbox {
  explicit Inbox(Parker* parker_to_use) : parker(parker_to_use) {}

  void Deliver(Frame frame) {
    {
      MutexLock lock(&mutex);
      frames.push_back(std::move(frame));
    }
    Wake();
  }
  void End(const absl::Status& status) {
    {
      MutexLock lock(&mutex);
      closed = status.ok() ? absl::UnavailableError("the broker has closed the connection") : status;
    }
    Wake();
  }
  void Wake() {
    word.fetch_add(1);
    parker->UnparkAll(word);
  }

  Parker* const parker;
  std::atomic<uint32_t> word{0};
  Mutex mutex;
  std::deque<Frame> frames ABSL_GUARDED_BY(mutex);
  std::optional<absl::Status> closed ABSL_GUARDED_BY(mutex);
};

class InboxHandler final : public ConnectionHandler {
 public:
  explicit InboxHandler(std::shared_ptr<Inbox> inbox) : inbox_(std::move(inbox)) {}
  void OnOpened(std::shared_ptr<Connection>) override {}
  void OnFrame(Frame frame) override { inbox_->Deliver(std::move(frame)); }
  void OnClosed(const absl::Status& status) override { inbox_->End(status); }

 private:
  const std::shared_ptr<Inbox> inbox_;
};

}  // namespace

// One connection, and what its broker serves.
class WireCaller::Channel {
 public:
  Channel(const WireCallerOptions& options, std::string address)
      : options_(options),
        address_(std::move(address)),
        inbox_(std::make_shared<Inbox>(options.env.parker)) {}
  ~Channel() {
    if (connection_ != nullptr) connection_->Abort();
  }

  absl::Status Connect(Transport* transport) {
    ConnectionOptions how;
    how.connect_timeout = options_.timeout;
    absl::StatusOr<std::shared_ptr<Connection>> connection =
        transport->Connect(address_, std::make_unique<InboxHandler>(inbox_), how);
    if (!connection.ok()) return connection.status();
    connection_ = *std::move(connection);
    absl::StatusOr<Frame> newest =
        RoundTrip(wire::ApiKey::kApiVersions, 3, [](int16_t version, wire::Bytes* to) {
          const wire::ApiVersionsRequest request{.client_software_name = "millrace",
                                                 .client_software_version = "0.1.0"};
          return wire::Encode(request, version, to);
        });
    if (!newest.ok()) return newest.status();
    absl::StatusOr<wire::ApiVersionsResponse> answer =
        wire::Decode<wire::ApiVersionsResponse>(newest->bytes(), 3);
    // A broker that is too old for version 3 says so in version 0, and tells its ranges there.
    if (!answer.ok()) answer = wire::Decode<wire::ApiVersionsResponse>(newest->bytes(), 0);
    if (!answer.ok()) return answer.status();
    versions_ = *std::move(answer);
    return absl::OkStatus();
  }

  const wire::ApiVersionsResponse& versions() const { return versions_; }
  const std::string& address() const { return address_; }

  absl::StatusOr<int16_t> Choose(const wire::Api& api, int16_t version_max) const {
    for (const wire::ApiVersionsResponse::ApiVersion& served : versions_.api_keys) {
      if (served.api_key != api.key) continue;
      const int16_t chosen = std::min({served.max_version, api.valid.last, version_max});
      if (chosen >= std::max(served.min_version, api.valid.first)) return chosen;
      break;
    }
    return Error(ErrorCode::kUnsupportedVersion, StrCat("the broker at ", address_, " does not serve ",
                                                        api.name, " in a version known here"));
  }

  absl::StatusOr<Frame> RoundTrip(wire::ApiKey key, int16_t version, EncodeBody encode) {
    const std::optional<wire::HeaderVersions> headers =
        wire::HeaderVersionsOf(static_cast<int16_t>(key), version);
    if (!headers.has_value()) return absl::InternalError("a message of no key");
    const wire::RequestHeader header{.request_api_key = static_cast<int16_t>(key),
                                     .request_api_version = version,
                                     .correlation_id = ++correlation_id_,
                                     .client_id = options_.client_id};
    wire::Bytes bytes;
    absl::Status encoded = wire::Encode(header, headers->request, &bytes);
    if (encoded.ok()) encoded = encode(version, &bytes);
    if (!encoded.ok()) return encoded;
    if (absl::Status sent = connection_->Send({.bytes = std::move(bytes)}); !sent.ok()) return Ended(sent);
    absl::StatusOr<Frame> frame = Next();
    if (!frame.ok()) return frame.status();
    size_t used = 0;
    absl::StatusOr<wire::ResponseHeader> answered =
        wire::DecodePrefix<wire::ResponseHeader>(frame->bytes(), headers->response, &used);
    if (!answered.ok()) return answered.status();
    if (answered->correlation_id != correlation_id_) {
      connection_->Abort();
      return absl::UnavailableError(ToAbsl(StrCat("the broker at ", address_, " answers another request")));
    }
    return Frame::CopyOf(frame->bytes().subspan(used));
  }

  bool closed() {
    MutexLock lock(&inbox_->mutex);
    return inbox_->closed.has_value();
  }

 private:
  absl::Status Ended(const absl::Status& otherwise) {
    MutexLock lock(&inbox_->mutex);
    return inbox_->closed.value_or(otherwise);
  }
  absl::StatusOr<Frame> Next() {
    const MonotonicNanos deadline =
        options_.env.clock->Monotonic() + absl::ToInt64Nanoseconds(options_.timeout);
    for (;;) {
      const uint32_t seen = inbox_->word.load();
      {
        MutexLock lock(&inbox_->mutex);
        if (!inbox_->frames.empty()) {
          Frame frame = std::move(inbox_->frames.front());
          inbox_->frames.pop_front();
          return frame;
        }
        if (inbox_->closed.has_value()) return *inbox_->closed;
      }
      if (options_.env.clock->Monotonic() >= deadline) {
        connection_->Abort();  // a late answer must not be taken for the next one's
        return Error(ErrorCode::kRequestTimedOut,
                     StrCat("the broker at ", address_, " has not answered within ",
                            absl::FormatDuration(options_.timeout)));
      }
      options_.env.parker->Park(inbox_->word, seen, deadline);
    }
  }

  const WireCallerOptions& options_;
  const std::string address_;
  const std::shared_ptr<Inbox> inbox_;
  std::shared_ptr<Connection> connection_;
  wire::ApiVersionsResponse versions_;
  int32_t correlation_id_ = 0;
};

WireCaller::WireCaller(Transport* transport, WireCallerOptions options)
    : transport_(transport), options_(std::move(options)) {}
WireCaller::~WireCaller() = default;

absl::StatusOr<std::unique_ptr<WireCaller::Channel>> WireCaller::Dial(const std::string& address) {
  auto channel = std::make_unique<Channel>(options_, address);
  if (absl::Status connected = channel->Connect(transport_); !connected.ok()) return connected;
  return channel;
}

absl::StatusOr<WireCaller::Channel*> WireCaller::ChannelTo(int32_t node) {
  std::unique_ptr<Channel>& channel = channels_[node];
  if (channel != nullptr && !channel->closed()) return channel.get();
  std::vector<std::string> addresses;
  if (node == kAnyNode) {
    for (const std::string& address : Split(options_.bootstrap_servers, ',')) {
      if (!Trim(address).empty()) addresses.emplace_back(Trim(address));
    }
  } else {
    if (absl::Status refreshed = RefreshNodes(); !refreshed.ok()) return refreshed;
    for (const WireNode& known : nodes_) {
      const bool v6 = known.host.find(':') != std::string::npos;
      const std::string host = v6 ? StrCat("[", known.host, "]") : known.host;
      if (known.id == node) addresses.push_back(StrCat(host, ":", known.port));
    }
    if (addresses.empty()) {
      return Error(ErrorCode::kBrokerNotAvailable, StrCat("the cluster has no broker with id ", node));
    }
  }
  absl::Status why = absl::InvalidArgumentError("no bootstrap server is given");
  for (const std::string& address : addresses) {
    absl::StatusOr<std::unique_ptr<Channel>> dialled = Dial(address);
    if (dialled.ok()) {
      channel = *std::move(dialled);
      return channel.get();
    }
    why = dialled.status();
  }
  return why;
}

absl::StatusOr<Frame> WireCaller::Exchange(int32_t node, const wire::Api& api, int16_t version_max,
                                           EncodeBody encode, int16_t* version) {
  absl::StatusOr<Channel*> channel = ChannelTo(node);
  if (!channel.ok()) return channel.status();
  absl::StatusOr<int16_t> chosen = (*channel)->Choose(api, version_max);
  if (!chosen.ok()) return chosen.status();
  *version = *chosen;
  return (*channel)->RoundTrip(static_cast<wire::ApiKey>(api.key), *chosen, encode);
}

absl::Status WireCaller::RefreshNodes() {
  absl::StatusOr<wire::MetadataResponse> answer =
      Ask<wire::MetadataResponse>(wire::MetadataRequest{.allow_auto_topic_creation = false});
  if (!answer.ok()) return answer.status();
  nodes_.clear();
  for (const wire::MetadataResponse::Broker& broker : answer->brokers) {
    nodes_.push_back({broker.node_id, broker.host, broker.port, broker.rack.value_or("")});
  }
  std::sort(nodes_.begin(), nodes_.end(), [](const WireNode& a, const WireNode& b) { return a.id < b.id; });
  controller_ = answer->controller_id;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<WireNode>> WireCaller::Nodes() {
  if (absl::Status refreshed = RefreshNodes(); !refreshed.ok()) return refreshed;
  return nodes_;
}

absl::StatusOr<int32_t> WireCaller::Controller() {
  if (nodes_.empty()) {
    if (absl::Status refreshed = RefreshNodes(); !refreshed.ok()) return refreshed;
  }
  return controller_;
}

absl::StatusOr<wire::ApiVersionsResponse> WireCaller::ApiVersions(int32_t node) {
  absl::StatusOr<Channel*> channel = ChannelTo(node);
  if (!channel.ok()) return channel.status();
  return (*channel)->versions();
}

absl::Status AnswerStatus(int16_t error_code, std::string_view message) {
  const auto code = static_cast<ErrorCode>(error_code);
  if (code == ErrorCode::kNone) return absl::OkStatus();
  return Error(code, message.empty() ? ErrorCodeName(code) : message);
}

}  // namespace millrace::inline v0::tools
