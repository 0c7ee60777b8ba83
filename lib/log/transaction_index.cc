#include "log/transaction_index.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/strings.h"
#include "millrace/status.h"

namespace millrace::inline v0 {
namespace {

constexpr int16_t kVersion = 0;

struct Decoded {
  int16_t version = 0;
  AbortedTransaction aborted = {};
};

Decoded Decode(std::span<const std::byte> entry) {
  ByteReader reader(entry);
  Decoded decoded;
  decoded.version = reader.Read<int16_t>();
  decoded.aborted.producer_id = ProducerId(reader.Read<int64_t>());
  decoded.aborted.first_offset = Offset(reader.Read<int64_t>());
  decoded.aborted.last_offset = Offset(reader.Read<int64_t>());
  decoded.aborted.last_stable_offset = Offset(reader.Read<int64_t>());
  return decoded;
}

}  // namespace

absl::StatusOr<TransactionIndex> TransactionIndex::FromBytes(Offset base, std::span<const std::byte> bytes) {
  const auto damaged = [&](std::string_view what) {
    return Error(ErrorCode::kCorruptMessage,
                 StrCat("transaction index of segment ", base, ": ", what, "; it is rebuilt from the log"));
  };
  if (bytes.size() % kEntryBytes != 0) return damaged("not a whole number of entries");
  Offset before = base - 1;
  for (size_t i = 0; i < bytes.size() / kEntryBytes; ++i) {
    const auto [version, aborted] = Decode(bytes.subspan(i * kEntryBytes, kEntryBytes));
    if (version != kVersion) return damaged(StrCat("entry ", i, " has the unknown version ", version));
    if (aborted.last_offset <= before || aborted.last_offset < aborted.first_offset ||
        aborted.first_offset.value() < 0) {
      return damaged(StrCat("entry ", i, " does not follow on"));
    }
    before = aborted.last_offset;
  }
  TransactionIndex index(base);
  index.bytes_.assign(bytes.begin(), bytes.end());
  return index;
}

void TransactionIndex::Append(const AbortedTransaction& aborted) {
  MILLRACE_CHECK(empty() || aborted.last_offset > At(size() - 1).last_offset);
  ByteWriter writer(&bytes_);
  writer.Write<int16_t>(kVersion);
  writer.Write<int64_t>(aborted.producer_id.value());
  writer.Write<int64_t>(aborted.first_offset.value());
  writer.Write<int64_t>(aborted.last_offset.value());
  writer.Write<int64_t>(aborted.last_stable_offset.value());
}

AbortedTransaction TransactionIndex::At(size_t i) const {
  MILLRACE_CHECK(i < size());
  return Decode(bytes().subspan(i * kEntryBytes, kEntryBytes)).aborted;
}

bool TransactionIndex::Collect(Offset from, Offset until, std::vector<AbortedTransaction>* into) const {
  for (size_t i = 0; i < size(); ++i) {
    const AbortedTransaction aborted = At(i);
    if (aborted.last_offset >= from && aborted.first_offset < until) into->push_back(aborted);
    if (aborted.last_stable_offset >= until) return true;
  }
  return false;
}

void TransactionIndex::TruncateTo(Offset offset) {
  size_t keep = size();
  while (keep > 0 && At(keep - 1).last_offset >= offset) --keep;
  if (keep == 0) return Clear();
  bytes_.resize(keep * kEntryBytes);
}

}  // namespace millrace::inline v0
