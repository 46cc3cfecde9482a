"""The same figures from PyTorch's books and from a trace, side by side, and what programs counted of their modules by themselves."""

from collections import Counter


def compared(said, report, events):
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


def bytes_moved(report, module, way):
    """The bytes that a module and what is in it moved."""
    parts = [part for part in report["modules"] if f"{part['name']}.".startswith(f"{module}.")]
    return sum(part["by_direction"].get(way, {"bytes": 0})["bytes"] for part in parts)


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
