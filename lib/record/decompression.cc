#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/endian.h"
#include "base/strings.h"
#include "millrace/status.h"
#include "record/compression.h"
#include "record/xerial.h"

namespace millrace::inline v0 {
namespace {

absl::Status Corrupt(std::string_view codec, std::string_view what) {
  return Error(ErrorCode::kCorruptMessage, StrCat("the ", codec, " stream ", what));
}

// Where decompressed bytes go: a vector that grows by doubling, up to the bound.
class Sink {
 public:
  Sink(std::vector<std::byte>* output, size_t bytes_max, size_t compressed_bytes)
      : output_(output), bytes_max_(bytes_max), first_(std::max<size_t>(4 * compressed_bytes, 4096)) {}

  // Where the next bytes go; at least one fits. Empty: the bound is reached.
  std::span<std::byte> Room() {
    if (used_ == std::min(output_->size(), bytes_max_)) {
      if (used_ == bytes_max_) return {};
      GrowTo(std::max(first_, 2 * used_));
    }
    return {output_->data() + used_, std::min(output_->size(), bytes_max_) - used_};
  }
  // Room for exactly `size` bytes, which the caller knows to be coming. Empty: past the bound.
  std::span<std::byte> RoomFor(size_t size) {
    if (size > bytes_max_ - used_) return {};
    if (output_->size() - used_ < size) GrowTo(std::max({used_ + size, first_, 2 * used_}));
    return {output_->data() + used_, size};
  }
  void Commit(size_t size) { used_ += size; }
  // From the beginning again: the room there is.
  std::span<std::byte> Whole() {
    used_ = 0;
    return {output_->data(), std::min(output_->size(), bytes_max_)};
  }
  // And more of it. Empty: the bound was reached.
  std::span<std::byte> Larger() {
    if (output_->size() >= bytes_max_) return {};
    GrowTo(std::max(first_, 2 * output_->size()));
    return Whole();
  }

  size_t used() const { return used_; }
  absl::Status TooLarge(std::string_view codec) const {
    return Corrupt(codec, StrCat("becomes more than the ", bytes_max_,
                                 " bytes allowed; raise the bound if it is to be trusted"));
  }

 private:
  void GrowTo(size_t size) {
    // One step less where the last would be a small one: the old copy stands beside the new.
    size = size > bytes_max_ - bytes_max_ / 4 ? bytes_max_ : size;
    output_->reserve(size);  // exactly so much; resize() alone may take more
    output_->resize(size);
  }

  std::vector<std::byte>* output_;
  size_t bytes_max_;
  size_t first_;
  size_t used_ = 0;
};

// A codec that has reached the bound gets this much more, to see whether it was at its end.
constexpr size_t kProbeBytes = 64;

absl::Status Gunzip(std::span<const std::byte> input, Sink& sink) {
  z_stream stream = {};
  constexpr int kGzipWindow = 15 + 16;
  if (inflateInit2(&stream, kGzipWindow) != Z_OK)
    return absl::ResourceExhaustedError("no memory for gzip's stream");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(input.data()));
  stream.avail_in = static_cast<uInt>(input.size());
  std::byte probe[kProbeBytes];
  for (;;) {
    const std::span<std::byte> room = sink.Room();
    const std::span<std::byte> to = room.empty() ? std::span(probe) : room;
    const uInt size = static_cast<uInt>(std::min<size_t>(to.size(), 1 << 30));
    stream.next_out = reinterpret_cast<Bytef*>(to.data());
    stream.avail_out = size;
    const int result = inflate(&stream, Z_NO_FLUSH);
    const size_t made = size - stream.avail_out;
    if (room.empty() && made != 0) return sink.TooLarge("gzip");
    if (!room.empty()) sink.Commit(made);
    if (result == Z_STREAM_END) {
      if (stream.avail_in == 0) return absl::OkStatus();
      // Another member follows, as the format allows.
      if (inflateReset(&stream) != Z_OK) return Corrupt("gzip", "cannot be read on");
      continue;
    }
    if (result != Z_OK && result != Z_BUF_ERROR) {
      return Corrupt("gzip",
                     StrCat("is malformed: ", stream.msg != nullptr ? stream.msg : "no reason given"));
    }
    // Neither bytes in nor room out: it was cut short.
    if (made == 0 && stream.avail_in == 0) return Corrupt("gzip", "is cut short");
  }
}

absl::Status UnsnappyBlock(std::span<const std::byte> block, Sink& sink) {
  const char* const from = reinterpret_cast<const char*>(block.data());
  size_t size = 0;
  if (!snappy::GetUncompressedLength(from, block.size(), &size))
    return Corrupt("snappy", "has a malformed block");
  // The densest element makes 64 bytes of three: more than that is a lie, and not worth the memory.
  if (size / 22 > block.size())
    return Corrupt("snappy", StrCat("has a block that claims to become ", size, " bytes"));
  const std::span<std::byte> to = sink.RoomFor(size);
  if (to.size() != size) return sink.TooLarge("snappy");
  if (size != 0 && !snappy::RawUncompress(from, block.size(), reinterpret_cast<char*>(to.data()))) {
    return Corrupt("snappy", "has a malformed block");
  }
  sink.Commit(size);
  return absl::OkStatus();
}

absl::Status Unsnappy(std::span<const std::byte> input, Sink& sink) {
  const bool framed =
      input.size() >= kXerialHeaderBytes && std::memcmp(input.data(), kXerialMagic, sizeof kXerialMagic) == 0;
  // Some clients (librdkafka among them) send one bare block.
  if (!framed) return UnsnappyBlock(input, sink);
  input = input.subspan(kXerialHeaderBytes);
  while (!input.empty()) {
    if (input.size() < 4) return Corrupt("snappy", "is cut short");
    const uint32_t size = LoadBig<uint32_t>(input.data());
    if (size > input.size() - 4) return Corrupt("snappy", "is cut short");
    if (absl::Status status = UnsnappyBlock(input.subspan(4, size), sink); !status.ok()) return status;
    input = input.subspan(4 + size);
  }
  return absl::OkStatus();
}

struct DeleteLz4 {
  void operator()(LZ4F_dctx* context) const { LZ4F_freeDecompressionContext(context); }
};

absl::Status Unlz4(std::span<const std::byte> input, Sink& sink) {
  LZ4F_dctx* raw_context = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&raw_context, LZ4F_VERSION)) != 0) {
    return absl::ResourceExhaustedError("no memory for lz4's context");
  }
  const std::unique_ptr<LZ4F_dctx, DeleteLz4> context(raw_context);
  std::byte probe[kProbeBytes];
  for (;;) {
    const std::span<std::byte> room = sink.Room();
    const std::span<std::byte> to = room.empty() ? std::span(probe) : room;
    size_t made = to.size();
    size_t taken = input.size();
    const size_t result = LZ4F_decompress(context.get(), to.data(), &made, input.data(), &taken, nullptr);
    if (LZ4F_isError(result) != 0) return Corrupt("lz4", StrCat("is malformed: ", LZ4F_getErrorName(result)));
    if (room.empty() && made != 0) return sink.TooLarge("lz4");
    if (!room.empty()) sink.Commit(made);
    input = input.subspan(taken);
    if (result == 0) {
      if (input.empty()) return absl::OkStatus();
      return Corrupt("lz4", "has bytes after its end");
    }
    if (made == 0 && taken == 0) return Corrupt("lz4", "is cut short");
  }
}

struct DeleteZstd {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// How far back a frame may reach that is decompressed as a stream, with a window of its own beside the
// output: what every decoder has to support.
constexpr int kWindowLogMax = 23;

absl::Status MalformedZstd(size_t result) {
  return Corrupt("zstd", StrCat("is malformed: ", ZSTD_getErrorName(result)));
}

// All at once, where the output itself is the window: however far frames say that they reach back, it costs
// nothing. Begun anew with twice the room until it fits.
absl::Status UnzstdInPlace(ZSTD_DCtx* context, std::span<const std::byte> input, std::span<std::byte> room,
                           Sink& sink) {
  for (;;) {
    const size_t result = ZSTD_decompressDCtx(context, room.data(), room.size(), input.data(), input.size());
    if (ZSTD_isError(result) == 0) {
      sink.Commit(result);
      return absl::OkStatus();
    }
    if (ZSTD_getErrorCode(result) != ZSTD_error_dstSize_tooSmall) return MalformedZstd(result);
    room = sink.Larger();
    if (room.empty()) return sink.TooLarge("zstd");
  }
}

absl::Status Unzstd(std::span<const std::byte> input, Sink& sink) {
  const std::unique_ptr<ZSTD_DCtx, DeleteZstd> context(ZSTD_createDCtx());
  if (context == nullptr) return absl::ResourceExhaustedError("no memory for zstd's context");
  const size_t set = ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kWindowLogMax);
  if (ZSTD_isError(set) != 0) return absl::InternalError("zstd does not take the bound of its window");
  ZSTD_inBuffer in{.src = input.data(), .size = input.size(), .pos = 0};
  std::byte probe[kProbeBytes];
  for (;;) {
    const std::span<std::byte> room = sink.Room();
    const std::span<std::byte> to = room.empty() ? std::span(probe) : room;
    ZSTD_outBuffer out{.dst = to.data(), .size = to.size(), .pos = 0};
    const size_t before = in.pos;
    const size_t result = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(result) != 0) {
      if (ZSTD_getErrorCode(result) != ZSTD_error_frameParameter_windowTooLarge) return MalformedZstd(result);
      return UnzstdInPlace(context.get(), input, sink.Whole(), sink);
    }
    if (room.empty() && out.pos != 0) return sink.TooLarge("zstd");
    if (!room.empty()) sink.Commit(out.pos);
    // At the end of a frame; another may follow.
    if (result == 0 && in.pos == in.size) return absl::OkStatus();
    if (out.pos == 0 && in.pos == before) return Corrupt("zstd", "is cut short");
  }
}

}  // namespace

absl::StatusOr<size_t> Decompress(Compression codec, std::span<const std::byte> input, size_t bytes_max,
                                  std::vector<std::byte>* output) {
  Sink sink(output, bytes_max, input.size());
  absl::Status status;
  switch (codec) {
    case Compression::kGzip:
      status = Gunzip(input, sink);
      break;
    case Compression::kSnappy:
      status = Unsnappy(input, sink);
      break;
    case Compression::kLz4:
      status = Unlz4(input, sink);
      break;
    case Compression::kZstd:
      status = Unzstd(input, sink);
      break;
    default:
      status = Corrupt("record", StrCat("has no codec that is known: ", static_cast<int>(codec)));
  }
  if (!status.ok()) return status;
  return sink.used();
}

}  // namespace millrace::inline v0
