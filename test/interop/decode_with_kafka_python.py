#!/usr/bin/python3
"""Decodes this project's record batches with python3-kafka, a client that is not ours, and compares.

    decode_with_kafka_python.py EMIT_BATCHES

Exit code 77, which CTest counts as skipped, where the module is missing. A codec that the module has no library for is
unpacked by the lz4 or zstd command, or for snappy by the few lines here, and the records then decoded by the module;
where the command is missing too, the batch's CRC is still checked, and the output says so.
"""

import shutil
import struct
import subprocess
import sys

try:
    from kafka import codec as codecs
    from kafka.record.default_records import DefaultRecordBatch
    from kafka.record.util import calc_crc32c
except ImportError:
    print("skipped: python3-kafka is not installed")
    sys.exit(77)

HEADER_SIZE = 61
HAVE = {0: lambda: True, 1: codecs.has_gzip, 2: codecs.has_snappy, 3: codecs.has_lz4, 4: codecs.has_zstd}
COMMANDS = {3: ["lz4", "-d", "-c"], 4: ["zstd", "-d", "-c", "-q"]}


def many():
    for i in range(200):
        key = b"key-%d" % (i % 7)
        value = bytes([ord("a") + i % 26]) * (i * 3)
        yield (5000000000 + i, 1700000000000 + i * 100 - (i % 3) * 1000, key if i % 5 else None,
               value if i % 11 else None, [("index", key), ("null", None)] if i % 4 == 0 else [])


def expected(name):
    if name == "many":
        return list(many())
    if name == "commit":
        return [(33, 1700000000000, b"\0\0\0\1", b"\0\0\0\0\0\x09", [])]
    return [(12, 1700000000123, None, b"z" * int(name.split("-")[1]), [])]


def unsnap(block):
    """One snappy block, by its format description."""
    at = size = shift = 0
    while True:
        byte, at = block[at], at + 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    out = bytearray()
    while at < len(block):
        tag, at = block[at], at + 1
        if tag & 3 == 0:
            length = (tag >> 2) + 1
            if length > 60:
                wide = length - 60
                length, at = int.from_bytes(block[at:at + wide], "little") + 1, at + wide
            out += block[at:at + length]
            at += length
            continue
        if tag & 3 == 1:
            length, back, at = (tag >> 2 & 7) + 4, (tag >> 5 << 8) | block[at], at + 1
        else:
            wide = 2 if tag & 3 == 2 else 4
            length, back, at = (tag >> 2) + 1, int.from_bytes(block[at:at + wide], "little"), at + wide
        for _ in range(length):
            out.append(out[-back])
    assert len(out) == size
    return bytes(out)


def unxerial(data):
    assert data[:8] == b"\x82SNAPPY\0" and data[8:16] == b"\0\0\0\1" * 2
    at, out = 16, b""
    while at < len(data):
        size = struct.unpack_from(">i", data, at)[0]
        out += unsnap(data[at + 4:at + 4 + size])
        at += 4 + size
    return out


def uncompressed(batch, codec):
    """The batch with its records unpacked by other means; None where there are none."""
    if codec == 2:
        body = unxerial(batch[HEADER_SIZE:])
    elif shutil.which(COMMANDS[codec][0]) is not None:
        body = subprocess.run(COMMANDS[codec], input=batch[HEADER_SIZE:], stdout=subprocess.PIPE, check=True).stdout
    else:
        return None
    attributes = struct.unpack_from(">h", batch, 21)[0] & ~7
    rest = struct.pack(">h", attributes) + batch[23:HEADER_SIZE] + body
    return batch[:8] + struct.pack(">i", 9 + len(rest)) + batch[12:17] + struct.pack(">I", calc_crc32c(rest)) + rest


def main():
    lines = subprocess.run([sys.argv[1]], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()
    assert len(lines) == 16, len(lines)
    decoded = 0
    for line in lines:
        name, codec, text = line.split()
        codec = int(codec)
        data = bytes.fromhex(text)
        batch = DefaultRecordBatch(data)
        assert batch.magic == 2 and batch.validate_crc(), name
        assert batch.compression_type == codec, name
        assert struct.unpack_from(">i", data, 8)[0] == len(data) - 12, name
        assert batch.is_transactional == (name in ("many", "commit")), name
        assert batch.is_control_batch == (name == "commit"), name
        if not HAVE[codec]():
            data = uncompressed(data, codec)
            if data is None:
                print("codec %d: nothing here can unpack it; the CRC alone was checked" % codec)
                continue
            batch = DefaultRecordBatch(data)
        got = [(r.offset, r.timestamp, r.key, r.value, r.headers) for r in batch]
        assert got == expected(name), "%s, codec %d: %r" % (name, codec, got[:2])
        decoded += 1
    # The negative control: a flipped bit is noticed.
    damaged = bytearray(bytes.fromhex(lines[0].split()[2]))
    damaged[100] ^= 1
    assert not DefaultRecordBatch(bytes(damaged)).validate_crc()
    print("%d of %d batches decoded and equal" % (decoded, len(lines)))


if __name__ == "__main__":
    main()
