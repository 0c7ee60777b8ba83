// The framing around snappy blocks that the Java library (xerial) writes and Kafka's clients expect: a header
// of 16 bytes, then blocks, each after its size in four big-endian bytes.

#ifndef MILLRACE_RECORD_XERIAL_H_
#define MILLRACE_RECORD_XERIAL_H_

#include <cstddef>

namespace millrace::inline v0 {

// 0x82 "SNAPPY" 0, then two versions.
inline constexpr unsigned char kXerialMagic[8] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
inline constexpr size_t kXerialHeaderBytes = 16;
// What the Java library compresses at a time.
inline constexpr size_t kXerialBlockBytes = 32 << 10;

}  // namespace millrace::inline v0

#endif  // MILLRACE_RECORD_XERIAL_H_
