#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "millrace/testing/conformance.h"
#include "testing/checks.h"

namespace millrace::inline v0 {
namespace {

using absl::StatusCode;

std::vector<std::byte> Pattern(size_t size, unsigned seed) {
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((i * 31 + seed) % 251 + 1);
  return bytes;
}

class FileSystemSuite {
 public:
  FileSystemSuite(FileSystem& files, std::string_view directory, ConformanceReport report)
      : files_(files), directory_(directory), checks_(report) {}

  void Run() {
    Opening();
    ReadingAndWriting();
    Lengths();
    Mapping();
    MappingBeyondTheEnd();
    Names();
    LinksAndRemoval();
    Directories();
    Locks();
    Volumes();
    Paths();
  }

 private:
  std::string Path(std::string_view name) const { return StrCat(directory_, "/", name); }

  std::unique_ptr<File> Create(std::string_view name) {
    auto file = files_.Open(Path(name), OpenMode::kCreateNew);
    return checks_.Ok(file, StrCat("create ", name)) ? *std::move(file) : nullptr;
  }
  // What the file of that name holds from `offset` on.
  bool Holds(File& file, uint64_t offset, std::span<const std::byte> expected, std::string_view what) {
    std::vector<std::byte> bytes(expected.size());
    const auto count = file.ReadAt(offset, bytes);
    return checks_.Ok(count, what) &&
           checks_.True(*count == expected.size() && std::ranges::equal(bytes, expected), what);
  }
  void HasSize(File& file, uint64_t expected, std::string_view what) {
    const auto size = file.Size();
    if (checks_.Ok(size, what)) {
      checks_.True(*size == expected, StrCat(what, ": size is ", *size, ", expected ", expected));
    }
  }

  void Opening() {
    const std::string path = Path("opening");
    checks_.Fails(files_.Open(path, OpenMode::kRead).status(), StatusCode::kNotFound, path,
                  "open what is missing");
    checks_.Fails(files_.Open(path, OpenMode::kReadWrite).status(), StatusCode::kNotFound, path,
                  "open what is missing for writing");
    if (auto file = Create("opening")) {
      checks_.True(file->path() == path, "File::path is the path it was opened with");
      HasSize(*file, 0, "a new file is empty");
    }
    checks_.Fails(files_.Open(path, OpenMode::kCreateNew).status(), StatusCode::kAlreadyExists, path,
                  "create what is there");
    checks_.Ok(files_.Open(path, OpenMode::kCreate), "kCreate opens what is there");
    const auto reader = files_.Open(path, OpenMode::kRead);
    if (checks_.Ok(reader, "open for reading")) {
      checks_.True(!(*reader)->WriteAt(0, Pattern(1, 0)).ok(), "a file opened for reading refuses writes");
      checks_.True(!(*reader)->Map(4096, MapAccess::kReadWrite).ok(), "and writable mappings");
    }
    checks_.Fails(files_.Open(directory_, OpenMode::kRead).status(), StatusCode::kFailedPrecondition,
                  directory_, "open a directory as a file");
    checks_.Fails(files_.Open(StrCat(path, "/below"), OpenMode::kCreate).status(),
                  StatusCode::kFailedPrecondition, path, "open below a file");
  }

  void ReadingAndWriting() {
    const auto file = Create("rw");
    if (file == nullptr) return;
    const auto bytes = Pattern(200'000, 1);
    checks_.Ok(file->WriteAt(0, bytes), "write 200,000 bytes");
    HasSize(*file, bytes.size(), "writing grows the file");
    Holds(*file, 0, bytes, "what was written is read");
    checks_.Ok(file->WriteAt(70'001, Pattern(5, 9)), "write in the middle");
    Holds(*file, 70'001, Pattern(5, 9), "what was written in the middle is read");
    Holds(*file, 70'006, std::span(bytes).subspan(70'006, 100), "and nothing else has changed");
    std::array<std::byte, 100> place;
    const auto tail = file->ReadAt(bytes.size() - 10, place);
    checks_.True(tail.ok() && *tail == 10, "a read across the end is short");
    const auto beyond = file->ReadAt(bytes.size() + 10, place);
    checks_.True(beyond.ok() && *beyond == 0, "a read beyond the end gives nothing");
    checks_.Ok(file->WriteAt(bytes.size() + 5000, Pattern(1, 3)), "write beyond the end");
    Holds(*file, bytes.size(), std::vector<std::byte>(5000), "the gap reads as zero");
    checks_.Ok(file->WriteAt(0, {}), "write nothing");
    checks_.Ok(file->Sync(), "sync");
    const auto again = files_.Open(Path("rw"), OpenMode::kRead);
    if (checks_.Ok(again, "open again")) Holds(**again, 70'001, Pattern(5, 9), "another File shows the same");
  }

  void Lengths() {
    const auto file = Create("lengths");
    if (file == nullptr) return;
    checks_.Ok(file->Allocate(0, 10'000), "allocate");
    HasSize(*file, 10'000, "allocation grows the length");
    Holds(*file, 0, std::vector<std::byte>(10'000), "allocated bytes are zero");
    checks_.Ok(file->WriteAt(5000, Pattern(5000, 1)), "write into what was allocated");
    checks_.Ok(file->Allocate(2000, 1000), "allocate inside");
    HasSize(*file, 10'000, "allocation inside keeps the length");
    Holds(*file, 5000, Pattern(5000, 1), "allocation keeps the bytes");
    checks_.Ok(file->Truncate(6000), "truncate");
    HasSize(*file, 6000, "truncation sets the length");
    checks_.Ok(file->Truncate(9000), "grow by truncation");
    Holds(*file, 5000, Pattern(1000, 1), "bytes below the cut stay");
    Holds(*file, 6000, std::vector<std::byte>(3000), "bytes that were cut come back as zero");
    checks_.True(!file->Allocate(0, uint64_t{1} << 62).ok(), "absurd allocations fail");
    HasSize(*file, 9000, "a failed allocation keeps the length");
    checks_.True(!file->WriteAt(UINT64_MAX - 3, Pattern(8, 0)).ok(), "an offset that overflows is refused");
  }

  void Mapping() {
    const auto file = Create("map");
    if (file == nullptr || !checks_.Ok(file->Allocate(0, 100'000), "allocate")) return;
    checks_.True(!file->Map(0, MapAccess::kRead).ok(), "a mapping of nothing is refused");
    auto writer = file->Map(100'000, MapAccess::kReadWrite);
    auto reader = file->Map(50'000, MapAccess::kRead);
    if (!checks_.Ok(writer, "map for writing") || !checks_.Ok(reader, "map for reading")) return;
    checks_.True((*writer)->bytes().size() == 100'000, "bytes() has the length asked for");
    const auto bytes = Pattern(10'000, 4);
    checks_.Ok((*writer)->Populate(30'000, 20'000), "populate");
    std::ranges::copy(bytes, (*writer)->bytes().begin() + 30'000);
    checks_.True(std::ranges::equal((*reader)->bytes().subspan(30'000, 10'000), bytes),
                 "a store is seen by the other mapping");
    Holds(*file, 30'000, bytes, "a store is seen by ReadAt");
    checks_.Ok(file->WriteAt(0, Pattern(100, 5)), "write");
    checks_.True(std::ranges::equal((*reader)->bytes().first(100), Pattern(100, 5)),
                 "a write is seen by mappings");
    checks_.Ok((*writer)->Sync(30'001, 4097), "sync of an odd range");
    checks_.Ok((*writer)->Sync(0, 0), "sync of nothing");
    checks_.True(!(*writer)->Sync(99'000, 2000).ok(), "a sync past the mapping is refused");
    checks_.True(!(*writer)->Populate(SIZE_MAX, 2).ok(), "a range that overflows is refused");
    checks_.Ok((*reader)->Populate(0, 50'000), "populate a read-only mapping");
    for (const MapAdvice advice :
         {MapAdvice::kRandom, MapAdvice::kSequential, MapAdvice::kDontNeed, MapAdvice::kNormal}) {
      (*writer)->Advise(0, 100'000, advice);
    }
    Holds(*file, 30'000, bytes, "advice changes nothing");
    checks_.Ok(files_.Remove(Path("map")), "remove");
    checks_.True(std::ranges::equal((*reader)->bytes().subspan(30'000, 10'000), bytes),
                 "a mapping outlives the name");
    Holds(*file, 30'000, bytes, "and so does the File");
  }

  void MappingBeyondTheEnd() {
    auto file = Create("beyond");
    if (file == nullptr || !checks_.Ok(file->Allocate(0, 4096), "allocate")) return;
    constexpr size_t kLength = 8 << 20;
    auto map = file->Map(kLength, MapAccess::kReadWrite);
    if (!checks_.Ok(map, "map beyond the end")) return;
    const std::byte* const base = (*map)->bytes().data();
    checks_.True((*map)->Populate(0, kLength).code() == StatusCode::kResourceExhausted,
                 "populate beyond the end fails with kResourceExhausted");
    (*map)->bytes()[0] = std::byte{42};
    checks_.Ok(file->Allocate(4096, kLength - 4096), "allocate the rest");
    checks_.Ok((*map)->Populate(0, kLength), "populate the rest");
    (*map)->bytes()[kLength - 1] = std::byte{43};
    checks_.True((*map)->bytes().data() == base && base[0] == std::byte{42}, "the mapping stays where it is");
    const std::array<std::byte, 1> last = {std::byte{43}};
    Holds(*file, kLength - 1, last, "bytes of a grown file are usable through the mapping");
    file.reset();
    checks_.Ok((*map)->Sync(0, 4096), "the mapping outlives its File");
    checks_.True((*map)->bytes()[kLength - 1] == std::byte{43}, "with its bytes");
  }

  void Names() {
    auto first = Create("first");
    const auto second = Create("second");
    if (first == nullptr || second == nullptr) return;
    checks_.Ok(first->WriteAt(0, Pattern(10, 1)), "write");
    checks_.Ok(second->WriteAt(0, Pattern(10, 2)), "write");
    checks_.Ok(files_.Rename(Path("first"), Path("second")), "rename over a file");
    checks_.Fails(files_.Stat(Path("first")).status(), StatusCode::kNotFound, Path("first"), "the old name");
    const auto now = files_.Open(Path("second"), OpenMode::kRead);
    if (checks_.Ok(now, "open the new name")) Holds(**now, 0, Pattern(10, 1), "the new name has the content");
    Holds(*second, 0, Pattern(10, 2), "the replaced file lives on while it is open");
    checks_.Fails(files_.Rename(Path("missing"), Path("x")), StatusCode::kNotFound, Path("missing"),
                  "rename what is missing");
    checks_.Fails(files_.Rename(Path("second"), Path("nowhere/x")), StatusCode::kNotFound, Path("nowhere/x"),
                  "rename into a directory that is missing");
    checks_.Ok(files_.Rename(Path("second"), Path("second")), "rename to itself");
    checks_.Ok(files_.Stat(Path("second")), "and it is still there");
    checks_.Ok(files_.SyncDirectory(directory_), "sync the directory");
    checks_.Ok(files_.SyncAll(directory_), "sync all");
    const auto info = files_.Stat(Path("second"));
    checks_.True(info.ok() && info->size_bytes == 10 && !info->is_directory, "stat of a file");
  }

  void LinksAndRemoval() {
    const auto file = Create("original");
    if (file == nullptr) return;
    checks_.Ok(file->WriteAt(0, Pattern(10, 1)), "write");
    const absl::Status linked = files_.Link(Path("original"), Path("second-name"));
    if (linked.code() != StatusCode::kUnimplemented && checks_.Ok(linked, "link")) {
      checks_.Fails(files_.Link(Path("original"), Path("second-name")), StatusCode::kAlreadyExists,
                    Path("second-name"), "link over a file");
      checks_.Ok(files_.Remove(Path("original")), "remove one name");
      const auto other = files_.Open(Path("second-name"), OpenMode::kRead);
      if (checks_.Ok(other, "open the other name")) Holds(**other, 0, Pattern(10, 1), "it has the content");
      checks_.Ok(files_.Remove(Path("second-name")), "remove the other name");
    }
    checks_.Fails(files_.Link(Path("missing"), Path("y")), StatusCode::kNotFound, Path("missing"),
                  "link what is missing");
    checks_.Fails(files_.Remove(Path("missing")), StatusCode::kNotFound, Path("missing"),
                  "remove what is missing");
  }

  void Directories() {
    const std::string path = Path("directory");
    checks_.Ok(files_.CreateDirectory(path), "create a directory");
    checks_.Fails(files_.CreateDirectory(path), StatusCode::kAlreadyExists, path, "create it again");
    checks_.Fails(files_.CreateDirectory(Path("a/b")), StatusCode::kNotFound, Path("a/b"),
                  "without a parent");
    const auto info = files_.Stat(path);
    checks_.True(info.ok() && info->is_directory, "stat of a directory");
    for (const std::string_view name : {"zebra", "ant", "Bee"}) Create(StrCat("directory/", name));
    checks_.Ok(files_.CreateDirectory(StrCat(path, "/inner")), "create a directory inside");
    const auto names = files_.List(path);
    checks_.True(names.ok() && *names == std::vector<std::string>{"Bee", "ant", "inner", "zebra"},
                 "List gives the names, sorted");
    checks_.Fails(files_.RemoveDirectory(path), StatusCode::kFailedPrecondition, path,
                  "remove a full directory");
    checks_.True(!files_.Remove(path).ok(), "Remove refuses directories");
    checks_.Fails(files_.List(Path("missing")).status(), StatusCode::kNotFound, Path("missing"),
                  "list what is missing");
    checks_.Fails(files_.List(StrCat(path, "/ant")).status(), StatusCode::kFailedPrecondition, path,
                  "list a file");
    const std::string moved = Path("moved");
    checks_.Ok(files_.Rename(path, moved), "rename a directory");
    checks_.Ok(files_.Stat(StrCat(moved, "/inner")), "what is in it moves along");
    for (const std::string_view name : {"zebra", "ant", "Bee"}) {
      checks_.Ok(files_.Remove(StrCat(moved, "/", name)), "remove a file");
    }
    checks_.Ok(files_.RemoveDirectory(StrCat(moved, "/inner")), "remove an empty directory");
    checks_.Ok(files_.RemoveDirectory(moved), "remove the other");
    checks_.Fails(files_.List(moved).status(), StatusCode::kNotFound, moved, "list what was removed");
  }

  void Locks() {
    const std::string path = Path("lock");
    auto held = files_.Lock(path, "the first owner");
    if (!checks_.Ok(held, "lock")) return;
    const absl::Status refused = files_.Lock(path, "the second").status();
    checks_.Fails(refused, StatusCode::kFailedPrecondition, path, "a second lock in this process");
    checks_.True(ToStd(refused.message()).find("the first owner") != std::string_view::npos,
                 "the refusal quotes the owner");
    held->reset();
    checks_.Ok(files_.Lock(path, "the second"), "the lock is free when its holder is gone");
  }

  void Volumes() {
    const auto one = files_.Volume(directory_);
    const auto two = files_.Volume(directory_);
    checks_.True(one.ok() && two.ok() && *one == *two, "Volume() is the same when nothing happened");
    const auto space = files_.FreeSpace(directory_);
    checks_.True(space.ok() && *space > 0, "FreeSpace()");
    const absl::Status mappable = files_.CheckMappable(directory_);
    checks_.True(mappable.ok() || mappable.code() == StatusCode::kFailedPrecondition, "CheckMappable()");
    checks_.Fails(files_.FreeSpace(Path("missing")).status(), StatusCode::kNotFound, Path("missing"),
                  "free space of what is missing");
  }

  void Paths() {
    using namespace std::string_view_literals;
    for (const std::string& path : {std::string(), StrCat(directory_, "/a\0b"sv)}) {
      checks_.True(files_.Open(path, OpenMode::kCreate).status().code() == StatusCode::kInvalidArgument,
                   "an empty path or one with a NUL is refused by Open");
      checks_.True(files_.Remove(path).code() == StatusCode::kInvalidArgument, "and by Remove");
      checks_.True(files_.Rename(Path("second"), path).code() == StatusCode::kInvalidArgument,
                   "and by Rename");
      checks_.True(files_.Lock(path, "").status().code() == StatusCode::kInvalidArgument, "and by Lock");
    }
    checks_.True(!files_.Open(Path(std::string(300, 'n')), OpenMode::kCreate).ok(),
                 "a name of 300 characters is refused");
  }

  FileSystem& files_;
  const std::string directory_;
  Checks checks_;
};

}  // namespace

void CheckFileSystem(FileSystem& files, std::string_view directory, ConformanceReport report) {
  FileSystemSuite(files, directory, report).Run();
}

}  // namespace millrace::inline v0
