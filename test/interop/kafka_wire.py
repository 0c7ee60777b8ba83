"""Kafka's protocol from Kafka's own schemas, as they lie in its client's jar: any message at any version, as dictionaries.

Independent of the library's codec, so that one can hold the other to it.
"""

import json
import re
import socket
import struct
import uuid
import zipfile


class Schemas:
    """Requests, responses and headers by name, from kafka-clients-*.jar."""

    def __init__(self, jar):
        self.requests, self.responses, self.others = {}, {}, {}
        with zipfile.ZipFile(jar) as archive:
            for name in archive.namelist():
                if not re.match(r"common/message/.*\.json$", name):
                    continue
                text = re.sub(r"^\s*//.*$", "", archive.read(name).decode(), flags=re.M)
                schema = json.loads(text)
                kind = {"request": self.requests, "response": self.responses}.get(schema["type"])
                if kind is None:
                    self.others[schema["name"]] = schema
                else:
                    kind[schema["apiKey"]] = schema


def within(versions, version):
    if versions in (None, "none"):
        return False
    low, _, high = versions.partition("-")
    if versions.endswith("+"):
        return version >= int(versions[:-1])
    return int(low) <= version <= int(high or low)


def newest(schema):
    return int(schema["validVersions"].rstrip("+").split("-")[-1])


NUMBERS = {"int8": ">b", "int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "int64": ">q", "float64": ">d", "bool": ">?"}


def default(field):
    kind = field["type"]
    given = field.get("default")
    if given == "null":
        return None
    if kind.startswith("[]"):
        return []
    if kind in NUMBERS:
        if kind == "bool":
            return str(given).lower() == "true"
        return float(given or 0) if kind == "float64" else int(str(given or 0), 0)
    if kind == "string":
        return given or ""
    if kind in ("bytes", "records"):
        return b"" if kind == "bytes" else None
    if kind == "uuid":
        return "00000000-0000-0000-0000-000000000000"
    return {}


class Codec:
    def __init__(self, schema, version):
        self.version = version
        self.flexible = within(schema.get("flexibleVersions", "none"), version)
        self.schema = schema
        self.common = {one["name"]: one["fields"] for one in schema.get("commonStructs", [])}

    # Encoding.

    def encode(self, message):
        unknown = set(message) - {field["name"] for field in self.schema["fields"]}
        if unknown:
            raise ValueError(f"{self.schema['name']} has no {unknown}")
        return self._struct(self.schema["fields"], message)

    def _fields(self, fields):
        return [field for field in fields if within(field["versions"], self.version)]

    def _struct(self, fields, message):
        unknown = set(message) - {field["name"] for field in fields}
        if unknown:
            raise ValueError(f"no field {unknown} among {[field['name'] for field in fields]}")
        out, tagged = b"", []
        for field in self._fields(fields):
            value = message.get(field["name"], default(field))
            if within(field.get("taggedVersions", "none"), self.version) and self.flexible:
                if value != default(field):
                    tagged.append((field["tag"], self._value(field, value)))
            else:
                out += self._value(field, value)
        if self.flexible:
            out += varint(len(tagged))
            for tag, body in sorted(tagged):
                out += varint(tag) + varint(len(body)) + body
        return out

    def _length(self, value, short):
        if self.flexible:
            return varint(0 if value is None else len(value) + 1)
        return struct.pack(">h" if short else ">i", -1 if value is None else len(value))

    def _value(self, field, value, element=None):
        kind = element or field["type"]
        flexible = field.get("flexibleVersions") != "none"
        if kind.startswith("[]"):
            return self._length(value, False) + b"".join(self._value(field, one, kind[2:]) for one in value or [])
        if kind in NUMBERS:
            return struct.pack(NUMBERS[kind], value)
        if kind == "string":
            raw = None if value is None else value.encode()
            if not flexible:
                return struct.pack(">h", -1 if raw is None else len(raw)) + (raw or b"")
            return self._length(raw, True) + (raw or b"")
        if kind in ("bytes", "records"):
            return self._length(value, False) + (value or b"")
        if kind == "uuid":
            return uuid.UUID(value).bytes
        fields = field.get("fields") or self.common[kind]
        if within(field.get("nullableVersions", "none"), self.version) and element is None:
            return b"\xff" if value is None else b"\x01" + self._struct(fields, value)
        return self._struct(fields, value)

    # Decoding.

    def decode(self, data):
        reader = Reader(data)
        message = self._read_struct(self.schema["fields"], reader)
        if reader.left():
            raise ValueError(f"{reader.left()} bytes behind {self.schema['name']} v{self.version}")
        return message

    def read(self, reader):
        return self._read_struct(self.schema["fields"], reader)

    def _read_struct(self, fields, reader):
        message = {}
        by_tag = {}
        for field in self._fields(fields):
            if within(field.get("taggedVersions", "none"), self.version) and self.flexible:
                by_tag[field["tag"]] = field
            else:
                message[field["name"]] = self._read(field, reader)
        if self.flexible:
            for _ in range(reader.varint()):
                tag, size = reader.varint(), reader.varint()
                body = Reader(reader.take(size))
                if tag in by_tag:
                    message[by_tag[tag]["name"]] = self._read(by_tag[tag], body)
        return message

    def _read_length(self, reader, short):
        if self.flexible:
            return reader.varint() - 1
        return reader.number(">h" if short else ">i")

    def _read(self, field, reader, element=None):
        kind = element or field["type"]
        if kind.startswith("[]"):
            count = self._read_length(reader, False)
            return None if count < 0 else [self._read(field, reader, kind[2:]) for _ in range(count)]
        if kind in NUMBERS:
            return reader.number(NUMBERS[kind])
        if kind == "string":
            flexible = field.get("flexibleVersions") != "none"
            size = self._read_length(reader, True) if flexible else reader.number(">h")
            return None if size < 0 else reader.take(size).decode()
        if kind in ("bytes", "records"):
            size = self._read_length(reader, False)
            return None if size < 0 else bytes(reader.take(size))
        if kind == "uuid":
            return str(uuid.UUID(bytes=bytes(reader.take(16))))
        fields = field.get("fields") or self.common[kind]
        if within(field.get("nullableVersions", "none"), self.version) and element is None:
            if reader.number(">b") < 0:
                return None
        return self._read_struct(fields, reader)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def left(self):
        return len(self.data) - self.at

    def take(self, size):
        if size < 0 or size > self.left():
            raise ValueError("the answer is cut off")
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def zigzag(value):
    return varint((value << 1) ^ (value >> 63))


def crc32c(data, table=[]):
    if not table:
        for byte in range(256):
            for _ in range(8):
                byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
            table.append(byte)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def batch(values, time=1_700_000_000_000, attributes=0, producer=(-1, -1, -1), magic=2, keys=None, breaks=None):
    """A record batch; `breaks`: a byte is turned round behind the checksum."""
    records = b""
    for i, value in enumerate(values):
        key = keys[i] if keys else None
        body = b"\0" + zigzag(i) + zigzag(i)
        body += zigzag(-1) if key is None else zigzag(len(key)) + key
        body += zigzag(len(value)) + value + zigzag(0)
        records += zigzag(len(body)) + body
    last = len(values) - 1
    rest = struct.pack(">hiqqqhii", attributes, last, time, time + last, *producer, len(values)) + records
    crc = crc32c(rest) ^ (1 if breaks else 0)
    return struct.pack(">qiibI", 0, len(rest) + 9, -1, magic, crc) + rest


class Closed(Exception):
    """The broker closed the connection instead of answering."""


class Connection:
    def __init__(self, address, schemas, client_id="differential", timeout=30):
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout)
        self.schemas = schemas
        self.client_id = client_id
        self.correlation = 0

    def close(self):
        self.socket.close()

    def send(self, key, version, body):
        """`body`: a dictionary, or bytes that are sent as they are."""
        self.correlation += 1
        schema = self.schemas.requests[key]
        if isinstance(body, dict):
            body = Codec(schema, version).encode(body)
        flexible = within(schema.get("flexibleVersions", "none"), version)
        client = self.client_id.encode()
        header = struct.pack(">hhih", key, version, self.correlation, len(client)) + client + (b"\0" if flexible else b"")
        self.send_raw(header + body)

    def send_raw(self, frame):
        self.socket.sendall(struct.pack(">i", len(frame)) + frame)

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            try:
                got = self.socket.recv(size - len(data))
            except ConnectionResetError:
                got = b""
            if not got:
                raise Closed()
            data += got
        return data

    def receive(self, key, version):
        size = struct.unpack(">i", self._exactly(4))[0]
        reader = Reader(self._exactly(size))
        if reader.number(">i") != self.correlation:
            raise ValueError("another correlation id")
        schema = self.schemas.responses[key]
        if key != 18 and within(schema.get("flexibleVersions", "none"), version):
            for _ in range(reader.varint()):
                reader.varint()
                reader.take(reader.varint())
        rest = reader.take(reader.left())
        if key == 18 and version > 0 and rest[:2] == b"\0\x23":
            version = 0  # What it says to a version it does not know.
        return Codec(schema, version).decode(rest)

    def call(self, key, version, body):
        self.send(key, version, body)
        return self.receive(key, version)
