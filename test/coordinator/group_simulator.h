// GroupSimulator: one consumer group whose members join, leave, crash, come back and commit over a network
// that delays, while its coordinator fails appends, crashes and replays its log. Everything follows from the
// seed.
//
// It checks, all the time: in one generation no partition is given to two members; the offsets in the log of
// a partition never go back, although members that were fenced off go on committing; what was acknowledged is
// there after a restart. And at the end: with faults over, the group is stable, with all partitions owned by
// the members that are alive, within two session time-outs.

#ifndef MILLRACE_TEST_COORDINATOR_GROUP_SIMULATOR_H_
#define MILLRACE_TEST_COORDINATOR_GROUP_SIMULATOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/group_coordinator.h"

namespace millrace::inline v0::testing {

// Faults of the implementation, planted, that the checker must find.
enum class PlantedBug : uint8_t {
  kNone,
  kNoFencing,    // commits are taken whatever their generation
  kLostRecords,  // an acknowledged append is gone after a restart
  kDoubleOwner,  // a leader's assignment gives a partition to two
  kDeafTimers,   // sessions never end
};

class GroupSimulator {
 public:
  explicit GroupSimulator(uint64_t seed, PlantedBug bug = PlantedBug::kNone);

  // Runs the schedule; what was found wrong, empty if nothing.
  std::vector<std::string> Run();

  // What happened, so that a test can tell that the schedules are not empty.
  struct Counts {
    int restarts = 0;
    int assignments = 0;
    int commits = 0;
    int refused_commits = 0;
    int failed_appends = 0;
    int crashes = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  using Event = std::function<void()>;
  enum class Phase : uint8_t { kOut, kJoining, kSyncing, kStable };
  // A process that wants to be in the group. `life` rises with each crash or leave, `call` with each request:
  // answers to older ones are not for it.
  struct Client {
    std::string name;
    bool is_static = false;
    bool alive = false;
    uint64_t life = 0;
    Phase phase = Phase::kOut;
    std::string member_id;
    int32_t generation = -1;
    std::map<TopicPartition, int64_t> positions;
    // The incarnation of the coordinator that has not answered the last commit; 0: none. One at a time.
    uint64_t committing_to = 0;
  };

  int64_t Pick(int64_t below) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(below)); }
  void At(int64_t delay_ms, Event event);
  // Wraps an answer for `client`: comes later, and not to another life of it, nor from a dead coordinator.
  template <typename Response>
  auto Later(size_t client, std::function<void(const Response&)> handle);
  // Sends a request: `step` runs at the coordinator a little later, if it is still the same one.
  void Send(std::function<void()> step);

  void StartCoordinator();
  void CrashCoordinator();
  void AfterStep();
  bool AppendFails(const std::vector<CoordinatorRecord>& records);
  void CheckRecord(const CoordinatorRecord& record);

  void Fault();
  void Start(size_t client);
  void Crash(size_t client);
  void LeaveGroup(size_t client);
  void JoinGroup(size_t client);
  void OnJoined(size_t client, const JoinGroupResponse& response);
  void OnSynced(size_t client, const SyncGroupResponse& response);
  void FetchPositions(size_t client);
  void Beat(size_t client, uint64_t life);
  void Commit(size_t client, uint64_t life);
  void Rejoin(size_t client, bool as_new);
  void Wrong(const std::string& what);
  void CheckEnd();
  OffsetFetchResponse FetchNow();

  std::mt19937_64 random_;
  const PlantedBug bug_;
  GroupConfig config_;
  std::unique_ptr<Random> ids_;
  std::unique_ptr<GroupCoordinator> coordinator_;
  uint64_t incarnation_ = 1;
  GroupCoordinator::Now now_{.monotonic = MonotonicNanos(0), .wall = Timestamp(1'700'000'000'000)};
  uint64_t events_ = 0;
  std::map<std::pair<int64_t, uint64_t>, Event> queue_;  // by time, then order
  std::vector<Client> clients_;
  bool faults_ = true;
  Counts counts_;
  std::vector<std::string> wrong_;

  std::vector<CoordinatorRecord> log_;
  std::map<TopicPartition, int64_t> logged_;  // the last offset in the log
  std::map<TopicPartition, int64_t> acknowledged_;
  std::map<std::pair<int32_t, TopicPartition>, std::string> owners_;  // by generation
};

}  // namespace millrace::inline v0::testing

#endif  // MILLRACE_TEST_COORDINATOR_GROUP_SIMULATOR_H_
