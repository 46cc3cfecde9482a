"""libmemtrace.so: the one tracer of this process.

It is the one that is in the process already (`memtrace record` puts it there), else the one that MEMTRACE_LIBRARY names, else
the one beside this package. Where there is none, nothing is recorded.
"""

import ctypes
import os
import sys

ABI = 1

_u16, _u32, _u64 = ctypes.c_uint16, ctypes.c_uint32, ctypes.c_uint64
_text, _bool, _float = ctypes.c_char_p, ctypes.c_bool, ctypes.c_double

# As in memtrace.h: what a function returns, and what it takes.
_FUNCTIONS = {
    "memtrace_abi": (_u32,),
    "memtrace_enabled": (_bool,),
    "memtrace_name_intern": (_u32, _text),
    "memtrace_scope_begin": (None, _u32),
    "memtrace_scope_end": (None, _u32),
    "memtrace_phase_begin": (None, _u32),
    "memtrace_phase_end": (None, _u32),
    "memtrace_mark": (None, _u32, _u64),
    "memtrace_module_define": (_u32, _text, _u32, _u64, _u64),
    "memtrace_module_released": (None, _u32),
    "memtrace_forward_begin": (None, _u32),
    "memtrace_forward_end": (None, _u32),
    "memtrace_device_define": (_u32, _u16, _text, _u64),
    "memtrace_transfer_begin": (_u64, _u32, _u16, _u16, _u64, _u32, _u32, _u32),
    "memtrace_transfer_end": (None, _u64, _u64),
    "memtrace_counter_define": (_u32, _text, _u32, _u32),
    "memtrace_counter_record": (None, _u32, _u64),
    "memtrace_counter_record_float": (None, _u32, _float),
    "memtrace_engine": (None, _text, _text),
}

# Only a library that `memtrace record` preloads has it: it alone sees PyTorch's blocks.
_OF_BLOCKS = ("memtrace_torch_owned", None, [_u32, ctypes.c_int8, ctypes.c_int8, _u64])


class Library:
    """The functions of the library, without their common prefix. Those that record never wait, so they keep Python's lock:
    to let go of it and take it again would cost more than the record."""

    def __init__(self, path):
        quick, slow = ctypes.PyDLL(path), ctypes.CDLL(path)
        for name, (result, *arguments) in _FUNCTIONS.items():
            self._bind(quick, name, result, arguments)
        if hasattr(quick, _OF_BLOCKS[0]):
            self._bind(quick, *_OF_BLOCKS)
        self._bind(slow, "memtrace_start", _bool, [_text, _u64, _u32])
        self._bind(slow, "memtrace_finish", None, [])

    def torch_owned(self, module, kind, index, address):
        """The storage of PyTorch's that begins at `address` belongs to a module."""

    def _bind(self, library, name, result, arguments):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
        setattr(self, name[len("memtrace_"):], function)


def _find():
    """Where the library is; `None` where there is none."""
    if hasattr(ctypes.CDLL(None), "memtrace_abi"):
        return ""
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libmemtrace.so")
    places = [os.environ.get("MEMTRACE_LIBRARY"), beside]
    return next((place for place in places if place and os.path.exists(place)), None)


def _load():
    path = _find()
    if path is None:
        if "MEMTRACE_FILE" in os.environ:
            _say("no libmemtrace.so: set MEMTRACE_LIBRARY, or run the program with `memtrace record`")
        return None
    try:
        library = Library(path or None)
    except (OSError, AttributeError) as error:
        _say(f"not recording from Python: {error}")
        return None
    if library.abi() < ABI:
        _say(f"not recording from Python: {path or 'the library'} is of version {library.abi()}, and {ABI} is needed")
        return None
    return library


def _say(message):
    print(f"memtrace: {message}", file=sys.stderr)


def enabled():
    """Whether events are being recorded."""
    return LIBRARY is not None and LIBRARY.enabled()


def start(file, max_size=0, ring=False):
    """Begins recording into `file`, as `memtrace_start` of the C interface does. A program need not call it: `memtrace
    record` and MEMTRACE_FILE do the same, and see what happened before as well."""
    return LIBRARY is not None and LIBRARY.start(os.fsencode(file), max_size, 1 if ring else 0)


def finish():
    """Ends recording and closes the log. A program need not call it: it happens when the process exits."""
    if LIBRARY is not None:
        LIBRARY.finish()


LIBRARY = _load()
