#!/usr/bin/env python3
"""Compares what the messages say of themselves with Kafka's own definitions.

  compare_schema.py DUMP      DUMP: the program schema_dump

MILLRACE_KAFKA_MESSAGES names a folder of Kafka's message definitions (*.json, as in clients/src/main/resources/common/message);
without it the comparison is skipped (exit 77). For each message and version: each field's name, order, type, default, tag, and
whether it may be null, is compact and is ignored where it is absent; for each API key: its name and flexible versions, and
that the versions that we say Kafka serves are among its valid ones.
"""
import json
import os
import pathlib
import re
import subprocess
import sys

NUMBERS = ("int8", "int16", "uint16", "int32", "uint32", "int64")


def load(path):
    return json.loads(re.sub(r"(?m)(^|(?<=[,\[\]{}]))\s*//.*$", "", re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)))


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def span(text):
    """The first and last version; (1, 0) for none."""
    if text in (None, "none"):
        return (1, 0)
    if text.endswith("+"):
        return (int(text[:-1]), 32767)
    first, _, last = text.partition("-")
    return (int(first), int(last or first))


def has(text, version):
    first, last = span(text)
    return first <= version <= last


def kind(name):
    if name.startswith("[]"):
        return "[]" + kind(name[2:])
    if name in ("bytes", "records"):
        return "bytes"
    return name if name in NUMBERS + ("bool", "float64", "uuid", "string") else "struct"


def default(field):
    given, base = field.get("default"), kind(field["type"])
    if given == "null" or (field["type"] == "records" and given is None):
        return "null"
    if base in NUMBERS:
        return str(int(str(given or 0), 0))
    if base == "float64":
        return f"{float(given or 0):.6f}"
    if base == "bool":
        return str(given or False).lower()
    return {"string": f"'{given or ''}'", "uuid": "zero", "struct": "struct"}.get(base, "empty")


def fields(message, members, version, prefix, flexible, structs):
    for f in members:
        path = prefix + snake(f["name"])
        versions = f.get("versions", f.get("taggedVersions"))
        if not has(versions, version):
            yield f"absent {message} {version} {path} ignorable={int(f.get('ignorable', False))}"
            continue
        compact = has(f["flexibleVersions"], version) if "flexibleVersions" in f else flexible
        tag = f["tag"] if has(f.get("taggedVersions"), version) else "none"
        yield (f"field {message} {version} {path} {kind(f['type'])} nullable={int(has(f.get('nullableVersions'), version))} "
               f"tag={tag} compact={int(compact)} default={default(f)}")
        if kind(f["type"]).removeprefix("[]") == "struct":
            inner = f.get("fields") or structs[f["type"].removeprefix("[]")]
            yield from fields(message, inner, version, path + ".", compact, structs)


def expected(folder, name):
    whole = load(folder / f"{name}.json")
    structs = {s["name"]: s["fields"] for s in whole.get("commonStructs", [])}
    first, last = span(whole["validVersions"])
    for version in range(first, last + 1):
        yield f"message {name} {version} key={whole.get('apiKey', -1)}"
        flexible = has(whole["flexibleVersions"], version)
        yield from fields(name, whole["fields"], version, "", flexible, structs)


def key_problems(folder, line):
    _, key, name, flexible, valid = line.split()
    whole = load(folder / f"{name}Request.json")
    problems = [] if whole["apiKey"] == int(key) else [f"{name} has another key"]
    if "flexibleVersions" in whole:
        first = span(whole["flexibleVersions"])[0] if whole["flexibleVersions"] != "none" else 32767
        problems += [] if flexible == f"flexible={first}" else [f"{name} is flexible since {first}"]
    first, last = (int(n) for n in valid.removeprefix("valid=").split("-"))
    if first <= last and not span(whole["validVersions"])[0] <= first <= last <= span(whole["validVersions"])[1]:
        problems.append(f"{name} has versions {whole['validVersions']}")
    return problems


def compare(folder, dump):
    """The differences, one a line."""
    ours = [line for line in dump if not line.startswith("key ")]
    names = list(dict.fromkeys(line.split()[1] for line in ours))
    theirs = [line for name in names for line in expected(folder, name)]
    problems = [f"only ours:   {line}" for line in sorted(set(ours) - set(theirs))]
    problems += [f"only Kafka's: {line}" for line in sorted(set(theirs) - set(ours))]
    if not problems and ours != theirs:
        problems.append("another order: " + next(a for a, b in zip(ours, theirs) if a != b))
    return problems + [p for line in dump if line.startswith("key ") for p in key_problems(folder, line)]


def controls(folder, dump):
    """Changes to the dump that compare() fails to notice."""
    at = {word: next(i for i, line in enumerate(dump) if line.startswith(word)) for word in ("message", "field", "absent", "key")}
    changes = [(at["field"], old, new) for old, new in
               ((r"nullable=\d", "nullable=7"), (r"tag=\w+", "tag=99"), (r"compact=\d", "compact=7"), (r"default=.*", "default=x"),
                (r" u?int\d+ ", " float64 "), (r"^(field \w+ \d+ \w+)", r"\1x"), (r"^(field \w+) \d+", r"\1 77"))]
    changes += [(at["absent"], r"ignorable=(\d)", "ignorable=7"), (at["message"], r"key=.*", "key=999"),
                (at["key"], r"^key \d+", "key 999"), (at["key"], r"flexible=\d+", "flexible=77"), (at["key"], r"-\d+$", "-99")]
    for i, old, new in changes:
        line = re.sub(old, new, dump[i])
        if line == dump[i] or not compare(folder, dump[:i] + [line] + dump[i + 1:]):
            yield f"a change of {old} in '{dump[i]}' goes unnoticed"
    swap = at["field"]
    for other in (dump[:swap] + dump[swap + 1:], dump[:swap] + [dump[swap + 1], dump[swap]] + dump[swap + 2:]):
        if not compare(folder, other):
            yield "a line that is missing or out of order goes unnoticed"


def main(args):
    if len(args) != 1:
        sys.exit(__doc__)
    if not os.environ.get("MILLRACE_KAFKA_MESSAGES"):
        print("MILLRACE_KAFKA_MESSAGES names no folder of Kafka's message definitions: skipped")
        sys.exit(77)
    folder = pathlib.Path(os.environ["MILLRACE_KAFKA_MESSAGES"])
    dump = subprocess.run(args, check=True, capture_output=True, text=True).stdout.splitlines()
    problems = compare(folder, dump) or list(controls(folder, dump))
    print("\n".join(problems[:50]) or f"{len(dump)} lines agree with Kafka's definitions")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
