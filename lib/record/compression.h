// The codecs of record batches, as Kafka frames them: gzip; snappy in the blocks of the Java library
// ("xerial"); LZ4 in its frame format; zstd.

#ifndef MILLRACE_RECORD_COMPRESSION_H_
#define MILLRACE_RECORD_COMPRESSION_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/record.h"

namespace millrace::inline v0 {

// OK if the codec takes this level; kInvalidArgument (kInvalidConfig) that names the levels otherwise.
// nullopt always fits: the default.
absl::Status CheckCompressionLevel(Compression codec, std::optional<int> level);

// Compressor: compresses one run of bytes after another; keeps the codecs' tables from one to the next.
// Single-threaded.
class Compressor {
 public:
  Compressor();
  ~Compressor();
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  // Appends `input`, compressed, to `output`. `codec` is not kNone.
  // Errors: a level that the codec does not have (kInvalidArgument); what a codec says (kInternal).
  absl::Status Compress(Compression codec, std::optional<int> level, std::span<const std::byte> input,
                        std::vector<std::byte>* output);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Decompresses all of `input` to the front of `output` and returns the number of bytes. `output` only grows,
// never past `bytes_max` (unless it was larger). It grows as bytes come out, never because `input` says that
// they will: while it grows there is the old copy beside the new. Errors, all kDataLoss: malformed, cut
// short, bytes left over, or more than `bytes_max`. Then `output` holds rubbish. Thread-safe.
absl::StatusOr<size_t> Decompress(Compression codec, std::span<const std::byte> input, size_t bytes_max,
                                  std::vector<std::byte>* output);

}  // namespace millrace::inline v0

#endif  // MILLRACE_RECORD_COMPRESSION_H_
