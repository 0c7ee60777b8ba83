// ClientConnection: hands a client's requests to the broker, one at a time, and its answers back in their
// order.

#ifndef MILLRACE_BROKER_CLIENT_CONNECTION_H_
#define MILLRACE_BROKER_CLIENT_CONNECTION_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "broker/request.h"
#include "millrace/transport.h"

namespace millrace::inline v0 {

class BrokerImpl;
struct HandlerCount;

// As in Kafka, a request is taken up when the one before it was answered: until then the connection is not
// read from. Nor is it while its client does not take the answers.
class ClientConnection final : public ConnectionHandler {
 public:
  // Borrowed: they outlive the handler.
  ClientConnection(BrokerImpl* broker, const HostPort* endpoint, std::shared_ptr<HandlerCount> count);
  ~ClientConnection() override;

  void OnOpened(std::shared_ptr<Connection> connection) override;
  void OnFrame(Frame frame) override;
  void OnWritable() override;
  void OnClosed(const absl::Status& status) override;

 private:
  class Turns;

  BrokerImpl* const broker_;
  const HostPort* const endpoint_;
  const std::shared_ptr<HandlerCount> count_;
  std::shared_ptr<Connection> connection_;
  std::shared_ptr<Turns> turns_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_BROKER_CLIENT_CONNECTION_H_
