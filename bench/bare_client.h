// A client of a broker that is a blocking socket and nothing else: of what is measured through it as little
// as possible is its own.

#ifndef MILLRACE_BENCH_BARE_CLIENT_H_
#define MILLRACE_BENCH_BARE_CLIENT_H_

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bare_socket.h"
#include "bench_util.h"
#include "millrace/record.h"
#include "millrace/wire/api_keys.h"
#include "millrace/wire/messages/fetch.h"
#include "millrace/wire/messages/headers.h"
#include "millrace/wire/messages/produce.h"

namespace millrace_bench {

namespace wire = millrace::wire;

// What is produced to and fetched from.
inline constexpr char kTopic[] = "orders";

inline uint32_t LoadLength(const char* at) {
  uint32_t length = 0;
  for (int i = 0; i < 4; ++i) length = length << 8 | static_cast<uint8_t>(at[i]);
  return length;
}
inline void StoreLength(char* at, size_t length) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<char>(length >> (24 - 8 * i));
}

template <typename Message>
std::vector<char> FrameOf(const Message& message, int16_t version) {
  std::vector<std::byte> bytes(4);
  const wire::RequestHeader header{.request_api_key = Message::kApi.key,
                                   .request_api_version = version,
                                   .correlation_id = 1,
                                   .client_id = "bare-client"};
  Check(wire::Encode(header, wire::HeaderVersionsOf(Message::kApi.key, version)->request, &bytes),
        "a header");
  Check(wire::Encode(message, version, &bytes), "a request");
  const auto* const at = reinterpret_cast<const char*>(bytes.data());
  std::vector<char> frame(at, at + bytes.size());
  StoreLength(frame.data(), frame.size() - 4);
  return frame;
}

class BareClient {
 public:
  explicit BareClient(const std::string& address) : fd_(Connected(PortOf(address))) {}
  ~BareClient() { close(fd_); }
  BareClient(const BareClient&) = delete;
  BareClient& operator=(const BareClient&) = delete;

  void Send(const std::vector<char>& frame) {
    Require(WriteAll(fd_, frame.data(), frame.size()), "a request");
  }
  // Reads one answer; valid until the next.
  std::span<const std::byte> Receive() {
    char length[4];
    Require(ReadAll(fd_, length, 4), "an answer's length");
    const size_t size = LoadLength(length);
    if (answer_.size() < size) answer_.resize(size);
    Require(ReadAll(fd_, answer_.data(), size), "an answer");
    return {reinterpret_cast<const std::byte*>(answer_.data()), size};
  }
  template <typename Message>
  Message ReceiveAs(int16_t version) {
    std::span<const std::byte> bytes = Receive();
    size_t used = 0;
    const auto headers = wire::HeaderVersionsOf(Message::kApi.key, version);
    Check(wire::DecodePrefix<wire::ResponseHeader>(bytes, headers->response, &used).status(), "a header");
    return Value(wire::Decode<Message>(bytes.subspan(used), version), "an answer");
  }

 private:
  const int fd_;
  std::vector<char> answer_;
};

inline constexpr int16_t kProduceVersion = 9;
inline constexpr int16_t kFetchVersion = 12;

inline std::vector<char> ProduceFrame(size_t batch_bytes, size_t record_bytes,
                                      const std::string& topic = kTopic) {
  millrace::BatchBuilder builder;
  const std::string value(record_bytes, 'x');
  // Older ones would be deleted meanwhile.
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const millrace::Timestamp time(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  do {
    builder.Append({.value = value}, time);
  } while (builder.size_bytes() + record_bytes + 20 < batch_bytes);
  const std::span<const std::byte> batch = Value(builder.Finish(), "a batch");
  return FrameOf(wire::ProduceRequest{.acks = 1,
                                      .timeout_ms = 30'000,
                                      .topic_data = {{.name = topic,
                                                      .partition_data = {{.index = 0, .records = batch}}}}},
                 kProduceVersion);
}

inline std::vector<char> FetchFrame(int64_t offset, int32_t bytes_max, int32_t wait_ms) {
  return FrameOf(
      wire::FetchRequest{
          .max_wait_ms = wait_ms,
          .min_bytes = 1,
          .max_bytes = bytes_max,
          .session_epoch = -1,
          .topics = {{.topic = kTopic,
                      .partitions = {{.fetch_offset = offset, .partition_max_bytes = bytes_max}}}}},
      kFetchVersion);
}

inline void CheckProduced(BareClient& client) {
  const auto answer = client.ReceiveAs<wire::ProduceResponse>(kProduceVersion);
  Require(answer.responses.at(0).partition_responses.at(0).error_code == 0, "producing");
}

}  // namespace millrace_bench

#endif  // MILLRACE_BENCH_BARE_CLIENT_H_
