// Conformance: what every implementation of a seam must do, the host's own included. Each function exercises
// one object and calls `report` with one line for each thing that it finds wrong; it uses no test framework,
// and a silent run is a pass.
//
//   CheckFileSystem(my_files, "/an/empty/directory",
//                   [&](std::string_view wrong) { ADD_FAILURE() << wrong; });
//
// In the target millrace::testing, with sim_env.h and sim_network.h: of a tree that has millrace as a
// subdirectory, and not of an installed one.

#ifndef MILLRACE_TESTING_CONFORMANCE_H_
#define MILLRACE_TESTING_CONFORMANCE_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "millrace/env/env.h"
#include "millrace/export.h"
#include "millrace/transport.h"

namespace millrace::inline v0 {

// Called by the thread that called the check.
using ConformanceReport = absl::FunctionRef<void(std::string_view wrong)>;

// `directory` exists and is empty; it is left with some files in it. Stores through mappings are checked
// where CheckMappable allows them.
MILLRACE_EXPORT void CheckFileSystem(FileSystem& files, std::string_view directory, ConformanceReport report);

// `clock` is what the executor tells the time by. `drive` lets it get on for a moment: it runs what is due,
// moves a simulated clock, or waits a millisecond where threads do the work. Order is checked for an executor
// of one thread.
MILLRACE_EXPORT void CheckExecutor(Executor& executor, Clock& clock, absl::FunctionRef<void()> drive,
                                   ConformanceReport report);

// Calls the clock 100,000 times.
MILLRACE_EXPORT void CheckClock(Clock& clock, ConformanceReport report);

// `start` runs what it is given some time later, on another thread or inside Park, and says nothing when it
// is done. `clock` is what deadlines are measured by.
MILLRACE_EXPORT void CheckParker(Parker& parker, Clock& clock,
                                 absl::FunctionRef<void(absl::AnyInvocable<void()>)> start,
                                 ConformanceReport report);

// RawPeer: a client that sends whatever bytes it likes, to see what a listener makes of them.
class MILLRACE_EXPORT RawPeer {
 public:
  virtual ~RawPeer() = default;
  // Sends all of it; false where the other side is gone. Small amounts alone: it may block.
  virtual bool Write(std::span<const std::byte> bytes) = 0;
  // Will send no more.
  virtual void ShutWrite() = 0;
  // Appends what has come by now; false once the other side has closed and all has been read.
  virtual bool Read(std::vector<std::byte>& into) = 0;
};

// What CheckTransport finds around the transports that it tries. All of it is borrowed.
struct TransportWorld {
  // A transport. Asked for one at a time; each is destroyed before the next.
  absl::FunctionRef<std::unique_ptr<Transport>()> new_transport;
  // A client of that transport's listeners; null where there is none to connect to.
  absl::FunctionRef<std::unique_ptr<RawPeer>(std::string_view address)> connect_raw;
  // Lets it get on for a moment, as in CheckExecutor.
  absl::FunctionRef<void()> drive;
  // Runs a task some time later, on another thread where there are threads.
  absl::FunctionRef<void(absl::AnyInvocable<void()>)> start;
  Clock* clock = nullptr;
  // What to listen on, with port 0.
  std::string_view address = "127.0.0.1:0";
};

MILLRACE_EXPORT void CheckTransport(const TransportWorld& world, ConformanceReport report);

}  // namespace millrace::inline v0

#endif  // MILLRACE_TESTING_CONFORMANCE_H_
