#!/usr/bin/env python3
"""Joins the JSON files of several Google Benchmark programs into one, and prints best and median of each benchmark.

merge.py OUT.json PART.json...

Names are cut to the benchmark's own ("LogAppendOne/100"); beside the library's aggregates, of which "_median" is the
one to look at, there is "_best": of each counter the best of the repetitions, be it the highest or the lowest.
"""
import json
import pathlib
import re
import statistics
import sys

SHOWN = ("vs_floor", "vs_peer", "vs_1p1c", "vs_one")


RUN_SETTINGS = re.compile(r"/iterations:\d+|/repeats:\d+|/manual_time|/real_time")


def higher_is_better(key):
    return key in ("vs_peer", "vs_1p1c", "vs_one", "vs_one_best", "page_cache_believed") or key.endswith(
        ("_second", "per_s"))


def best_of(key, values):
    return (max if higher_is_better(key) else min)(values)


def own_names(entries):
    for entry in entries:
        for field in ("name", "run_name"):
            if field in entry:
                entry[field] = RUN_SETTINGS.sub("", entry[field])


def best_entry(name, entries):
    best = {key: value for key, value in entries[0].items() if key not in ("repetition_index", "iterations")}
    best.update(name=name + "_best", run_name=name, run_type="aggregate", aggregate_name="best", aggregate_unit="time",
                iterations=len(entries))
    for key, value in entries[0].items():
        if isinstance(value, float):
            best[key] = best_of(key, [entry[key] for entry in entries if key in entry])
    return best


def main(out, *parts):
    merged = None
    for part in parts:
        text = pathlib.Path(part).read_text()
        if not text.strip():  # the filter left nothing of that program
            continue
        result = json.loads(text)
        if merged is None:
            merged = result
        else:
            merged["benchmarks"] += result["benchmarks"]
    if merged is None:
        sys.exit("merge.py: no benchmark ran; is the filter right?")
    own_names(merged["benchmarks"])
    runs = {}
    for entry in merged["benchmarks"]:
        if entry.get("run_type") == "iteration":
            runs.setdefault(entry["run_name"], []).append(entry)
    merged["benchmarks"] += [best_entry(name, entries) for name, entries in runs.items()]
    pathlib.Path(out).write_text(json.dumps(merged, indent=1) + "\n")
    for name, entries in runs.items():
        print(name)
        keys = [k for k, v in entries[0].items() if isinstance(v, float) and (k in SHOWN or k.endswith(("_ns", "_second", "per_s", "_ms", "_bytes", "per_gib", "bytes_per_log")))]
        for key in keys:
            values = [entry[key] for entry in entries if key in entry]
            best, median = best_of(key, values), statistics.median(values)
            print(f"  {key:28} best {best:14.4g}   median {median:14.4g}   of {len(values)}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
