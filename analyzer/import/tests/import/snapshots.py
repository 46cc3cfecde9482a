"""Memory snapshots as PyTorch writes them, and what is true of them.

    snapshots.py generate FOLDER     runs a small model of the caching allocator; writes snapshots, and beside each a JSON file
                                     with the model's own books
    snapshots.py oom FILE            a snapshot of a device that a request failed on
    snapshots.py replay FILE...      replays snapshots the plain way and prints what comes out, as JSON

The model knows how long every block is, which a snapshot says only of those that live at its end. The plain replay is of the
kind that everybody writes: sums over the events, no allocator.
"""

import json
import pickle
import random
import sys

MIB = 1 << 20


class Allocator:
    """One device: segments of blocks, with the rules of the caching allocator that decide sizes."""

    def __init__(self, device, expandable, rng):
        self.device, self.expandable, self.rng = device, expandable, rng
        self.segments = {}  # address -> {size, stream, kind, blocks: [[address, size, state, requested, frames]]}
        self.next_address = (device + 1) << 40
        self.trace = []
        self.clock = 1_700_000_000_000_000 + device
        self.books = {}
        self.open_window()

    def open_window(self):
        """What happened so far is forgotten, and so is live before the recording."""
        self.trace = []
        start = self.sums()
        self.books = {"baseline": start["requested"], "peak": dict(start, index=0, stacks={}), "reserved_peak": start["reserved"]}
        self.note_peak(0)
        self.unsure = 0
        self.before = {block[0] for block in self.blocks() if block[2] != "inactive"}

    def blocks(self):
        return [block for segment in self.segments.values() for block in segment["blocks"]]

    def sums(self):
        live = [block for block in self.blocks() if block[2] != "inactive"]
        return {
            "requested": sum(block[3] for block in live),
            "allocated": sum(block[1] for block in live if block[2] == "active_allocated"),
            "active": sum(block[1] for block in live),
            "reserved": sum(segment["size"] for segment in self.segments.values()),
        }

    def note_peak(self, index):
        stacks = {block[0]: [frame["name"] for frame in block[4]] for block in self.blocks() if block[2] != "inactive"}
        self.books["peak"] = dict(self.sums(), index=index, stacks=stacks)

    def event(self, action, address, size, stream, frames=(), **more):
        self.clock += self.rng.choice([0, 1, 1, 7])
        place = {"device_free" if action == "oom" else "addr": address}
        self.trace.append({"action": action, **place, "size": size, "stream": stream, "time_us": self.clock,
                           "frames": frames, **more})

    def settle(self):
        """After an event that changed something."""
        sums = self.sums()
        self.books["reserved_peak"] = max(self.books["reserved_peak"], sums["reserved"])
        if sums["requested"] > self.books["peak"]["requested"]:
            self.note_peak(len(self.trace) - 1)

    def alloc(self, requested, stream, frames):
        rounded = max(512, -(-requested // 512) * 512)
        kind = "small" if rounded <= MIB else "large"
        fitting = [(block[1], block[0], segment, place)
                   for segment in self.segments.values() if (segment["stream"], segment["kind"]) == (stream, kind)
                   for place, block in enumerate(segment["blocks"]) if block[2] == "inactive" and block[1] >= rounded]
        if not fitting:
            self.grow(rounded, stream, kind, frames)
            return self.alloc(requested, stream, frames)
        _, address, segment, place = min(fitting, key=lambda fit: fit[:2])
        block = segment["blocks"][place]
        rest = block[1] - rounded
        if rest >= 512 if kind == "small" or self.expandable else rest > MIB:
            segment["blocks"].insert(place + 1, [address + rounded, rest, "inactive", 0, ()])
            block[1] = rounded
        block[2:] = ["active_allocated", requested, frames]
        self.event("alloc", address, requested, stream, frames)
        self.settle()
        return address

    def grow(self, rounded, stream, kind, frames):
        if self.expandable:
            page = 2 * MIB if kind == "small" else 20 * MIB
            size = -(-rounded // page) * page
            mine = [a for a, s in self.segments.items() if (s["stream"], s["kind"]) == (stream, kind)]
            if mine and self.rng.random() < 0.7 and mine[-1] + self.segments[mine[-1]]["size"] == self.segments[mine[-1]]["limit"]:
                segment = self.segments[mine[-1]]
                address = segment["limit"]
                segment["size"] += size
                segment["limit"] += size
                segment["blocks"].append([address, size, "inactive", 0, ()])
                self.merge(segment)
            else:
                address = self.next_address
                self.next_address += 1 << 36
                self.segments[address] = {"size": size, "limit": address + size, "stream": stream, "kind": kind, "frames": frames,
                                          "blocks": [[address, size, "inactive", 0, ()]]}
            self.event("segment_map", address, size, stream, frames)
        else:
            size = 2 * MIB if kind == "small" else 20 * MIB if rounded < 10 * MIB else -(-rounded // (2 * MIB)) * 2 * MIB
            address = self.next_address
            self.next_address += size + self.rng.choice([0, 2 * MIB])
            self.segments[address] = {"size": size, "stream": stream, "kind": kind, "frames": frames,
                                      "blocks": [[address, size, "inactive", 0, ()]]}
            self.event("segment_alloc", address, size, stream, frames)
        self.settle()

    def find(self, address):
        for segment in self.segments.values():
            for block in segment["blocks"]:
                if block[0] == address:
                    return segment, block
        raise KeyError(address)

    def request_free(self, address, frames):
        segment, block = self.find(address)
        block[2] = "active_pending_free"
        self.event("free_requested", address, block[3], segment["stream"], frames)
        self.settle()

    def complete_free(self, address, frames):
        segment, block = self.find(address)
        self.event("free_completed", address, block[3], segment["stream"], frames)
        if address in self.before:
            self.before.discard(address)
            self.unsure += MIB
        block[2:] = ["inactive", 0, ()]
        self.merge(segment)
        self.settle()

    def merge(self, segment):
        merged = []
        for block in segment["blocks"]:
            if merged and merged[-1][2] == block[2] == "inactive":
                merged[-1][1] += block[1]
            else:
                merged.append(block)
        segment["blocks"] = merged

    def release_cached(self, frames):
        for address, segment in list(self.segments.items()):
            last = segment["blocks"][-1]
            if len(segment["blocks"]) == 1 and last[2] == "inactive":
                del self.segments[address]
                self.event("segment_unmap" if self.expandable else "segment_free", address, segment["size"], segment["stream"], frames)
                self.settle()
            elif self.expandable and last[2] == "inactive" and last[1] >= 4 * MIB:
                # The last pages of an expandable segment can go alone.
                gone = last[1] // (2 * MIB) * 2 * MIB - 2 * MIB
                last[1] -= gone
                segment["size"] -= gone
                self.event("segment_unmap", last[0] + last[1], gone, segment["stream"], frames)
                self.settle()

    def snapshot(self):
        return [{"device": self.device, "address": address, "total_size": segment["size"],
                 "allocated_size": sum(b[1] for b in segment["blocks"] if b[2] == "active_allocated"),
                 "active_size": sum(b[1] for b in segment["blocks"] if b[2] != "inactive"),
                 "requested_size": sum(b[3] for b in segment["blocks"]), "stream": segment["stream"],
                 "segment_type": segment["kind"], "segment_pool_id": (0, 0), "is_expandable": self.expandable,
                 "frames": segment["frames"],
                 "blocks": [{"address": b[0], "size": b[1], "requested_size": b[3], "state": b[2], "frames": b[4]}
                            for b in segment["blocks"]]}
                for address, segment in sorted(self.segments.items())]


def stacks(rng):
    """Call stacks that share their outer frames, as lists that events share."""
    frames = [{"name": f"function_{n}", "filename": f"/src/module_{n % 7}.py", "line": n} for n in range(60)]
    frames.append({"name": "torch::unwind::unwind()", "filename": "??", "line": 0})
    trees = [[frames[0]]]
    for _ in range(80):
        trees.append([rng.choice(frames)] + rng.choice(trees))
    return trees


def run(allocator, steps, rng, trees):
    """A random program: allocs of all sizes on two streams, frees at once and late, cached memory released."""
    live = [block[0] for block in allocator.blocks() if block[2] == "active_allocated"]
    pending = [block[0] for block in allocator.blocks() if block[2] == "active_pending_free"]
    for _ in range(steps):
        frames = rng.choice(trees)
        choice = rng.random()
        if choice < 0.5 or not live:
            size = rng.choice([rng.randrange(1, 4096), rng.randrange(1, MIB), rng.randrange(MIB, 30 * MIB)])
            live.append(allocator.alloc(size, rng.choice([0, 7 << 32]), frames))
        elif choice < 0.9:
            address = live.pop(rng.randrange(len(live)))
            allocator.request_free(address, frames)
            if rng.random() < 0.3:
                pending.append(address)
            else:
                allocator.complete_free(address, frames)
        elif choice < 0.94 and pending:
            allocator.complete_free(pending.pop(0), frames)
        elif choice < 0.96:
            allocator.release_cached(frames)
        elif choice < 0.97:
            allocator.event("oom", rng.randrange(1 << 30), 64 << 30, 0, frames)
            allocator.books["ooms"] = allocator.books.get("ooms", 0) + 1
        elif choice < 0.98:
            allocator.event("user_defined", 0, 0, 0, frames, user_metadata="epoch")
        else:
            allocator.event(rng.choice(["snapshot", "an_action_of_2030"]), 0, 5, 0, frames)


def annotations(allocator, rng):
    """Pairs that nest, pairs that overlap, and pairs of which one end is missing."""
    times = sorted(rng.randrange(allocator.trace[0]["time_us"], allocator.trace[-1]["time_us"] + 1) for _ in range(60))
    ends = []
    for n in range(0, 60, 4):
        a, b, c, d = times[n:n + 4]
        inner = [("outer", a), ("inner", b), ("inner", c), ("outer", d)]
        across = [("left", a), ("right", b), ("left", c), ("right", d)]
        for (name, time), stage in zip(*rng.choice([(inner, ["START", "START", "END", "END"]),
                                                    (across, ["START", "START", "END", "END"])])):
            ends.append({"stage": stage, "name": name, "device": allocator.device, "time_us": time})
    ends.append({"stage": "END", "name": "began before", "device": allocator.device, "time_us": times[3]})
    ends.append({"stage": "START", "name": "never ends", "device": allocator.device, "time_us": times[7]})
    return sorted(ends, key=lambda end: end["time_us"])


def books(allocator):
    free = [block[1] for block in allocator.blocks() if block[2] == "inactive"]
    actions = [event["action"] for event in allocator.trace]
    return {**allocator.books, "end": allocator.sums(), "events": len(actions), "allocs": actions.count("alloc"),
            "live": sum(block[2] == "active_allocated" for block in allocator.blocks()),
            "largest_free": max(free, default=0), "free_blocks": len(free), "unsure": allocator.unsure,
            "ooms": allocator.books.get("ooms", 0)}


def host():
    """Page-locked memory: every segment is one block, of a power of two."""
    stack = [{"name": "pin_memory", "filename": "/src/loader.py", "line": 3}]
    base, events = 9 << 40, []
    for n in range(8):
        events.append({"action": "segment_alloc", "addr": base + (n << 24), "size": 1 << 20, "stream": 0, "time_us": 1_700_000_000_000_000 + 10 * n, "frames": stack})
        events.append({"action": "alloc", "addr": base + (n << 24), "size": 600_000 + n, "stream": 0, "time_us": 1_700_000_000_000_001 + 10 * n, "frames": stack})
    segments = [{"device": 0, "address": base + (n << 24), "total_size": 1 << 20, "stream": 0, "frames": stack,
                 "blocks": [{"address": base + (n << 24), "size": 1 << 20, "requested_size": 600_000 + n, "state": "active_allocated", "frames": stack}]}
                for n in range(8)]
    return segments, events, sum(600_000 + n for n in range(8))


def oom(path):
    """Two holes of 4 MiB with a block between them, 1 MiB left beyond the segment, and 6 MiB asked for."""
    base, frames = 1 << 40, [{"name": "forward", "filename": "/src/model.py", "line": 7}]
    layout = [(8, "active_allocated"), (4, "inactive"), (4, "active_allocated"), (4, "inactive")]
    blocks, place = [], base
    for mib, state in layout:
        used = state != "inactive"
        blocks.append({"address": place, "size": mib * MIB, "requested_size": mib * MIB if used else 0, "state": state, "frames": frames if used else []})
        place += mib * MIB
    start = 1_700_000_000_000_000
    event = lambda time, action, place, size: {"action": action, **place, "size": size, "stream": 0, "time_us": start + time, "frames": frames}
    trace = [event(0, "alloc", {"addr": base + 8 * MIB}, 4 * MIB), event(10, "alloc", {"addr": base + 12 * MIB}, 4 * MIB),
             event(20, "free_requested", {"addr": base + 8 * MIB}, 4 * MIB), event(30, "free_completed", {"addr": base + 8 * MIB}, 4 * MIB),
             event(40, "oom", {"device_free": MIB}, 6 * MIB)]
    segment = {"device": 0, "address": base, "total_size": 20 * MIB, "allocated_size": 12 * MIB, "active_size": 12 * MIB, "requested_size": 12 * MIB,
               "stream": 0, "segment_type": "large", "segment_pool_id": (0, 0), "is_expandable": False, "frames": frames, "blocks": blocks}
    with open(path, "wb") as file:
        pickle.dump({"segments": [segment], "device_traces": [trace]}, file, protocol=4)


def said(path):
    """What a program says along with its memory: of blocks as they come, of one that is there, and a pool of its own that is given back."""
    base, start = 1 << 40, 1_700_000_000_000_000
    trace = []

    def event(action, address, mib, pool=(0, 0), metadata=""):
        trace.append({"action": action, "addr": base + address * MIB, "size": mib * MIB, "stream": 0, "time_us": start + 10 * len(trace),
                      "frames": [], "pool_id": pool, "user_metadata": metadata, "compile_context": "N/A"})

    event("segment_alloc", 0, 20)
    event("alloc", 0, 4, metadata="load")
    event("alloc", 4, 4, metadata="load")
    event("segment_alloc", 64, 20, (0, 7), "load")
    event("alloc", 64, 3, (0, 7), "warm up")
    event("free_requested", 64, 3, (0, 7))
    event("free_completed", 64, 3, (0, 7))
    event("segment_free", 64, 20, (0, 7))
    event("alloc", 8, 8)
    event("annotate", 8, 8, metadata="kv cache")
    event("annotate", 4, 4, metadata="")
    event("user_defined", 0, 0, metadata="epoch")
    event("alloc", 16, 2)
    blocks = [{"address": base + place * MIB, "size": mib * MIB, "requested_size": mib * MIB, "state": state, "frames": []}
              for place, mib, state in [(0, 4, "active_allocated"), (4, 4, "active_allocated"), (8, 8, "active_allocated"),
                                        (16, 2, "active_allocated"), (18, 2, "inactive")]]
    segment = {"device": 0, "address": base, "total_size": 20 * MIB, "allocated_size": 18 * MIB, "active_size": 18 * MIB,
               "requested_size": 18 * MIB, "stream": 0, "segment_type": "large", "segment_pool_id": (0, 0), "is_expandable": False,
               "frames": [], "blocks": blocks}
    with open(path, "wb") as file:
        pickle.dump({"segments": [segment], "device_traces": [trace]}, file, protocol=4)


def tiny(folder):
    """A small snapshot of each protocol with all that there is, to be damaged."""
    for protocol in range(2, 6):
        rng = random.Random(protocol)
        allocator = Allocator(0, protocol % 2 == 0, rng)
        run(allocator, 10, rng, stacks(rng)[:4])
        allocator.open_window()
        run(allocator, 12, rng, stacks(rng)[:4])
        segments, events, _ = host()
        snapshot = {"segments": allocator.snapshot(), "device_traces": [allocator.trace],
                    "allocator_settings": {"max_split_size": 2**63, "roundup_power2_divisions": {"1": 4}},
                    "external_annotations": annotations(allocator, rng)[:6], "host_segments": segments[:2], "host_traces": [events[:4]]}
        with open(f"{folder}/tiny.{protocol}.pickle", "wb") as file:
            pickle.dump(snapshot, file, protocol)


def generate(folder):
    tiny(folder)
    for seed in range(8):
        rng = random.Random(seed)
        trees = stacks(rng)
        devices = [Allocator(0, False, rng), Allocator(1, True, rng)]
        marks = []
        for allocator in devices:
            if seed % 4:
                run(allocator, 150, rng, trees)
                allocator.open_window()
            run(allocator, 400, rng, trees)
            marks += annotations(allocator, rng)
        segments, events, pinned = host()
        snapshot = {
            "segments": [segment for allocator in devices for segment in allocator.snapshot()],
            "device_traces": [devices[0].trace, devices[1].trace, []],
            "allocator_settings": {"PYTORCH_CUDA_ALLOC_CONF": "", "max_split_size": -1, "garbage_collection_threshold": 0.5,
                                   "expandable_segments": False, "roundup_power2_divisions": {"1": 0, "2": 0}},
            "external_annotations": marks, "host_segments": segments, "host_traces": [events],
            "of_a_later_version": {"nested": [None, True, (), (1,), 2**63, -1]},
        }
        if seed == 5:
            del snapshot["allocator_settings"]
        protocol = 2 + seed % 4
        with open(f"{folder}/{seed}.pickle", "wb") as file:
            # Some versions of Python pickle without the C module; then lists are memoised in another order.
            (pickle._dump if seed >= 4 else pickle.dump)(snapshot, file, protocol)
        truth = {"devices": [books(allocator) for allocator in devices], "annotations": len(marks), "pinned": pinned}
        with open(f"{folder}/{seed}.json", "w") as file:
            json.dump(truth, file)


def replay(path):
    with open(path, "rb") as file:
        snapshot = pickle.load(file)
    devices = {}
    for device, trace in enumerate(snapshot["device_traces"]):
        segments = [segment for segment in snapshot["segments"] if segment["device"] == device]
        if not trace and not segments:
            continue
        live = sum(block["requested_size"] for segment in segments for block in segment["blocks"] if block["state"] != "inactive")
        grown = {"alloc": 1, "free_completed": -1}
        baseline = now = live - sum(grown.get(event["action"], 0) * event["size"] for event in trace)
        peak, index = now, 0
        for place, event in enumerate(trace):
            now += grown.get(event["action"], 0) * event["size"]
            if now > peak:
                peak, index = now, place
        devices[device] = {"events": len(trace), "baseline": baseline, "peak": peak, "index": index, "end": live,
                           "reserved_end": sum(segment["total_size"] for segment in segments)}
    return {"devices": devices, "annotations": len(snapshot.get("external_annotations", []))}


if __name__ == "__main__":
    if sys.argv[1] == "generate":
        generate(sys.argv[2])
    elif sys.argv[1] == "oom":
        oom(sys.argv[2])
    elif sys.argv[1] == "said":
        said(sys.argv[2])
    else:
        json.dump({path: replay(path) for path in sys.argv[2:]}, sys.stdout)
