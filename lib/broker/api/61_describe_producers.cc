// DescribeProducers (key 61): what each partition remembers of its idempotent producers. Version 0.

#include "base/return_if_error.h"
#include "broker/api/handlers.h"
#include "millrace/wire/messages/describe_producers.h"

namespace millrace::inline v0 {
namespace {

absl::Status AddProducers(BrokerImpl& broker, const std::string& topic, int32_t index,
                          wire::DescribeProducersResponse::Partition* answer) {
  MILLRACE_RETURN_IF_ERROR(ValidateTopicName(topic));
  MILLRACE_ASSIGN_OR_RETURN(const std::shared_ptr<Partition> partition,
                            FindPartition(broker, topic, {}, index));
  MILLRACE_ASSIGN_OR_RETURN(Log * log, partition->OpenLog());
  for (const ProducerStateInfo& producer : log->Producers()) {
    answer->active_producers.push_back(
        {.producer_id = producer.producer_id.value(),
         .producer_epoch = producer.producer_epoch.value(),
         .last_sequence = producer.last_sequence,
         .last_timestamp = producer.last_timestamp.value(),
         .coordinator_epoch = producer.coordinator_epoch,
         .current_txn_start_offset = producer.current_transaction_start.value()});
  }
  return absl::OkStatus();
}

}  // namespace

void HandleDescribeProducers(BrokerImpl& broker, Request request) {
  const auto asked = request.Decode<wire::DescribeProducersRequest>();
  if (!asked.ok()) return request.Refuse(asked.status());
  wire::DescribeProducersResponse response;
  for (const auto& topic : asked->topics) {
    auto& answers = response.topics.emplace_back();
    answers.name = topic.name;
    for (const int32_t index : topic.partition_indexes) {
      wire::DescribeProducersResponse::Partition answer{.partition_index = index};
      const absl::Status status = AddProducers(broker, topic.name, index, &answer);
      answer.error_code = CodeOf(status);
      answer.error_message = MessageOf(status);
      answers.partitions.push_back(std::move(answer));
    }
  }
  request.Respond(response);
}

}  // namespace millrace::inline v0
