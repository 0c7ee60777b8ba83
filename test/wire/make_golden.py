#!/usr/bin/env python3
"""Makes the golden bytes of Kafka's messages (include/millrace/wire/messages).

  make_golden.py ENCODER FOLDER MESSAGE...     writes MESSAGE.txt for each into FOLDER
  make_golden.py ENCODER --show MESSAGE        prints the lines that Print must give instead

ENCODER is a Python program that encodes Kafka messages from JSON values by interpreting Kafka's own definitions,
independently of the project: it is imported for its `FOLDER`, `load`, `has`, `snake` and `Encoder`.

Each line is "version case hex print": the message's bytes, and the FNV-1a hash of the line that wire::Print gives for
what they hold, computed here by rules of its own. The cases: `defaults`; `empty`, with null wherever it is allowed,
empty strings and arrays and the least numbers; `full`, with two elements in an array, of which the first is full again
and the second has nulls, empty arrays and no tagged fields. "-" instead of bytes: the encoder refuses the case.
"""
import base64
import importlib.util
import pathlib
import random
import sys

BITS = {"int8": 8, "int16": 16, "uint16": 16, "int32": 32, "uint32": 32, "int64": 64}
SECRET = {("AlterConfigsRequest", "value"), ("IncrementalAlterConfigsRequest", "value")}


class Maker:
    """Values for one message at one version."""

    def __init__(self, oracle, message, version):
        self.oracle, self.message, self.version = oracle, message, version
        self.encoder = oracle.Encoder(message, version)

    def here(self, field, key="versions"):
        return self.oracle.has(field.get(key), self.version)

    def values(self, fields, rich, path):
        return {self.oracle.snake(f["name"]): self.value(f, f["type"], rich, f"{path}.{f['name']}")
                for f in fields if self.here(f) and (rich or "tag" not in f)}

    def value(self, field, kind, rich, path):
        """`rich`: something awkward; else null, empty or the least."""
        rng = random.Random(path)
        if not rich and self.here(field, "nullableVersions"):
            return None
        if kind.startswith("[]"):
            one = {k: v for k, v in field.items() if k != "nullableVersions"}
            return [self.value(one, kind[2:], i == 0, f"{path}[{i}]") for i in range(2)] if rich else []
        if kind == "bool":
            return rich
        if kind in BITS:
            low = 0 if kind[0] == "u" else -(1 << BITS[kind] - 1)
            high = low + (1 << BITS[kind]) - 1
            return rng.choice([high, low, *(rng.randint(low, high) for _ in range(4))]) if rich else low
        if kind == "float64":
            return rng.choice([0.1, -1e308, 5e-324]) if rich else -0.0
        if kind == "uuid":
            return rng.randbytes(16).hex() if rich else "00" * 16
        if kind == "string":
            return rng.choice(["grüppe-\U0001f600", "x" * 130, 'a "b" \\c\n']) + field["name"] if rich else ""
        if kind in ("bytes", "records"):
            return rng.randbytes(rng.choice([1, 20, 130])).hex() if rich else ""
        return self.values(self.encoder.fields_of(dict(field, type=kind)), rich, path)


class Printer:
    """What wire::Print gives for a message's values."""

    def __init__(self, maker):
        self.maker, self.encoder, self.line = maker, maker.encoder, ""

    def struct(self, fields, x):
        self.line += "{"
        first = True
        for f in fields:
            name = self.maker.oracle.snake(f["name"])
            if not self.maker.here(f) or ("tag" in f and x[name] == self.encoder.default(f)):
                continue
            self.line += ("" if first else " ") + name + "="
            first = False
            self.value(f, f["type"], x[name])
        self.line += "}"

    def value(self, field, kind, x):
        if x is None:
            self.line += "null"
        elif kind.startswith("[]"):
            self.array(field, kind[2:], x)
        elif kind == "bool":
            self.line += "true" if x else "false"
        elif kind == "float64":
            self.line += "%.17g" % x
        elif kind in BITS:
            self.line += str(x)
        elif kind == "uuid":
            self.line += base64.urlsafe_b64encode(bytes.fromhex(x)).decode().rstrip("=")
        elif kind in ("bytes", "records"):
            self.line += f"<{len(x) // 2} bytes>"
        elif kind == "string":
            self.text(x.encode(), (self.maker.message["name"], self.maker.oracle.snake(field["name"])) in SECRET)
        else:
            self.struct(self.encoder.fields_of(dict(field, type=kind)), x)

    def array(self, field, kind, x):
        self.line += "["
        for i, element in enumerate(x):
            if len(self.line) >= 4096:
                self.line += f"{', ' if i else ''}...{len(x) - i} more"
                break
            self.line += ", " if i else ""
            self.value(field, kind, element)
        self.line += "]"

    def text(self, text, secret):
        if secret:
            self.line += f"<{len(text)} bytes>"
            return
        shown = "".join("\\" + chr(c) if chr(c) in '"\\' else chr(c) if 32 <= c <= 126 else "\\x%02x" % c
                        for c in text[:64])
        self.line += f'"{shown}"' + (f"...({len(text)} bytes)" if len(text) > 64 else "")


def fnv(text):
    h = 2166136261
    for c in text.encode():
        h = (h ^ c) * 16777619 & 0xFFFFFFFF
    return f"{h:08x}"


def cases(oracle, name):
    """Yields version, case, hex and the printed line."""
    message = oracle.load(oracle.FOLDER / "4.x", name)
    first, _, last = message["validVersions"].partition("-")
    for version in range(int(first), int(last or first) + 1):
        seen = set()
        for case in ("defaults", "empty", "full"):
            maker = Maker(oracle, message, version)
            values = {} if case == "defaults" else maker.values(message["fields"], case == "full", name)
            try:
                body = maker.encoder.message(message["fields"], values).hex()
            except SystemExit:
                if case != "defaults":
                    raise
                yield version, case, "-", ""
                continue
            if body in seen:
                continue
            seen.add(body)
            whole = {"name": "message", "type": "message", "fields": message["fields"]}
            printer = Printer(maker)
            printer.struct(message["fields"], maker.encoder.whole(whole, values))
            yield version, case, body or "0x", printer.line


def main(args):
    if len(args) < 3:
        sys.exit(__doc__)
    spec = importlib.util.spec_from_file_location("oracle", args[0])
    oracle = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(oracle)
    for name in args[2:]:
        rows = list(cases(oracle, name))
        if args[1] == "--show":
            print("\n".join(f"{version} {case} {line}" for version, case, _, line in rows))
            continue
        text = "".join(f"{version} {case} {body} {fnv(line)}\n" for version, case, body, line in rows)
        (pathlib.Path(args[1]) / f"{name}.txt").write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
