// The File of the file system in memory.

#ifndef MILLRACE_ENV_MEMORY_FILE_H_
#define MILLRACE_ENV_MEMORY_FILE_H_

#include <memory>
#include <string>

#include "env/memory_file_system.h"

namespace millrace::inline v0 {

// `writable`: as it was opened.
std::unique_ptr<File> NewMemoryFile(std::shared_ptr<MemoryFileSystem::Shared> shared, MemoryNodePtr node,
                                    std::string path, bool writable);

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENV_MEMORY_FILE_H_
