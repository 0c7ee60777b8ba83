// World: a log on a simulated disk, and beside it what the log must hold. Operations go to both; Check
// compares them after a death. The model knows three kinds of records: durable ones (a Flush was
// acknowledged), visible ones (the append was), and those that were under way when the process stopped.

#ifndef MILLRACE_TEST_RELIABILITY_WORLD_H_
#define MILLRACE_TEST_RELIABILITY_WORLD_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/log/log.h"
#include "millrace/testing/sim_env.h"

namespace millrace::testing {

struct ModelRecord {
  // Unique in a run: the record's content and timestamp come from it.
  int64_t id = 0;
  int32_t size = 0;
  int32_t epoch = -1;
  // Of the one idempotent producer; -1: not of it.
  int32_t sequence = -1;
  bool operator==(const ModelRecord&) const = default;
};

struct WorldOptions {
  uint64_t seed = 0;
  FileBackend backend = FileBackend::kMapped;
  int64_t segment_bytes = 4096;
  bool executor = true;
  // Negative control: takes a Flush for done that was never called.
  bool lying_flush = false;
};

class World {
 public:
  explicit World(WorldOptions options);
  ~World();

  // Opens the log and checks what Open says of itself. "" or what is wrong.
  std::string Open();
  // Reads everything and compares it with the model, `lowest` being the least end that is allowed. Then the
  // model is cut to what is there.
  std::string Check(int64_t lowest);
  // After a death: opens, checks against what was visible (the machine lived) or durable.
  std::string ReopenAfterKill();
  std::string ReopenAfterCrash(SimCrashOptions how);
  // Sends the producer's last batch once more: it must be known if it is there, and taken if it is not.
  std::string CheckProducer();

  // --- Operations. What fails with the process stopped is neither there nor not there.
  absl::Status Append(int32_t size);
  absl::Status AppendBatch(int count, int32_t size);
  absl::Status AppendIdempotent(int count, int32_t size);
  absl::Status Flush();
  absl::Status Roll();
  absl::Status DeleteBefore(int64_t offset);
  absl::Status Truncate(int64_t offset);
  absl::Status RaiseEpoch();
  absl::Status Close();
  // An hour passes: interval flushes and deletions fall due, and what waits in the background is done.
  void Maintain();
  // One at random.
  void RandomOperation();

  int64_t end() const { return static_cast<int64_t>(records_.size()); }
  int64_t start() const { return start_; }
  int64_t durable() const { return durable_; }
  uint64_t Below(uint64_t bound) { return random_->Below(bound); }
  bool stopped() const { return sim.files->stopped(); }
  // The process is gone, in peace.
  void Drop();
  // A failed append was not stopped but refused: it must not be there.
  int64_t refused() const { return refused_; }

  // What was done so far, for people: the newest lines.
  std::string History() const;

  SimEnv sim;
  LogOptions options;
  RecoveryReport report;
  std::unique_ptr<Log> log;

 private:
  static std::string Content(const ModelRecord& record);
  static Timestamp TimeOf(const ModelRecord& record);
  absl::Status Finish(const absl::StatusOr<AppendResult>& result, const std::vector<ModelRecord>& added);
  absl::StatusOr<AppendResult> Send(const std::vector<ModelRecord>& records, bool idempotent);
  std::string ReadAll(int64_t lowest, std::vector<ModelRecord>* found, int64_t* found_start);
  std::string CheckLookups();

  void Tell(std::string line);
  absl::Status Told(std::string_view what, int64_t argument, absl::Status status);

  const WorldOptions world_;
  std::deque<std::string> history_;
  std::unique_ptr<Random> random_;
  // Index: offset. What is visible, then what may be there in addition.
  std::vector<ModelRecord> records_;
  std::vector<ModelRecord> maybe_;
  int64_t durable_ = 0;
  // The log's start as acknowledged, and as asked for.
  int64_t start_ = 0;
  int64_t start_asked_ = 0;
  // A truncation that did not return may have happened.
  int64_t truncate_asked_ = INT64_MAX;
  int32_t epoch_ = 0;
  int64_t next_id_ = 0;
  int64_t refused_ = 0;
};

}  // namespace millrace::testing

#endif  // MILLRACE_TEST_RELIABILITY_WORLD_H_
