// ConsumerMembership: the client side of Kafka's classic group protocol, for one in-process consumer.

#ifndef MILLRACE_ENGINE_GROUP_MEMBER_H_
#define MILLRACE_ENGINE_GROUP_MEMBER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/assignor.h"
#include "coordinator/group_service.h"
#include "engine/heartbeat.h"
#include "engine/mailbox.h"
#include "millrace/consumer.h"
#include "millrace/env/clock.h"
#include "millrace/env/executor.h"

namespace millrace::inline v0 {

// Joins, syncs, heartbeats, assigns (when it leads) and leaves. Single-threaded: requests go out and answers
// are taken in inside Poll(); nothing blocks. Kafka's ConsumerCoordinator and AbstractCoordinator.
//
//   kOut --StartJoin--> kJoining --answer--> kSyncing --answer--> kStable --rejoin needed--> kJoining ...
class ConsumerMembership {
 public:
  // What the consumer does for its member. Called inside Poll() and Leave().
  class Delegate {
   public:
    virtual ~Delegate() = default;
    // Those of `topics` that exist, with their partitions.
    virtual PartitionCounts CountPartitions(const std::vector<std::string>& topics) = 0;
    virtual std::vector<TopicPartition> Owned() const = 0;
    // A rebalance begins: commit, if commits are automatic.
    virtual void PrepareRebalance() = 0;
    virtual void Add(const std::vector<TopicPartition>& partitions) = 0;
    // Takes them away; `lost`: they belong to somebody else already.
    virtual void Remove(const std::vector<TopicPartition>& partitions, bool lost) = 0;
  };

  struct Options {
    std::string group = {};
    std::string group_instance_id = {};
    std::string client_id = {};
    std::vector<AssignorKind> assignors = {};
    int64_t session_timeout_ms = 45'000;
    int64_t heartbeat_interval_ms = 3'000;
    int64_t max_poll_interval_ms = 300'000;
    // All borrowed; they outlive the member.
    GroupService* service = nullptr;
    Executor* executor = nullptr;
    Clock* clock = nullptr;
    Delegate* delegate = nullptr;
    std::shared_ptr<Mailbox> mailbox = nullptr;
  };

  explicit ConsumerMembership(Options options);
  ~ConsumerMembership();

  // What to subscribe to; joins again if it differs. Empty: nothing (see Leave).
  void SetTopics(std::vector<std::string> topics);
  const std::vector<std::string>& topics() const { return topics_; }
  // The topics of the engine have changed: the leader looks whether the assignment still covers them.
  void OnTopicsChanged();
  void RequestRejoin() { rejoin_needed_ = true; }

  // Sends what is due. An error that needs the application's decision is returned, once each time it occurs.
  absl::Status Poll(MonotonicNanos now);
  // When Poll has something to do though no answer comes.
  MonotonicNanos NextDue() const { return state_ == State::kOut && !topics_.empty() ? retry_at_ : kNever; }

  // Gives the assignment up; a dynamic member leaves its group, a static one just falls silent.
  void Leave();

  bool stable() const { return state_ == State::kStable && !rejoin_needed_; }
  int32_t generation() const { return generation_; }
  const std::string& member_id() const { return member_id_; }
  std::optional<std::string> instance_id() const;
  // Looks at the error of a commit: one that says that the member is out makes it join again.
  void OnCommitError(ErrorCode error);

 private:
  enum class State : uint8_t { kOut, kJoining, kSyncing, kStable };

  bool Cooperative() const;
  void StartJoin();
  void OnJoined(JoinGroupResponse response);
  std::vector<SyncGroupRequest::Assignment> AssignAsLeader(const JoinGroupResponse& response);
  void OnSynced(SyncGroupResponse response);
  void Apply(std::vector<TopicPartition> assigned);
  void OnHeartbeatTrouble(ErrorCode error, int32_t generation);
  // The coordinator no longer knows this member, or knows another in its place.
  void LoseMembership(bool forget_id);
  void RetryLater();
  void Fail(const GroupResult& result);

  const Options options_;
  std::shared_ptr<Heartbeat> heartbeat_;
  State state_ = State::kOut;
  // Answers to requests sent before the last change of mind are not listened to.
  uint64_t attempt_ = 0;
  bool rejoin_needed_ = false;
  MonotonicNanos retry_at_;
  absl::Status failure_;

  std::vector<std::string> topics_;
  std::string member_id_;
  int32_t generation_ = -1;
  std::string protocol_;
  // For sticky assignors: what the last assignment was, even if it was given up for a rebalance.
  std::vector<TopicPartition> last_assigned_;
  int32_t last_generation_ = -1;
  // As the leader: what the assignment was made for.
  std::optional<std::vector<std::string>> led_topics_;
  PartitionCounts led_counts_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENGINE_GROUP_MEMBER_H_
