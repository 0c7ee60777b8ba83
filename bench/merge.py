#!/usr/bin/env python3
"""Joins the JSON files of several Google Benchmark programs into one, and prints best and median of each benchmark.

merge.py OUT.json PART.json...
"""
import json
import pathlib
import statistics
import sys

SHOWN = ("vs_floor", "vs_peer", "vs_1p1c", "vs_one")


def best_and_median(values, higher_is_better):
    return (max if higher_is_better else min)(values), statistics.median(values)


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
    pathlib.Path(out).write_text(json.dumps(merged, indent=1) + "\n")

    runs = {}
    for entry in merged["benchmarks"]:
        if entry.get("run_type") == "iteration":
            runs.setdefault(entry["run_name"], []).append(entry)
    for name, entries in runs.items():
        print(name)
        keys = [k for k, v in entries[0].items() if isinstance(v, float) and (k in SHOWN or k.endswith(("_ns", "_second", "_ms", "_bytes")))]
        for key in keys:
            values = [entry[key] for entry in entries if key in entry]
            higher = key in ("vs_peer", "vs_1p1c", "vs_one") or key.endswith("_second")
            best, median = best_and_median(values, higher)
            print(f"  {key:28} best {best:14.4g}   median {median:14.4g}   of {len(values)}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
