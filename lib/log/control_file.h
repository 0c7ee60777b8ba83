// ControlFile: the ends of the logs of one directory, in memory that is shared with other processes and
// outlives this one.
//
// File: a page {8 magic "millctl1", u32 format version, u32 term, u64 mount id, u64 device, u32 certain, u32
// writer's pid, 64 boot id, u32 crc}, then a slot of 128 bytes for each log. Native byte order: the file
// never leaves its machine, nor its boot.
//
// One release store to a slot publishes an append. A process that dies leaves every slot as it was: the page
// cache outlives it. A power loss leaves anything at all, so slots are believed only while the machine has
// not been booted nor the file system mounted since they were written (the identity), and only if their log
// was opened in that time (the term).

#ifndef MILLRACE_LOG_CONTROL_FILE_H_
#define MILLRACE_LOG_CONTROL_FILE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "millrace/env/file_system.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

// The end of a segment in one word: offsets from the base in the upper half, bytes in the lower.
struct SegmentEnd {
  uint32_t offsets = 0;
  uint32_t position = 0;
  static constexpr SegmentEnd Of(uint64_t word) {
    return {.offsets = static_cast<uint32_t>(word >> 32), .position = static_cast<uint32_t>(word)};
  }
  constexpr uint64_t word() const { return uint64_t{offsets} << 32 | position; }
  bool operator==(const SegmentEnd&) const = default;
};

// What a slot says at one moment.
struct ControlState {
  Offset segment_base{0};
  SegmentEnd end;
  Offset log_start_offset{0};
};

// ControlSlot: one log's place. Written by the log's owner alone, one thread at a time; read by anybody.
class ControlSlot {
 public:
  // A segment's end. It is there twice: a flipped bit must not make a log shorter.
  class End {
   public:
    void Publish(uint64_t word) {
      word_.store(word, std::memory_order_release);
      inverted_.store(~word, std::memory_order_relaxed);
    }

   private:
    friend class ControlSlot;
    std::atomic<uint64_t> word_;
    std::atomic<uint64_t> inverted_;
  };

  // Where the active segment's end is published. Valid until the next Roll.
  End* end() { return &segments_[active_.load(std::memory_order_relaxed) & 1].end; }
  // Switches to another active segment, in one step for readers.
  void Roll(Offset base, SegmentEnd end) {
    const uint32_t next = (active_.load(std::memory_order_relaxed) + 1) & 1;
    segments_[next].base.store(base.value(), std::memory_order_relaxed);
    segments_[next].inverted_base.store(~base.value(), std::memory_order_relaxed);
    segments_[next].end.Publish(end.word());
    active_.store(next, std::memory_order_release);
    inverted_active_.store(~next, std::memory_order_relaxed);
  }
  void SetLogStart(Offset offset) {
    log_start_.store(offset.value(), std::memory_order_release);
    inverted_log_start_.store(~offset.value(), std::memory_order_relaxed);
  }
  // Begins a term: what the slot says is to be believed from now on.
  void Begin(uint32_t term, Offset base, SegmentEnd end, Offset log_start) {
    term_.store(0, std::memory_order_relaxed);
    Roll(base, end);
    SetLogStart(log_start);
    term_.store(term, std::memory_order_release);
  }
  void Clear() { term_.store(0, std::memory_order_release); }
  // Nullopt if the slot is not of that term.
  std::optional<ControlState> Read(uint32_t term) const;
  // The same, for recovery: nullopt as well where something does not fit its second copy. The two of the end
  // may differ by one append, in the middle of which the owner died: then `certain` is the end before it, and
  // what lies between must be looked at; else it is the end.
  std::optional<ControlState> ReadChecked(uint32_t term, SegmentEnd* certain) const;

 private:
  struct Sub {
    std::atomic<int64_t> base;
    End end;
    std::atomic<int64_t> inverted_base;
  };
  std::atomic<uint32_t> term_;
  std::atomic<uint32_t> active_;
  std::atomic<int64_t> log_start_;
  Sub segments_[2];
  std::atomic<int64_t> inverted_log_start_;
  std::atomic<uint32_t> inverted_active_;
  std::byte padding_[36];
};
static_assert(sizeof(ControlSlot) == 128);

// Thread-safe.
class ControlFile {
 public:
  static constexpr uint32_t kSlotsMax = 1 << 20;

  // The file's, with its slots believed if `identity` is still the one it was written under; anew, with all
  // slots void, otherwise. kNotFound for a reader where there is none.
  static absl::StatusOr<std::unique_ptr<ControlFile>> Open(FileSystem* files, std::string_view path,
                                                           bool read_only, const VolumeIdentity& identity);

  // Whether the slots of the last owner survived (see above). Fixed at Open.
  bool survived() const { return survived_; }
  // Slots with this term are to be believed.
  uint32_t term() const { return term_; }
  // The slot of a log, made if it is not there yet (a reader gets null then). Stays where it is as long as
  // this lives. kResourceExhausted: no space, or more than kSlotsMax logs.
  absl::StatusOr<ControlSlot*> Slot(uint32_t log_no);

 private:
  ControlFile() = default;
  absl::Status Begin(const VolumeIdentity& identity);

  std::unique_ptr<File> file_;
  std::unique_ptr<MappedFile> map_;
  bool read_only_ = false;
  bool survived_ = false;
  uint32_t term_ = 0;

  Mutex mutex_;
  uint64_t allocated_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_LOG_CONTROL_FILE_H_
