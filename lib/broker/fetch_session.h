// Fetch sessions (KIP-227): a client names once what it reads. From then on its requests say what changes,
// and the answers what is new.

#ifndef MILLRACE_BROKER_FETCH_SESSION_H_
#define MILLRACE_BROKER_FETCH_SESSION_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "millrace/env/env.h"
#include "millrace/wire/messages/fetch.h"

namespace millrace::inline v0 {

// A partition as a request names it: by its topic's name, or (from version 13 on) by its id.
struct FetchKey {
  std::string topic = {};
  TopicId topic_id = {};
  int32_t partition = 0;
  auto operator<=>(const FetchKey&) const = default;
};

// A partition that is to be read.
struct FetchPart {
  FetchKey key = {};
  wire::FetchRequest::Partition asked = {};
};

// Thread-safe.
class FetchSession {
 public:
  FetchSession(int32_t id, bool by_id, const std::vector<FetchPart>& parts);

  int32_t id() const { return id_; }
  size_t size() const;
  // Takes in what a request changes, and returns all that is to be read, in its turn.
  // kInvalidFetchSessionEpoch: the request is not the next one; kFetchSessionTopicIdError: it names topics in
  // another way than those before. Nothing is changed then.
  absl::StatusOr<std::vector<FetchPart>> Update(const wire::FetchRequest& request, bool by_id);
  // Takes out of a full answer what the client was told before, unless `all`, and remembers the rest. Those
  // with records go to the end of the line.
  void Tell(wire::FetchResponse* response, bool all);

 private:
  struct Told {
    FetchPart part = {};
    // -1: nothing yet, or an error.
    int64_t high_watermark = -1;
    int64_t log_start_offset = -1;
  };
  using Line = std::list<Told>;

  void Put(const FetchPart& part) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether the client must be told; remembers that it was.
  bool IsNews(const FetchKey& key, const wire::FetchResponse::Partition& answer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int32_t id_;
  const bool by_id_;
  mutable Mutex mutex_;
  // Of the next request.
  int32_t epoch_ ABSL_GUARDED_BY(mutex_) = 1;
  Line line_ ABSL_GUARDED_BY(mutex_);
  std::map<FetchKey, Line::iterator> at_ ABSL_GUARDED_BY(mutex_);
};

// The sessions of a broker, at most so many. Thread-safe. Lock order: before those of its sessions.
class FetchSessionCache {
 public:
  // How long a session is safe from others that want its place
  // ("min.incremental.fetch.session.eviction.ms").
  static constexpr int64_t kSafeNanos = 120'000'000'000;

  FetchSessionCache(const Env& env, size_t sessions_max) : env_(env), sessions_max_(sessions_max) {}

  // Null: there is no room. Room is made by the one that was unused for longest, if it was for longer than
  // kSafeNanos, or by the smallest that is older than that, if it is smaller than the new one.
  std::shared_ptr<FetchSession> Create(bool by_id, const std::vector<FetchPart>& parts);
  // kFetchSessionIdNotFound.
  absl::StatusOr<std::shared_ptr<FetchSession>> Find(int32_t id);
  void Remove(int32_t id);
  size_t size() const;

 private:
  struct Entry {
    std::shared_ptr<FetchSession> session = nullptr;
    MonotonicNanos made{0};
    MonotonicNanos used{0};
  };

  bool MakeRoom(size_t parts, MonotonicNanos now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Env env_;
  const size_t sessions_max_;
  mutable Mutex mutex_;
  std::map<int32_t, Entry> sessions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_BROKER_FETCH_SESSION_H_
