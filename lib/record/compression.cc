#include "record/compression.h"

#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <limits>
#include <string_view>

#include "base/endian.h"
#include "base/strings.h"
#include "millrace/status.h"
#include "record/xerial.h"

namespace millrace::inline v0 {
namespace {

absl::Status CodecFailed(std::string_view codec, std::string_view what) {
  return absl::InternalError(ToAbsl(StrCat("the ", codec, " codec failed: ", what)));
}

// Makes room for `more` bytes at the end and returns where they begin.
std::byte* Extend(std::vector<std::byte>* output, size_t more) {
  output->resize(output->size() + more);
  return output->data() + (output->size() - more);
}

struct DeleteLz4 {
  void operator()(LZ4F_cctx* context) const { LZ4F_freeCompressionContext(context); }
};
struct DeleteZstd {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

}  // namespace

struct Compressor::State {
  std::unique_ptr<LZ4F_cctx, DeleteLz4> lz4;
  std::unique_ptr<ZSTD_CCtx, DeleteZstd> zstd;
  z_stream gzip = {};
  // The level that `gzip` was set up for; nullopt: not set up.
  std::optional<int> gzip_level;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (gzip_level.has_value()) deflateEnd(&gzip);
  }

  absl::Status Gzip(int level, std::span<const std::byte> input, std::vector<std::byte>* output);
  absl::Status Snappy(std::span<const std::byte> input, std::vector<std::byte>* output);
  absl::Status Lz4(int level, std::span<const std::byte> input, std::vector<std::byte>* output);
  absl::Status Zstd(int level, std::span<const std::byte> input, std::vector<std::byte>* output);
};

absl::Status Compressor::State::Gzip(int level, std::span<const std::byte> input,
                                     std::vector<std::byte>* output) {
  if (gzip_level == level) {
    if (deflateReset(&gzip) != Z_OK) return CodecFailed("gzip", "its stream cannot be used again");
  } else {
    if (gzip_level.has_value()) deflateEnd(&gzip);
    gzip_level.reset();
    gzip = {};
    constexpr int kGzipWindow = 15 + 16;
    if (deflateInit2(&gzip, level, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
      return CodecFailed("gzip", "no memory for its stream");
    }
    gzip_level = level;
  }
  // A batch is below 2^31 bytes, and so is this.
  const uLong bound = deflateBound(&gzip, static_cast<uLong>(input.size()));
  const size_t before = output->size();
  gzip.next_out = reinterpret_cast<Bytef*>(Extend(output, bound));
  gzip.avail_out = static_cast<uInt>(bound);
  gzip.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(input.data()));
  gzip.avail_in = static_cast<uInt>(input.size());
  if (deflate(&gzip, Z_FINISH) != Z_STREAM_END) return CodecFailed("gzip", "the stream did not end");
  output->resize(before + bound - gzip.avail_out);
  return absl::OkStatus();
}

absl::Status Compressor::State::Snappy(std::span<const std::byte> input, std::vector<std::byte>* output) {
  std::byte* header = Extend(output, kXerialHeaderBytes);
  std::memcpy(header, kXerialMagic, sizeof kXerialMagic);
  StoreBig<int32_t>(header + 8, 1);   // version
  StoreBig<int32_t>(header + 12, 1);  // the oldest version that reads it
  while (!input.empty()) {
    const auto block = input.first(std::min(input.size(), kXerialBlockBytes));
    const size_t bound = snappy::MaxCompressedLength(block.size());
    std::byte* const to = Extend(output, 4 + bound);
    size_t size = bound;
    snappy::RawCompress(reinterpret_cast<const char*>(block.data()), block.size(),
                        reinterpret_cast<char*>(to + 4), &size);
    StoreBig<int32_t>(to, static_cast<int32_t>(size));
    output->resize(output->size() - (bound - size));
    input = input.subspan(block.size());
  }
  return absl::OkStatus();
}

absl::Status Compressor::State::Lz4(int level, std::span<const std::byte> input,
                                    std::vector<std::byte>* output) {
  if (lz4 == nullptr) {
    LZ4F_cctx* context = nullptr;
    if (LZ4F_isError(LZ4F_createCompressionContext(&context, LZ4F_VERSION)) != 0) {
      return CodecFailed("lz4", "no memory for its context");
    }
    lz4.reset(context);
  }
  // Kafka's frames: independent blocks of 64 KiB, no checksum of the content.
  LZ4F_preferences_t preferences = LZ4F_INIT_PREFERENCES;
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  preferences.compressionLevel = level;
  const size_t before = output->size();
  const size_t bound = LZ4F_HEADER_SIZE_MAX + LZ4F_compressBound(input.size(), &preferences);
  std::byte* const to = Extend(output, bound);
  size_t written = LZ4F_compressBegin(lz4.get(), to, bound, &preferences);
  if (LZ4F_isError(written) != 0) return CodecFailed("lz4", LZ4F_getErrorName(written));
  size_t total = written;
  written = LZ4F_compressUpdate(lz4.get(), to + total, bound - total, input.data(), input.size(), nullptr);
  if (LZ4F_isError(written) != 0) return CodecFailed("lz4", LZ4F_getErrorName(written));
  total += written;
  written = LZ4F_compressEnd(lz4.get(), to + total, bound - total, nullptr);
  if (LZ4F_isError(written) != 0) return CodecFailed("lz4", LZ4F_getErrorName(written));
  output->resize(before + total + written);
  return absl::OkStatus();
}

absl::Status Compressor::State::Zstd(int level, std::span<const std::byte> input,
                                     std::vector<std::byte>* output) {
  if (zstd == nullptr) zstd.reset(ZSTD_createCCtx());
  if (zstd == nullptr) return CodecFailed("zstd", "no memory for its context");
  const size_t before = output->size();
  const size_t bound = ZSTD_compressBound(input.size());
  std::byte* const to = Extend(output, bound);
  const size_t size = ZSTD_compressCCtx(zstd.get(), to, bound, input.data(), input.size(), level);
  if (ZSTD_isError(size) != 0) return CodecFailed("zstd", ZSTD_getErrorName(size));
  output->resize(before + size);
  return absl::OkStatus();
}

absl::Status CheckCompressionLevel(Compression codec, std::optional<int> level) {
  if (!level.has_value()) return absl::OkStatus();
  const auto check = [&](std::string_view name, int least, int most, std::optional<int> also) {
    if ((*level >= least && *level <= most) || level == also) return absl::OkStatus();
    return Error(ErrorCode::kInvalidConfig,
                 StrCat(name, " has no compression level ", *level, ", but those from ", least, " to ", most,
                        "; leave it out for the default"));
  };
  switch (codec) {
    case Compression::kGzip:
      return check("gzip", 1, 9, Z_DEFAULT_COMPRESSION);
    case Compression::kLz4:
      return check("lz4", 1, 17, std::nullopt);
    case Compression::kZstd:
      return check("zstd", ZSTD_minCLevel(), ZSTD_maxCLevel(), std::nullopt);
    case Compression::kNone:
    case Compression::kSnappy:
      break;
  }
  return Error(ErrorCode::kInvalidConfig,
               StrCat("the codec ", codec == Compression::kSnappy ? "snappy" : "none",
                      " has no compression levels, but ", *level, " was asked for; leave it out"));
}

Compressor::Compressor() : state_(std::make_unique<State>()) {}
Compressor::~Compressor() = default;

absl::Status Compressor::Compress(Compression codec, std::optional<int> level,
                                  std::span<const std::byte> input, std::vector<std::byte>* output) {
  if (absl::Status status = CheckCompressionLevel(codec, level); !status.ok()) return status;
  switch (codec) {
    case Compression::kGzip:
      return state_->Gzip(level.value_or(Z_DEFAULT_COMPRESSION), input, output);
    case Compression::kSnappy:
      return state_->Snappy(input, output);
    case Compression::kLz4:
      // 0: the fast coder.
      return state_->Lz4(std::min(level.value_or(0), LZ4F_compressionLevel_max()), input, output);
    case Compression::kZstd:
      return state_->Zstd(level.value_or(ZSTD_defaultCLevel()), input, output);
    case Compression::kNone:
      break;
  }
  return absl::InternalError("no such codec");
}

}  // namespace millrace::inline v0
