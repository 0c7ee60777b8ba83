#include "broker/error_answers.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/api/handlers.h"
#include "millrace/wire/messages.h"

namespace millrace::inline v0 {
namespace {

constexpr int16_t kCode = 56;

template <typename Response, typename Request>
Response Answer(const Request& request, int16_t version) {
  INFO(version);
  wire::Bytes bytes;
  REQUIRE(wire::Encode(request, version, &bytes).ok());
  const auto answer = ErrorAnswer(Request::kApi.key, version, bytes, kCode);
  REQUIRE(answer.has_value());
  auto decoded = wire::Decode<Response>(*answer, version);
  REQUIRE(decoded.ok());
  return *std::move(decoded);
}

TEST_CASE("an error for each partition that was asked about") {
  for (int16_t version = 3; version <= 12; ++version) {
    const auto answer = Answer<wire::ProduceResponse>(
        wire::ProduceRequest{.topic_data = {{.name = "a", .partition_data = {{.index = 3}, {.index = 5}}},
                                            {.name = "b", .partition_data = {{.index = 7}}}}},
        version);
    REQUIRE(answer.responses.size() == 2);
    CHECK(answer.responses[1].name == "b");
    REQUIRE(answer.responses[0].partition_responses.size() == 2);
    CHECK(answer.responses[0].partition_responses[1].index == 5);
    CHECK(answer.responses[0].partition_responses[1].error_code == kCode);
    CHECK(answer.responses[0].partition_responses[1].base_offset == -1);
    CHECK(answer.responses[1].partition_responses[0].error_code == kCode);
  }
  for (int16_t version = 4; version <= 12; ++version) {
    const auto answer = Answer<wire::FetchResponse>(
        wire::FetchRequest{.topics = {{.topic = "a", .partitions = {{.partition = 4}, {.partition = 2}}}}},
        version);
    CHECK(answer.error_code == (version < 7 ? 0 : kCode));
    CHECK(answer.responses.at(0).topic == "a");
    CHECK(answer.responses.at(0).partitions.at(1).partition_index == 2);
    CHECK(answer.responses.at(0).partitions.at(1).error_code == kCode);
    CHECK(answer.responses.at(0).partitions.at(1).records.has_value());
  }
  const auto offsets = Answer<wire::ListOffsetsResponse>(
      wire::ListOffsetsRequest{
          .topics = {{.name = "a", .partitions = {{.partition_index = 1, .timestamp = 42}}}}},
      7);
  CHECK(offsets.topics.at(0).partitions.at(0).error_code == kCode);
  CHECK(offsets.topics.at(0).partitions.at(0).timestamp == -1);
  const auto epochs = Answer<wire::OffsetForLeaderEpochResponse>(
      wire::OffsetForLeaderEpochRequest{.topics = {{.topic = "a", .partitions = {{.partition = 9}}}}}, 4);
  CHECK(epochs.topics.at(0).partitions.at(0).partition == 9);
  CHECK(epochs.topics.at(0).partitions.at(0).error_code == kCode);
  const auto elected = Answer<wire::ElectLeadersResponse>(
      wire::ElectLeadersRequest{.topic_partitions = {{{.topic = "a", .partitions = {1, 2}}}}}, 2);
  CHECK(elected.error_code == kCode);
  CHECK(elected.replica_election_results.at(0).partition_result.at(1).partition_id == 2);
}

TEST_CASE("an error for each topic, group, member or resource") {
  const auto metadata = Answer<wire::MetadataResponse>(wire::MetadataRequest{.topics = {{{.name = "a"}}}}, 9);
  CHECK(metadata.brokers.empty());
  CHECK(metadata.topics.at(0).name == "a");
  CHECK(metadata.topics.at(0).error_code == kCode);
  const auto by_group = Answer<wire::OffsetFetchResponse>(
      wire::OffsetFetchRequest{
          .groups = {{.group_id = "g", .topics = {{{.name = "a", .partition_indexes = {6}}}}}}},
      8);
  CHECK(by_group.groups.at(0).group_id == "g");
  CHECK(by_group.groups.at(0).error_code == kCode);
  CHECK(by_group.groups.at(0).topics.at(0).partitions.at(0).partition_index == 6);
  const auto legacy = Answer<wire::OffsetFetchResponse>(
      wire::OffsetFetchRequest{.group_id = "g", .topics = {{{.name = "a", .partition_indexes = {6}}}}}, 5);
  CHECK(legacy.error_code == kCode);
  CHECK(legacy.topics.at(0).partitions.at(0).error_code == kCode);
  const auto keys =
      Answer<wire::FindCoordinatorResponse>(wire::FindCoordinatorRequest{.coordinator_keys = {"g", "h"}}, 4);
  CHECK(keys.coordinators.at(1).key == "h");
  CHECK(keys.coordinators.at(1).error_code == kCode);
  CHECK(Answer<wire::FindCoordinatorResponse>(wire::FindCoordinatorRequest{.key = "g"}, 3).error_code ==
        kCode);
  const auto left = Answer<wire::LeaveGroupResponse>(
      wire::LeaveGroupRequest{.group_id = "g", .members = {{.member_id = "m", .group_instance_id = "i"}}}, 4);
  CHECK(left.error_code == kCode);
  CHECK(left.members.at(0).member_id == "m");
  CHECK(left.members.at(0).group_instance_id == "i");
  const auto names = Answer<wire::DeleteTopicsResponse>(wire::DeleteTopicsRequest{.topic_names = {"a"}}, 4);
  CHECK(names.responses.at(0).name == "a");
  const auto configs = Answer<wire::DescribeConfigsResponse>(
      wire::DescribeConfigsRequest{.resources = {{.resource_type = 2, .resource_name = "a"}}}, 4);
  CHECK(configs.results.at(0).resource_type == 2);
  CHECK(configs.results.at(0).resource_name == "a");
  const auto described =
      Answer<wire::DescribeGroupsResponse>(wire::DescribeGroupsRequest{.groups = {"g"}}, 5);
  CHECK(described.groups.at(0).group_id == "g");
  CHECK(described.groups.at(0).error_code == kCode);
}

TEST_CASE("an error can be answered to whatever is served, in its version") {
  size_t answered = 0;
  size_t without_place = 0;
  for (const ApiHandler& handler : Handlers()) {
    wire::Exchanges::ForEach([&]<typename E>(E) {
      if (E::kKey != static_cast<int16_t>(handler.key)) return;
      for (int16_t version = handler.served.first; version <= handler.served.last; ++version) {
        INFO(E::Request::kApi.name << " " << version);
        wire::Bytes bytes;
        // Some versions cannot carry the defaults.
        if (!wire::Encode(typename E::Request(), version, &bytes).ok()) continue;
        const auto answer = ErrorAnswer(E::kKey, version, bytes, kCode);
        // It asks about nothing, and the answer has no error for the whole.
        if (!answer.has_value()) {
          ++without_place;
          continue;
        }
        ++answered;
        const auto decoded = wire::Decode<typename E::Response>(*answer, version);
        REQUIRE(decoded.ok());
        CHECK(wire::Print(*decoded, version).find("error_code=56") != std::string::npos);
      }
    });
  }
  CHECK(answered > 40);
  CHECK(without_place > 0);
}

TEST_CASE("bytes that are no request have no answer") {
  const wire::Bytes bytes = {std::byte{1}, std::byte{2}};
  CHECK_FALSE(ErrorAnswer(0, 9, bytes, kCode).has_value());
  CHECK_FALSE(AnswerWithError(0, 9, bytes, kCode).has_value());
  CHECK_FALSE(ErrorAnswer(4, 0, bytes, kCode).has_value());
  CHECK_FALSE(RequestNamesTopic(0, 9, bytes, "a", TopicId()));
}

template <typename Request>
bool Names(const Request& request, int16_t version, std::string_view topic, TopicId id = {}) {
  wire::Bytes bytes;
  REQUIRE(wire::Encode(request, version, &bytes).ok());
  return RequestNamesTopic(Request::kApi.key, version, bytes, topic, id);
}

TEST_CASE("a request names its topics, not groups or configs of that name") {
  CHECK(Names(wire::ProduceRequest{.topic_data = {{.name = "b"}, {.name = "a"}}}, 9, "a"));
  CHECK_FALSE(Names(wire::ProduceRequest{.topic_data = {{.name = "b"}}}, 9, "a"));
  CHECK(Names(wire::FetchRequest{.topics = {{.topic = "a"}}}, 12, "a"));
  const TopicId id{.bytes = {std::byte{1}, std::byte{2}}};
  CHECK(Names(wire::FetchRequest{.topics = {{.topic_id = id}}}, 13, "a", id));
  CHECK_FALSE(Names(wire::FetchRequest{.topics = {{.topic_id = TopicId()}}}, 13, "a", TopicId()));
  CHECK(Names(wire::OffsetFetchRequest{.groups = {{.group_id = "g", .topics = {{{.name = "a"}}}}}}, 8, "a"));
  CHECK_FALSE(
      Names(wire::OffsetFetchRequest{.groups = {{.group_id = "a", .topics = {{{.name = "b"}}}}}}, 8, "a"));
  CHECK(Names(wire::DeleteTopicsRequest{.topic_names = {"a"}}, 4, "a"));
  CHECK_FALSE(Names(wire::JoinGroupRequest{.group_id = "a", .protocols = {{.name = "a"}}}, 5, "a"));
  CHECK_FALSE(
      Names(wire::CreateTopicsRequest{.topics = {{.name = "b", .configs = {{.name = "a", .value = "a"}}}}}, 5,
            "a"));
}

}  // namespace
}  // namespace millrace::inline v0
