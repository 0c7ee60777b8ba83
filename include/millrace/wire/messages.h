// Every Kafka message that the project knows, and a list of them to do something for each: a table of
// handlers, a printer, a test. Include a message's own header (millrace/wire/messages/) where one is enough.

#ifndef MILLRACE_WIRE_MESSAGES_H_
#define MILLRACE_WIRE_MESSAGES_H_

#include <cstdint>

#include "millrace/wire/messages/add_offsets_to_txn.h"
#include "millrace/wire/messages/add_partitions_to_txn.h"
#include "millrace/wire/messages/alter_client_quotas.h"
#include "millrace/wire/messages/alter_configs.h"
#include "millrace/wire/messages/alter_user_scram_credentials.h"
#include "millrace/wire/messages/api_versions.h"
#include "millrace/wire/messages/consumer_group_describe.h"
#include "millrace/wire/messages/consumer_group_heartbeat.h"
#include "millrace/wire/messages/create_acls.h"
#include "millrace/wire/messages/create_partitions.h"
#include "millrace/wire/messages/create_topics.h"
#include "millrace/wire/messages/delete_acls.h"
#include "millrace/wire/messages/delete_groups.h"
#include "millrace/wire/messages/delete_records.h"
#include "millrace/wire/messages/delete_topics.h"
#include "millrace/wire/messages/describe_acls.h"
#include "millrace/wire/messages/describe_client_quotas.h"
#include "millrace/wire/messages/describe_cluster.h"
#include "millrace/wire/messages/describe_configs.h"
#include "millrace/wire/messages/describe_groups.h"
#include "millrace/wire/messages/describe_log_dirs.h"
#include "millrace/wire/messages/describe_producers.h"
#include "millrace/wire/messages/describe_topic_partitions.h"
#include "millrace/wire/messages/describe_transactions.h"
#include "millrace/wire/messages/describe_user_scram_credentials.h"
#include "millrace/wire/messages/elect_leaders.h"
#include "millrace/wire/messages/end_txn.h"
#include "millrace/wire/messages/fetch.h"
#include "millrace/wire/messages/find_coordinator.h"
#include "millrace/wire/messages/headers.h"
#include "millrace/wire/messages/heartbeat.h"
#include "millrace/wire/messages/incremental_alter_configs.h"
#include "millrace/wire/messages/init_producer_id.h"
#include "millrace/wire/messages/join_group.h"
#include "millrace/wire/messages/leave_group.h"
#include "millrace/wire/messages/list_config_resources.h"
#include "millrace/wire/messages/list_groups.h"
#include "millrace/wire/messages/list_offsets.h"
#include "millrace/wire/messages/list_partition_reassignments.h"
#include "millrace/wire/messages/list_transactions.h"
#include "millrace/wire/messages/metadata.h"
#include "millrace/wire/messages/offset_commit.h"
#include "millrace/wire/messages/offset_delete.h"
#include "millrace/wire/messages/offset_fetch.h"
#include "millrace/wire/messages/offset_for_leader_epoch.h"
#include "millrace/wire/messages/produce.h"
#include "millrace/wire/messages/sasl_authenticate.h"
#include "millrace/wire/messages/sasl_handshake.h"
#include "millrace/wire/messages/sync_group.h"
#include "millrace/wire/messages/txn_offset_commit.h"
#include "millrace/wire/messages/write_txn_markers.h"

namespace millrace::inline v0::wire {

// Exchange: a request and the response to it.
template <typename Q, typename R>
struct Exchange {
  using Request = Q;
  using Response = R;
  static_assert(Q::kApi.key == R::kApi.key && Q::kApi.valid == R::kApi.valid);
  static constexpr int16_t kKey = Q::kApi.key;
};

template <typename... E>
struct ExchangeList {
  // Calls f(Exchange<Request, Response>{}) for each, by rising key, until one gives true. Gives whether one
  // did.
  template <typename F>
  static constexpr bool AnyOf(F&& f) {
    return (f(E{}) || ...);
  }
  // Calls f(Exchange<Request, Response>{}) for each, by rising key.
  template <typename F>
  static constexpr void ForEach(F&& f) {
    (f(E{}), ...);
  }
};

using Exchanges = ExchangeList<                                                           //
    Exchange<ProduceRequest, ProduceResponse>,                                            // 0
    Exchange<FetchRequest, FetchResponse>,                                                // 1
    Exchange<ListOffsetsRequest, ListOffsetsResponse>,                                    // 2
    Exchange<MetadataRequest, MetadataResponse>,                                          // 3
    Exchange<OffsetCommitRequest, OffsetCommitResponse>,                                  // 8
    Exchange<OffsetFetchRequest, OffsetFetchResponse>,                                    // 9
    Exchange<FindCoordinatorRequest, FindCoordinatorResponse>,                            // 10
    Exchange<JoinGroupRequest, JoinGroupResponse>,                                        // 11
    Exchange<HeartbeatRequest, HeartbeatResponse>,                                        // 12
    Exchange<LeaveGroupRequest, LeaveGroupResponse>,                                      // 13
    Exchange<SyncGroupRequest, SyncGroupResponse>,                                        // 14
    Exchange<DescribeGroupsRequest, DescribeGroupsResponse>,                              // 15
    Exchange<ListGroupsRequest, ListGroupsResponse>,                                      // 16
    Exchange<SaslHandshakeRequest, SaslHandshakeResponse>,                                // 17
    Exchange<ApiVersionsRequest, ApiVersionsResponse>,                                    // 18
    Exchange<CreateTopicsRequest, CreateTopicsResponse>,                                  // 19
    Exchange<DeleteTopicsRequest, DeleteTopicsResponse>,                                  // 20
    Exchange<DeleteRecordsRequest, DeleteRecordsResponse>,                                // 21
    Exchange<InitProducerIdRequest, InitProducerIdResponse>,                              // 22
    Exchange<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse>,                  // 23
    Exchange<AddPartitionsToTxnRequest, AddPartitionsToTxnResponse>,                      // 24
    Exchange<AddOffsetsToTxnRequest, AddOffsetsToTxnResponse>,                            // 25
    Exchange<EndTxnRequest, EndTxnResponse>,                                              // 26
    Exchange<WriteTxnMarkersRequest, WriteTxnMarkersResponse>,                            // 27
    Exchange<TxnOffsetCommitRequest, TxnOffsetCommitResponse>,                            // 28
    Exchange<DescribeAclsRequest, DescribeAclsResponse>,                                  // 29
    Exchange<CreateAclsRequest, CreateAclsResponse>,                                      // 30
    Exchange<DeleteAclsRequest, DeleteAclsResponse>,                                      // 31
    Exchange<DescribeConfigsRequest, DescribeConfigsResponse>,                            // 32
    Exchange<AlterConfigsRequest, AlterConfigsResponse>,                                  // 33
    Exchange<DescribeLogDirsRequest, DescribeLogDirsResponse>,                            // 35
    Exchange<SaslAuthenticateRequest, SaslAuthenticateResponse>,                          // 36
    Exchange<CreatePartitionsRequest, CreatePartitionsResponse>,                          // 37
    Exchange<DeleteGroupsRequest, DeleteGroupsResponse>,                                  // 42
    Exchange<ElectLeadersRequest, ElectLeadersResponse>,                                  // 43
    Exchange<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>,            // 44
    Exchange<ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse>,      // 46
    Exchange<OffsetDeleteRequest, OffsetDeleteResponse>,                                  // 47
    Exchange<DescribeClientQuotasRequest, DescribeClientQuotasResponse>,                  // 48
    Exchange<AlterClientQuotasRequest, AlterClientQuotasResponse>,                        // 49
    Exchange<DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse>,  // 50
    Exchange<AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse>,        // 51
    Exchange<DescribeClusterRequest, DescribeClusterResponse>,                            // 60
    Exchange<DescribeProducersRequest, DescribeProducersResponse>,                        // 61
    Exchange<DescribeTransactionsRequest, DescribeTransactionsResponse>,                  // 65
    Exchange<ListTransactionsRequest, ListTransactionsResponse>,                          // 66
    Exchange<ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse>,              // 68
    Exchange<ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse>,                // 69
    Exchange<ListConfigResourcesRequest, ListConfigResourcesResponse>,                    // 74
    Exchange<DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse>>;           // 75

}  // namespace millrace::inline v0::wire

#endif  // MILLRACE_WIRE_MESSAGES_H_
