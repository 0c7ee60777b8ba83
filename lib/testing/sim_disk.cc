#include "testing/sim_disk.h"

#include <algorithm>
#include <set>
#include <span>
#include <utility>

#include "base/check.h"

namespace millrace::inline v0 {
namespace {

constexpr SimPage kZeroPage = {};
constexpr size_t kSectorSize = 512;

class SimNote final : public MemoryNodeNote {
 public:
  explicit SimNote(SimInodePtr inode) : inode(std::move(inode)) {}
  const SimInodePtr inode;
};

SimPage LivePage(const MemoryNode& node, uint64_t page) {
  SimPage bytes = {};
  node.bytes->Read(page * kSimPageSize, bytes);
  return bytes;
}

const SimPage& DiskPage(const std::map<uint64_t, SimPage>& pages, uint64_t page) {
  const auto found = pages.find(page);
  return found != pages.end() ? found->second : kZeroPage;
}

void SetPage(std::map<uint64_t, SimPage>* pages, uint64_t page, const SimPage& bytes) {
  if (bytes == kZeroPage) {
    pages->erase(page);
  } else {
    pages->insert_or_assign(page, bytes);
  }
}

uint64_t PagesOf(uint64_t size) {
  return (size + kSimPageSize - 1) / kSimPageSize;
}

// Cuts a file on the disk: what lay behind its end is zero if it ever grows again.
void CutPages(SimInode* inode) {
  const uint64_t count = PagesOf(inode->size);
  inode->pages.erase(inode->pages.lower_bound(count), inode->pages.end());
  const size_t tail = static_cast<size_t>(inode->size % kSimPageSize);
  if (tail == 0) return;
  SimPage last = DiskPage(inode->pages, count - 1);
  std::fill(last.begin() + static_cast<std::ptrdiff_t>(tail), last.end(), std::byte{0});
  SetPage(&inode->pages, count - 1, last);
}

}  // namespace

SimDisk::SimDisk() : root_(std::make_shared<SimInode>()) {
  root_->is_directory = true;
}

void SimDisk::Adopt(MemoryNode& root) {
  root.note = std::make_unique<SimNote>(root_);
}

SimInodePtr SimDisk::InodeOf(MemoryNode& node) {
  if (node.note == nullptr) {
    auto inode = std::make_shared<SimInode>();
    inode->is_directory = node.is_directory();
    inode->live = node.weak_from_this();
    inodes_.push_back(inode);
    node.note = std::make_unique<SimNote>(std::move(inode));
  }
  return static_cast<SimNote&>(*node.note).inode;
}

void SimDisk::Changed(const std::vector<MemoryChange>& changes) {
  ChangeSet set;
  for (const MemoryChange& change : changes) {
    set.push_back({.directory = InodeOf(*change.directory),
                   .name = change.name,
                   .inode = change.node != nullptr ? InodeOf(*change.node) : nullptr});
  }
  pending_.push_back(std::move(set));
}

void SimDisk::SyncPages(SimInode& inode, MemoryNode& node, uint64_t first, uint64_t end) {
  for (uint64_t page = first; page < end; ++page) {
    const SimPage live = LivePage(node, page);
    const auto lost = inode.lost.find(page);
    if (lost != inode.lost.end()) {
      if (lost->second == live) continue;
      inode.lost.erase(lost);
    }
    if (DiskPage(inode.pages, page) != live) SetPage(&inode.pages, page, live);
  }
}

void SimDisk::SyncFile(MemoryNode& node) {
  const SimInodePtr inode = InodeOf(node);
  inode->size = node.bytes->size();
  SyncPages(*inode, node, 0, PagesOf(inode->size));
  CutPages(inode.get());
}

void SimDisk::SyncRange(MemoryNode& node, uint64_t offset, uint64_t length) {
  const SimInodePtr inode = InodeOf(node);
  inode->size = node.bytes->size();
  const uint64_t end = std::min(offset + length, inode->size);
  SyncPages(*inode, node, offset / kSimPageSize, PagesOf(end));
  CutPages(inode.get());
}

void SimDisk::Lose(SimInode& inode, const MemoryNode& node) {
  for (uint64_t page = 0; page < PagesOf(node.bytes->size()); ++page) {
    const SimPage live = LivePage(node, page);
    if (DiskPage(inode.pages, page) != live) inode.lost.insert_or_assign(page, live);
  }
}

void SimDisk::LoseFile(MemoryNode& node) {
  Lose(*InodeOf(node), node);
}

void SimDisk::LoseAll() {
  for (const auto& weak : inodes_) {
    const SimInodePtr inode = weak.lock();
    if (inode == nullptr || inode->is_directory) continue;
    if (const MemoryNodePtr node = inode->live.lock()) Lose(*inode, *node);
  }
}

void SimDisk::SyncDirectory(const MemoryNodePtr& directory) {
  const SimInodePtr inode = InodeOf(*directory);
  std::vector<bool> chosen;
  for (const ChangeSet& set : pending_) {
    chosen.push_back(
        std::ranges::any_of(set, [&](const Change& change) { return change.directory == inode; }));
  }
  Commit(chosen);
}

void SimDisk::SyncAll(const MemoryNodePtr& root) {
  InodeOf(*root);
  Commit(std::vector<bool>(pending_.size(), true));
  for (size_t i = 0; i < inodes_.size(); ++i) {
    const SimInodePtr inode = inodes_[i].lock();
    if (inode == nullptr || inode->is_directory) continue;
    if (const MemoryNodePtr node = inode->live.lock()) SyncFile(*node);
  }
  std::erase_if(inodes_, [](const auto& weak) { return weak.expired(); });
}

void SimDisk::Commit(const std::vector<bool>& chosen) {
  MILLRACE_CHECK(chosen.size() == pending_.size());
  // From the newest to the oldest: what a name became last is what counts.
  std::set<std::pair<const SimInode*, std::string>> settled;
  for (size_t i = pending_.size(); i-- > 0;) {
    std::vector<Change> left;
    for (Change& change : pending_[i]) {
      const std::pair<const SimInode*, std::string> key(change.directory.get(), change.name);
      if (settled.contains(key)) continue;
      if (!chosen[i]) {
        left.push_back(std::move(change));
        continue;
      }
      settled.insert(key);
      if (change.inode != nullptr) {
        change.directory->entries.insert_or_assign(change.name, change.inode);
      } else {
        change.directory->entries.erase(change.name);
      }
    }
    pending_[i] = std::move(left);
  }
  std::erase_if(pending_, [](const ChangeSet& set) { return set.empty(); });
}

MemoryNodePtr SimDisk::Copy(const MemoryFileSystem& files, const MemoryNodePtr& node,
                            std::map<const MemoryNode*, MemoryNodePtr>* copies) {
  MemoryNodePtr& copy = (*copies)[node.get()];
  if (copy != nullptr) return copy;
  copy = node->is_directory() ? std::make_shared<MemoryNode>() : files.NewFile();
  const MemoryNodePtr result = copy;  // the map may move its element below
  result->modified_ms.store(node->modified_ms.load());
  const SimInodePtr inode = InodeOf(*node);
  inode->live = result;
  result->note = std::make_unique<SimNote>(inode);
  if (!node->is_directory()) {
    const uint64_t size = node->bytes->size();
    MILLRACE_CHECK(result->bytes->Resize(size).ok());
    for (uint64_t page = 0; page < PagesOf(size); ++page) {
      const SimPage bytes = LivePage(*node, page);
      if (bytes == kZeroPage) continue;
      const size_t length = static_cast<size_t>(std::min<uint64_t>(kSimPageSize, size - page * kSimPageSize));
      MILLRACE_CHECK(result->bytes->Write(page * kSimPageSize, std::span(bytes).first(length)).ok());
    }
  }
  for (const auto& [name, below] : node->entries) result->entries.emplace(name, Copy(files, below, copies));
  return result;
}

MemoryNodePtr SimDisk::CopyLive(const MemoryFileSystem& files, const MemoryNodePtr& root) {
  std::map<const MemoryNode*, MemoryNodePtr> copies;
  MemoryNodePtr copy = Copy(files, root, &copies);
  // A removed file that the process had open is gone with it.
  std::set<const MemoryNode*> reached;
  for (const auto& [from, to] : copies) reached.insert(to.get());
  for (const auto& weak : inodes_) {
    const SimInodePtr inode = weak.lock();
    if (inode != nullptr && !reached.contains(inode->live.lock().get())) inode->live.reset();
  }
  return copy;
}

void SimDisk::SettleFile(SimInode& inode, const SimCrashOptions& options, Random* random) {
  const MemoryNodePtr node = inode.live.lock();
  if (node == nullptr || options.keep == SimKeep::kSynced) return;
  const bool everything = options.keep == SimKeep::kEverything;
  const uint64_t live_size = node->bytes->size();
  if (live_size != inode.size) {
    const uint64_t low = std::min(live_size, inode.size);
    const uint64_t high = std::max(live_size, inode.size);
    switch (everything ? 0 : random->Below(3)) {
      case 0:
        inode.size = live_size;
        break;
      case 1:
        break;
      default:
        inode.size = low + random->Below(high - low + 1);
    }
  }
  for (uint64_t page = 0; page < PagesOf(std::min(inode.size, live_size)); ++page) {
    const SimPage live = LivePage(*node, page);
    SimPage disk = DiskPage(inode.pages, page);
    if (live == disk || (!everything && random->Below(2) == 0)) continue;
    const bool torn = !everything && options.tear_pages && random->Below(8) == 0;
    for (size_t at = 0; at < kSimPageSize; at += kSectorSize) {
      if (torn && random->Below(2) == 0) continue;
      std::copy_n(live.begin() + static_cast<std::ptrdiff_t>(at), kSectorSize,
                  disk.begin() + static_cast<std::ptrdiff_t>(at));
    }
    SetPage(&inode.pages, page, disk);
  }
  CutPages(&inode);
}

MemoryNodePtr SimDisk::Restore(const MemoryFileSystem& files, const SimInodePtr& inode,
                               const SimCrashOptions& options, Random* random,
                               std::map<const SimInode*, MemoryNodePtr>* restored) {
  MemoryNodePtr& slot = (*restored)[inode.get()];
  if (slot != nullptr) return slot;
  slot = inode->is_directory ? std::make_shared<MemoryNode>() : files.NewFile();
  const MemoryNodePtr node = slot;  // the map may move its element below
  if (!inode->is_directory) {
    SettleFile(*inode, options, random);
    MILLRACE_CHECK(node->bytes->Resize(inode->size).ok());
    for (const auto& [page, bytes] : inode->pages) {
      const uint64_t at = page * kSimPageSize;
      const size_t length = static_cast<size_t>(std::min<uint64_t>(kSimPageSize, inode->size - at));
      MILLRACE_CHECK(node->bytes->Write(at, std::span(bytes).first(length)).ok());
    }
  }
  for (const auto& [name, below] : inode->entries) {
    node->entries.emplace(name, Restore(files, below, options, random, restored));
  }
  inode->lost.clear();
  inode->live = node;
  node->note = std::make_unique<SimNote>(inode);
  return node;
}

MemoryNodePtr SimDisk::Crash(const MemoryFileSystem& files, const SimCrashOptions& options) {
  const std::unique_ptr<Random> random = Random::Seeded(options.seed);
  std::vector<bool> chosen;
  for (size_t i = 0; i < pending_.size(); ++i) {
    chosen.push_back(options.keep == SimKeep::kEverything ||
                     (options.keep == SimKeep::kRandom && random->Below(2) == 0));
  }
  Commit(chosen);
  pending_.clear();
  std::map<const SimInode*, MemoryNodePtr> restored;
  MemoryNodePtr root = Restore(files, root_, options, random.get(), &restored);
  inodes_.clear();
  for (const auto& [inode, node] : restored) inodes_.push_back(static_cast<SimNote&>(*node->note).inode);
  return root;
}

}  // namespace millrace::inline v0
