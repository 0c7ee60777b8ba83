#include "reliability/image.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_format.h"
#include "millrace/record.h"
#include "millrace/status.h"

namespace millrace::testing {
namespace {

void Must(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(Text(status));
}
template <typename T>
T Must(absl::StatusOr<T> value) {
  Must(value.status());
  return *std::move(value);
}

void Take(FileSystem* files, const std::string& directory, const std::string& prefix, Image* image) {
  for (const std::string& name : Must(files->List(directory))) {
    const std::string path = directory + "/" + name;
    if (Must(files->Stat(path)).is_directory) {
      image->emplace(prefix + name + "/", Bytes());
      Take(files, path, prefix + name + "/", image);
    } else {
      image->emplace(prefix + name, GetFile(files, path));
    }
  }
}

}  // namespace

Image TakeImage(FileSystem* files, const std::string& directory) {
  Image image;
  Take(files, directory, "", &image);
  return image;
}

void PutImage(FileSystem* files, const std::string& directory, const Image& image) {
  const auto make = [&](const std::string& path) {
    const absl::Status made = files->CreateDirectory(path);
    if (!absl::IsAlreadyExists(made)) Must(made);
  };
  make(directory);
  for (const auto& [name, bytes] : image) {
    if (name.ends_with('/')) {
      make(directory + "/" + name.substr(0, name.size() - 1));
    } else {
      PutFile(files, directory + "/" + name, bytes);
    }
  }
}

void PutFile(FileSystem* files, const std::string& path, std::span<const std::byte> bytes) {
  const std::unique_ptr<File> file = Must(files->Open(path, OpenMode::kCreate));
  Must(file->Truncate(0));
  if (!bytes.empty()) Must(file->WriteAt(0, bytes));
}

Bytes GetFile(FileSystem* files, const std::string& path) {
  const std::unique_ptr<File> file = Must(files->Open(path, OpenMode::kRead));
  Bytes bytes(Must(file->Size()));
  if (!bytes.empty()) Must(file->ReadAt(0, bytes).status());
  return bytes;
}

std::string KnownLog::Append(Log* log, int records, int value_bytes, ProducerId producer) {
  BatchOptions options;
  if (producer != kNoProducerId) {
    options.producer_id = producer;
    options.producer_epoch = ProducerEpoch(0);
    options.base_sequence = sequences_[producer];
    sequences_[producer] += records;
  }
  BatchBuilder builder(options);
  for (int i = 0; i < records; ++i) {
    const Offset offset = end() + i;
    std::string value = std::to_string(offset.value()) + ":";
    // Bytes that do not repeat within a page: a piece that is moved is seen.
    for (uint32_t state = static_cast<uint32_t>(offset.value()) * 2654435761U + 1;
         value.size() < static_cast<size_t>(value_bytes);) {
      state = state * 1664525 + 1013904223;
      value.push_back(static_cast<char>(state >> 24));
    }
    builder.Append({.key = "key", .value = value}, TimeOf(offset));
  }
  auto batch = builder.Finish();
  if (!batch.ok()) return Text(batch.status());
  const auto appended = log->AppendBatch(*batch);
  if (!appended.ok()) return "an append was refused: " + Text(appended.status());
  if (appended->first_offset != end() || appended->duplicate) {
    return absl::StrFormat("appended at %d, not at %d", appended->first_offset.value(), end().value());
  }
  batches_.push_back({.base = end(),
                      .next = end() + records,
                      .content = std::make_shared<const Bytes>(batch->begin(), batch->end())});
  return "";
}

void KnownLog::CutTo(Offset end) {
  std::erase_if(batches_, [&](const Batch& batch) { return batch.base >= end; });
}

const KnownLog::Batch& KnownLog::Holding(Offset offset) const {
  const auto behind = std::upper_bound(batches_.begin(), batches_.end(), offset,
                                       [](Offset wanted, const Batch& batch) { return wanted < batch.base; });
  if (behind == batches_.begin()) throw std::runtime_error("no batch holds the offset");
  return *std::prev(behind);
}

std::string KnownLog::Compare(Log* log, std::vector<DamagedRange>* damaged) const {
  Offset at = log->log_start_offset();
  const Offset end = log->log_end_offset();
  const auto cursor = log->NewCursor(at);
  if (!cursor.ok()) return "NewCursor: " + Text(cursor.status());
  size_t next = static_cast<size_t>(
      std::lower_bound(batches_.begin(), batches_.end(), at,
                       [](const Batch& batch, Offset wanted) { return batch.next <= wanted; }) -
      batches_.begin());
  while (true) {
    const auto slice = (*cursor)->Next(1 << 20);
    if (const auto range = DamagedRangeOf(slice.status()); range.has_value()) {
      if (range->next <= at || range->first > at || range->next > end) {
        return absl::StrFormat("damage was reported at %d to %d when reading at %d", range->first.value(),
                               range->next.value() - 1, at.value());
      }
      damaged->push_back(*range);
      at = range->next;
      while (next < batches_.size() && batches_[next].next <= at) ++next;
      if (const absl::Status sought = (*cursor)->Seek(at); !sought.ok()) return "Seek: " + Text(sought);
      continue;
    }
    if (!slice.ok()) return absl::StrFormat("reading at %d: %s", at.value(), Text(slice.status()));
    if (slice->empty()) break;
    for (const BatchView batch : *slice) {
      if (next == batches_.size()) return absl::StrFormat("there is a batch at %d, too many", at.value());
      const Batch& known = batches_[next];
      if (batch.size_bytes() != known.bytes().size() ||
          std::memcmp(batch.bytes().data(), known.bytes().data(), known.bytes().size()) != 0) {
        return absl::StrFormat("the batch at %d is not as it was appended (it says it begins at %d)",
                               known.base.value(), batch.base_offset().value());
      }
      at = known.next;
      ++next;
    }
  }
  if (at != end) return absl::StrFormat("reading ended at %d, the log at %d", at.value(), end.value());
  return "";
}

std::string Text(const absl::Status& status) {
  return std::string(status.message());
}

std::string Text(const std::vector<DamagedRange>& ranges) {
  std::string text;
  for (const DamagedRange& range : ranges)
    text += absl::StrFormat("[%d, %d) ", range.first.value(), range.next.value());
  return text;
}

std::string Joined(const std::vector<std::string>& notes) {
  std::string joined;
  for (const std::string& note : notes) joined += "\n    " + note;
  return joined;
}

}  // namespace millrace::testing
