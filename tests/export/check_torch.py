"""Reads exported snapshots with Python's own pickle and runs PyTorch's own functions on them: `segsum` holds the sums of every segment
against its blocks, `trace` and `trace_plot` read every event. Run it with a Python that has torch."""

import pickle
import sys

from torch.cuda import _memory_viz as viz


def main(path):
    with open(path, "rb") as file:
        snapshot = pickle.load(file)
    events = sum(len(trace) for trace in snapshot["device_traces"])
    for segment in snapshot["segments"]:
        assert sum(block["size"] for block in segment["blocks"]) == segment["total_size"]
    segments, trace = viz.segsum(snapshot), viz.trace(snapshot)
    assert "Memory accounting" not in segments
    shown = viz.trace_plot(snapshot), viz.segment_plot(snapshot)
    print(f"{path}: {events} events, {len(snapshot['segments'])} segments, {len(snapshot['external_annotations'])} annotations; "
          f"segsum {len(segments)}, trace {len(trace)}, plots {[len(page) for page in shown]} characters")
    print("  " + [line for line in segments.splitlines() if line.startswith("total_reserved")][0])


for path in sys.argv[1:]:
    main(path)
