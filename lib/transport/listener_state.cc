#include "transport/listener_state.h"

namespace millrace::inline v0 {

std::string_view HostOf(std::string_view address) {
  return address.substr(0, address.rfind(':'));
}

absl::Status ListenerState::Admit(std::string_view host) {
  MutexLock lock(&mutex_);
  if (counts_.open >= options_.max_connections) {
    ++counts_.refused_total;
    return absl::ResourceExhaustedError(ToAbsl(StrCat(address_, ": a connection from ", host, " refused: ",
                                                      counts_.open, " are open, as many as allowed in all")));
  }
  int32_t& of_host = open_by_host_[host];
  if (of_host >= options_.max_connections_per_address) {
    ++counts_.refused_address;
    if (of_host == 0) open_by_host_.erase(host);
    return absl::ResourceExhaustedError(
        ToAbsl(StrCat(address_, ": a connection from ", host, " refused: it has ",
                      options_.max_connections_per_address, " open, as many as one address may")));
  }
  ++of_host;
  ++counts_.open;
  ++counts_.accepted;
  return absl::OkStatus();
}

void ListenerState::Released(std::string_view host, const absl::Status& why) {
  MutexLock lock(&mutex_);
  --counts_.open;
  const auto of_host = open_by_host_.find(host);
  if (of_host != open_by_host_.end() && --of_host->second == 0) open_by_host_.erase(of_host);
  if (absl::IsInvalidArgument(why)) ++counts_.malformed;
  if (absl::IsDeadlineExceeded(why)) ++counts_.timed_out;
  if (absl::IsResourceExhausted(why)) ++counts_.out_of_room;
}

std::unique_ptr<ConnectionHandler> ListenerState::MakeHandler() {
  {
    MutexLock lock(&mutex_);
    if (closed_) return nullptr;
    ++making_;
  }
  std::unique_ptr<ConnectionHandler> handler = new_handler_();
  MutexLock lock(&mutex_);
  if (--making_ == 0) made_.SignalAll();
  return handler;
}

void ListenerState::Close() {
  MutexLock lock(&mutex_);
  closed_ = true;
  while (making_ > 0) made_.Wait(&mutex_);
}

void ListenerState::AcceptFailed() {
  MutexLock lock(&mutex_);
  ++counts_.accept_failures;
}

ListenerCounts ListenerState::counts() const {
  MutexLock lock(&mutex_);
  ListenerCounts counts = counts_;
  counts.bytes_received = bytes_received_.load(std::memory_order_relaxed);
  counts.bytes_sent = bytes_sent_.load(std::memory_order_relaxed);
  return counts;
}

}  // namespace millrace::inline v0
