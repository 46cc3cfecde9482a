"""Which programs are run under which settings of PyTorch's allocator, and why a figure may differ."""

from dataclasses import dataclass, field
from fnmatch import fnmatch


@dataclass
class Case:
    """A run of a program of `programs`."""

    program: str
    setting: str = ""
    #: Of the software driver, without their prefix.
    device: dict = field(default_factory=dict)
    #: What the setting is said by.
    variable: str = "PYTORCH_CUDA_ALLOC_CONF"


SETTINGS = [
    "",
    "expandable_segments:True",
    "max_split_size_mb:24",
    "garbage_collection_threshold:0.1",
    "roundup_power2_divisions:4",
    "backend:cudaMallocAsync",
    "pinned_use_cuda_host_register:True",
]

COURSES = [f"{kind}-{number}" for kind in ("mixed", "large") for number in (1, 2, 3, 4)]

USUAL = {"DEVICES": 1, "CAPACITY": "1GiB"}
PROGRAMS = {
    "allocator": USUAL,
    "streams": USUAL | {"LAG": 25},
    "out_of_memory": {"DEVICES": 1, "CAPACITY": "256MiB"},
    "pools": USUAL,
    "devices": USUAL | {"DEVICES": 2},
    "training": USUAL,
    "history": USUAL,
    "lowvram": USUAL,
    "parts": USUAL,
    "webui medvram": USUAL,
    "webui lowvram": USUAL,
    **{f"course {seed}": {"DEVICES": 1, "CAPACITY": "256MiB"} for seed in COURSES},
}
# These need what `setup --engines` installs.
ENGINES = {
    "offloading none": USUAL,
    "offloading model": USUAL,
    "offloading sequential": USUAL,
    "offloading group": USUAL,
    "ranges": USUAL,
    "generate none": USUAL,
    "generate cpu": USUAL,
    "generate disk": USUAL,
}

# Of the short form: each program and each setting at least once.
SHORT = {
    ("allocator", ""),
    ("allocator", "expandable_segments:True"),
    ("allocator", "max_split_size_mb:24"),
    ("allocator", "garbage_collection_threshold:0.1"),
    ("allocator", "roundup_power2_divisions:4"),
    ("allocator", "backend:cudaMallocAsync"),
    ("streams", ""),
    ("out_of_memory", ""),
    ("out_of_memory", "expandable_segments:True"),
    ("pools", ""),
    ("devices", "expandable_segments:True"),
    ("training", "pinned_use_cuda_host_register:True"),
    ("history", ""),
    ("lowvram", ""),
    ("webui lowvram", "expandable_segments:True"),
    ("course mixed-2", ""),
    ("parts", ""),
}

# What may differ, by program, setting and figure, and why. The first that fits counts.
REASONS = [
    ("*", "backend:cudaMallocAsync", "requested *", "PyTorch does not count it with this backend"),
    ("*", "backend:cudaMallocAsync", "a*ed bytes*", "what was asked for: the driver's rounding is its own"),
    ("*", "backend:cudaMallocAsync", "active *", "what was asked for: the driver's rounding is its own"),
    ("*", "backend:cudaMallocAsync", "reserved *", "the driver says of no request what its pool reserves"),
    ("*", "backend:cudaMallocAsync", "inactive *", "the driver says of no request what its pool reserves"),
    ("*", "backend:cudaMallocAsync", "*", "PyTorch does not count it with this backend"),
    ("*", "expandable_segments:True", "inactive split bytes", "PyTorch counts it of no segment that grows"),
    ("*", "expandable_segments:True", "segments or parts *", "PyTorch counts a growth once, the driver each of its parts"),
    ("*", "*", "retries", "not reported: what a retry frees is recorded as segments that go"),
    ("history", "expandable_segments:True", "snapshot segments*", "PyTorch tells a growth once, the driver each of its parts"),
    ("history", "*", "active *", "a block that streams still use is reported as free"),
    ("history", "*", "inactive split bytes", "a block that streams still use is reported as free"),
    ("streams", "*", "active *", "a block that streams still use is reported as free"),
    ("streams", "*", "requested bytes", "a block that streams still use is reported as free"),
    ("generate *", "*", "bytes on the device, end", "buffers that are not saved come when accelerate's hooks are attached, by no move"),
    ("streams", "*", "inactive split bytes", "a block that streams still use is reported as free"),
]


def cases(short, engines):
    for program, device in (PROGRAMS | ENGINES if engines and not short else PROGRAMS).items():
        for setting in SETTINGS:
            if program == "pools" and setting == "backend:cudaMallocAsync":
                continue  # Pools of a program's own are refused with this backend.
            if not short or (program, setting) in SHORT:
                yield Case(program, setting, device)
    if not short:
        # The newer name of the variable, where there is one.
        yield Case("allocator", "max_split_size_mb:24", USUAL, "PYTORCH_ALLOC_CONF")


def reason(case, figure):
    """Why a figure differs; `None` if nothing documents that."""
    for program, setting, name, why in REASONS:
        name = name if name.startswith("*") else f"* {name}"
        if fnmatch(case.program, program) and fnmatch(case.setting, setting) and fnmatch(figure, name):
            return why
    return None
