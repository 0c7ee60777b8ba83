// FlushPoints: how far each log of a directory is known to be durable. One file for all: a flush point costs
// 32 bytes and shares its sync with the others.
//
// File: a header of 4,096 bytes {8 magic "millflsh", u32 format version, zeros, u32 crc at 4,092}, then
// chunks of 1,024 logs: 32 KiB of even entries, 32 KiB of odd ones. Entry {u32 version, i64 flushed offset,
// i64 segment base, u32 position, u32 log number, u32 crc of these}, big-endian. Versions alternate between
// the two, and only a durable entry's partner is ever overwritten: one of the two is always whole.

#ifndef MILLRACE_LOG_FLUSH_POINTS_H_
#define MILLRACE_LOG_FLUSH_POINTS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "millrace/env/file_system.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// Everything of a log below `offset` is durable; it ends at `position` of the segment at `segment_base`.
struct FlushPoint {
  Offset offset{0};
  Offset segment_base{0};
  uint32_t position = 0;
  bool operator==(const FlushPoint&) const = default;
};

struct FlushPointsReport {
  bool created = false;
  // Logs of which one entry is damaged: the older flush point is used.
  std::vector<uint32_t> one_damaged = {};
  // Both entries are damaged: there was a durable one.
  std::vector<uint32_t> both_damaged = {};
  // The only entry is damaged: its sync was cut off, or it is the first.
  std::vector<uint32_t> only_damaged = {};
};

// Thread-safe. Set() takes a leaf mutex; Sync() calls take turns.
class FlushPoints {
 public:
  static constexpr uint32_t kLogsPerChunk = 1024;
  static constexpr uint32_t kLogsMax = 1 << 24;

  // Where there is none it is made, and is durable on return. kNotFound (read-only, missing); kDataLoss: not
  // such a file or its header is damaged: the caller may remove it and take every log as never flushed;
  // kUnimplemented: a newer format. `files` is borrowed.
  static absl::StatusOr<std::unique_ptr<FlushPoints>> Open(FileSystem* files, std::string_view path,
                                                           bool read_only, FlushPointsReport* report);

  // Notes a flush point, in memory. Requires: the data is durable already; `log_no` < kLogsMax. Points may
  // fall (truncation): call before the data goes, and Sync.
  void Set(uint32_t log_no, FlushPoint point);
  // The last one set, or found in the file; nullopt if none.
  std::optional<FlushPoint> Get(uint32_t log_no) const;
  // Those that have one.
  std::vector<uint32_t> Logs() const;
  // Forgets a log: its slot is as new after the next Sync.
  void Clear(uint32_t log_no);
  // Writes what was set since the last time and makes it durable with one sync of the file. Nothing to do: no
  // system call. Without space (kResourceExhausted) it can be tried again; after any other failure every
  // later call fails with it.
  absl::Status Sync();
  // Lets go of the descriptor. Syncs fail from now on.
  void Close();
  // One beyond the highest number that ever had a point.
  uint32_t log_no_limit() const;
  // Logs with points that Sync would write.
  size_t dirty() const;

 private:
  struct Slot {
    FlushPoint point = {};
    // Of the durable entry; 0: there is none.
    uint32_t version = 0;
    bool set = false;
    bool dirty = false;
  };
  struct Change {
    uint32_t log_no = 0;
    uint32_t version = 0;
    FlushPoint point = {};
    bool set = false;
  };
  FlushPoints(FileSystem* files, std::string_view path) : files_(files), path_(path) {}
  absl::Status Load(FlushPointsReport* report) ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_);
  absl::Status CreateLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_);
  absl::Status WriteSlots(const std::vector<Change>& changes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_);
  Slot* SlotOf(uint32_t log_no) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  FileSystem* const files_;
  const std::string path_;
  bool read_only_ = false;

  // Lock order: io_, then mutex_.
  Mutex io_;
  std::unique_ptr<File> file_ ABSL_GUARDED_BY(io_);
  uint64_t file_bytes_ ABSL_GUARDED_BY(io_) = 0;
  bool name_synced_ ABSL_GUARDED_BY(io_) = false;

  mutable Mutex mutex_;
  std::vector<Slot> slots_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint32_t> dirty_ ABSL_GUARDED_BY(mutex_);
  absl::Status poison_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_FLUSH_POINTS_H_
