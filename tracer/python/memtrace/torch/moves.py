"""Moves of modules between devices: `Module.to`, `.cuda`, `.cpu`, and the hooks of accelerate that offload.

A move within a forward is made by a hook: what comes in is needed by that forward, and what goes out makes room for it. Any
other is the program's own wish.
"""

import functools
import threading
import weakref

import torch

from ..activate import when_imported
from ..library import LIBRARY
from .forwards import innermost
from .modules import MODULES, own, size, tensors

# As in memtrace.h.
NOWHERE, DISK, HOST, DEVICE = 0, 1, 2, 0x8000
_HOST_UNKNOWN, _HOST_PAGEABLE, _HOST_PINNED = 0, 1, 2
_DEMAND, _POLICY, _EXPLICIT, _PREFETCH = 1, 3, 4, 5


class _Moving(threading.local):
    on = False


_moving = _Moving()

# Modules of which it is said whose their offloaded weights are.
_owned = weakref.WeakSet()


def is_moving():
    """Whether a move is under way on this thread: what it does inside is a part of it."""
    return _moving.on


def tier(device):
    """Where the memory of a device is; `NOWHERE` of `meta`, which has none."""
    if device.type == "cpu":
        return HOST
    if device.type == "meta":
        return NOWHERE
    return DEVICE | (device.index or 0)


class Move:
    """A move of a module to `to`, for the length of a block: a transfer from each tier that holds some of it. `home` is where
    the weights are kept that the module itself has not, or lets go of; unless it is said they are on disk, and what comes
    from there is not known to come. `held` is what moves if it is not all of the module, and `early` says that it comes before
    it is needed."""

    def __init__(self, module, to, home=None, held=None, early=False):
        self._module, self._to, self._home, self._early = module, to, home, early
        self._held = held
        self._transfers = []
        self._handle = 0

    def __enter__(self):
        _moving.on = True
        inner = innermost()
        self._handle = handle = MODULES.mover(self._module, inner)
        if handle:
            sources = _bytes_by_tier(tensors(self._module) if self._held is None else self._held)
            sources.pop(self._to, None)
            for source in sorted(sources):
                self._begin(handle, inner, source, *sources[source])
        return self

    def _begin(self, handle, inner, source, memory, count):
        copied, to = count, self._to
        if source == NOWHERE:
            if self._home is None:
                return
            source = self._home
        elif to == NOWHERE:
            to, copied = self._home or DISK, 0
            count = count if self._home else 0
        reason, room_for = _EXPLICIT, 0
        if self._early:
            reason = _PREFETCH
        elif inner and to >= source:
            reason = _DEMAND
        elif inner:
            reason, room_for = _POLICY, inner if inner != handle else 0
        transfer = LIBRARY.transfer_begin(handle, source, to, count, memory, reason, room_for)
        self._transfers.append((transfer, copied))

    def own(self, kept):
        """What is kept of the module's weights is the module's."""
        if self._handle and self._module not in _owned:
            _owned.add(self._module)
            own(self._handle, kept)

    def __exit__(self, error, *_):
        _moving.on = False
        for transfer, copied in reversed(self._transfers):
            LIBRARY.transfer_end(transfer, 0 if error else copied)


def _bytes_by_tier(held):
    """The host memory at the host's end, and the bytes, that are in each tier."""
    sums = {}
    for tensor in held:
        place = tier(tensor.device)
        if place not in sums:
            pinned = place == HOST and torch.cuda.is_available() and tensor.is_pinned()
            memory = _HOST_PINNED if pinned else _HOST_PAGEABLE if place != NOWHERE else _HOST_UNKNOWN
            sums[place] = (memory, 0)
        memory, count = sums[place]
        sums[place] = (memory, count + size(tensor))
    return sums


def hook():
    """Records moves from now on."""
    _wrap("to", _destination_of_to)
    _wrap("cpu", lambda: torch.device("cpu"))
    _wrap("cuda", lambda device=None: torch.device("cuda", _index("cuda", device)))
    if hasattr(torch.nn.Module, "xpu"):
        _wrap("xpu", lambda device=None: torch.device("xpu", _index("xpu", device)))
    when_imported("accelerate.hooks", _hook_accelerate)


def _wrap(name, destination):
    original = getattr(torch.nn.Module, name)

    @functools.wraps(original)
    def move(self, *args, **kwargs):
        if _moving.on or not LIBRARY.enabled():
            return original(self, *args, **kwargs)
        try:
            device = destination(*args, **kwargs)
        except Exception:  # noqa: BLE001 - the original says what is wrong with its arguments
            device = None
        if device is None:
            return original(self, *args, **kwargs)
        with Move(self, tier(device)):
            return original(self, *args, **kwargs)

    setattr(torch.nn.Module, name, move)


def _destination_of_to(*args, **kwargs):
    return torch._C._nn._parse_to(*args, **kwargs)[0]


def _index(kind, device):
    if isinstance(device, int):
        return device
    index = torch.device(device).index if device is not None else None
    return getattr(torch, kind).current_device() if index is None else index


def _hook_accelerate(hooks):
    """accelerate's hooks put tensors of a module in place one by one before its forward, and drop them behind it."""
    align = hooks.AlignDevicesHook
    pre_forward, post_forward = align.pre_forward, align.post_forward

    @functools.wraps(pre_forward)
    def arriving(self, module, *args, **kwargs):
        if not LIBRARY.enabled() or not getattr(self, "offload", False) or self.execution_device is None:
            return pre_forward(self, module, *args, **kwargs)
        with Move(module, tier(_device(self.execution_device)), _home(self)) as move:
            move.own(_kept(self, module))
            return pre_forward(self, module, *args, **kwargs)

    @functools.wraps(post_forward)
    def leaving(self, module, *args, **kwargs):
        if not LIBRARY.enabled() or not getattr(self, "offload", False):
            return post_forward(self, module, *args, **kwargs)
        with Move(module, NOWHERE, _home(self)):
            return post_forward(self, module, *args, **kwargs)

    align.pre_forward, align.post_forward = arriving, leaving


def _kept(hook, module):
    """The weights of a module that accelerate keeps in host memory while the module itself has none."""
    kept, prefix = hook.weights_map, getattr(hook.weights_map, "prefix", "")
    kept = getattr(kept, "dataset", kept)
    if not isinstance(kept, dict):
        return []
    inside = getattr(hook, "place_submodules", False)
    named = [*module.named_parameters(recurse=inside), *module.named_buffers(recurse=inside)]
    return [kept.get(prefix + name) for name, _ in named]


def _home(hook):
    """Where accelerate keeps what it offloads."""
    weights = getattr(hook.weights_map, "dataset", hook.weights_map)
    return DISK if getattr(weights, "save_folder", None) else HOST


def _device(device):
    return torch.device("cuda", device) if isinstance(device, int) else torch.device(device)
