// WireGroups: R14 over the wire. A consumer group whose members are clients of a broker on a simulated
// network that delays, splits, cuts and parts, while they join, leave, crash, read, and commit, a producer
// writes, and the broker is closed or killed and comes back on the same disk. Everything follows from the
// seed.
//
// It checks: in one generation no partition is given to two members; each record that was acknowledged is
// read by a member at least once; committed offsets never go back, and what was acknowledged of them is there
// after a restart; records are what was sent. And at the end: with faults over, the group is stable, with all
// partitions owned by the members that are alive, within two session time-outs.

#ifndef MILLRACE_TEST_RELIABILITY_WIRE_GROUPS_H_
#define MILLRACE_TEST_RELIABILITY_WIRE_GROUPS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "millrace/broker.h"
#include "millrace/engine.h"
#include "millrace/testing/sim_env.h"
#include "millrace/testing/sim_network.h"
#include "millrace/wire/messages.h"
#include "reliability/wire_link.h"

namespace millrace::inline v0::testing {

// Planted faults, that the checker must find.
enum class WireBug : uint8_t {
  kNone,
  kSkips,        // members commit more than they have read
  kLostPower,    // the broker's machine loses power, with topics that promise to survive a process alone
  kDoubleOwner,  // a leader gives a partition to two
  kDeaf,         // members do not hear that a rebalance is under way
};

class WireGroups {
 public:
  explicit WireGroups(uint64_t seed, WireBug bug = WireBug::kNone);
  ~WireGroups();

  // Runs the schedule; what was found wrong, empty if nothing.
  std::vector<std::string> Run();

  // What happened, so that a test can tell that the schedules are not empty.
  struct Counts {
    int kills = 0;
    int closes = 0;
    int parted = 0;
    int crashes = 0;
    int connections_lost = 0;
    int assignments = 0;
    int commits = 0;
    int refused_commits = 0;
    int records = 0;
    int reads = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  enum class Phase : uint8_t { kOut, kJoining, kSyncing, kStable };
  // A process that wants to be in the group. `life` rises with each crash or leave: what was meant for an
  // earlier one is not for it.
  struct Member {
    std::string name = {};
    bool is_static = false;
    bool alive = false;
    uint64_t life = 0;
    Phase phase = Phase::kOut;
    std::string member_id = {};
    int32_t generation = -1;
    // Rises with each join that is sent: what came of an earlier one is not for it.
    uint64_t joins = 0;
    // The commit that is under way, one at a time; 0: none.
    uint64_t committing = 0;
    // By partition; -1: not known yet.
    std::map<int32_t, int64_t> positions = {};
    std::unique_ptr<Transport> host = {};
    // Requests on one connection take turns, and joining takes long: reading has a connection of its own.
    std::unique_ptr<WireLink> group = {};
    std::unique_ptr<WireLink> data = {};
  };

  int64_t Pick(int64_t below) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(below)); }
  void At(int64_t delay_ms, std::function<void()> event);
  // `step` for this life of the member alone.
  std::function<void()> For(size_t member, std::function<void(Member&)> step);
  void Wrong(const std::string& what);

  // --- The broker
  void Open();
  void Restart();
  void Kill();
  void AskForCommitted();

  // --- What happens to members
  void Fault();
  void Part();
  void Start(size_t index);
  void Stop(size_t index);
  void Leave(size_t index);
  void ConnectGroup(size_t index);
  void ConnectData(size_t index);

  // --- What members do
  void Join(size_t index);
  void Rejoin(size_t index, int16_t error);
  void OnJoined(size_t index, const wire::JoinGroupResponse& response);
  std::vector<wire::SyncGroupRequest::Assignment> Assign(const wire::JoinGroupResponse& response);
  void OnSynced(size_t index, const wire::SyncGroupResponse& response);
  void FetchPositions(size_t index);
  void Read(size_t index);
  void OnRead(size_t index, int32_t generation, const wire::FetchResponse& response);
  void Take(Member& member, int32_t partition, std::span<const std::byte> records);
  void Beat(size_t index);
  void Commit(size_t index);
  void SendCommit(size_t index, uint64_t commit, const wire::OffsetCommitRequest& request);

  // --- The producer
  void ConnectProducer();
  void Produce();

  void CheckEnd();
  void CheckCommitLog();

  std::mt19937_64 random_;
  const WireBug bug_;
  SimEnv sim_;
  SimNetwork network_;
  bool faults_ = true;
  Counts counts_;
  std::vector<std::string> wrong_;

  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Transport> broker_host_;
  std::unique_ptr<Broker> broker_;

  std::vector<Member> members_;
  std::unique_ptr<Transport> producer_host_;
  std::unique_ptr<WireLink> producer_;
  bool producing_ = false;
  uint64_t commits_begun_ = 0;
  int64_t next_value_ = 0;
  std::unique_ptr<Transport> checker_host_;
  std::unique_ptr<WireLink> checker_;

  // By partition and offset.
  std::map<std::pair<int32_t, int64_t>, std::string> acknowledged_records_;
  std::set<std::pair<int32_t, int64_t>> read_;
  std::map<int32_t, int64_t> acknowledged_commits_;
  std::map<std::pair<int32_t, int32_t>, std::string> owners_;  // by generation and partition
};

}  // namespace millrace::inline v0::testing

#endif  // MILLRACE_TEST_RELIABILITY_WIRE_GROUPS_H_
