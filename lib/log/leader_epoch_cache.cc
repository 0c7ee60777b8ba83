#include "log/leader_epoch_cache.h"

#include <algorithm>

#include "base/check.h"
#include "base/strings.h"
#include "log/text_lines.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

absl::Status Damaged(std::string_view what) {
  return Error(ErrorCode::kCorruptMessage,
               StrCat("leader-epoch-checkpoint: ", what, "; it is rebuilt from the log"));
}

}  // namespace

absl::StatusOr<LeaderEpochCache> LeaderEpochCache::FromEntries(std::vector<EpochEntry> entries) {
  EpochEntry before;
  for (const EpochEntry& entry : entries) {
    if (entry.epoch <= before.epoch || entry.start_offset <= before.start_offset) {
      return Damaged(StrCat("epoch ", entry.epoch, " at ", entry.start_offset, " does not follow on"));
    }
    before = entry;
  }
  LeaderEpochCache cache;
  cache.entries_ = std::move(entries);
  return cache;
}

absl::StatusOr<LeaderEpochCache> LeaderEpochCache::FromText(std::string_view text) {
  TextLines lines(text);
  const auto version = lines.NextNumber<int32_t>();
  if (!version.has_value()) return Damaged("no version in its first line");
  if (*version != 0) {
    return absl::UnimplementedError(StrCat("leader-epoch-checkpoint: version ", *version, " is not known"));
  }
  const auto count = lines.NextNumber<int32_t>();
  if (!count.has_value() || *count < 0) return Damaged("no count in its second line");
  std::vector<EpochEntry> entries;
  while (!lines.AtEnd()) {
    TextLines words(lines.Next(), ' ');
    const auto epoch = words.NextNumber<int32_t>();
    const auto start = words.NextNumber<int64_t>();
    if (!epoch.has_value() || !start.has_value() || !words.AtEnd()) {
      return Damaged(StrCat("line ", entries.size() + 3, " is not \"<epoch> <offset>\""));
    }
    entries.push_back({.epoch = LeaderEpoch(*epoch), .start_offset = Offset(*start)});
  }
  if (entries.size() != static_cast<size_t>(*count)) {
    return Damaged(StrCat("has ", entries.size(), " entries, says ", *count));
  }
  return FromEntries(std::move(entries));
}

std::string LeaderEpochCache::ToText() const {
  std::string text = StrCat("0\n", entries_.size(), "\n");
  for (const EpochEntry& entry : entries_) StrAppend(&text, entry.epoch, " ", entry.start_offset, "\n");
  return text;
}

bool LeaderEpochCache::Assign(LeaderEpoch epoch, Offset start_offset) {
  MILLRACE_CHECK(epoch.value() >= 0 && start_offset.value() >= 0);
  if (empty() ? epoch == latest()
              : entries_.back().epoch == epoch && entries_.back().start_offset <= start_offset)
    return false;
  while (!empty() && (entries_.back().epoch >= epoch || entries_.back().start_offset >= start_offset)) {
    entries_.pop_back();
  }
  entries_.push_back({.epoch = epoch, .start_offset = start_offset});
  return true;
}

std::optional<LeaderEpoch> LeaderEpochCache::EpochAt(Offset offset) const {
  const auto after = std::ranges::upper_bound(entries_, offset, {}, &EpochEntry::start_offset);
  if (after == entries_.begin()) return std::nullopt;
  return std::prev(after)->epoch;
}

std::pair<LeaderEpoch, Offset> LeaderEpochCache::EndOffsetFor(LeaderEpoch epoch,
                                                              Offset log_end_offset) const {
  if (epoch < LeaderEpoch(0) || epoch > latest()) return {kNoLeaderEpoch, kNoOffset};
  if (epoch == latest()) return {epoch, log_end_offset};
  const auto after = std::ranges::upper_bound(entries_, epoch, {}, &EpochEntry::epoch);
  if (after == entries_.begin()) return {epoch, after->start_offset};
  return {std::prev(after)->epoch, after->start_offset};
}

bool LeaderEpochCache::TruncateFromEnd(Offset end_offset) {
  const auto from = std::ranges::lower_bound(entries_, end_offset, {}, &EpochEntry::start_offset);
  const bool changed = from != entries_.end();
  entries_.erase(from, entries_.end());
  return changed;
}

bool LeaderEpochCache::TruncateFromStart(Offset start_offset) {
  const auto after = std::ranges::upper_bound(entries_, start_offset, {}, &EpochEntry::start_offset);
  if (after == entries_.begin()) return false;
  const auto first = std::prev(after);
  const bool changed = first != entries_.begin() || first->start_offset != start_offset;
  first->start_offset = start_offset;
  entries_.erase(entries_.begin(), first);
  return changed;
}

}  // namespace millrace::inline v0
