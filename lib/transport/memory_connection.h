// MemoryConnection: one end of a connection within the process, run by the executor.

#ifndef MILLRACE_TRANSPORT_MEMORY_CONNECTION_H_
#define MILLRACE_TRANSPORT_MEMORY_CONNECTION_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "base/mutex.h"
#include "transport/memory_network.h"
#include "transport/stream_connection.h"

namespace millrace::inline v0 {

class MemoryConnection;

// The open connections of one transport. Thread-safe.
class MemoryConnections {
 public:
  // False: the transport is gone.
  bool Add(std::shared_ptr<MemoryConnection> connection);
  void Remove(const MemoryConnection& connection);
  // Adds no more; returns those that are open.
  std::vector<std::shared_ptr<MemoryConnection>> Shut();

 private:
  Mutex mutex_;
  // By number: in the order in which they were made, in a simulation too.
  absl::btree_map<uint64_t, std::shared_ptr<MemoryConnection>> open_ ABSL_GUARDED_BY(mutex_);
  bool shut_ ABSL_GUARDED_BY(mutex_) = false;
};

// Its turns are tasks of the executor: at most one waits or runs at a time, which makes them its loop.
class MemoryConnection final : public StreamConnection, public PipeEnd {
 public:
  // The connecting side.
  MemoryConnection(std::shared_ptr<MemoryNetwork> network, std::shared_ptr<MemoryConnections> connections,
                   std::string host, std::string peer_address, std::unique_ptr<ConnectionHandler> handler,
                   const ConnectionOptions& options);
  // The accepting side.
  MemoryConnection(std::shared_ptr<MemoryNetwork> network, std::shared_ptr<MemoryConnections> connections,
                   std::string peer_address, const std::shared_ptr<ListenerState>& listener,
                   std::shared_ptr<MemoryPipe> in, std::shared_ptr<MemoryPipe> out);

  // Of its network, from 1.
  uint64_t number() const { return number_; }
  // To be called once it is registered.
  void Start();
  // Runs its last turn here and now, and no other after: its transport is being destroyed.
  void Shut();

  void PipeReadable() override { Signal(kReadable); }
  void PipeWritable() override { Signal(kWritable); }
  void PipeReadableAt(MonotonicNanos when) override;

 protected:
  Transfer Read(std::span<std::byte> room, std::span<std::byte> scratch) override {
    return in_->Read(room, scratch);
  }
  std::span<std::byte> Scratch() override;
  Transfer Write(std::span<const SendQueue::Piece> pieces) override { return out_->Write(pieces); }
  void AwaitReadable() override { in_->AwaitReadable(); }
  void AwaitWritable() override { out_->AwaitWritable(); }
  void Wake() override { Signal(kWoken); }
  void SetTimer(MonotonicNanos when) override;
  void ShutWrite() override { out_->End(); }
  void CloseStream() override;
  void Forget() override;

 private:
  static constexpr uint32_t kConnect = 4;

  std::shared_ptr<MemoryConnection> Self() {
    return std::static_pointer_cast<MemoryConnection>(shared_from_this());
  }
  void Signal(uint32_t events);
  void Post();
  void RunTurn();
  void Establish();
  void SignalAt(MonotonicNanos when, uint32_t events);

  const std::shared_ptr<MemoryNetwork> network_;
  const std::shared_ptr<MemoryConnections> connections_;
  const uint64_t number_;
  const std::string host_;    // of the connecting side
  const std::string target_;  // likewise

  // --- Of the loop
  std::shared_ptr<MemoryPipe> in_;
  std::shared_ptr<MemoryPipe> out_;
  std::vector<std::byte> scratch_;
  TimerId timer_{0};
  bool stream_closed_ = false;

  Mutex turn_mutex_;
  CondVar turn_over_;
  uint32_t events_ ABSL_GUARDED_BY(turn_mutex_) = 0;
  bool due_ ABSL_GUARDED_BY(turn_mutex_) = false;
  // A task of the executor waits or runs.
  bool scheduled_ ABSL_GUARDED_BY(turn_mutex_) = false;
  bool running_ ABSL_GUARDED_BY(turn_mutex_) = false;
  bool dead_ ABSL_GUARDED_BY(turn_mutex_) = false;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_TRANSPORT_MEMORY_CONNECTION_H_
