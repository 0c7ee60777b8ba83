// AppendListener: told when a log has grown.

#ifndef MILLRACE_LOG_APPEND_LISTENER_H_
#define MILLRACE_LOG_APPEND_LISTENER_H_

namespace millrace::inline v0 {

// Called in the appending thread, after the append is visible and without a lock of the log's: must be quick
// and must not call the log.
class AppendListener {
 public:
  virtual ~AppendListener() = default;
  virtual void OnAppend() = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_APPEND_LISTENER_H_
