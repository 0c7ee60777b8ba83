// Records and the batches that hold them: Kafka's record batch v2 (magic 2), byte for byte.
//
// A batch is the unit that is appended, stored, replicated, sent and read. `BatchView` and `RecordView` look
// into its bytes where they lie; nothing is copied (a compressed batch is decompressed into memory that the
// caller owns).
//
// Format: KIP-98; org.apache.kafka.common.record.DefaultRecordBatch. The 61 bytes of the header, big-endian:
//    0 base_offset i64                  27 base_timestamp i64
//    8 length i32 (of what follows it)  35 max_timestamp i64
//   12 partition_leader_epoch i32       43 producer_id i64
//   16 magic i8 = 2                     51 producer_epoch i16
//   17 crc u32                          53 base_sequence i32
//   21 attributes i16                   57 record_count i32
//   23 last_offset_delta i32            61 the records
// The CRC-32C covers bytes 21 to the end. Attributes: bits 0-2 codec, 3 timestamp type, 4 transactional, 5
// control, 6 delete horizon (then base_timestamp is the horizon).

#ifndef MILLRACE_RECORD_H_
#define MILLRACE_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/export.h"
#include "millrace/types.h"

namespace millrace::inline v0 {

enum class Compression : uint8_t { kNone = 0, kGzip = 1, kSnappy = 2, kLz4 = 3, kZstd = 4 };
enum class TimestampType : uint8_t { kCreateTime = 0, kLogAppendTime = 1 };

// Header: a named value that travels with a record. Borrowed text. The value may be null, which is not the
// same as empty.
struct Header {
  std::string_view key = {};
  std::optional<std::string_view> value = {};
  bool operator==(const Header&) const = default;
};

// Record: what a caller wants to have appended. Borrows everything until the call it is passed to returns.
struct Record {
  // Null: no key (the partitioner then chooses freely; compaction rejects it).
  std::optional<std::string_view> key = std::nullopt;
  // Null: a tombstone, which deletes its key in a compacted topic.
  std::optional<std::string_view> value = std::nullopt;
  std::span<const Header> headers = {};
  // kNoTimestamp: the clock's time when it is sent. A producer that lingers gives all such records of a batch
  // the time at which the batch was begun.
  Timestamp timestamp = kNoTimestamp;
};

// HeaderRange: the headers of one record, decoded while iterating. Valid while the record's bytes are.
// The bytes were checked when the record was decoded: iteration cannot fail.
class HeaderRange {
 public:
  class Iterator;
  HeaderRange() = default;
  HeaderRange(const std::byte* data, uint32_t count) : data_(data), count_(count) {}
  MILLRACE_EXPORT Iterator begin() const;
  MILLRACE_EXPORT Iterator end() const;
  size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }

 private:
  const std::byte* data_ = nullptr;
  uint32_t count_ = 0;
};

class MILLRACE_EXPORT HeaderRange::Iterator {
 public:
  using value_type = Header;
  using difference_type = std::ptrdiff_t;
  Iterator() = default;
  Iterator(const std::byte* data, uint32_t left) : next_(data), left_(left) { Decode(); }
  const Header& operator*() const { return header_; }
  const Header* operator->() const { return &header_; }
  Iterator& operator++() {
    --left_;
    Decode();
    return *this;
  }
  Iterator operator++(int) {
    Iterator old = *this;
    ++*this;
    return old;
  }
  bool operator==(const Iterator& other) const { return left_ == other.left_; }

 private:
  void Decode();
  const std::byte* next_ = nullptr;
  uint32_t left_ = 0;
  Header header_;
};

// RecordView: one record where it lies. Valid while its batch's bytes are.
struct RecordView {
  Offset offset = {};
  Timestamp timestamp = {};
  std::optional<std::string_view> key = {};
  std::optional<std::string_view> value = {};
  HeaderRange headers = {};
};

// What a compressed batch may become where the caller sets no bound: 32 MiB, or four times itself where that
// is more. Few bytes can claim to be gigabytes.
inline constexpr size_t kDecompressedBytesByBatch = 0;
constexpr size_t DecompressedBytesMax(size_t batch_bytes) {
  constexpr size_t kLeast = size_t{32} << 20;
  return batch_bytes > kLeast / 4 ? 4 * batch_bytes : kLeast;
}

inline constexpr size_t kBatchHeaderBytes = 61;
// Bytes ahead of what `length` counts: base_offset and length itself.
inline constexpr size_t kBatchPrefixBytes = 12;

// BatchView: the fields of one batch where it lies. Trivially copyable; borrows the bytes.
// The constructor requires at least kBatchHeaderBytes readable bytes; Parse() checks what it is given.
class MILLRACE_EXPORT BatchView {
 public:
  BatchView() = default;
  explicit BatchView(const std::byte* data) : data_(data) {}

  // The batch at the front of `bytes`. kDataLoss (kCorruptMessage) if the bytes are too short, the length is
  // senseless, the magic is not 2, or a field contradicts another. Does not check the CRC; O(1).
  static absl::StatusOr<BatchView> Parse(std::span<const std::byte> bytes);

  const std::byte* data() const { return data_; }
  std::span<const std::byte> bytes() const { return {data_, size_bytes()}; }
  // Of the whole batch, header and prefix included.
  size_t size_bytes() const { return kBatchPrefixBytes + static_cast<uint32_t>(length()); }

  Offset base_offset() const { return Offset(Load<int64_t>(0)); }
  int32_t length() const { return Load<int32_t>(8); }
  LeaderEpoch leader_epoch() const { return LeaderEpoch(Load<int32_t>(12)); }
  int8_t magic() const { return Load<int8_t>(16); }
  uint32_t crc() const { return Load<uint32_t>(17); }
  uint16_t attributes() const { return Load<uint16_t>(21); }
  int32_t last_offset_delta() const { return Load<int32_t>(23); }
  Timestamp base_timestamp() const { return Timestamp(Load<int64_t>(27)); }
  Timestamp max_timestamp() const { return Timestamp(Load<int64_t>(35)); }
  ProducerId producer_id() const { return ProducerId(Load<int64_t>(43)); }
  ProducerEpoch producer_epoch() const { return ProducerEpoch(Load<int16_t>(51)); }
  int32_t base_sequence() const { return Load<int32_t>(53); }
  int32_t record_count() const { return Load<int32_t>(57); }

  Offset last_offset() const { return base_offset() + last_offset_delta(); }
  Offset next_offset() const { return last_offset() + 1; }
  // Sequence numbers wrap from 2^31-1 to 0. -1 without a producer id.
  int32_t last_sequence() const;
  Compression compression() const { return static_cast<Compression>(attributes() & 7); }
  TimestampType timestamp_type() const { return static_cast<TimestampType>((attributes() >> 3) & 1); }
  bool is_transactional() const { return (attributes() & 0x10) != 0; }
  bool is_control() const { return (attributes() & 0x20) != 0; }
  bool has_delete_horizon() const { return (attributes() & 0x40) != 0; }
  // When the tombstones and markers of this batch may be removed; nullopt if not set.
  std::optional<Timestamp> delete_horizon() const;

  // Whether the stored CRC fits bytes 21 to the end. O(size).
  bool CrcIsValid() const;
  // CRC first, then every record decoded and checked against the header: as many records as it says and not a
  // byte more, offsets rising up to the last one, no timestamp later than the latest.
  // Errors: kCorruptMessage for a wrong CRC or header or a broken codec stream, kInvalidRecord for a wrong
  // record. `decompressed_bytes_max` bounds what a compressed batch may become. O(size).
  absl::Status Validate(size_t decompressed_bytes_max = kDecompressedBytesByBatch) const;

 private:
  template <typename T>
  T Load(size_t at) const {
    using U = std::make_unsigned_t<T>;
    U raw;
    __builtin_memcpy(&raw, data_ + at, sizeof raw);
    if constexpr (sizeof(T) == 2) raw = __builtin_bswap16(raw);
    if constexpr (sizeof(T) == 4) raw = __builtin_bswap32(raw);
    if constexpr (sizeof(T) == 8) raw = __builtin_bswap64(raw);
    return static_cast<T>(raw);
  }

  const std::byte* data_ = nullptr;
};

// RecordReader: walks the records of one batch, in place.
//
//   RecordReader reader(batch);                 // uncompressed: no allocation
//   RecordView record;
//   while (reader.Next(&record)) Use(record);
//   if (!reader.status().ok()) ...              // malformed: what was returned before is good
//
// Single-threaded. Borrows the batch's bytes; for a compressed batch it owns the decompressed ones, which
// live as long as the reader (or its `buffer`, see the second constructor).
class MILLRACE_EXPORT RecordReader {
 public:
  // Requires: a batch that Parse() accepted. Becoming more than `decompressed_bytes_max` bytes is an error.
  explicit RecordReader(BatchView batch, size_t decompressed_bytes_max = kDecompressedBytesByBatch)
      : RecordReader(batch, nullptr, decompressed_bytes_max) {}
  // Decompresses into `buffer`, which is grown as needed, reused from batch to batch, and must outlive the
  // records.
  RecordReader(BatchView batch, std::vector<std::byte>* buffer,
               size_t decompressed_bytes_max = kDecompressedBytesByBatch)
      : batch_(batch),
        next_(batch.data() + kBatchHeaderBytes),
        end_(batch.data() + batch.size_bytes()),
        base_offset_(batch.base_offset().value()),
        base_timestamp_(batch.base_timestamp().value()),
        left_(batch.record_count()),
        last_delta_(batch.last_offset_delta()) {
    if (batch.compression() != Compression::kNone) [[unlikely]]
      Decompress(buffer != nullptr ? buffer : &own_, decompressed_bytes_max);
  }
  RecordReader(const RecordReader&) = delete;
  RecordReader& operator=(const RecordReader&) = delete;

  // Decodes the next record; false at the end or at the first malformed one.
  bool Next(RecordView* record) {
    if (left_ == 0) [[unlikely]]
      return next_ != end_ && Finish();
    return Decode(record);
  }
  // OK until a malformed record was met: then kInvalidRecord, or kCorruptMessage where the compressed bytes
  // themselves are malformed or become too many.
  const absl::Status& status() const { return status_; }

 private:
  void Decompress(std::vector<std::byte>* buffer, size_t decompressed_bytes_max);
  bool Decode(RecordView* record);
  bool Finish();
  bool Fail(std::string_view what);

  BatchView batch_;
  const std::byte* next_ = nullptr;
  const std::byte* end_ = nullptr;
  int64_t base_offset_ = 0;
  int64_t base_timestamp_ = 0;
  int32_t left_ = 0;
  int32_t previous_delta_ = -1;
  int32_t last_delta_ = 0;
  std::vector<std::byte> own_;
  absl::Status status_;
};

// What a builder writes into the header of a batch.
struct BatchOptions {
  Compression compression = Compression::kNone;
  // The codec's own level: gzip 1 to 9 (or -1), lz4 1 to 17 (the high-compression coder; above 12 as 12),
  // zstd -131072 to 22; snappy has none. nullopt: Kafka's default (gzip -1, lz4's fast coder, zstd 3).
  // Finish() fails for any other.
  std::optional<int> compression_level = std::nullopt;
  // kLogAppendTime: every record has the batch's max_timestamp, the largest `timestamp` that Append() was
  // given; the records' own are not looked at.
  TimestampType timestamp_type = TimestampType::kCreateTime;
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch = kNoProducerEpoch;
  // Sequence of the first record; -1 without a producer id.
  int32_t base_sequence = -1;
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
  bool transactional = false;
  bool control = false;
  // When tombstones and markers of this batch may be removed; stands in the place of the base timestamp.
  std::optional<Timestamp> delete_horizon = std::nullopt;
};

class Compressor;

// BatchBuilder: gathers records into one batch.
//
//   BatchBuilder builder(options);
//   builder.Append(record, now);
//   absl::StatusOr<std::span<std::byte>> batch = builder.Finish(Offset(0));
//
// Single-threaded. Keeps its buffer over Reset(), so that a builder in use allocates nothing.
// A builder that was moved from can only be assigned to or destroyed.
class MILLRACE_EXPORT BatchBuilder {
 public:
  explicit BatchBuilder(BatchOptions options = {});
  ~BatchBuilder();
  BatchBuilder(BatchBuilder&&) noexcept;
  BatchBuilder& operator=(BatchBuilder&&) noexcept;

  // Starts a new, empty batch.
  void Reset(BatchOptions options);
  void Reset() { Reset(options_); }

  // Adds `record` at the next offset. `timestamp` stands in where the record has none.
  // Requires: not finished, and a batch that stays below 2^31 bytes.
  void Append(const Record& record, Timestamp timestamp);
  // Adds it at base offset + `offset_delta`, which must rise: batches that a cleaner has thinned.
  void AppendAt(int32_t offset_delta, const Record& record, Timestamp timestamp);

  int32_t record_count() const { return count_; }
  bool empty() const { return count_ == 0; }
  // Bytes of the batch before compression, header included.
  size_t size_bytes() const { return used_; }
  // Bytes that `record` would add at the most.
  static size_t SizeBound(const Record& record);

  // Compresses, fills in header and CRC. The bytes are the builder's and stay valid until Reset or
  // destruction; mutable, so that a log can stamp base offset and leader epoch, which the CRC does not cover.
  // Requires: at least one record, and not finished. Fails only if a codec does (kInternal) or does not know
  // the level (kInvalidArgument).
  absl::StatusOr<std::span<std::byte>> Finish(Offset base_offset = Offset(0));
  // As Finish, with the last offset delta given: a cleaned batch keeps the offset range it had. It may have
  // no record left; then `max_timestamp` says what its latest timestamp was. Requires: `last_offset_delta`
  // not below that of the last record, nor below 0.
  absl::StatusOr<std::span<std::byte>> FinishWithLastDelta(Offset base_offset, int32_t last_offset_delta,
                                                           Timestamp max_timestamp = kNoTimestamp);

 private:
  void Grow(size_t more);

  BatchOptions options_;
  std::unique_ptr<std::byte[]> buffer_;
  size_t capacity_ = 0;
  size_t used_ = 0;
  int32_t count_ = 0;
  int32_t last_delta_ = -1;
  int64_t base_timestamp_ = -1;
  int64_t max_timestamp_ = -1;
  bool finished_ = false;
  std::vector<std::byte> compressed_;
  std::unique_ptr<Compressor> compressor_;
};

// Encodes `record` as a batch of its own at `into` (at least OneRecordBatchBound(record) bytes), CRC
// included, and returns its size. The fast path of unbatched appends: the CRC is taken from the source bytes
// and registers, the batch is written once and never read back; nothing past its end is touched. `timestamp`
// stands in where the record has none.
// Requires: `into` does not overlap what the record borrows; a batch that stays below 2^31 bytes.
MILLRACE_EXPORT size_t EncodeOneRecordBatch(std::byte* into, const Record& record, Timestamp timestamp,
                                            Offset base_offset, LeaderEpoch leader_epoch);
MILLRACE_EXPORT size_t OneRecordBatchBound(const Record& record);

// The two control records of transactions (KIP-98): a batch that holds one end-of-transaction marker.
enum class ControlType : int16_t { kAbort = 0, kCommit = 1 };
// What a control record's key and value say; nullopt for one that is none or is of a later kind.
struct ControlMarker {
  ControlType type = ControlType::kAbort;
  int32_t coordinator_epoch = 0;
};
MILLRACE_EXPORT std::optional<ControlMarker> ParseControlMarker(const RecordView& record);
MILLRACE_EXPORT std::vector<std::byte> EncodeControlBatch(ControlMarker marker, ProducerId producer_id,
                                                          ProducerEpoch producer_epoch, Timestamp timestamp,
                                                          Offset base_offset, LeaderEpoch leader_epoch);

}  // namespace millrace::inline v0

#endif  // MILLRACE_RECORD_H_
