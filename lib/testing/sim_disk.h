// SimDisk: what of a file system in memory is on the disk, and what would be lost with the power.

#ifndef MILLRACE_TESTING_SIM_DISK_H_
#define MILLRACE_TESTING_SIM_DISK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "env/memory_file_system.h"
#include "millrace/testing/sim_env.h"

namespace millrace::inline v0 {

inline constexpr size_t kSimPageSize = 4096;
using SimPage = std::array<std::byte, kSimPageSize>;

// One file or directory as the disk has it.
struct SimInode {
  bool is_directory = false;
  // A directory's names.
  std::map<std::string, std::shared_ptr<SimInode>> entries = {};
  // A file's length, and its pages but for those that are all zero.
  uint64_t size = 0;
  std::map<uint64_t, SimPage> pages = {};
  // Pages that a failed sync left behind: the kernel takes them for clean as long as they hold this.
  std::map<uint64_t, SimPage> lost = {};
  // The file as the process sees it; gone when it was removed and closed.
  std::weak_ptr<MemoryNode> live = {};
};
using SimInodePtr = std::shared_ptr<SimInode>;

// Thread-compatible: the simulated file system's mutex guards it.
class SimDisk {
 public:
  SimDisk();

  // The root of the live tree, which is empty.
  void Adopt(MemoryNode& root);

  void Changed(const std::vector<MemoryChange>& changes);
  void SyncFile(MemoryNode& node);
  void SyncRange(MemoryNode& node, uint64_t offset, uint64_t length);
  // A sync of the file failed.
  void LoseFile(MemoryNode& node);
  void SyncDirectory(const MemoryNodePtr& directory);
  void SyncAll(const MemoryNodePtr& root);
  // The same for everything.
  void LoseAll();

  // The live tree anew, in memory of its own: what held the old one no longer reaches it.
  MemoryNodePtr CopyLive(const MemoryFileSystem& files, const MemoryNodePtr& root);
  // The tree after a power loss; from then on all of it counts as synced.
  MemoryNodePtr Crash(const MemoryFileSystem& files, const SimCrashOptions& options);

 private:
  struct Change {
    SimInodePtr directory;
    std::string name;
    SimInodePtr inode;
  };
  using ChangeSet = std::vector<Change>;

  // The inode of a node, made where there is none yet.
  SimInodePtr InodeOf(MemoryNode& node);
  static void SyncPages(SimInode& inode, MemoryNode& node, uint64_t first, uint64_t end);
  static void Lose(SimInode& inode, const MemoryNode& node);
  // Makes the change sets that `chosen` says durable, and forgets what they override.
  void Commit(const std::vector<bool>& chosen);
  MemoryNodePtr Copy(const MemoryFileSystem& files, const MemoryNodePtr& node,
                     std::map<const MemoryNode*, MemoryNodePtr>* copies);
  MemoryNodePtr Restore(const MemoryFileSystem& files, const SimInodePtr& inode,
                        const SimCrashOptions& options, Random* random,
                        std::map<const SimInode*, MemoryNodePtr>* restored);
  // Decides what of a file survives, into `inode` itself.
  static void SettleFile(SimInode& inode, const SimCrashOptions& options, Random* random);

  SimInodePtr root_;
  // Changes of names that are not on the disk, the oldest first.
  std::vector<ChangeSet> pending_;
  // Every inode that is not gone.
  std::vector<std::weak_ptr<SimInode>> inodes_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_TESTING_SIM_DISK_H_
