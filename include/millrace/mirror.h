// Mirror: forwards topics from an embedded engine to a Kafka cluster, or from a cluster to an engine: store
// and forward for the edge. In the component millrace::remote.
//
//   auto mirror = millrace::Mirror::Make(engine->get(), cluster->get(),
//                                        {.name = "edge-7", .topics = {{"orders"}}});
//   while (running) {
//     auto forwarded = (*mirror)->Run(absl::Seconds(1));
//     if (!forwarded.ok()) Log(forwarded.status());  // the next Run goes on where it has to
//   }
//   (*mirror)->Close(absl::Seconds(10)).IgnoreError();
//
// Partition n goes to partition n, in order, with keys, values, headers and timestamps as they are.
//
// What happens when either side, the network or the mirror dies: nothing is lost, and the order of each
// partition is kept. How far a mirror is, is committed as offsets of the group `name` on the source's side,
// and only after the destination's acknowledgement; with each goes, as its metadata, how far the destination
// was. A mirror that starts again reads what the destination has got since then, finds its own marks there (a
// header kMirrorHeader with the mirror's name and the source's offset), and goes on behind the last of them.
// So each record is in the destination exactly once, but for two cases: a request that the dead mirror had
// under way may arrive after the new one looked; and behind a record that the destination refused, those that
// it had taken already come again. Their marks tell a reader. Without marks (MirrorOptions::mark) it is at
// least once: what was acknowledged and not yet committed comes again.
//
// One mirror of a name at a time. Two mirrors in opposite directions need topics of different names, or
// records go round for ever.

#ifndef MILLRACE_MIRROR_H_
#define MILLRACE_MIRROR_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "millrace/engine.h"
#include "millrace/export.h"
#include "millrace/remote.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

inline constexpr std::string_view kMirrorHeader = "millrace.mirror";

// What a mark says.
struct MirrorMark {
  std::string name = {};
  // Of the record in the source's partition of the same number.
  Offset offset = kNoOffset;
  bool operator==(const MirrorMark&) const = default;
};
// The mark of a record; nullopt if it has none. Of several the last, which the latest mirror made.
MILLRACE_EXPORT std::optional<MirrorMark> MirrorMarkOf(const HeaderRange& headers);

// MirrorSide: where a mirror reads from or writes to. Borrows what it is made of.
class MILLRACE_EXPORT MirrorSide {
 public:
  MirrorSide(Engine* engine) : engine_(engine) {}            // NOLINT: meant to convert
  MirrorSide(RemoteCluster* cluster) : cluster_(cluster) {}  // NOLINT
  absl::StatusOr<std::unique_ptr<Producer>> NewProducer(ProducerOptions options) const;
  absl::StatusOr<std::unique_ptr<Consumer>> NewConsumer(ConsumerOptions options) const;
  Admin& admin() const;
  // kUnknownTopicOrPartition.
  absl::StatusOr<int32_t> PartitionCount(const std::string& topic) const;

 private:
  Engine* engine_ = nullptr;
  RemoteCluster* cluster_ = nullptr;
};

struct MirrorTopic {
  std::string from = {};
  // Empty: the same name.
  std::string to = {};
};

struct MirrorOptions {
  // Names the group whose offsets say how far the mirror is, and its marks. Without ':'.
  std::string name = {};
  // Each destination once.
  std::vector<MirrorTopic> topics = {};
  // Where to begin the first time.
  Start start = Start::kEarliest;
  // Put a mark into each record that is forwarded: see above.
  bool mark = true;
  // Create topics and partitions that the destination lacks; else that is kUnknownTopicOrPartition.
  bool create_topics = true;
  // How often positions are committed: after a death so much is looked through in the destination (with
  // marks), or comes again (without).
  absl::Duration commit_interval = absl::Seconds(1);
  // How often the source is asked for new partitions.
  absl::Duration refresh_interval = absl::Seconds(30);
  // Bytes of records under way at the most.
  size_t in_flight_bytes_max = size_t{16} << 20;
  Compression compression = Compression::kNone;

  // OK, or kInvalidConfig saying which field and why. kNone is no start.
  MILLRACE_EXPORT absl::Status Validate() const;
};

// Single-threaded. Both sides must outlive it.
class MILLRACE_EXPORT Mirror {
 public:
  // Touches neither side: the first Run does.
  static absl::StatusOr<std::unique_ptr<Mirror>> Make(MirrorSide source, MirrorSide destination,
                                                      MirrorOptions options);
  // Without Close it is as if the process had died: nothing is lost.
  virtual ~Mirror() = default;

  // Forwards what there is, or waits up to `timeout` for something; commits when it is time. Returns how many
  // records the destination acknowledged meanwhile. After an error (a side that does not answer, a record
  // that is refused) the next Run begins anew where the destination stands; how long to wait before it is the
  // caller's to say. A cluster that is merely away for less than five minutes is no error: records wait.
  virtual absl::StatusOr<int64_t> Run(absl::Duration timeout) = 0;
  // Runs until the destination has acknowledged, and the source committed, all that the source held when it
  // was called. kRequestTimedOut.
  virtual absl::Status Drain(absl::Duration timeout) = 0;
  // Waits up to `timeout` for what is under way, commits, and lets go of both sides. Idempotent.
  virtual absl::Status Close(absl::Duration timeout) = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_MIRROR_H_
