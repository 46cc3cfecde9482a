"""PyTorch: modules, their forwards and moves, and files of weights, named in the trace.

PyTorch is imported here only by who asks for it; `memtrace.activate` waits until the program does.
"""

_hooked = False


def hook():
    """Hooks PyTorch, once. Without a library there is nothing to hook it for."""
    global _hooked
    from ..library import LIBRARY

    if _hooked or LIBRARY is None:
        return
    _hooked = True
    from . import forwards, groups, loads, moves, parents, settings

    settings.hook()
    parents.hook()
    forwards.hook()
    moves.hook()
    groups.hook()
    loads.hook()
