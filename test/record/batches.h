// Records that own their bytes, and random ones, for the tests of this room.

#ifndef MILLRACE_TEST_RECORD_BATCHES_H_
#define MILLRACE_TEST_RECORD_BATCHES_H_

#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "millrace/record.h"

namespace millrace::record_test {

struct OwnedRecord {
  int64_t offset = 0;
  int64_t timestamp = 0;
  std::optional<std::string> key = {};
  std::optional<std::string> value = {};
  std::vector<std::pair<std::string, std::optional<std::string>>> headers = {};
  bool operator==(const OwnedRecord&) const = default;
};

// Borrows `owned`; keeps the headers that the record points to.
class BorrowedRecord {
 public:
  explicit BorrowedRecord(const OwnedRecord& owned) {
    for (const auto& [key, value] : owned.headers) headers_.push_back({.key = key, .value = View(value)});
    record_ = {.key = View(owned.key),
               .value = View(owned.value),
               .headers = headers_,
               .timestamp = Timestamp(owned.timestamp)};
  }
  BorrowedRecord(const BorrowedRecord&) = delete;
  BorrowedRecord& operator=(const BorrowedRecord&) = delete;
  const Record& get() const { return record_; }

 private:
  static std::optional<std::string_view> View(const std::optional<std::string>& text) {
    if (!text.has_value()) return std::nullopt;
    return std::string_view(*text);
  }
  std::vector<Header> headers_;
  Record record_;
};

inline OwnedRecord Own(const RecordView& view) {
  OwnedRecord record{.offset = view.offset.value(), .timestamp = view.timestamp.value()};
  if (view.key.has_value()) record.key = std::string(*view.key);
  if (view.value.has_value()) record.value = std::string(*view.value);
  for (const Header& header : view.headers) {
    std::optional<std::string> value;
    if (header.value.has_value()) value = std::string(*header.value);
    record.headers.emplace_back(std::string(header.key), std::move(value));
  }
  return record;
}

// All records of a batch; stops at the first malformed one, and gives what the reader then said.
inline absl::Status ReadAll(BatchView batch, std::vector<OwnedRecord>* records, size_t bytes_max = 1 << 30) {
  RecordReader reader(batch, bytes_max);
  RecordView view;
  while (reader.Next(&view)) records->push_back(Own(view));
  return reader.status();
}

inline std::string RandomText(std::mt19937_64& random, size_t size) {
  std::string text(size, '\0');
  // Runs, so that codecs have something to do.
  for (size_t i = 0; i < size;) {
    const char c = static_cast<char>(random());
    for (size_t run = 1 + random() % 6; run > 0 && i < size; --run) text[i++] = c;
  }
  return text;
}

inline std::optional<std::string> RandomField(std::mt19937_64& random, size_t size_max) {
  if (random() % 8 == 0) return std::nullopt;
  return RandomText(random, random() % (size_max + 1));
}

inline OwnedRecord RandomRecord(std::mt19937_64& random, int64_t offset) {
  OwnedRecord record{.offset = offset};
  // Mostly close together, sometimes anywhere in time.
  record.timestamp =
      static_cast<int64_t>(random() % 16 == 0 ? random() >> 2 : 1700000000000 + random() % 5000);
  record.key = RandomField(random, random() % 4 == 0 ? 300 : 20);
  record.value = RandomField(random, random() % 16 == 0 ? 20000 : 200);
  for (size_t left = random() % 4 == 0 ? random() % 5 : 0; left > 0; --left) {
    record.headers.emplace_back(RandomText(random, random() % 90), RandomField(random, 100));
  }
  return record;
}

}  // namespace millrace::record_test

#endif  // MILLRACE_TEST_RECORD_BATCHES_H_
