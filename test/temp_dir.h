// TempDir: a fresh directory on the real file system, removed with all it holds by the destructor.

#ifndef MILLRACE_TEST_TEMP_DIR_H_
#define MILLRACE_TEST_TEMP_DIR_H_

#include <stdlib.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace millrace::test {

class TempDir {
 public:
  // Below $TMPDIR, or /tmp.
  TempDir() {
    const char* const base = ::getenv("TMPDIR");
    path_ = std::string(base != nullptr && *base != '\0' ? base : "/tmp") + "/millrace-test-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("cannot create " + path_);
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  // The path of something inside.
  std::string Path(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

}  // namespace millrace::test

#endif  // MILLRACE_TEST_TEMP_DIR_H_
