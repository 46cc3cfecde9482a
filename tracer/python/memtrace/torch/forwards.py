"""Forwards of modules.

Every module is called through `Module.__call__`. It is wrapped, in place of hooks, for two reasons: PyTorch calls a hook
behind a forward only if the forward returns, and those that run out of memory are the ones worth knowing of; and a module
without hooks is called by PyTorch's fast path.
"""

import functools
import threading

import torch

from ..library import LIBRARY
from .modules import MODULES


class _Open(threading.local):
    """The handles of the forwards that are open on this thread."""

    def __init__(self):
        self.handles = []


_open = _Open()


def innermost():
    """The module whose forward is open on this thread; 0 if there is none."""
    handles = _open.handles
    return handles[-1] if handles else 0


def _never():
    return False


def hook():
    """Records forwards from now on."""
    original = torch.nn.Module.__call__
    known, meet = MODULES.handle, MODULES.meet
    enabled, begin, end = LIBRARY.enabled, LIBRARY.forward_begin, LIBRARY.forward_end
    # What is compiled has no calls in it.
    compiling = getattr(getattr(torch, "compiler", None), "is_compiling", _never)

    @functools.wraps(original)
    def call(self, *args, **kwargs):
        if compiling():
            return original(self, *args, **kwargs)
        handle = known(self)
        if handle is None and enabled():
            handle = meet(self, innermost())
        if not handle:
            return original(self, *args, **kwargs)
        handles = _open.handles
        handles.append(handle)
        begin(handle)
        try:
            return original(self, *args, **kwargs)
        finally:
            end(handle)
            handles.pop()

    torch.nn.Module.__call__ = call
