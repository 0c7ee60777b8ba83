#include "broker/fault_table.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "base/return_if_error.h"
#include "base/strings.h"
#include "broker/broker_impl.h"
#include "broker/error_answers.h"
#include "millrace/wire/messages/produce.h"

namespace millrace::inline v0 {
namespace {

absl::Status InvalidFault(std::string_view what) {
  return absl::InvalidArgumentError(ToAbsl(StrCat("Fault: ", what)));
}

absl::Status InjectedError() {
  return absl::AbortedError("a fault that was asked for");
}

// Where requests and answers are held back. A copy outlives the broker: answers may be late.
struct Delays {
  std::shared_ptr<WaitList> waiting = nullptr;
  Env env = {};
};

// Does something later, or when the broker closes, if that comes first: once.
class Postponed final : public Waiting, public std::enable_shared_from_this<Postponed> {
 public:
  // Told whether the broker closes.
  using Then = absl::AnyInvocable<void(bool closing)>;

  // Within this call where `delay` is zero.
  static void Run(const Delays& delays, absl::Duration delay, Then then) {
    if (delay == absl::ZeroDuration()) return then(false);
    auto self = std::make_shared<Postponed>(delays, std::move(then));
    if (!delays.waiting->Add(self)) return self->Finish(true);
    if (delay == absl::InfiniteDuration()) return;
    const int64_t now = delays.env.clock->Monotonic().value();
    const int64_t nanos = std::min(absl::ToInt64Nanoseconds(delay), kNever.value() - now);
    MutexLock lock(&self->mutex_);
    if (self->then_ == nullptr) return;
    self->timer_ = delays.env.executor->PostAt(MonotonicNanos(now + nanos), [self] { self->Finish(false); });
  }

  Postponed(Delays delays, Then then) : delays_(std::move(delays)), then_(std::move(then)) {}
  void GiveUp() override { Finish(true); }

 private:
  // Under the mutex to its end: the broker closes only after GiveUp.
  void Finish(bool closing) {
    MutexLock lock(&mutex_);
    if (then_ == nullptr) return;
    std::exchange(then_, nullptr)(closing);
    if (timer_ != TimerId()) delays_.env.executor->Cancel(timer_);
    delays_.waiting->Remove(shared_from_this());
  }

  const Delays delays_;
  Mutex mutex_;
  Then then_ ABSL_GUARDED_BY(mutex_);
  TimerId timer_ ABSL_GUARDED_BY(mutex_);
};

// Stands before a client, so that the answer to a request that was carried out meets a fault.
class FaultyResponder final : public Responder {
 public:
  FaultyResponder(Delays delays, Fault fault, wire::RequestHeader header, std::shared_ptr<Responder> client)
      : delays_(std::move(delays)),
        fault_(std::move(fault)),
        header_(std::move(header)),
        client_(std::move(client)) {}

  void Answer(OutgoingFrame frame) override {
    if (fault_.error != ErrorCode::kNone) {
      std::optional<OutgoingFrame> changed = WithError(frame);
      if (!changed.has_value())
        return Postpone([](Responder& client) { client.Refuse(InjectedError(), Refusal::kFault); });
      frame = *std::move(changed);
    }
    Postpone([frame = std::move(frame)](Responder& client) mutable { client.Answer(std::move(frame)); });
  }
  void AnswerNothing() override {
    const bool error = fault_.error != ErrorCode::kNone;
    Postpone([error](Responder& client) {
      if (error) return client.Refuse(InjectedError(), Refusal::kFault);
      client.AnswerNothing();
    });
  }
  void Refuse(const absl::Status& why, Refusal reason) override { client_->Refuse(why, reason); }
  void Waits(std::weak_ptr<Waiting> waiting) override { client_->Waits(std::move(waiting)); }
  std::string peer_address() const override { return client_->peer_address(); }
  BrokerMetrics& metrics() const override { return client_->metrics(); }

 private:
  void Postpone(absl::AnyInvocable<void(Responder&)> answer) {
    Postponed::Run(delays_, fault_.delay,
                   [client = client_, drop = fault_.drop, answer = std::move(answer)](bool closing) mutable {
                     if (drop || closing) return client->Refuse(InjectedError(), Refusal::kFault);
                     answer(*client);
                   });
  }

  std::optional<OutgoingFrame> WithError(const OutgoingFrame& frame) const {
    wire::Bytes whole;
    size_t from = 0;
    for (const OutgoingFrame::Splice& splice : frame.splices) {
      whole.insert(whole.end(), frame.bytes.begin() + static_cast<ptrdiff_t>(from),
                   frame.bytes.begin() + static_cast<ptrdiff_t>(splice.at));
      whole.insert(whole.end(), splice.bytes.begin(), splice.bytes.end());
      from = splice.at;
    }
    whole.insert(whole.end(), frame.bytes.begin() + static_cast<ptrdiff_t>(from), frame.bytes.end());
    OutgoingFrame changed;
    if (!wire::EncodeResponseHeader(header_, &changed.bytes).ok()) return std::nullopt;
    const auto body = AnswerWithError(header_.request_api_key, header_.request_api_version,
                                      std::span<const std::byte>(whole).subspan(changed.bytes.size()),
                                      static_cast<int16_t>(fault_.error));
    if (!body.has_value()) return std::nullopt;
    changed.bytes.insert(changed.bytes.end(), body->begin(), body->end());
    return changed;
  }

  const Delays delays_;
  const Fault fault_;
  const wire::RequestHeader header_;
  const std::shared_ptr<Responder> client_;
};

// As Kafka: who wants no answer learns of an error by the end of the connection.
bool WantsNoAnswer(const Request& request) {
  if (request.header().request_api_key != static_cast<int16_t>(wire::ApiKey::kProduce)) return false;
  const auto asked = request.Decode<wire::ProduceRequest>();
  return asked.ok() && asked->acks == 0;
}

void AnswerError(Request request, ErrorCode error) {
  if (WantsNoAnswer(request)) return request.Refuse(InjectedError(), Refusal::kFault);
  auto body = ErrorAnswer(request.header().request_api_key, request.version(), request.body(),
                          static_cast<int16_t>(error));
  if (!body.has_value()) return request.Refuse(InjectedError(), Refusal::kFault);
  request.RespondEncoded(*body);
}

}  // namespace

absl::Status Fault::Validate() const {
  if (nth == 0) return InvalidFault("nth must be at least 1: the next request");
  if (times == 0) return InvalidFault("times must be at least 1");
  if (delay < absl::ZeroDuration()) return InvalidFault("delay must be zero or longer");
  if (drop && error != ErrorCode::kNone)
    return InvalidFault("error and drop exclude each other: a dropped request has no answer");
  if (!drop && error == ErrorCode::kNone && delay == absl::ZeroDuration())
    return InvalidFault("it does nothing: set delay, error or drop");
  return absl::OkStatus();
}

absl::StatusOr<FaultId> FaultTable::Add(Fault fault) {
  MILLRACE_RETURN_IF_ERROR(fault.Validate());
  MutexLock lock(&mutex_);
  const FaultId id(++last_id_);
  entries_.push_back({.id = id, .fault = std::move(fault)});
  met_[id.value()] = 0;
  active_.store(true);
  return id;
}

bool FaultTable::Remove(FaultId id) {
  MutexLock lock(&mutex_);
  const size_t removed = std::erase_if(entries_, [&](const Entry& entry) { return entry.id == id; });
  active_.store(!entries_.empty());
  return removed > 0;
}

void FaultTable::Clear() {
  MutexLock lock(&mutex_);
  entries_.clear();
  active_.store(false);
}

uint64_t FaultTable::met(FaultId id) const {
  MutexLock lock(&mutex_);
  const auto found = met_.find(id.value());
  return found == met_.end() ? 0 : found->second;
}

void FaultTable::DropConnections() {
  broker_->AbortConnections();
}

bool FaultTable::IsFor(const Fault& fault, const Request& request) const {
  const wire::RequestHeader& header = request.header();
  if (fault.api.has_value() && header.request_api_key != static_cast<int16_t>(*fault.api)) return false;
  if (!fault.client_id.empty() && header.client_id != fault.client_id) return false;
  if (fault.topic.empty()) return true;
  const std::shared_ptr<Topic> topic = broker_->engine().topics().Find(std::string_view(fault.topic));
  return RequestNamesTopic(header.request_api_key, header.request_api_version, request.body(), fault.topic,
                           topic == nullptr ? TopicId() : topic->id());
}

std::optional<Fault> FaultTable::Take(const Request& request) {
  MutexLock lock(&mutex_);
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (!IsFor(entry->fault, request) || ++entry->seen < entry->fault.nth) continue;
    ++met_[entry->id.value()];
    Fault fault = entry->fault;
    if (entry->seen - fault.nth + 1 >= fault.times) entries_.erase(entry);
    active_.store(!entries_.empty());
    return fault;
  }
  return std::nullopt;
}

void MeetFault(BrokerImpl& broker, const Fault& fault, void (*handle)(BrokerImpl&, Request),
               Request request) {
  const Delays delays{.waiting = broker.waiting(), .env = broker.env()};
  if (fault.carry_out) {
    request.Interpose([&](std::shared_ptr<Responder> client) {
      return std::make_shared<FaultyResponder>(delays, fault, request.header(), std::move(client));
    });
    return handle(broker, std::move(request));
  }
  Postponed::Run(delays, fault.delay,
                 [&broker, handle, drop = fault.drop, error = fault.error,
                  request = std::move(request)](bool closing) mutable {
                   if (drop || closing) return request.Refuse(InjectedError(), Refusal::kFault);
                   if (error != ErrorCode::kNone) return AnswerError(std::move(request), error);
                   handle(broker, std::move(request));
                 });
}

}  // namespace millrace::inline v0
