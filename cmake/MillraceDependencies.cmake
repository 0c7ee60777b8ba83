# What the library links. Nothing is fetched: every package comes from the system. The targets are global, so that a project
# that adds this one with add_subdirectory can follow our link interface.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL TRUE)
find_package(absl REQUIRED)
find_package(zstd REQUIRED)
find_package(Snappy REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(LZ4 REQUIRED IMPORTED_TARGET GLOBAL liblz4)
if(MILLRACE_WITH_ISAL AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET GLOBAL libisal)
endif()

# Asio is headers alone, and has no package file.
if(MILLRACE_WITH_TCP)
  find_path(ASIO_INCLUDE_DIR asio.hpp REQUIRED)
  mark_as_advanced(ASIO_INCLUDE_DIR)
endif()

# An optional component of its own links it; nothing else does. It is not built for ThreadSanitizer, which would see races in what it
# does not know.
set(MILLRACE_HAS_REMOTE FALSE)
if(MILLRACE_WITH_REMOTE AND NOT MILLRACE_SANITIZE MATCHES thread)
  pkg_check_modules(RDKAFKA QUIET IMPORTED_TARGET GLOBAL rdkafka>=2.0)
  if(TARGET PkgConfig::RDKAFKA)
    set(MILLRACE_HAS_REMOTE TRUE)
  else()
    message(STATUS "librdkafka 2.0 is not found: without millrace::remote")
  endif()
endif()
