// ListenerState: what a listener and its connections share: limits, counts, and the maker of handlers.

#ifndef MILLRACE_TRANSPORT_LISTENER_STATE_H_
#define MILLRACE_TRANSPORT_LISTENER_STATE_H_

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "millrace/export.h"
#include "millrace/transport.h"
#include "transport/frame_reader.h"

namespace millrace::inline v0 {

// Outlives the Listener while connections of it are open. Thread-safe.
class MILLRACE_EXPORT ListenerState {
 public:
  ListenerState(std::string address, Transport::NewHandler new_handler, ListenOptions options)
      : address_(std::move(address)),
        options_(options),
        new_handler_(std::move(new_handler)),
        unfinished_(options_.max_unfinished_bytes) {}

  const std::string& address() const { return address_; }
  const ListenOptions& options() const { return options_; }

  // What the frames under way of its connections share.
  FrameBudget* unfinished() { return &unfinished_; }

  // Counts a connection from `host` in; Released() counts it out. kResourceExhausted where a limit forbids
  // it.
  absl::Status Admit(std::string_view host);
  // `why` is what the connection ended with.
  void Released(std::string_view host, const absl::Status& why);
  // Null once the listener is closed.
  std::unique_ptr<ConnectionHandler> MakeHandler();
  // Waits for a MakeHandler under way.
  void Close();

  void AddReceived(size_t bytes) {
    bytes_received_.fetch_add(static_cast<int64_t>(bytes), std::memory_order_relaxed);
  }
  void AddSent(size_t bytes) {
    bytes_sent_.fetch_add(static_cast<int64_t>(bytes), std::memory_order_relaxed);
  }
  void AcceptFailed();
  ListenerCounts counts() const;

 private:
  const std::string address_;
  const ListenOptions options_;
  const Transport::NewHandler new_handler_;

  FrameBudget unfinished_;
  std::atomic<int64_t> bytes_received_{0};
  std::atomic<int64_t> bytes_sent_{0};

  mutable Mutex mutex_;
  CondVar made_;
  ListenerCounts counts_ ABSL_GUARDED_BY(mutex_);
  StringMap<int32_t> open_by_host_ ABSL_GUARDED_BY(mutex_);
  int making_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

// The host of "host:port", as limits count it.
MILLRACE_EXPORT std::string_view HostOf(std::string_view address);

}  // namespace millrace::inline v0

#endif  // MILLRACE_TRANSPORT_LISTENER_STATE_H_
