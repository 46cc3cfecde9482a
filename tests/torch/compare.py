"""Holds a trace of `pipeline.py --device cuda --history` against what PyTorch says: its peak, and the allocs and frees of its own
recorder, one by one. Prints every figure of both sides. Status 1: some differ.

    compare.py BOOKS REPORT EVENTS

BOOKS is what the program printed, REPORT `memtrace analyze --json`, EVENTS `memtrace events --json`.
"""

import json
import sys


def main():
    books = json.load(open(sys.argv[1]))
    report = json.load(open(sys.argv[2]))
    heap = next(heap for heap in report["heaps"] if heap["name"] == "cuda:0")
    kinds = {"block alloc": "alloc", "block free": "free"}
    ours = []
    for line in open(sys.argv[3]):
        event = json.loads(line)
        if event.get("heap") == "cuda:0" and event["kind"] in kinds:
            ours.append([kinds[event["kind"]], event["address"]])
    theirs = books["events"]
    # Their recorder begins after PyTorch does.
    first = len(ours) - len(theirs)
    same = first >= 0 and ours[first:] == theirs
    modules = {module["name"]: module["forwards"] for module in report["modules"]}
    figures = [
        ("peak allocated bytes", books["peak_allocated_bytes"], heap["peak"]["allocated_bytes"]),
        ("sums that differ from PyTorch's", 0, heap["allocator"]["differing"]),
        ("allocs and frees, in their order", len(theirs), len(theirs) if same else "others"),
        *((f"forwards of {name}", count, modules.get(name)) for name, count in books["forwards"].items()),
    ]
    moves = {way: report["transfers"]["by_direction"][way]["count"] for way in ("h2d", "d2h")}
    figures += [("loads", books["loads"], moves["h2d"]), ("evictions", books["evictions"], moves["d2h"])]
    different = False
    for what, oracle, told in figures:
        verdict = "same" if oracle == told else "DIFFERENT"
        different |= oracle != told
        print(f"{what:<48}{oracle!s:>16}{told!s:>16}  {verdict}")
    sys.exit(different)


main()
