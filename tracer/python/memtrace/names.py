"""What is recorded under a name alone: scopes, phases, marks, counters."""

from contextlib import ContextDecorator

from .library import LIBRARY, enabled

# As in memtrace.h.
_UNITS = {"bytes": 1, "count": 2, "percent": 3, "nanoseconds": 4, "bytes/s": 5, "celsius": 6, "watts": 7}

_names = {}
_counters = {}


def intern(text):
    """The number of a name; 0 while recording is off."""
    name = _names.get(text)
    if name is None:
        name = LIBRARY.name_intern(text.encode())
        if name:
            _names[text] = name
    return name


class scope(ContextDecorator):
    """A named span on a thread, as a block or a decorator. Scopes nest, and an allocation belongs to those that are open."""

    __slots__ = ("_text",)

    def __init__(self, name):
        self._text = name

    def __enter__(self):
        if enabled():
            LIBRARY.scope_begin(intern(self._text))
        return self

    def __exit__(self, *_):
        # A name is known if a beginning was recorded; the tracer asks by itself whether it records.
        name = _names.get(self._text)
        if name is not None:
            LIBRARY.scope_end(name)


class phase(scope):
    """A scope that reports list by itself, such as a job's stages. A run has few of them."""

    __slots__ = ()

    def __enter__(self):
        if enabled():
            LIBRARY.phase_begin(intern(self._text))
        return self


def step(name="step"):
    """A scope around one round of what repeats, of a training loop or a sampler: what each leaves behind is
    compared."""
    return scope(name)


def mark(name, value=0):
    """Records that the program is here now, with a whole number of its own."""
    if enabled():
        LIBRARY.mark(intern(name), value)


def counter(name, value, unit="count", device=0):
    """Records a named value; `unit` is one of bytes, count, percent, nanoseconds, bytes/s, celsius, watts. `device` is what
    `memtrace_device_define` returned, if the value is about a device."""
    if not enabled():
        return
    handle = _counters.get((name, unit, device))
    if handle is None:
        handle = LIBRARY.counter_define(name.encode(), _UNITS[unit], device)
        _counters[(name, unit, device)] = handle
    if isinstance(value, int) and value >= 0:
        LIBRARY.counter_record(handle, value)
    else:
        LIBRARY.counter_record_float(handle, float(value))
