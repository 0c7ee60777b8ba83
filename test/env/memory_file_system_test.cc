#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "millrace/env/file_system.h"
#include "millrace/testing/sim_env.h"

namespace millrace {
namespace {

TEST_CASE("Files and mappings in memory outlive their file system") {
  auto files = NewMemoryFileSystem();
  const auto file = *files->Open("f", OpenMode::kCreate);
  REQUIRE(file->Allocate(0, 1 << 20).ok());
  const auto map = *file->Map(1 << 20, MapAccess::kReadWrite);
  const auto lock = *files->Lock("lock", "me");
  files.reset();
  map->bytes()[1 << 19] = std::byte{7};
  std::byte seen[1];
  CHECK(*file->ReadAt(1 << 19, seen) == 1);
  CHECK(seen[0] == std::byte{7});
  CHECK(file->WriteAt(5 << 20, AsBytes("far")).ok());
  CHECK(map->Sync(0, 100).ok());
}

TEST_CASE("The capacity is shared, refuses without a trace, and is given back") {
  SimClock clock(Timestamp(12345));
  const auto files = NewMemoryFileSystem({.capacity_bytes = 1 << 20, .clock = &clock});
  auto file = *files->Open("/a", OpenMode::kCreate);
  CHECK(files->Stat("/a")->modified_ms == 12345);
  REQUIRE(file->Allocate(0, 600'000).ok());
  const uint64_t left = *files->FreeSpace("/");
  CHECK(left <= (1 << 20) - 600'000);
  const auto other = *files->Open("/b", OpenMode::kCreate);
  CHECK(other->WriteAt(600'000, AsBytes("x")).code() == absl::StatusCode::kResourceExhausted);
  CHECK(other->Allocate(0, 600'000).code() == absl::StatusCode::kResourceExhausted);
  CHECK(*other->Size() == 0);
  CHECK(*files->FreeSpace("/") == left);
  REQUIRE(files->Remove("/a").ok());
  CHECK(*files->FreeSpace("/") == left);  // still open
  file.reset();
  CHECK(*files->FreeSpace("/") == 1 << 20);
  CHECK(other->Allocate(0, 600'000).ok());
  CHECK(other->Truncate(0).ok());
  CHECK(*files->FreeSpace("/") == 1 << 20);
}

TEST_CASE("A file in memory has a largest size") {
  const auto files = NewMemoryFileSystem();
  const auto file = *files->Open("/a", OpenMode::kCreate);
  CHECK(file->Allocate(0, uint64_t{17} << 30).code() == absl::StatusCode::kResourceExhausted);
  CHECK(file->Allocate(UINT64_MAX, UINT64_MAX).code() == absl::StatusCode::kResourceExhausted);
  CHECK(file->WriteAt(uint64_t{17} << 30, AsBytes("x")).code() == absl::StatusCode::kResourceExhausted);
  CHECK(file->Map(uint64_t{17} << 30, MapAccess::kRead).status().code() ==
        absl::StatusCode::kResourceExhausted);
  CHECK(*file->Size() == 0);
}

TEST_CASE("Paths in memory are worked out part by part") {
  const auto files = NewMemoryFileSystem();
  REQUIRE(files->CreateDirectory("/a").ok());
  REQUIRE(files->CreateDirectory("a/b/").ok());
  REQUIRE(files->Open("//a/./b/../f", OpenMode::kCreate).ok());
  CHECK(*files->List("/../a") == std::vector<std::string>{"b", "f"});
  CHECK(files->Rename("/a", "/a/b/c").code() == absl::StatusCode::kInvalidArgument);
  CHECK(files->RemoveDirectory("/").code() == absl::StatusCode::kFailedPrecondition);
  const auto other = NewMemoryFileSystem();
  CHECK_FALSE(*files->Volume("/") == *other->Volume("/"));
}

TEST_CASE("Threads may use one file system in memory") {
  const auto files = NewMemoryFileSystem();
  std::vector<std::thread> threads;
  std::vector<int> failures(4);
  for (size_t t = 0; t < failures.size(); ++t) {
    threads.emplace_back([&, t] {
      const std::string name = "/f" + std::to_string(t);
      for (int i = 0; i < 200; ++i) {
        const auto file = files->Open(name, OpenMode::kCreate);
        if (!file.ok() || !(*file)->Allocate(0, 100'000).ok()) ++failures[t];
        const auto map = (*file)->Map(100'000, MapAccess::kReadWrite);
        if (!map.ok()) ++failures[t];
        (*map)->bytes()[50'000] = static_cast<std::byte>(i);
        std::byte seen[1];
        if (!(*file)->ReadAt(50'000, seen).ok() || seen[0] != static_cast<std::byte>(i)) ++failures[t];
        if (!files->Rename(name, name + "x").ok() || !files->Remove(name + "x").ok()) ++failures[t];
        if (!files->List("/").ok()) ++failures[t];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(failures == std::vector<int>(4));
}

}  // namespace
}  // namespace millrace
