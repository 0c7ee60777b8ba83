// MILLRACE_EXPORT marks what the shared library offers to its users. What else it shows is there for
// libmillrace_broker.so alone, and may change at any time.
// Users of the static library get MILLRACE_STATIC_DEFINE from its CMake target or pkg-config file.

#ifndef MILLRACE_EXPORT_H_
#define MILLRACE_EXPORT_H_

#ifdef MILLRACE_STATIC_DEFINE
#define MILLRACE_EXPORT
#else
#define MILLRACE_EXPORT __attribute__((visibility("default")))
#endif

#endif  // MILLRACE_EXPORT_H_
