#include <catch2/catch.hpp>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "millrace/status.h"
#include "millrace/wire/api_keys.h"
#include "millrace/wire/messages.h"
#include "millrace/wire/print_frame.h"

namespace millrace::inline v0::wire {
namespace {

std::span<const std::byte> AsBytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// A request frame without its size.
template <typename S>
Bytes Frame(const S& request, int16_t version, std::optional<std::string> client = "app") {
  Bytes frame;
  const RequestHeader header{.request_api_key = S::kApi.key,
                             .request_api_version = version,
                             .correlation_id = 7,
                             .client_id = std::move(client)};
  REQUIRE(Encode(header, HeaderVersionsOf(S::kApi.key, version)->request, &frame).ok());
  REQUIRE(Encode(request, version, &frame).ok());
  return frame;
}

TEST_CASE("the table of API keys agrees with itself and the messages") {
  std::set<std::string_view> names;
  for (size_t i = 0; i < std::size(kApiKeys); ++i) {
    CHECK(static_cast<size_t>(kApiKeys[i].key) == i);
    names.insert(kApiKeys[i].name);
  }
  CHECK(names.size() == std::size(kApiKeys));
  CHECK(FindApiKey(-1) == nullptr);
  CHECK(FindApiKey(static_cast<int16_t>(std::size(kApiKeys))) == nullptr);
  CHECK(FindApiKey(INT16_MAX) == nullptr);
  CHECK(FindApiKey(18)->name == "ApiVersions");

  int last = -1;
  Exchanges::ForEach([&]<typename E>(E) {
    CHECK(E::kKey > last);
    last = E::kKey;
    const ApiKeyInfo& info = *FindApiKey(E::kKey);
    INFO(info.name);
    CHECK(E::Request::kApi.name == std::string(info.name) + "Request");
    CHECK(E::Response::kApi.name == std::string(info.name) + "Response");
    CHECK(E::Request::kApi.flexible == info.flexible);
    CHECK(E::Response::kApi.flexible == info.flexible);
    CHECK(E::Request::kApi.valid.first <= info.valid.first);
    CHECK(info.valid.last <= E::Request::kApi.valid.last);
  });
}

TEST_CASE("each version has its headers") {
  const auto versions = [](ApiKey key, int16_t version) {
    const auto found = HeaderVersionsOf(static_cast<int16_t>(key), version);
    return std::pair<int, int>(found->request, found->response);
  };
  CHECK(versions(ApiKey::kFetch, 11) == std::pair(1, 0));
  CHECK(versions(ApiKey::kFetch, 12) == std::pair(2, 1));
  CHECK(versions(ApiKey::kFetch, 999) == std::pair(2, 1));
  CHECK(versions(ApiKey::kApiVersions, 2) == std::pair(1, 0));
  CHECK(versions(ApiKey::kApiVersions, 3) == std::pair(2, 0));
  CHECK(versions(ApiKey::kSaslHandshake, 1) == std::pair(1, 0));
  CHECK(versions(ApiKey::kConsumerGroupHeartbeat, 0) == std::pair(2, 1));
  CHECK_FALSE(HeaderVersionsOf(999, 0).has_value());
}

TEST_CASE("a request's header is found by its key and version") {
  for (const int16_t version : {int16_t{4}, int16_t{12}}) {
    const Bytes frame = Frame(FetchRequest{.max_wait_ms = 500}, version);
    size_t used = 0;
    const auto header = DecodeRequestHeader(frame, &used);
    REQUIRE(header.ok());
    CHECK(header->correlation_id == 7);
    CHECK(header->client_id == "app");
    const auto request = Decode<FetchRequest>(std::span(frame).subspan(used), version);
    REQUIRE(request.ok());
    CHECK(request->max_wait_ms == 500);
    for (size_t n = 0; n < used; ++n) {
      CHECK(ErrorCodeOf(DecodeRequestHeader(std::span(frame).first(n), &used).status()) ==
            ErrorCode::kInvalidRequest);
    }
  }
  // A version that nobody has: the header is read all the same, so that the client can be told.
  const Bytes frame = Frame(HeartbeatRequest{}, 4);
  Bytes later = frame;
  later[3] = std::byte{99};
  size_t used = 0;
  CHECK(DecodeRequestHeader(later, &used)->request_api_version == 99);
  Bytes unknown = frame;
  unknown[0] = std::byte{0x7f};
  CHECK(ErrorCodeOf(DecodeRequestHeader(unknown, &used).status()) == ErrorCode::kInvalidRequest);
}

TEST_CASE("a response's header is that of the request's version") {
  const auto header_of = [](ApiKey key, int16_t version) {
    Bytes bytes;
    const RequestHeader header{
        .request_api_key = static_cast<int16_t>(key), .request_api_version = version, .correlation_id = 258};
    CHECK(EncodeResponseHeader(header, &bytes).ok());
    return bytes;
  };
  const Bytes old = {std::byte{0}, std::byte{0}, std::byte{1}, std::byte{2}};
  Bytes flexible = old;
  flexible.push_back(std::byte{0});
  CHECK(header_of(ApiKey::kFetch, 11) == old);
  CHECK(header_of(ApiKey::kFetch, 12) == flexible);
  CHECK(header_of(ApiKey::kApiVersions, 4) == old);
  Bytes none;
  CHECK(ErrorCodeOf(EncodeResponseHeader({.request_api_key = 999}, &none)) == ErrorCode::kInvalidRequest);
  CHECK(none.empty());
}

TEST_CASE("records are not copied, either way") {
  const std::string first(1000, 'a');
  const std::string second(300, 'b');
  const std::string small(255, 'c');
  FetchResponse response{.session_id = 3};
  response.responses = {{.topic = "t",
                         .partitions = {{.partition_index = 0, .records = AsBytes(first)},
                                        {.partition_index = 1, .records = AsBytes(second)},
                                        {.partition_index = 2, .records = AsBytes(small)},
                                        {.partition_index = 3, .records = AsBytes("")},
                                        {.partition_index = 4, .records = std::nullopt}}}};
  for (const int16_t version : {int16_t{11}, int16_t{12}}) {
    Bytes plain(5, std::byte{9});
    Bytes buffer = plain;
    std::vector<Piece> pieces;
    REQUIRE(Encode(response, version, &plain).ok());
    REQUIRE(EncodePieces(response, version, &buffer, &pieces).ok());
    REQUIRE(pieces.size() == 2);
    CHECK(pieces[0].bytes.data() == AsBytes(first).data());
    CHECK(pieces[1].bytes.data() == AsBytes(second).data());
    CHECK(buffer.size() == plain.size() - 1300);
    CHECK(WholeSize(buffer, pieces) == plain.size());
    const auto parts = Gather(buffer, pieces);
    REQUIRE(parts.size() == 5);
    Bytes whole;
    for (const auto part : parts) whole.insert(whole.end(), part.begin(), part.end());
    CHECK(whole == plain);

    const auto body = std::span<const std::byte>(plain).subspan(5);
    const auto decoded = Decode<FetchResponse>(body, version);
    REQUIRE(decoded.ok());
    CHECK(Equal(*decoded, response));
    const auto& partitions = decoded->responses[0].partitions;
    CHECK(partitions[0].records->data() > body.data());
    CHECK(partitions[0].records->data() + 1000 < body.data() + body.size());
    CHECK_FALSE(partitions[4].records.has_value());
  }
}

TEST_CASE("pieces stay as they were if the message is refused") {
  FetchResponse response;
  response.responses = {{.partitions = {{.records = AsBytes(std::string(999, 'x'))},
                                        {.preferred_read_replica = 5}}}};  // since version 11
  Bytes buffer(3, std::byte{1});
  std::vector<Piece> pieces(1);
  CHECK_FALSE(EncodePieces(response, 4, &buffer, &pieces).ok());
  CHECK(buffer == Bytes(3, std::byte{1}));
  CHECK(pieces.size() == 1);
}

TEST_CASE("gathering leaves nothing empty") {
  const std::string text = "abc";
  const Bytes buffer(2, std::byte{1});
  CHECK(Gather({}, {}).empty());
  CHECK(Gather(buffer, {}).size() == 1);
  const std::vector<Piece> pieces = {{.at = 0, .bytes = AsBytes(text)},
                                     {.at = 0, .bytes = {}},
                                     {.at = 2, .bytes = AsBytes(text)},
                                     {.at = 2, .bytes = AsBytes(text)}};
  CHECK(Gather(buffer, pieces).size() == 4);
  CHECK(WholeSize(buffer, pieces) == 11);
}

TEST_CASE("a frame is one line") {
  FetchRequest fetch{.max_wait_ms = 500, .min_bytes = 1};
  fetch.topics = {{.topic = "a \"b\"\n", .partitions = {{.partition = 3, .fetch_offset = 42}}}};
  CHECK(PrintRequest(Frame(fetch, 4)) ==
        "Fetch v4 #7 from \"app\": {replica_id=-1 max_wait_ms=500 min_bytes=1 max_bytes=2147483647 "
        "isolation_level=0 topics=[{topic=\"a \\\"b\\\"\\x0a\" partitions=[{partition=3 fetch_offset=42 "
        "partition_max_bytes=0}]}]}");
  CHECK(PrintRequest(Frame(ListGroupsRequest{}, 0, std::nullopt)) == "ListGroups v0 #7: {}");

  const RequestHeader header{.request_api_key = 12, .request_api_version = 4, .correlation_id = 7};
  Bytes response;
  REQUIRE(EncodeResponseHeader(header, &response).ok());
  REQUIRE(Encode(HeartbeatResponse{.error_code = 27}, 4, &response).ok());
  CHECK(PrintResponse(header, response) == "Heartbeat v4 #7: {throttle_time_ms=0 error_code=27}");
  response[3] = std::byte{8};
  CHECK(PrintResponse(header, response) ==
        "Heartbeat v4 #7 answered as #8: {throttle_time_ms=0 error_code=27}");
}

TEST_CASE("what cannot be decoded gives a line, too") {
  CHECK(PrintRequest({}) == "malformed request: 0 bytes are too few for a header");
  Bytes frame = Frame(HeartbeatRequest{}, 4);
  frame.pop_back();
  CHECK(PrintRequest(frame).starts_with(
      "Heartbeat v4 #7 from \"app\": malformed message of version 4: tagged fields at byte "));
  frame = Frame(HeartbeatRequest{}, 4);
  frame[3] = std::byte{9};
  CHECK(PrintRequest(frame) ==
        "Heartbeat v9 #7 from \"app\": HeartbeatRequest has no version 9; supported are 0 to 4");
  frame[1] = std::byte{4};  // LeaderAndIsr, of which there are no messages
  CHECK(PrintRequest(frame) == "LeaderAndIsr v9 #7 from \"app\": <" + std::to_string(frame.size() - 14) +
                                   " bytes of an unknown message>");
  CHECK(PrintResponse({.request_api_key = 999, .correlation_id = 1}, frame).starts_with("? v0 #1: <"));
  CHECK(PrintResponse({.request_api_key = 12}, {}).starts_with("Heartbeat v0 #0: malformed message"));
}

TEST_CASE("lines stay short and tell no secrets") {
  MetadataRequest many;
  many.topics->resize(100'000, {.name = std::string(1000, 'x')});
  const std::string line = Print(many, 12);
  CHECK(line.size() < 6000);
  CHECK(line.find(" more]") != std::string::npos);
  CHECK(line.find("\"...(1000 bytes)") != std::string::npos);

  IncrementalAlterConfigsRequest alter;
  alter.resources = {{.resource_name = "1", .configs = {{.name = "ssl.key.password", .value = "hush"}}}};
  CHECK(Print(alter, 1).find("hush") == std::string::npos);
  CHECK(Print(alter, 1).find("value=<4 bytes>") != std::string::npos);
  CHECK(Print(SaslAuthenticateRequest{.auth_bytes = Bytes(9)}, 2) == "{auth_bytes=<9 bytes>}");
}

}  // namespace
}  // namespace millrace::inline v0::wire
