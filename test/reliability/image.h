// What the suites of damage share: a directory as bytes in memory, which is damaged and then opened in a file
// system of its own, and a log of known batches to compare with.

#ifndef MILLRACE_TEST_RELIABILITY_IMAGE_H_
#define MILLRACE_TEST_RELIABILITY_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/log/log.h"
#include "millrace/testing/sim_env.h"

namespace millrace::testing {

using Bytes = std::vector<std::byte>;

// What lies below a directory, by path below it: "orders-0/00000000000000000000.log". A directory is an entry
// that ends in '/', and comes before what it holds.
using Image = std::map<std::string, Bytes, std::less<>>;

Image TakeImage(FileSystem* files, const std::string& directory);
// `directory` is made. What is there already stays.
void PutImage(FileSystem* files, const std::string& directory, const Image& image);
// Makes the file hold just these bytes.
void PutFile(FileSystem* files, const std::string& path, std::span<const std::byte> bytes);
Bytes GetFile(FileSystem* files, const std::string& path);

// The batches of a log as they were acknowledged.
class KnownLog {
 public:
  struct Batch {
    Offset base{0};
    Offset next{0};
    std::shared_ptr<const Bytes> content = nullptr;
    const Bytes& bytes() const { return *content; }
  };

  // Appends a batch of `records` records with values of `value_bytes` bytes; "" or what went wrong. With a
  // producer: idempotent, the sequence follows on.
  std::string Append(Log* log, int records, int value_bytes, ProducerId producer = kNoProducerId);
  // Of the record at `offset`.
  static Timestamp TimeOf(Offset offset) { return Timestamp(1'700'000'000'000 + offset.value()); }

  const std::vector<Batch>& batches() const { return batches_; }
  Offset end() const { return batches_.empty() ? Offset(0) : batches_.back().next; }
  // Forgets those from `end` on, which begins a batch.
  void CutTo(Offset end);
  // The batch that holds `offset`.
  const Batch& Holding(Offset offset) const;

  // Reads all of `log` past what is damaged, which it adds to `damaged`. Every batch must be one of these,
  // byte for byte, and none may be left out but those in damaged ranges. "" or what is wrong.
  std::string Compare(Log* log, std::vector<DamagedRange>* damaged) const;

 private:
  std::vector<Batch> batches_;
  std::map<ProducerId, int32_t> sequences_;
};

std::string Text(const absl::Status& status);
std::string Text(const std::vector<DamagedRange>& ranges);
std::string Joined(const std::vector<std::string>& notes);

}  // namespace millrace::testing

#endif  // MILLRACE_TEST_RELIABILITY_IMAGE_H_
