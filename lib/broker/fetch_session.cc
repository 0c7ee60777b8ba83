#include "broker/fetch_session.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/strings.h"
#include "millrace/status.h"

namespace millrace::inline v0 {

// --- FetchSession

FetchSession::FetchSession(int32_t id, bool by_id, const std::vector<FetchPart>& parts)
    : id_(id), by_id_(by_id) {
  MutexLock lock(&mutex_);
  for (const FetchPart& part : parts) Put(part);
}

size_t FetchSession::size() const {
  MutexLock lock(&mutex_);
  return at_.size();
}

void FetchSession::Put(const FetchPart& part) {
  const auto found = at_.find(part.key);
  if (found != at_.end()) {
    found->second->part = part;
    return;
  }
  at_.emplace(part.key, line_.insert(line_.end(), {.part = part}));
}

absl::StatusOr<std::vector<FetchPart>> FetchSession::Update(const wire::FetchRequest& request, bool by_id) {
  MutexLock lock(&mutex_);
  if (request.session_epoch != epoch_) {
    return Error(ErrorCode::kInvalidFetchSessionEpoch,
                 StrCat("fetch session ", id_, " expects epoch ", epoch_, ", not ", request.session_epoch));
  }
  if (by_id != by_id_) {
    return Error(ErrorCode::kFetchSessionTopicIdError,
                 StrCat("fetch session ", id_, " names topics by ", by_id_ ? "id" : "name"));
  }
  epoch_ = epoch_ == std::numeric_limits<int32_t>::max() ? 1 : epoch_ + 1;
  for (const auto& topic : request.topics) {
    for (const auto& one : topic.partitions)
      Put({.key = {topic.topic, topic.topic_id, one.partition}, .asked = one});
  }
  for (const auto& topic : request.forgotten_topics_data) {
    for (const int32_t partition : topic.partitions) {
      const auto found = at_.find({topic.topic, topic.topic_id, partition});
      if (found == at_.end()) continue;
      line_.erase(found->second);
      at_.erase(found);
    }
  }
  std::vector<FetchPart> parts;
  parts.reserve(line_.size());
  for (const Told& told : line_) parts.push_back(told.part);
  return parts;
}

bool FetchSession::IsNews(const FetchKey& key, const wire::FetchResponse::Partition& answer) {
  const auto found = at_.find(key);
  if (found == at_.end()) return true;
  Told& told = *found->second;
  const bool records = answer.records.has_value() && !answer.records->empty();
  const bool moved =
      told.high_watermark != answer.high_watermark || told.log_start_offset != answer.log_start_offset;
  told.high_watermark = answer.high_watermark;
  told.log_start_offset = answer.log_start_offset;
  if (records) line_.splice(line_.end(), line_, found->second);
  return records || moved || answer.error_code != 0 || answer.diverging_epoch.epoch >= 0;
}

void FetchSession::Tell(wire::FetchResponse* response, bool all) {
  MutexLock lock(&mutex_);
  response->session_id = id_;
  for (auto& topic : response->responses) {
    std::erase_if(topic.partitions, [&](const wire::FetchResponse::Partition& answer) {
      mutex_.AssertHeld();
      return !IsNews({topic.topic, topic.topic_id, answer.partition_index}, answer) && !all;
    });
  }
  std::erase_if(response->responses, [](const auto& topic) { return topic.partitions.empty(); });
}

// --- FetchSessionCache

std::shared_ptr<FetchSession> FetchSessionCache::Create(bool by_id, const std::vector<FetchPart>& parts) {
  const MonotonicNanos now = env_.clock->Monotonic();
  MutexLock lock(&mutex_);
  if (sessions_.size() >= sessions_max_ && !MakeRoom(parts.size(), now)) return nullptr;
  int32_t id = 0;
  while (id == 0 || sessions_.contains(id))
    id = static_cast<int32_t>(env_.random->Below(std::numeric_limits<int32_t>::max()));
  auto session = std::make_shared<FetchSession>(id, by_id, parts);
  sessions_.emplace(id, Entry{.session = session, .made = now, .used = now});
  return session;
}

bool FetchSessionCache::MakeRoom(size_t parts, MonotonicNanos now) {
  const auto oldest =
      std::ranges::min_element(sessions_, {}, [](const auto& one) { return one.second.used; });
  if (oldest == sessions_.end()) return false;
  if (now - oldest->second.used > kSafeNanos) {
    sessions_.erase(oldest);
    return true;
  }
  auto smallest = sessions_.end();
  size_t least = parts;
  for (auto one = sessions_.begin(); one != sessions_.end(); ++one) {
    const size_t size = one->second.session->size();
    if (now - one->second.made <= kSafeNanos || size >= least) continue;
    smallest = one;
    least = size;
  }
  if (smallest == sessions_.end()) return false;
  sessions_.erase(smallest);
  return true;
}

absl::StatusOr<std::shared_ptr<FetchSession>> FetchSessionCache::Find(int32_t id) {
  MutexLock lock(&mutex_);
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) {
    return Error(ErrorCode::kFetchSessionIdNotFound, StrCat("there is no fetch session ", id));
  }
  found->second.used = env_.clock->Monotonic();
  return found->second.session;
}

void FetchSessionCache::Remove(int32_t id) {
  MutexLock lock(&mutex_);
  sessions_.erase(id);
}

size_t FetchSessionCache::size() const {
  MutexLock lock(&mutex_);
  return sessions_.size();
}

}  // namespace millrace::inline v0
