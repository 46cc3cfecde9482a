"""Reads an exported trace with Perfetto's own message definitions (`pip install perfetto protobuf`) and prints what is in it.

Fails if there is anything in the file that those definitions do not know, a slice that ends without having begun, an event on
a track that was not described, or a flow that ends without having begun."""

import collections
import sys

from google.protobuf.unknown_fields import UnknownFieldSet
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as perfetto


def check_known(message):
    assert not len(UnknownFieldSet(message)), f"unknown fields in {message}"
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if field.is_repeated else [value]:
                check_known(part)


def main(path):
    trace = perfetto.Trace()
    with open(path, "rb") as file:
        trace.ParseFromString(file.read())
    tracks, depth, flows = {}, collections.Counter(), set()
    counts, latest, last = collections.Counter(), 0, {}
    for packet in trace.packet:
        check_known(packet)
        if packet.HasField("track_descriptor"):
            track = packet.track_descriptor
            assert track.uuid not in tracks and (not track.HasField("parent_uuid") or track.parent_uuid in tracks)
            tracks[track.uuid] = track
            counts["tracks"] += 1
        if packet.HasField("track_event"):
            event = packet.track_event
            assert event.track_uuid in tracks and packet.timestamp >= latest
            latest = packet.timestamp
            kind = perfetto.TrackEvent.Type.Name(event.type)
            counts[kind] += 1
            depth[event.track_uuid] += {"TYPE_SLICE_BEGIN": 1, "TYPE_SLICE_END": -1}.get(kind, 0)
            assert depth[event.track_uuid] >= 0
            if kind == "TYPE_COUNTER":
                track = tracks[event.track_uuid]
                name = f"{tracks[track.parent_uuid].name} {track.name}"
                value = event.counter_value if event.HasField("counter_value") else event.double_counter_value
                last[name] = (max(value, last.get(name, (value, 0))[0]), value)
            flows.update(event.flow_ids)
            assert flows.issuperset(event.terminating_flow_ids)
            counts["flows"] += len(event.terminating_flow_ids)
    print(f"{path}: {len(trace.packet)} packets, {latest} ns, {dict(counts)}, {sum(depth.values())} slices open at the end")
    for name, (highest, value) in last.items():
        print(f"  {name}: highest {highest}, last {value}")


for path in sys.argv[1:]:
    main(path)
