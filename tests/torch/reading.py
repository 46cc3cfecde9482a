"""The same figures from PyTorch's books and from a trace, side by side, and what programs counted of their modules by themselves."""

from collections import Counter


def compared(said, report, events, imported=None):
    """Every figure of every device: its name, what PyTorch says, and what the trace does, `None` where that is not known."""
    heaps = {heap["name"]: heap for heap in report["heaps"]}
    for device, stats in sorted(said["devices"].items()):
        heap = heaps.get(device)
        kinds = Counter(event["kind"] for event in events if event.get("heap") == device)
        for name, theirs, ours in FIGURES:
            told = stats.get(theirs, 0) if isinstance(theirs, str) else theirs
            yield f"{device} {name}", told, None if heap is None else ours(heap, kinds)
    for way, what in (("h2d", "moved"), ("disk", "loaded")):
        for module, theirs in said.get(what, {}).items():
            yield f"{module} bytes {what}", theirs, bytes_moved(report, module, way)
    for module, theirs in said.get("loads", {}).items():
        yield f"{module} loads", theirs, sum(part["loads"] for part in parts_of(report, module))
    for module, theirs in said.get("resident", {}).items():
        yield f"{module} bytes on the device, end", theirs, on_device(report, module)
    for way, theirs in said.get("copied", {}).items():
        transfers = report["transfers"]
        ours = transfers["pinned_bytes"] if way == "pinned" else transfers["by_direction"][way]["bytes"]
        yield COPIES[way], theirs, ours
    if "pages" in said:
        heap = next((heap for heap in report["heaps"] if heap["name"].endswith("aimdo.so")), None)
        ours = heap and {"came": heap["allocs"], "went": heap["frees"], "bytes": heap["end"]["allocated_bytes"]}
        for what, theirs in said["pages"].items():
            yield f"pages of models, {what}", theirs, ours and ours[what]
    if "polls" in said:
        states = states_of(events, "cuda:0")
        agree = sum((allocated, reserved) in states.get((allocs, frees), ()) for allocs, frees, allocated, reserved, _ in said["polls"])
        yield "polls of a monitor that were so", len(said["polls"]), agree
    if said.get("moves_alone"):
        # The driver's copies are parts of the moves, and nothing else is copied.
        yield "host to device, all bytes", sum(said["moved"].values()), report["transfers"]["by_direction"]["h2d"]["bytes"]
        yield "weights in host memory of no module", 0, of_no_module(heaps["torch cpu"])
    if "refused" in said:
        yield "refused, with a model of the course", *modeled(report)
    if imported is not None:
        yield from same_history(imported, report, events)


# What operators of the program copied.
COPIES = {
    "h2d": "host to device, all bytes",
    "d2h": "device to host, all bytes",
    "pinned": "from and to pinned memory, all bytes",
}


def of_no_module(heap):
    """The bytes at a heap's peak that belong to no module."""
    return sum(share["bytes"] for share in heap["peak"]["by_module"] if share["name"] == "(none)")


def modeled(report):
    """Requests that a model of PyTorch's allocator refuses as well, which had reserved as much as PyTorch at every event; of those examined."""
    models = [failed["model"] for failed in report["ooms"] if failed["would_have_fit"] or failed["would_not_have_fit"]]
    agree = [it for it in models if it and it["refused"] and it["reserved_agrees"] == it["events"] > 0]
    return len(models), len(agree)


def same_history(imported, report, events):
    """PyTorch's snapshot of the run beside the trace of it. What a stream still uses is freed in the trace when the program frees it."""
    other, others = imported
    for heap in other["heaps"]:
        name, ours = heap["name"], {heap["name"]: heap for heap in report["heaps"]}.get(heap["name"], {})
        for what in ("requested_bytes", "allocated_bytes", "reserved_bytes"):
            yield f"{name} snapshot {what.replace('_', ' ')}", heap["end"][what], ours["end"][what]
        yield f"{name} snapshot reserved, peak", heap["reserved_peak"]["bytes"], ours["reserved_peak"]["bytes"]
        for what, kinds in HISTORIES.items():
            theirs, own = history(others, name, kinds), history(events, name, kinds)
            same = sum(a == b for a, b in zip(theirs, own)) if len(theirs) == len(own) else 0
            yield f"{name} snapshot {what}, in order", len(theirs), same


def states_of(events, heap):
    """What a heap had allocated and reserved, by how many blocks had been handed out and come back."""
    live, sums, counts = {}, Counter(), Counter()
    states = {(0, 0): {(0, 0)}}
    for event in events:
        if event.get("heap") != heap:
            continue
        kind, address = event["kind"], event.get("address")
        if kind == "block alloc":
            live[address] = event["bytes"]
            sums["allocated"] += event["bytes"]
            counts["allocs"] += 1
        elif kind in ("block free", "block free requested"):
            sums["allocated"] -= live.pop(address, 0)
            counts["frees"] += 1
        elif kind in ("segment alloc", "segment map"):
            sums["reserved"] += event["bytes"]
        elif kind in ("segment free", "segment unmap"):
            sums["reserved"] -= event["bytes"]
        states.setdefault((counts["allocs"], counts["frees"]), set()).add((sums["allocated"], sums["reserved"]))
    return states


# What is told of an event: frees by their addresses alone.
HISTORIES = {
    "blocks handed out": {"block alloc": "alloc"},
    "blocks, all": {"block alloc": "alloc", "block free": "free", "block free requested": "free"},
    "segments": {"segment alloc": "come", "segment map": "come", "segment free": "go", "segment unmap": "go"},
}


def history(events, heap, kinds):
    told = []
    for event in events:
        if event.get("heap") == heap and event["kind"] in kinds:
            kind = kinds[event["kind"]]
            sizes = () if kind == "free" else (event["bytes"], event.get("requested_bytes", event["bytes"]))
            told.append((kind, event["address"], *sizes))
    return told


def parts_of(report, module):
    """A module and what is in it."""
    return [part for part in report["modules"] if f"{part['name']}.".startswith(f"{module}.")]


def bytes_moved(report, module, way):
    """The bytes that a module and what is in it moved."""
    return sum(part["by_direction"].get(way, {"bytes": 0})["bytes"] for part in parts_of(report, module))


def on_device(report, module):
    """The bytes of a module that are on a device at the end, each part's where that part is."""
    parts = parts_of(report, module)
    own = {part["id"]: part["bytes"] for part in parts}
    for part in parts:
        if part.get("parent_id") in own:
            own[part["parent_id"]] -= part["bytes"]
    there = [part for part in parts if part["residency"] and part["residency"][-1]["tier"].startswith("device:")]
    return sum(own[part["id"]] for part in there)


def segments(way):
    """Whole segments that came or went, and parts of those that grow."""

    def count(_, kinds):
        return kinds[f"segment {way}"] + kinds[f"segment {'map' if way == 'alloc' else 'unmap'}"]

    return count


def pinned_at_end(heap, _):
    """Free bytes in segments that a live block is in."""
    fragmentation = heap["fragmentation"]
    return None if fragmentation is None else fragmentation["end"]["pinned_bytes"]


FIGURES = [
    ("allocated bytes, peak", "allocated_bytes.all.peak", lambda heap, _: heap["peak"]["allocated_bytes"]),
    ("allocated bytes", "allocated_bytes.all.current", lambda heap, _: heap["end"]["allocated_bytes"]),
    ("reserved bytes, peak", "reserved_bytes.all.peak", lambda heap, _: (heap["reserved_peak"] or {}).get("bytes")),
    ("reserved bytes", "reserved_bytes.all.current", lambda heap, _: heap["end"]["reserved_bytes"]),
    ("active bytes", "active_bytes.all.current", lambda heap, _: heap["end"]["active_bytes"]),
    ("requested bytes", "requested_bytes.all.current", lambda heap, _: heap["end"]["requested_bytes"]),
    ("inactive split bytes", "inactive_split_bytes.all.current", pinned_at_end),
    ("blocks handed out", "allocation.all.allocated", lambda heap, _: heap["allocs"]),
    ("blocks given back", "allocation.all.freed", lambda heap, _: heap["frees"]),
    ("blocks", "allocation.all.current", lambda heap, _: heap["end_blocks"]),
    ("segments or parts reserved", "num_device_alloc", segments("alloc")),
    ("segments or parts given back", "num_device_free", segments("free")),
    ("out of memory", "num_ooms", lambda _, kinds: kinds["out of memory"]),
    ("retries", "num_alloc_retries", lambda *_: None),
    ("sums that differ from PyTorch's", 0, lambda heap, _: (heap.get("allocator") or {}).get("differing", 0)),
]
