#!/usr/bin/python3
"""Makes test/golden/batches/*.hex: record batches that this project's code had no hand in.

Uncompressed and gzip batches come from python3-kafka's own builder. For snappy, lz4 and zstd, whose Python modules are
often not there, the records of its builder are compressed by other programs (the lz4 and zstd commands), or, for snappy,
framed here as literals; the header is packed by hand. Each file is one batch in hex; what it holds is said in
test/record/golden_test.cc.

    /usr/bin/python3 test/golden/make_batches.py test/golden/batches
"""

import os
import struct
import subprocess
import sys

from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from kafka.record.util import calc_crc32c

RECORDS = [
    # (timestamp, key, value, headers)
    (1700000000000, b"key", b"value", []),
    (1700000000005, None, b"no key", []),
    (1699999999990, b"tombstone", None, []),
    (1700000000005, None, None, []),
    (1700000001000, b"", b"", [("empty", b""), ("null", None), ("", b"no name")]),
    (1700000000000, b"k" * 64, b"v" * 9000, [("trace", bytes(range(256)))]),
]
HEADER = struct.Struct(">qiibIhiqqqhii")


def build(codec, records=RECORDS, **over):
    options = dict(magic=2, compression_type=codec, is_transactional=False, producer_id=-1, producer_epoch=-1,
                   base_sequence=-1, batch_size=1 << 20)
    options.update(over)
    builder = DefaultRecordBatchBuilder(**options)
    for offset, (timestamp, key, value, headers) in enumerate(records):
        assert builder.append(offset, timestamp, key, value, headers) is not None
    return bytes(builder.build())


def repack(batch, body=None, **over):
    """The batch with another body and other header fields, and the length and CRC to fit."""
    names = ["base_offset", "length", "leader_epoch", "magic", "crc", "attributes", "last_offset_delta",
             "base_timestamp", "max_timestamp", "producer_id", "producer_epoch", "base_sequence", "count"]
    fields = dict(zip(names, HEADER.unpack_from(batch)))
    body = batch[HEADER.size:] if body is None else body
    fields.update(over)
    fields["length"] = HEADER.size - 12 + len(body)
    fields["crc"] = 0
    packed = HEADER.pack(*fields.values()) + body
    fields["crc"] = calc_crc32c(packed[21:])
    return HEADER.pack(*fields.values()) + body


def varint32(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    return bytes(out + bytes([number]))


def snappy_block(data):
    """Literals alone, which every snappy decoder must take."""
    out = bytearray(varint32(len(data)))
    for at in range(0, len(data), 60):
        part = data[at:at + 60]
        out += bytes([(len(part) - 1) << 2]) + part
    return bytes(out)


def xerial(data):
    out = b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1)
    for at in range(0, len(data), 4096):
        block = snappy_block(data[at:at + 4096])
        out += struct.pack(">i", len(block)) + block
    return out


def command(arguments, data):
    return subprocess.run(arguments, input=data, stdout=subprocess.PIPE, check=True).stdout


def main(directory):
    os.makedirs(directory, exist_ok=True)
    plain = build(0)
    body = plain[HEADER.size:]
    batches = {
        "none": plain,
        "one": build(0, [(1700000000123, None, b"x" * 100, [])]),
        "idempotent": build(0, RECORDS[:2], is_transactional=True, producer_id=123456789012, producer_epoch=7,
                            base_sequence=2147483647),
        "gzip": build(1),
        "snappy_xerial": repack(plain, xerial(body), attributes=2),
        "snappy_raw": repack(plain, snappy_block(body), attributes=2),
        "lz4": repack(plain, command(["lz4", "-c", "-B4", "-BI"], body), attributes=3),
        "zstd": repack(plain, command(["zstd", "-c", "-q"], body), attributes=4),
        "append_time": repack(plain, attributes=8, max_timestamp=1800000000000, base_offset=4000000000,
                              leader_epoch=5),
    }
    # An abort marker as a broker writes it: control and transactional; key version 0 type 0, value version 0 epoch 3.
    marker = build(0, [(1700000000000, b"\0\0\0\0", b"\0\0\0\0\0\3", [])], producer_id=42, producer_epoch=1)
    batches["abort_marker"] = repack(marker, attributes=0x30, base_offset=77)
    for name, batch in batches.items():
        assert DefaultRecordBatch(batch).validate_crc(), name
        text = batch.hex()
        with open(os.path.join(directory, name + ".hex"), "w") as file:
            for at in range(0, len(text), 96):
                file.write(text[at:at + 96] + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
