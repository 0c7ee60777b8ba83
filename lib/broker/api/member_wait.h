// MemberWait: the request of a group's member, until the other members let it be answered.

#ifndef MILLRACE_BROKER_API_MEMBER_WAIT_H_
#define MILLRACE_BROKER_API_MEMBER_WAIT_H_

#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "broker/request.h"
#include "broker/wait_list.h"

namespace millrace::inline v0 {

// Others may take minutes, or never come: where the broker closes, it is answered with `if_closing` instead,
// and whatever comes later is dropped. Thread-safe.
template <typename Response>
class MemberWait final : public Waiting, public std::enable_shared_from_this<MemberWait<Response>> {
 public:
  // Null: the broker closes, and the request was answered.
  static std::shared_ptr<MemberWait> Begin(const std::shared_ptr<WaitList>& list, Request request,
                                           Response if_closing) {
    auto self = std::make_shared<MemberWait>(list, std::move(request), std::move(if_closing));
    if (list->Add(self)) return self;
    self->GiveUp();
    return nullptr;
  }

  MemberWait(std::shared_ptr<WaitList> list, Request request, Response if_closing)
      : list_(std::move(list)), if_closing_(std::move(if_closing)), request_(std::move(request)) {}

  void Done(const Response& response) {
    MutexLock lock(&mutex_);
    if (!request_.has_value()) return;
    request_->Respond(response);
    request_.reset();
    list_->Remove(this->shared_from_this());
  }
  void GiveUp() override { Done(if_closing_); }

 private:
  const std::shared_ptr<WaitList> list_;
  const Response if_closing_;
  Mutex mutex_;
  std::optional<Request> request_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_BROKER_API_MEMBER_WAIT_H_
