// BatchMaker: makes Batches of the messages that librdkafka hands out.

#ifndef MILLRACE_REMOTE_BATCH_MAKER_H_
#define MILLRACE_REMOTE_BATCH_MAKER_H_

#include <cstddef>
#include <map>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "millrace/consumer.h"
#include "remote/rdkafka_handles.h"

namespace millrace::inline v0 {

// Gathers one poll's messages by partition. Single-threaded.
class BatchMaker {
 public:
  // `name` is shared by the slices that are made.
  void Add(const std::shared_ptr<const TopicPartition>& name, rdk::Message message);
  // Forgets the messages of `partition`: it was taken away.
  void Drop(const TopicPartition& partition);
  bool empty() const { return gathered_.empty(); }
  size_t size_bytes() const { return bytes_; }

  // One slice a partition, whose batches are copies of the messages, at their offsets and with their times.
  // The maker is empty then, whatever comes of it.
  absl::StatusOr<Batches> Make();

 private:
  struct Gathered {
    std::shared_ptr<const TopicPartition> name = nullptr;
    std::vector<rdk::Message> messages = {};
  };
  std::map<TopicPartition, Gathered> gathered_;
  size_t bytes_ = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_REMOTE_BATCH_MAKER_H_
