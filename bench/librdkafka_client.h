// Clients of librdkafka under load.

#ifndef MILLRACE_BENCH_LIBRDKAFKA_CLIENT_H_
#define MILLRACE_BENCH_LIBRDKAFKA_CLIENT_H_

#include <librdkafka/rdkafka.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench_util.h"

namespace millrace_bench {

using Settings = std::vector<std::pair<const char*, std::string>>;

struct DestroyClient {
  void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
};
using Client = std::unique_ptr<rd_kafka_t, DestroyClient>;
struct DestroyTopic {
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
};
using ClientTopic = std::unique_ptr<rd_kafka_topic_t, DestroyTopic>;

// Records that were acknowledged. What is sent with its time (as PacedProducer does) adds how long that took.
struct Deliveries {
  int64_t count = 0;
  Samples delays;
};

inline void OnDelivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  Require(message->err == RD_KAFKA_RESP_ERR_NO_ERROR, "delivering a record");
  auto* const deliveries = static_cast<Deliveries*>(opaque);
  ++deliveries->count;
  if (message->_private != nullptr)
    deliveries->delays.Add(NowNanos() - reinterpret_cast<intptr_t>(message->_private));
}

inline Client NewClient(rd_kafka_type_t type, const Settings& settings, Deliveries* delivered = nullptr) {
  std::array<char, 512> why = {};
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  for (const auto& [name, value] : settings) {
    const bool set = rd_kafka_conf_set(conf, name, value.c_str(), why.data(), why.size()) == RD_KAFKA_CONF_OK;
    if (!set) Die("librdkafka", absl::InternalError(why.data()));
  }
  if (delivered != nullptr) rd_kafka_conf_set_dr_msg_cb(conf, OnDelivery);
  rd_kafka_conf_set_opaque(conf, delivered);
  Client client(rd_kafka_new(type, conf, why.data(), why.size()));
  if (client == nullptr) Die("librdkafka", absl::InternalError(why.data()));
  return client;
}

// --- Producing

class LoadedProducer {
 public:
  LoadedProducer(const std::string& bootstrap, const char* topic, int64_t batch_bytes = 1'000'000)
      : client_(NewClient(RD_KAFKA_PRODUCER,
                          {{"bootstrap.servers", bootstrap},
                           {"acks", "1"},
                           {"linger.ms", "50"},
                           {"batch.num.messages", "10000"},
                           {"batch.size", std::to_string(batch_bytes)},
                           {"queue.buffering.max.messages", "1000000"},
                           {"queue.buffering.max.kbytes", "2097151"}},
                          &delivered_)),
        topic_(rd_kafka_topic_new(client_.get(), topic, nullptr)) {}

  // Records of `size` bytes to the partitions in turn, until all are acknowledged. Returns nanoseconds.
  int64_t Produce(int64_t records, size_t size, int32_t partitions) {
    std::string value(size, 'x');
    const int64_t wanted = delivered_.count + records;
    const int64_t start = NowNanos();
    for (int64_t i = 0; i < records; ++i) {
      const auto partition = static_cast<int32_t>(i % partitions);
      while (rd_kafka_produce(topic_.get(), partition, 0, value.data(), value.size(), nullptr, 0, nullptr) !=
             0) {
        Require(rd_kafka_last_error() == RD_KAFKA_RESP_ERR__QUEUE_FULL, "producing");
        rd_kafka_poll(client_.get(), 10);
      }
      if (i % 4096 == 0) rd_kafka_poll(client_.get(), 0);
    }
    Require(rd_kafka_flush(client_.get(), 60'000) == RD_KAFKA_RESP_ERR_NO_ERROR, "flushing");
    Require(delivered_.count == wanted, "all are acknowledged");
    return NowNanos() - start;
  }

 private:
  Deliveries delivered_;
  Client client_;
  ClientTopic topic_;
};

// One record after the other at a steady pace, each sent at once.
class PacedProducer {
 public:
  PacedProducer(const std::string& bootstrap, const char* topic)
      : client_(NewClient(RD_KAFKA_PRODUCER,
                          {{"bootstrap.servers", bootstrap},
                           {"acks", "1"},
                           {"linger.ms", "0"},
                           {"socket.nagle.disable", "true"}},
                          &delivered_)),
        topic_(rd_kafka_topic_new(client_.get(), topic, nullptr)) {}

  // From when each was due until the record is known to be acknowledged.
  Samples Produce(int64_t records, size_t size, int64_t per_second) {
    const std::string value(size, 'x');
    const int64_t wanted = delivered_.count + records;
    delivered_.delays = {};
    std::thread waiting([&] {
      while (delivered_.count < wanted) rd_kafka_poll(client_.get(), 1000);
    });
    Pace pace(per_second);
    for (int64_t i = 0; i < records; ++i) {
      const int64_t due = pace.Wait();
      Require(rd_kafka_produce(topic_.get(), 0, RD_KAFKA_MSG_F_COPY, const_cast<char*>(value.data()),
                               value.size(), nullptr, 0, reinterpret_cast<void*>(due)) == 0,
              "producing");
    }
    waiting.join();
    return std::exchange(delivered_.delays, {});
  }

 private:
  Deliveries delivered_;
  Client client_;
  ClientTopic topic_;
};

// --- Consuming

// So many records are read at once. librdkafka waits until it has them all, or for its timeout.
constexpr int64_t kReadAtOnce = 1000;

struct Read {
  int64_t records = 0;
  double nanos = 0;
};

// Reads all partitions from their start, so many records of each. The clock runs from the first records on,
// which are not counted.
inline Read ReadAllOnce(rd_kafka_topic_t* topic, rd_kafka_queue_t* queue, int32_t partitions, int64_t each,
                        size_t size) {
  for (int32_t p = 0; p < partitions; ++p)
    Require(rd_kafka_consume_start_queue(topic, p, 0, queue) == 0, "starting to consume");
  constexpr int64_t kNone = -1;
  std::vector<rd_kafka_message_t*> messages(kReadAtOnce);
  Read read;
  int64_t start = kNone;
  int64_t offsets = 0;
  for (int64_t left = each * partitions; left > 0;) {
    const ssize_t count = rd_kafka_consume_batch_queue(queue, 30'000, messages.data(), messages.size());
    Require(count > 0, "consuming");
    for (ssize_t i = 0; i < count; ++i) {
      const rd_kafka_message_t* const message = messages[static_cast<size_t>(i)];
      Require(message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->len == size, "a record");
      offsets += message->offset;
      rd_kafka_message_destroy(messages[static_cast<size_t>(i)]);
    }
    left -= count;
    if (start == kNone) {
      start = NowNanos();
    } else {
      read.records += count;
    }
  }
  read.nanos = static_cast<double>(NowNanos() - start);
  Require(offsets == partitions * (each * (each - 1) / 2), "every offset once");
  for (int32_t p = 0; p < partitions; ++p) rd_kafka_consume_stop(topic, p);
  return read;
}

// Reads the topic once, and then so many times.
inline Read Consume(const std::string& bootstrap, const char* name, int32_t partitions, int64_t each,
                    size_t size, int rounds) {
  // With a full queue it would pause for a second.
  const Client client = NewClient(RD_KAFKA_CONSUMER, {{"bootstrap.servers", bootstrap},
                                                      {"queued.min.messages", "10000000"},
                                                      {"queued.max.messages.kbytes", "2097151"}});
  const ClientTopic topic(rd_kafka_topic_new(client.get(), name, nullptr));
  rd_kafka_queue_t* const queue = rd_kafka_queue_new(client.get());
  Read all;
  ReadAllOnce(topic.get(), queue, partitions, each, size);
  for (int i = 0; i < rounds; ++i) {
    const Read one = ReadAllOnce(topic.get(), queue, partitions, each, size);
    all.records += one.records;
    all.nanos += one.nanos;
  }
  rd_kafka_queue_destroy(queue);
  return all;
}

}  // namespace millrace_bench

#endif  // MILLRACE_BENCH_LIBRDKAFKA_CLIENT_H_
