// Request: what came from a client, until it is answered.

#ifndef MILLRACE_BROKER_REQUEST_H_
#define MILLRACE_BROKER_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/broker_metrics.h"
#include "broker/queued_bytes.h"
#include "broker/response_errors.h"
#include "broker/wait_list.h"
#include "millrace/transport.h"
#include "millrace/wire/api_keys.h"
#include "millrace/wire/message.h"
#include "millrace/wire/messages/headers.h"
#include "transport/address.h"

namespace millrace::inline v0 {

// Where answers go. Thread-safe.
class Responder {
 public:
  virtual ~Responder() = default;
  // The request is not answered at once. `waiting` is told to give up if its client goes away meanwhile.
  virtual void Waits(std::weak_ptr<Waiting> waiting) = 0;
  // Once for each request: its answer, and the next one's turn.
  virtual void Answer(OutgoingFrame frame) = 0;
  virtual void AnswerNothing() = 0;
  // The client cannot be answered: the connection ends.
  virtual void Refuse(const absl::Status& why, Refusal reason) = 0;
  virtual std::string peer_address() const = 0;
  virtual BrokerMetrics& metrics() const = 0;
};

// Answered once, by one of Respond, RespondNothing and Refuse; one that is dropped without ends its
// connection. Movable; one thread at a time.
class Request {
 public:
  Request(std::shared_ptr<Responder> responder, const HostPort* endpoint, wire::RequestHeader header,
          Frame frame, size_t body, MonotonicNanos came, QueuedRequest queued)
      : responder_(std::move(responder)),
        endpoint_(endpoint),
        header_(std::move(header)),
        queued_(std::move(queued)),
        frame_(std::move(frame)),
        body_(body),
        came_(came) {}
  Request(Request&&) = default;
  Request& operator=(Request&&) = delete;
  ~Request() {
    if (responder_ != nullptr)
      responder_->Refuse(absl::InternalError("a request was dropped"), Refusal::kDropped);
  }

  const wire::RequestHeader& header() const { return header_; }
  // As it came, without the header.
  std::span<const std::byte> body() const { return frame_.bytes().subspan(body_); }
  int16_t version() const { return header_.request_api_version; }
  std::string client_id() const { return header_.client_id.value_or(""); }
  // "/127.0.0.1", as Kafka shows it.
  std::string client_host() const {
    const std::string address = responder_->peer_address();
    return "/" + address.substr(0, address.rfind(':'));
  }
  // The listener's that it came in by. Valid while the broker is.
  const HostPort& endpoint() const { return *endpoint_; }

  // What views in the message borrow from belongs to this request. Bytes behind the message are passed over,
  // as by Kafka: librdkafka 2.0 ends ListGroups with one too many.
  template <typename Message>
  absl::StatusOr<Message> Decode() const {
    size_t used = 0;
    return wire::DecodePrefix<Message>(frame_.bytes().subspan(body_), version(), &used);
  }
  // The bytes of a view of this request's message, to be changed.
  std::span<std::byte> Mutable(std::span<const std::byte> view) {
    return frame_.mutable_bytes().subspan(static_cast<size_t>(view.data() - frame_.bytes().data()),
                                          view.size());
  }

  // `pins` keep alive what views in `response` point to, one for each that is not empty, in their order.
  template <typename Message>
  void Respond(const Message& response, std::vector<std::shared_ptr<const void>> pins = {}) {
    RespondAs(response, version(), std::move(pins));
  }
  // In another version than was asked for.
  template <typename Message>
  void RespondAs(const Message& response, int16_t version,
                 std::vector<std::shared_ptr<const void>> pins = {}) {
    OutgoingFrame frame;
    const auto headers = wire::HeaderVersionsOf(header_.request_api_key, version);
    absl::Status status = wire::Encode(wire::ResponseHeader{.correlation_id = header_.correlation_id},
                                       headers->response, &frame.bytes);
    std::vector<wire::Piece> pieces;
    if (status.ok())
      status = wire::EncodePieces(response, version, &frame.bytes, &pieces, /*piece_bytes_min=*/1);
    if (!status.ok()) return Refuse(status, Refusal::kUnanswerable);
    for (size_t i = 0; i < pieces.size(); ++i)
      frame.splices.push_back({.at = pieces[i].at, .bytes = pieces[i].bytes, .pin = std::move(pins.at(i))});
    ForEachError(response,
                 [&](int16_t code) { responder_->metrics().CountError(header_.request_api_key, code); });
    Answer(std::move(frame));
  }
  // With a body that was encoded in the request's version.
  void RespondEncoded(std::span<const std::byte> body) {
    OutgoingFrame frame;
    const absl::Status status = wire::EncodeResponseHeader(header_, &frame.bytes);
    if (!status.ok()) return Refuse(status, Refusal::kUnanswerable);
    frame.bytes.insert(frame.bytes.end(), body.begin(), body.end());
    Answer(std::move(frame));
  }
  void Waits(std::weak_ptr<Waiting> waiting) { responder_->Waits(std::move(waiting)); }
  // Answers go to what `make` makes of the responder that they would have gone to.
  template <typename Make>
  void Interpose(Make&& make) {
    responder_ = make(std::move(responder_));
  }
  void RespondNothing() {
    RecordTime();
    std::exchange(responder_, nullptr)->AnswerNothing();
  }
  // The connection ends. Where the body cannot be decoded, it needs no reason.
  void Refuse(const absl::Status& why, Refusal reason = Refusal::kMalformedBody) {
    std::exchange(responder_, nullptr)->Refuse(why, reason);
  }

 private:
  void Answer(OutgoingFrame frame) {
    RecordTime();
    std::exchange(responder_, nullptr)->Answer(std::move(frame));
  }
  void RecordTime() {
    BrokerMetrics& metrics = responder_->metrics();
    metrics.RecordTotalTime(header_.request_api_key, metrics.clock()->Monotonic() - came_);
  }

  std::shared_ptr<Responder> responder_;
  const HostPort* endpoint_;
  wire::RequestHeader header_;
  QueuedRequest queued_;
  Frame frame_;
  size_t body_;
  MonotonicNanos came_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_BROKER_REQUEST_H_
