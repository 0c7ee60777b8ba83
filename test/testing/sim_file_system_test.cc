#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/strings.h"
#include "millrace/testing/sim_env.h"

namespace millrace {
namespace {

using absl::StatusCode;

constexpr size_t kPage = 4096;

struct World {
  SimClock clock;
  std::unique_ptr<SimFileSystem> files = NewSimFileSystem(&clock);

  // A file with a durable name and `size` durable bytes of `fill`.
  std::unique_ptr<File> Durable(std::string_view path, size_t size, char fill) {
    auto file = *files->Open(path, OpenMode::kCreateNew);
    REQUIRE(file->WriteAt(0, AsBytes(std::string(size, fill))).ok());
    REQUIRE(file->Sync().ok());
    REQUIRE(files->SyncDirectory("/").ok());
    return file;
  }
  // The content, or "(none)".
  std::string Content(std::string_view path) {
    auto file = files->Open(path, OpenMode::kRead);
    if (!file.ok()) return "(none)";
    std::string text(static_cast<size_t>(*(*file)->Size()), '?');
    REQUIRE(*(*file)->ReadAt(0, std::as_writable_bytes(std::span(text))) == text.size());
    return text;
  }
};

TEST_CASE("A crash keeps what was synced and, if asked to, nothing else") {
  for (const bool mapped : {false, true}) {
    for (const SimKeep keep : {SimKeep::kSynced, SimKeep::kEverything}) {
      World world;
      const auto file = world.Durable("/f", 3 * kPage, 'a');
      const auto map = *file->Map(3 * kPage, MapAccess::kReadWrite);
      const std::string change(10, 'b');
      if (mapped) {
        std::ranges::copy(AsBytes(change), map->bytes().begin() + kPage);
      } else {
        REQUIRE(file->WriteAt(kPage, AsBytes(change)).ok());
      }
      REQUIRE(file->WriteAt(3 * kPage, AsBytes("tail")).ok());
      world.files->Crash({.keep = keep});
      const std::string content = world.Content("/f");
      CHECK(content.size() == 3 * kPage + (keep == SimKeep::kEverything ? 4 : 0));
      CHECK(content.substr(kPage, 10) == (keep == SimKeep::kEverything ? change : std::string(10, 'a')));
    }
  }
}

TEST_CASE("Both syncs make mapped stores durable, each what it covers") {
  World world;
  const auto file = world.Durable("/f", 4 * kPage, 'a');
  const auto map = *file->Map(4 * kPage, MapAccess::kReadWrite);
  for (const size_t page : {size_t{0}, size_t{1}, size_t{3}}) map->bytes()[page * kPage] = std::byte{'b'};
  REQUIRE(map->Sync(kPage + 5, 10).ok());
  world.files->Crash({.keep = SimKeep::kSynced});
  std::string content = world.Content("/f");
  CHECK(content[0] == 'a');
  CHECK(content[kPage] == 'b');
  CHECK(content[3 * kPage] == 'a');

  const auto again = *world.files->Open("/f", OpenMode::kReadWrite);
  const auto map_again = *again->Map(4 * kPage, MapAccess::kReadWrite);
  map_again->bytes()[0] = std::byte{'c'};
  REQUIRE(again->Sync().ok());
  world.files->Crash({.keep = SimKeep::kSynced});
  CHECK(world.Content("/f")[0] == 'c');
}

TEST_CASE("A random crash keeps any subset of pages, torn ones among them, and equal seeds the same") {
  std::map<std::string, int> seen;
  int torn = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    std::string content[2];
    for (std::string& result : content) {
      World world;
      const auto file = world.Durable("/f", 3 * kPage, 'a');
      REQUIRE(file->WriteAt(0, AsBytes(std::string(3 * kPage, 'b'))).ok());
      world.files->Crash({.seed = seed, .tear_pages = seed % 2 == 0});
      result = world.Content("/f");
    }
    REQUIRE(content[0] == content[1]);
    std::string pages;
    for (size_t page = 0; page < 3; ++page) {
      const std::string_view bytes = std::string_view(content[0]).substr(page * kPage, kPage);
      const auto changed = static_cast<size_t>(std::ranges::count(bytes, 'b'));
      REQUIRE(changed % 512 == 0);
      const bool whole = changed == 0 || changed == kPage;
      if (!whole) ++torn;
      if (seed % 2 == 1) REQUIRE(whole);
      pages.push_back(changed == 0 ? 'a' : 'b');
    }
    ++seen[pages];
  }
  CHECK(seen.size() == 8);
  CHECK(torn > 5);
}

TEST_CASE("Lengths that were not synced may or may not survive") {
  std::set<size_t> sizes;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    World world;
    const auto file = world.Durable("/f", 100, 'a');
    REQUIRE(file->WriteAt(100, AsBytes(std::string(kPage, 'b'))).ok());
    world.files->Crash({.seed = seed});
    const std::string content = world.Content("/f");
    REQUIRE(content.substr(0, 100) == std::string(100, 'a'));
    sizes.insert(content.size());
  }
  CHECK(*sizes.begin() == 100);
  CHECK(*sizes.rbegin() == kPage + 100);
  CHECK(sizes.size() > 5);
}

TEST_CASE("Names are durable once their directory was synced") {
  World world;
  world.Durable("/old", 10, 'a');
  world.Durable("/doomed", 10, 'd');
  const auto create = [&] {
    const auto file = *world.files->Open("/new", OpenMode::kCreateNew);
    REQUIRE(file->WriteAt(0, AsBytes("new")).ok());
    REQUIRE(file->Sync().ok());
    REQUIRE(world.files->Rename("/old", "/renamed").ok());
    REQUIRE(world.files->Remove("/doomed").ok());
    REQUIRE(world.files->CreateDirectory("/dir").ok());
  };
  create();
  world.files->Crash({.keep = SimKeep::kSynced});
  CHECK(*world.files->List("/") == std::vector<std::string>{"doomed", "old"});
  CHECK(world.Content("/doomed") == std::string(10, 'd'));

  create();
  REQUIRE(world.files->SyncDirectory("/").ok());
  world.files->Crash({.keep = SimKeep::kSynced});
  CHECK(*world.files->List("/") == std::vector<std::string>{"dir", "new", "renamed"});
  CHECK(world.Content("/new") == "new");
  CHECK(world.Content("/renamed") == std::string(10, 'a'));

  // Each directory on its own.
  REQUIRE(world.files->Rename("/renamed", "/dir/moved").ok());
  REQUIRE((*world.files->Open("/dir/fresh", OpenMode::kCreate))->Sync().ok());
  REQUIRE(world.files->SyncDirectory("/dir").ok());
  REQUIRE(world.files->Remove("/new").ok());
  world.files->Crash({.keep = SimKeep::kSynced});
  CHECK(*world.files->List("/") == std::vector<std::string>{"dir", "new"});
  CHECK(*world.files->List("/dir") == std::vector<std::string>{"fresh", "moved"});
}

TEST_CASE("SyncAll makes everything durable") {
  World world;
  REQUIRE(world.files->CreateDirectory("/d").ok());
  const auto file = *world.files->Open("/d/f", OpenMode::kCreate);
  REQUIRE(file->WriteAt(0, AsBytes("x")).ok());
  REQUIRE(world.files->SyncAll("/").ok());
  world.files->Crash({.keep = SimKeep::kSynced});
  CHECK(world.Content("/d/f") == "x");
}

TEST_CASE("A rename that was not synced happened or did not, never half") {
  std::map<std::string, int> seen;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    World world;
    world.Durable("/a", 1, 'a');
    world.Durable("/b", 1, 'b');
    REQUIRE(world.files->Rename("/a", "/b").ok());
    REQUIRE(world.files->Rename("/b", "/c").ok());
    world.files->Crash({.seed = seed});
    std::string names;
    for (const char* path : {"/a", "/b", "/c"}) names += world.Content(path).substr(0, 1) + " ";
    ++seen[names];
  }
  // None; the first; both; and the second alone, which carries the file it moved.
  CHECK(seen.size() == 4);
  CHECK(seen.contains("a b ( "));
  CHECK(seen.contains("( a ( "));
  CHECK(seen.contains("( ( a "));
  CHECK(seen.contains("a ( a "));
}

TEST_CASE("The death of the process keeps the page cache and frees the locks") {
  World world;
  const auto volume = *world.files->Volume("/");
  const auto file = *world.files->Open("/f", OpenMode::kCreate);
  REQUIRE(file->WriteAt(0, AsBytes("one")).ok());
  const auto map = *file->Map(kPage, MapAccess::kReadWrite);
  map->bytes()[0] = std::byte{'O'};
  const auto lock = world.files->Lock("/lock", "me");
  REQUIRE(lock.ok());
  CHECK_FALSE(world.files->Lock("/lock", "you").ok());

  world.files->KillProcess();
  CHECK(world.Content("/f") == "One");
  CHECK(world.files->Lock("/lock", "you").ok());
  CHECK(*world.files->Volume("/") == volume);
  // What the dead process still does reaches nobody.
  map->bytes()[1] = std::byte{'X'};
  CHECK(file->WriteAt(0, AsBytes("dead")).code() == StatusCode::kAborted);
  CHECK(map->Sync(0, 1).code() == StatusCode::kAborted);
  CHECK(world.Content("/f") == "One");
  // And it is as volatile as before.
  world.files->Crash({.keep = SimKeep::kSynced});
  CHECK(world.Content("/f") == "(none)");
  CHECK_FALSE(*world.files->Volume("/") == volume);
  const auto rebooted = *world.files->Volume("/");
  world.files->Crash({.same_boot = true});
  CHECK(world.files->Volume("/")->boot_id == rebooted.boot_id);
  CHECK_FALSE(*world.files->Volume("/") == rebooted);
}

// Writes a file anew in the safe way.
absl::Status Replace(SimFileSystem& files, std::string_view content) {
  auto file = files.Open("/f.tmp", OpenMode::kCreate);
  if (!file.ok()) return file.status();
  if (absl::Status status = (*file)->Truncate(0); !status.ok()) return status;
  if (absl::Status status = (*file)->WriteAt(0, AsBytes(content)); !status.ok()) return status;
  if (absl::Status status = (*file)->Sync(); !status.ok()) return status;
  if (absl::Status status = files.Rename("/f.tmp", "/f"); !status.ok()) return status;
  return files.SyncDirectory("/");
}

TEST_CASE("Every call can be the last one") {
  uint64_t total = 0;
  {
    World world;
    REQUIRE(Replace(*world.files, "old").ok());
    const uint64_t before = world.files->calls();
    REQUIRE(Replace(*world.files, "new").ok());
    total = world.files->calls() - before;
  }
  REQUIRE(total == 6);
  for (const bool power : {false, true}) {
    for (const bool half : {false, true}) {
      for (uint64_t nth = 1; nth <= total + 1; ++nth) {
        World world;
        REQUIRE(Replace(*world.files, "old").ok());
        world.files->StopAtCall(nth, half);
        const absl::Status status = Replace(*world.files, "new");
        CHECK(status.ok() == (nth > total));
        CHECK(world.files->stopped() == (nth <= total));
        if (power) {
          world.files->Crash({.seed = nth});
        } else {
          world.files->KillProcess();
        }
        const std::string content = world.Content("/f");
        CHECK((content == "old" || content == "new"));
        if (nth > total) CHECK(content == "new");
        if (!power && nth == 3 && half) CHECK(world.Content("/f.tmp") == "n");
      }
    }
  }
}

TEST_CASE("A stopped process changes nothing, and a new one goes on") {
  World world;
  const auto file = *world.files->Open("/f", OpenMode::kCreate);
  REQUIRE(file->WriteAt(0, AsBytes("x")).ok());
  const auto map = *file->Map(1, MapAccess::kReadWrite);
  world.files->Stop();
  CHECK(world.files->stopped());
  map->bytes()[0] = std::byte{'y'};
  CHECK(world.files->Remove("/f").code() == StatusCode::kAborted);
  CHECK(world.files->Open("/f", OpenMode::kRead).status().code() == StatusCode::kAborted);
  world.files->KillProcess();
  CHECK(world.Content("/f") == "x");
}

TEST_CASE("Faults hit the calls they are set for, and are counted") {
  World world;
  const auto file = world.Durable("/f", 10, 'a');
  world.files->Fail(
      {.kind = SimFaultKind::kNoSpace, .operation = FileOperation::kWrite, .nth = 2, .times = 2});
  CHECK(file->WriteAt(0, AsBytes("1")).ok());
  CHECK(file->Sync().ok());
  CHECK(file->WriteAt(0, AsBytes("2")).code() == StatusCode::kResourceExhausted);
  CHECK(file->WriteAt(0, AsBytes("3")).code() == StatusCode::kResourceExhausted);
  CHECK(file->WriteAt(0, AsBytes("4")).ok());
  CHECK(world.files->faults_fired() == 2);
  CHECK(world.Content("/f").front() == '4');

  world.files->Fail({.kind = SimFaultKind::kTooManyFiles, .path_contains = "other"});
  CHECK(file->ReadAt(0, {}).ok());
  const absl::Status refused = world.files->Open("/other", OpenMode::kCreate).status();
  CHECK(refused.code() == StatusCode::kResourceExhausted);
  CHECK(ToStd(refused.message()).find("/other") != std::string_view::npos);
  CHECK(world.Content("/other") == "(none)");

  world.files->Fail({.kind = SimFaultKind::kShortWrite, .operation = FileOperation::kWrite});
  CHECK(file->WriteAt(0, AsBytes("zzzz")).code() == StatusCode::kResourceExhausted);
  CHECK(world.Content("/f").substr(0, 4) == "zzaa");

  world.files->Fail({.kind = SimFaultKind::kIoError, .times = UINT64_MAX});
  CHECK(file->Size().status().code() == StatusCode::kDataLoss);
  world.files->ClearFaults();
  CHECK(file->Size().ok());
  CHECK(world.files->faults_fired() == 5);
  CHECK(world.files->calls(FileOperation::kWrite) >= 6);
}

TEST_CASE("After a failed sync a second one lies about the same pages") {
  for (const bool rewritten : {false, true}) {
    World world;
    const auto file = world.Durable("/f", kPage, 'a');
    REQUIRE(file->WriteAt(0, AsBytes("bbb")).ok());
    world.files->Fail({.operation = FileOperation::kSync});
    CHECK(file->Sync().code() == StatusCode::kDataLoss);
    if (rewritten) REQUIRE(file->WriteAt(0, AsBytes("ccc")).ok());
    CHECK(file->Sync().ok());
    CHECK(world.Content("/f").substr(0, 3) == (rewritten ? "ccc" : "bbb"));
    world.files->Crash({.keep = SimKeep::kSynced});
    CHECK(world.Content("/f").substr(0, 3) == (rewritten ? "ccc" : "aaa"));
  }
}

TEST_CASE("A full disk refuses, and has room again when files go") {
  World world;
  const auto file = world.Durable("/f", 2 * kPage, 'a');
  world.files->SetCapacity(4 * kPage);
  CHECK(*world.files->FreeSpace("/") == 2 * kPage);
  const auto other = *world.files->Open("/g", OpenMode::kCreate);
  CHECK(other->Allocate(0, 3 * kPage).code() == StatusCode::kResourceExhausted);
  CHECK(*other->Size() == 0);
  CHECK(other->Allocate(0, 2 * kPage).ok());
  CHECK(file->WriteAt(2 * kPage, AsBytes("x")).code() == StatusCode::kResourceExhausted);
  CHECK(file->WriteAt(0, AsBytes("x")).ok());
  CHECK(world.files->Remove("/g").ok());
  CHECK(file->WriteAt(2 * kPage, AsBytes("x")).code() == StatusCode::kResourceExhausted);
  world.files->KillProcess();  // the removed file was open
  const auto again = *world.files->Open("/f", OpenMode::kReadWrite);
  CHECK(again->WriteAt(2 * kPage, AsBytes("x")).ok());
}

}  // namespace
}  // namespace millrace
