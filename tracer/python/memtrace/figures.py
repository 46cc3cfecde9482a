"""Figures of a CUDA device for a program to steer by, as `MemoryMonitor` and `memory_profiling` of the tracer for Rust have them.

All are bytes. What cannot be had is `None`, never 0. Driver's figures go into the trace as well, so that a trace alone tells
the same.
"""

import sys
import threading

from .library import LIBRARY, enabled
from .names import counter, phase

_devices = {}


class Figures:
    """What a monitor shows."""

    __slots__ = (
        "free",
        "total",
        "active",
        "active_peak",
        "reserved",
        "reserved_peak",
        "min_free",
        "system_peak",
    )

    def __init__(self, **figures):
        for name in self.__slots__:
            setattr(self, name, figures.get(name))

    def __repr__(self):
        return "Figures(" + ", ".join(f"{name}={getattr(self, name)}" for name in self.__slots__) + ")"


class Monitor:
    """Watches a device from the beginning of a block to its end: how little was free, looked at so many times per second, and
    the most that PyTorch's allocator had, from its own peaks.

        with memtrace.monitor() as monitor:
            image = pipeline(prompt)
        print(monitor.figures.system_peak)
    """

    def __init__(self, device=0, polls_per_second=8.0):
        self._device = device
        self._period = 1 / polls_per_second if polls_per_second > 0 else None
        self._min_free = None
        self._over = threading.Event()
        self._thread = None
        self.figures = Figures()

    def __enter__(self):
        cuda = _cuda()
        if cuda is None:
            return self
        cuda.reset_peak_memory_stats(self._device)
        self._look(cuda)
        if self._period is not None:
            self._thread = threading.Thread(target=self._poll, args=(cuda,), name="memtrace-poll", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        self.figures = self.read()

    def read(self):
        """The figures now."""
        cuda = _cuda()
        if cuda is None:
            return Figures()
        free, total = self._look(cuda)
        stats = cuda.memory_stats(self._device)
        return Figures(
            free=free,
            total=total,
            active=stats.get("active_bytes.all.current"),
            active_peak=stats.get("active_bytes.all.peak"),
            reserved=stats.get("reserved_bytes.all.current"),
            reserved_peak=stats.get("reserved_bytes.all.peak"),
            min_free=self._min_free,
            system_peak=total - self._min_free,
        )

    def _poll(self, cuda):
        while not self._over.wait(self._period):
            self._look(cuda)

    def _look(self, cuda):
        free, total = _driver(cuda, self._device)
        self._min_free = free if self._min_free is None else min(self._min_free, free)
        return free, total


class Measured:
    """A phase of a name that reports know, with what the driver says at both ends: of `load weights` they say how much the
    weights take, and of `profile run` how much an engine needs beside its cache. What grew meanwhile is in `growth` and
    `allocator_peak_increase`.

        with memtrace.load_weights():
            model = load()
        with memtrace.profile_run() as run:
            model(largest_batch)
        cache = budget - run.growth
    """

    def __init__(self, name, device=0):
        self._phase = phase(name)
        self._device = device
        self._before = None
        #: By how much the device's memory in use grew, of all processes.
        self.growth = None
        #: The most that PyTorch's allocator had handed out, beyond what it had at the beginning.
        self.allocator_peak_increase = None

    def __enter__(self):
        cuda = _cuda()
        if cuda is not None:
            cuda.reset_peak_memory_stats(self._device)
            self._before = _driver(cuda, self._device)[0], cuda.memory_allocated(self._device)
        self._phase.__enter__()
        if cuda is not None:
            _driver(cuda, self._device)
        return self

    def __exit__(self, *error):
        cuda = _cuda()
        if cuda is not None and self._before is not None:
            cuda.synchronize(self._device)
            free, allocated = self._before
            self.growth = free - _driver(cuda, self._device)[0]
            self.allocator_peak_increase = cuda.max_memory_allocated(self._device) - allocated
        self._phase.__exit__(*error)


def _cuda():
    """`torch.cuda`, if the program uses it and there is a device."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_available() else None


def _driver(cuda, device):
    """What the driver says is free, and all there is."""
    free, total = cuda.mem_get_info(device)
    if enabled():
        handle = _devices.get(device)
        if handle is None:
            name = cuda.get_device_name(device).encode()
            handle = _devices[device] = LIBRARY.device_define(device, name, total)
        counter("driver total", total, "bytes", handle)
        counter("driver free", free, "bytes", handle)
    return free, total
