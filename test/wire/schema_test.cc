#include "millrace/wire/schema.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "millrace/status.h"
#include "millrace/wire/messages/api_versions.h"
#include "millrace/wire/messages/describe_topic_partitions.h"
#include "millrace/wire/messages/fetch.h"
#include "millrace/wire/messages/headers.h"
#include "wire/golden.h"

namespace millrace::inline v0 {
namespace {

using testing::CheckGolden;
using Strings = std::vector<std::string>;

wire::Bytes Hex(std::string_view hex) {
  wire::Bytes bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

const std::string kUnicode = "gr\xc3\xbcppe-\xf0\x9f\x98\x80";

TEST_CASE("messages encode to the independent encoder's bytes, at every version") {
  CHECK(CheckGolden<wire::RequestHeader>("RequestHeader", {{"defaults", {.client_id = std::nullopt}},
                                                           {"awkward",
                                                            {.request_api_key = 18,
                                                             .request_api_version = 3,
                                                             .correlation_id = -1,
                                                             .client_id = kUnicode}}}) == Strings{});
  wire::FetchRequest fetch{.max_wait_ms = 500, .min_bytes = 1, .max_bytes = 52428800, .isolation_level = 1};
  fetch.topics = {{.partitions = {{.partition = 1, .fetch_offset = 77, .partition_max_bytes = 9},
                                  {.partition = 2, .fetch_offset = -1}}}};
  CHECK(CheckGolden<wire::FetchRequest>("FetchRequest", {{"defaults", {}}, {"awkward", fetch}}) == Strings{});
  wire::DescribeTopicPartitionsResponse describe{.throttle_time_ms = 1,
                                                 .topics = {{.name = std::nullopt, .is_internal = true}},
                                                 .next_cursor = {{.topic_name = "t", .partition_index = 4}}};
  describe.topics[0].topic_id.bytes.fill(std::byte{0xff});
  CHECK(CheckGolden<wire::DescribeTopicPartitionsResponse>(
            "DescribeTopicPartitionsResponse", {{"defaults", {}}, {"awkward", describe}}) == Strings{});
}

TEST_CASE("tagged fields are written where they differ from their default") {
  CHECK(CheckGolden<wire::ApiVersionsResponse>(
            "ApiVersionsResponse",
            {{"defaults", {}},
             {"awkward", {.error_code = 35, .api_keys = {{.api_key = 0, .max_version = 11}}}},
             {"tagged",
              {.supported_features = {{.name = "transaction.version", .max_version = 2}},
               .finalized_features_epoch = 5,
               .zk_migration_ready = true}}}) == Strings{});
}

TEST_CASE("the golden check finds a wrong value") {
  CHECK_FALSE(CheckGolden<wire::RequestHeader>("RequestHeader", {{"defaults", {.client_id = std::nullopt}},
                                                                 {"awkward", {.request_api_key = 19}}})
                  .empty());
}

// Everything that depends on the version, in one message.
struct Versioned {
  static constexpr wire::Api kApi{.key = 7, .name = "Versioned", .valid = {0, 3}, .flexible = 3};
  struct Inner {
    double number = 0;
    bool operator==(const Inner&) const = default;
    static constexpr void Fields(auto&& f) { f(&Inner::number, {.name = "number"}); }
  };
  std::optional<std::string> text = std::string();
  std::optional<std::vector<int8_t>> list = std::vector<int8_t>();
  std::optional<Inner> inner = Inner{};
  uint16_t later = 5;
  bool operator==(const Versioned&) const = default;
  static constexpr void Fields(auto&& f) {
    f(&Versioned::text, {.name = "text", .nullable = wire::Since(1)});
    f(&Versioned::list, {.name = "list", .nullable = wire::Since(2)});
    f(&Versioned::inner, {.name = "inner", .versions = wire::Since(1), .nullable = wire::Since(2)});
    f(&Versioned::later, {.name = "later", .versions = wire::Since(2)});
  }
};

TEST_CASE("null is taken from the version on that has it") {
  wire::Bytes bytes;
  CHECK(ErrorCodeOf(wire::Encode(Versioned{.text = std::nullopt}, 0, &bytes)) == ErrorCode::kInvalidRequest);
  CHECK(bytes.empty());
  CHECK(ErrorCodeOf(wire::Encode(Versioned{.list = std::nullopt}, 1, &bytes)) == ErrorCode::kInvalidRequest);
  CHECK(ErrorCodeOf(wire::Encode(Versioned{.inner = std::nullopt}, 1, &bytes)) == ErrorCode::kInvalidRequest);
  CHECK(bytes.empty());
  const Versioned nulls{.text = std::nullopt, .list = std::nullopt, .inner = std::nullopt, .later = 65535};
  REQUIRE(wire::Encode(nulls, 2, &bytes).ok());
  CHECK(bytes == Hex("ffff"
                     "ffffffff"
                     "ff"
                     "ffff"));
  CHECK(*wire::Decode<Versioned>(bytes, 2) == nulls);
  bytes.clear();
  REQUIRE(wire::Encode(nulls, 3, &bytes).ok());
  CHECK(bytes == Hex("00"
                     "00"
                     "ff"
                     "ffff"
                     "00"));
  CHECK(*wire::Decode<Versioned>(bytes, 3) == nulls);
  // On the way in, too.
  CHECK_FALSE(wire::Decode<Versioned>(Hex("ffff"
                                          "00000000"),
                                      0)
                  .ok());
  CHECK(wire::Decode<Versioned>(Hex("0000"
                                    "00000000"),
                                0)
            .ok());
  CHECK_FALSE(wire::Decode<Versioned>(Hex("0000"
                                          "00000000"
                                          "02"
                                          "0000"
                                          "0000"),
                                      2)
                  .ok());
}

TEST_CASE("a value that the version cannot carry is refused unless it may be ignored") {
  wire::Bytes bytes;
  const absl::Status status = wire::Encode(Versioned{.later = 6}, 1, &bytes);
  CHECK(ErrorCodeOf(status) == ErrorCode::kInvalidRequest);
  CHECK(std::string(status.message()).find("later") != std::string::npos);
  CHECK(wire::Encode(Versioned{}, 1, &bytes).ok());
  CHECK(wire::Encode(wire::FetchRequest{.rack_id = "r"}, 4, &bytes).ok());
}

TEST_CASE("versions outside the message's are refused") {
  wire::Bytes bytes;
  CHECK(ErrorCodeOf(wire::Encode(Versioned{}, 4, &bytes)) == ErrorCode::kUnsupportedVersion);
  CHECK(ErrorCodeOf(wire::Encode(Versioned{}, -1, &bytes)) == ErrorCode::kUnsupportedVersion);
  CHECK(ErrorCodeOf(wire::Decode<Versioned>(bytes, 4).status()) == ErrorCode::kUnsupportedVersion);
}

TEST_CASE("unknown tags are skipped, misordered and overlong ones refused") {
  // No text, empty list, no inner, later = 5; then tags.
  const std::string body =
      "01"
      "01"
      "ff"
      "0005";
  CHECK(wire::Decode<Versioned>(Hex(body + "00"), 3).ok());
  CHECK(wire::Decode<Versioned>(Hex(body + "02"
                                           "05"
                                           "03"
                                           "aabbcc"
                                           "06"
                                           "00"),
                                3)
            .ok());
  CHECK_FALSE(wire::Decode<Versioned>(Hex(body + "02"
                                                 "05"
                                                 "00"
                                                 "05"
                                                 "00"),
                                      3)
                  .ok());
  CHECK_FALSE(wire::Decode<Versioned>(Hex(body + "02"
                                                 "05"
                                                 "00"
                                                 "04"
                                                 "00"),
                                      3)
                  .ok());
  CHECK_FALSE(wire::Decode<Versioned>(Hex(body + "01"
                                                 "05"
                                                 "04"
                                                 "aabbcc"),
                                      3)
                  .ok());
  CHECK_FALSE(wire::Decode<Versioned>(Hex(body + "ffffffff0f"), 3).ok());
  // A known tag whose size is not its field's: finalized_features_epoch takes 8 bytes.
  const std::string versions =
      "0000"
      "01"
      "00000000"
      "01"
      "01";
  CHECK(wire::Decode<wire::ApiVersionsResponse>(Hex(versions + "08"
                                                               "0000000000000001"),
                                                3)
            .ok());
  CHECK_FALSE(wire::Decode<wire::ApiVersionsResponse>(Hex(versions + "09"
                                                                     "000000000000000100"),
                                                      3)
                  .ok());
  CHECK_FALSE(wire::Decode<wire::ApiVersionsResponse>(Hex(versions + "07"
                                                                     "00000000000001"
                                                                     "00"),
                                                      3)
                  .ok());
}

TEST_CASE("a length is believed only as far as bytes are there") {
  // 2^31 - 1 elements, then nothing; and a string, a compact array and a malformed number likewise.
  CHECK_FALSE(wire::Decode<Versioned>(Hex("0000"
                                          "7fffffff"),
                                      0)
                  .ok());
  CHECK_FALSE(wire::Decode<Versioned>(Hex("7fff"), 0).ok());
  CHECK_FALSE(wire::Decode<Versioned>(Hex("0000"
                                          "fffffffe"),
                                      0)
                  .ok());
  CHECK_FALSE(wire::Decode<Versioned>(Hex("01"
                                          "ffffffff0f"),
                                      3)
                  .ok());
  CHECK_FALSE(wire::Decode<Versioned>(Hex("01"
                                          "ffffffffff01"),
                                      3)
                  .ok());
  CHECK_FALSE(wire::Decode<Versioned>(Hex("01"
                                          "ffffffff1f"),
                                      3)
                  .ok());
}

TEST_CASE("strings over 32,767 bytes are refused both ways") {
  wire::Bytes bytes;
  CHECK(wire::Encode(Versioned{.text = std::string(32767, 'x')}, 3, &bytes).ok());
  CHECK(wire::Decode<Versioned>(bytes, 3).ok());
  CHECK_FALSE(wire::Encode(Versioned{.text = std::string(32768, 'x')}, 3, &bytes).ok());
  wire::Bytes raw = Hex("818002");  // compact length 32,768
  raw.insert(raw.end(), 32768, std::byte{'x'});
  for (const std::byte b : Hex("01"
                               "ff"
                               "0005"
                               "00"))
    raw.push_back(b);
  CHECK_FALSE(wire::Decode<Versioned>(raw, 3).ok());
}

struct Borrowing {
  static constexpr wire::Api kApi{.name = "Borrowing", .valid = {0, 0}};
  std::string_view text = {};
  std::span<const std::byte> blob = {};
  static constexpr void Fields(auto&& f) {
    f(&Borrowing::text, {.name = "text"});
    f(&Borrowing::blob, {.name = "blob"});
  }
};

TEST_CASE("views borrow from the bytes that were decoded") {
  const wire::Bytes bytes =
      Hex("0003"
          "616263"
          "00000002"
          "0102");
  const auto decoded = wire::Decode<Borrowing>(bytes, 0);
  REQUIRE(decoded.ok());
  CHECK(decoded->text == "abc");
  CHECK(decoded->text.data() == reinterpret_cast<const char*>(bytes.data() + 2));
  CHECK(decoded->blob.data() == bytes.data() + 9);
  wire::Bytes again;
  REQUIRE(wire::Encode(*decoded, 0, &again).ok());
  CHECK(again == bytes);
}

TEST_CASE("DecodePrefix tells where the message ended") {
  wire::Bytes bytes;
  REQUIRE(wire::Encode(Versioned{.text = "a"}, 2, &bytes).ok());
  const size_t size = bytes.size();
  bytes.push_back(std::byte{1});
  size_t used = 0;
  CHECK(wire::DecodePrefix<Versioned>(bytes, 2, &used).ok());
  CHECK(used == size);
  CHECK_FALSE(wire::Decode<Versioned>(bytes, 2).ok());
}

TEST_CASE("damaged messages are refused or decode to something that encodes") {
  std::mt19937 random(20);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    const auto version = static_cast<int16_t>(4 + random() % 15);
    wire::FetchRequest fetch{.topics = {{.partitions = {{}, {}}}, {}}, .forgotten_topics_data = {}};
    wire::Bytes bytes;
    REQUIRE(wire::Encode(fetch, version, &bytes).ok());
    for (unsigned i = 0; i < 1 + random() % 4; ++i) {
      bytes[random() % bytes.size()] = static_cast<std::byte>(random() & 0xff);
    }
    const auto decoded = wire::Decode<wire::FetchRequest>(bytes, version);
    refused += !decoded.ok();
    wire::Bytes again;
    if (decoded.ok()) REQUIRE(wire::Encode(*decoded, version, &again).ok());
  }
  CHECK(refused > 0);
  CHECK(refused < 3000);
}

}  // namespace
}  // namespace millrace::inline v0
