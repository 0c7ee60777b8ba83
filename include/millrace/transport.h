// Transport: carries Kafka's frames between two ends. A frame is a 4-byte big-endian length and that many
// bytes; the transport writes and checks the lengths, and its users see the bytes alone.
//
//   class Echo : public ConnectionHandler {
//     void OnOpened(std::shared_ptr<Connection> connection) override { connection_ = std::move(connection); }
//     void OnFrame(Frame frame) override { connection_->Send({.bytes = Copy(frame.bytes())}).IgnoreError(); }
//     void OnClosed(const absl::Status&) override {}
//     std::shared_ptr<Connection> connection_;
//   };
//   auto tcp = NewTcpTransport();
//   auto listener = (*tcp)->Listen("127.0.0.1:0", [] { return std::make_unique<Echo>(); });
//   (*listener)->address();  // "127.0.0.1:41873"
//
// Shipped: TCP, one within the process, and a simulated network (millrace/testing/sim_network.h). A host may
// bring its own; CheckTransport in millrace/testing/conformance.h says whether it fits.
//
// Addresses are "host:port", as in Kafka's `listeners`: "127.0.0.1:9092", "localhost:9092", "[::1]:9092",
// ":9092" for all addresses of the machine. Port 0 asks for a free one.

#ifndef MILLRACE_TRANSPORT_H_
#define MILLRACE_TRANSPORT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "millrace/env/env.h"
#include "millrace/export.h"

namespace millrace::inline v0 {

// Frame: the bytes of a frame that came, without its length. Owns them: keep it for as long as they are
// needed, or let it go at once. Movable; thread-compatible; outlives its connection and its transport.
class MILLRACE_EXPORT Frame {
 public:
  Frame() = default;
  Frame(Frame&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Frame& operator=(Frame&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Frame();

  // A frame with a copy of `bytes`: for tests, and for transports of a host's own.
  static Frame CopyOf(std::span<const std::byte> bytes);

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  std::span<std::byte> mutable_bytes() { return {data_, size_}; }
  size_t size() const { return size_; }

 private:
  friend class FrameReader;

  std::byte* data_ = nullptr;  // of malloc
  size_t size_ = 0;
};

// OutgoingFrame: the bytes of a frame to send, without its length. What lies elsewhere (a batch in a mapped
// segment) is spliced in and goes out from where it lies, without a copy.
//
//   OutgoingFrame response{.bytes = std::move(encoded)};                       // 40 bytes, say
//   response.splices.push_back({.at = 36, .bytes = batch.bytes(), .pin = segment});
//
// goes out as the first 36 encoded bytes, the batch, the last 4.
struct OutgoingFrame {
  struct Splice {
    // Before which of the frame's own bytes it goes: 0 to bytes.size(), not below its predecessor's.
    size_t at = 0;
    std::span<const std::byte> bytes = {};
    // Keeps `bytes` alive and unchanged; let go when they were sent, or never will be, on any thread.
    std::shared_ptr<const void> pin = nullptr;
  };

  std::vector<std::byte> bytes = {};
  std::vector<Splice> splices = {};

  // Of the whole frame.
  size_t size() const {
    size_t total = bytes.size();
    for (const Splice& splice : splices) total += splice.bytes.size();
    return total;
  }
};

// How a connection behaves, on either side.
struct MILLRACE_EXPORT ConnectionOptions {
  // A longer frame, like one of negative length, ends the connection before anything is allocated for it
  // (Kafka: socket.request.max.bytes). Below it, memory grows with the bytes that came, not with the length
  // they announce. At least 1.
  int32_t max_frame_bytes = 100 * 1024 * 1024;
  // No byte either way for so long ends the connection (connections.max.idle.ms). Time with reading paused
  // and nothing to send counts too.
  absl::Duration idle_timeout = absl::Minutes(10);
  // A frame must be complete so long after its first byte, or the connection ends: what trickles must not
  // hold memory. Time with reading paused does not count.
  absl::Duration frame_timeout = absl::Minutes(1);
  // When the peer has finished sending, its unsent answers have so long to go out.
  absl::Duration drain_timeout = absl::Seconds(30);
  // Connect alone: how long until it is given up (socket.connection.setup.timeout.ms).
  absl::Duration connect_timeout = absl::Seconds(10);
  // OnWritable tells when unsent bytes have fallen to this mark after they were above it.
  size_t low_water_bytes = 256 * 1024;

  // kInvalidArgument, naming the option: max_frame_bytes below 1, a time that is not positive
  // (drain_timeout may be 0).
  absl::Status Validate() const;
};

// Connection: one end of a stream of frames. Shared with its users: it may be kept, and called, after it was
// closed and after its transport is gone. Thread-safe; no call blocks, and none calls the handler.
class MILLRACE_EXPORT Connection {
 public:
  virtual ~Connection() = default;

  // Sends a frame, after those that were sent before. OK means accepted, not delivered: there is no limit
  // but the caller's, who watches unsent_bytes(). Frames sent by several threads at once stay whole. Before
  // the connection is opened they wait.
  // kUnavailable: the connection is closing or closed. kInvalidArgument: 2 GiB or more, or splices out of
  // order. Nothing was sent then.
  virtual absl::Status Send(OutgoingFrame frame) = 0;
  // Bytes of accepted frames, lengths included, which the other side, or the operating system for it, has not
  // taken yet.
  virtual size_t unsent_bytes() const = 0;

  // Back-pressure. After PauseReading no frame is handed out (one may be just then, if it is called from
  // outside the handler), and soon the peer cannot send any more. Calls do not nest. Nothing is lost.
  virtual void PauseReading() = 0;
  virtual void ResumeReading() = 0;

  // Ends it in good order: no more frames are handed out or accepted, what was accepted is sent, and both
  // directions are shut. After `drain` it is aborted if that has not come to its end. Of several calls the
  // earliest deadline counts. OnClosed follows, always.
  virtual void Close(absl::Duration drain) = 0;
  // Ends it now; unsent bytes are dropped. OnClosed follows, with kAborted.
  virtual void Abort() = 0;

  // "127.0.0.1:9092". Of the other side, and of this one; empty where there is none yet.
  virtual std::string peer_address() const = 0;
  virtual std::string local_address() const = 0;
};

// ConnectionHandler: what a user does with a connection. Calls for one connection never overlap; they come
// from the connection's event loop, so they must be quick: a handler that blocks holds up every connection of
// its loop. Any call of a Connection may be made from inside.
//
// The connection owns its handler and destroys it right after OnClosed. So a handler may own its connection.
class MILLRACE_EXPORT ConnectionHandler {
 public:
  virtual ~ConnectionHandler() = default;

  // It was accepted, or Connect has succeeded. The first call, if that came about.
  virtual void OnOpened(std::shared_ptr<Connection> connection) = 0;
  // A frame came. In the order sent.
  virtual void OnFrame(Frame frame) = 0;
  // Unsent bytes have fallen to ConnectionOptions::low_water_bytes, having been above.
  virtual void OnWritable() {}
  // The last call, exactly once, whatever happened:
  //   OK                  this side or the peer closed in good order
  //   kUnavailable        Connect failed; or the connection was lost (it was reset, or ended inside a frame)
  //   kInvalidArgument    the peer sent no frame of ours: a negative length, or one above max_frame_bytes
  //   kDeadlineExceeded   idle_timeout, frame_timeout, connect_timeout, or the time to drain
  //   kAborted            Abort, or the transport was destroyed
  //   kResourceExhausted  no room for a frame: ListenOptions::max_unfinished_bytes, or memory
  // The message names the peer and what happened.
  virtual void OnClosed(const absl::Status& status) = 0;
};

struct MILLRACE_EXPORT ListenOptions {
  ConnectionOptions connection = {};
  // Connections that are open at once: in all (max.connections), and from one address, without its port
  // (max.connections.per.ip). One too many is closed as soon as it is accepted, and counted.
  int32_t max_connections = INT32_MAX;
  int32_t max_connections_per_address = INT32_MAX;
  // Bytes of memory that the frames which have not come whole yet hold, of all its connections together. The
  // first 64 KiB of each are not counted, so that what is small gets through whatever others do. A frame that
  // would need more ends its connection, and is counted.
  int64_t max_unfinished_bytes = int64_t{512} << 20;

  // kInvalidArgument, naming the option: as above, limits below 1, and max_unfinished_bytes below 0.
  absl::Status Validate() const;
};

// What a listener has seen since it was opened. `open` is of now.
struct ListenerCounts {
  int64_t open = 0;
  int64_t accepted = 0;
  // Closed at once: too many in all, too many from their address.
  int64_t refused_total = 0;
  int64_t refused_address = 0;
  // Ended by a bad length; by a deadline; for want of room for a frame (max_unfinished_bytes, or memory).
  int64_t malformed = 0;
  int64_t timed_out = 0;
  int64_t out_of_room = 0;
  // Times that accepting failed for want of descriptors or memory. It pauses then, and tries again.
  int64_t accept_failures = 0;
  // Of all its connections, lengths included.
  int64_t bytes_received = 0;
  int64_t bytes_sent = 0;
};

// Listener: accepts connections. Thread-safe.
class MILLRACE_EXPORT Listener {
 public:
  // As Close.
  virtual ~Listener() = default;

  // Where it listens, with the real port: what a client connects to if the host is one it can reach.
  virtual const std::string& address() const = 0;
  // Accepts no more and frees the address; when it returns, no handler is being made and none will be. Open
  // connections stay open. Not to be called from inside the making of a handler. May be called twice.
  virtual void Close() = 0;
  virtual ListenerCounts counts() const = 0;
};

// Transport. Thread-safe. The destructor closes its listeners and aborts its connections; when it returns,
// every handler has had its OnClosed and is destroyed. It must not be run by a handler.
class MILLRACE_EXPORT Transport {
 public:
  // Makes the handler of each accepted connection, on that connection's loop: so for a transport of several
  // loops, on several threads at once.
  using NewHandler = absl::AnyInvocable<std::unique_ptr<ConnectionHandler>() const>;

  virtual ~Transport() = default;

  // Listens on `address`. kInvalidArgument: it is none, its host is unknown, or an option is wrong.
  // kAlreadyExists: the port is in use. kPermissionDenied, kUnavailable (the machine has no such address),
  // kResourceExhausted.
  virtual absl::StatusOr<std::unique_ptr<Listener>> Listen(std::string_view address, NewHandler new_handler,
                                                           ListenOptions options = {}) = 0;
  // Starts to connect and returns; frames may be sent at once. The handler hears OnOpened, or OnClosed
  // saying why not. kInvalidArgument: as for Listen (then the handler is destroyed without a call). A
  // host that is a name is looked up in the calling thread, which may take its time.
  virtual absl::StatusOr<std::shared_ptr<Connection>> Connect(std::string_view address,
                                                              std::unique_ptr<ConnectionHandler> handler,
                                                              ConnectionOptions options = {}) = 0;
};

// Within the process, without a descriptor: for tests, and for a broker and its clients in one program. Hosts
// of addresses are names of any kind; only ends of one such transport reach each other.
// `env` gives the executor (required: handlers run there) and the clock, both borrowed. On an executor of
// several threads, connections run side by side.
MILLRACE_EXPORT std::unique_ptr<Transport> NewInMemoryTransport(Env env);

struct TcpTransportOptions {
  // Event loops, each a thread, started with the first Listen or Connect. A connection stays with one loop;
  // new ones go to the loops in turn. At least 1.
  int threads = 1;
  // Threads are named "<name>-0", "<name>-1", ... (15 characters at most).
  std::string name = "millrace-net";
  // Hears of refused connections and failures to accept, each at most once a second. Borrowed; null: nobody.
  Logger* logger = nullptr;
};

// TCP over IPv4 and IPv6, with TCP_NODELAY. In the component millrace::broker.
// kInvalidArgument: options. kResourceExhausted: no descriptors for the loops.
MILLRACE_EXPORT absl::StatusOr<std::unique_ptr<Transport>> NewTcpTransport(TcpTransportOptions options = {});

}  // namespace millrace::inline v0

#endif  // MILLRACE_TRANSPORT_H_
