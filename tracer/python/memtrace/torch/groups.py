"""Group offloading of diffusers: weights are sent to a device in groups of modules, on a stream of their own if the engine has one,
and dropped there behind the forwards.

It replaces what tensors hold, and calls no move of a module. With a stream, a group keeps pinned copies of its weights in host memory,
and comes while the group before it computes. Tensors of a group that are of none of its modules are its leader's.
"""

import contextlib
import functools

import torch

from ..activate import when_imported
from ..library import LIBRARY
from .forwards import innermost
from .modules import MODULES, tensors
from .moves import HOST, NOWHERE, Move, is_moving, tier


def hook():
    """Records groups that come and go from now on."""
    when_imported("diffusers.hooks.group_offloading", _hook_groups)


def _hook_groups(offloading):
    group = getattr(offloading, "ModuleGroup", None)
    if not hasattr(group, "onload_") or not hasattr(group, "offload_"):
        # Another way to do it: the driver's copies are told all the same, of no module.
        return
    onload, offload = group.onload_, group.offload_

    @functools.wraps(onload)
    def arriving(self, *args, **kwargs):
        if is_moving() or not LIBRARY.enabled():
            return onload(self, *args, **kwargs)
        kept = getattr(self, "cpu_param_dict", None) or {}
        to = tier(torch.device(self.onload_device))
        with contextlib.ExitStack() as moves:
            for module, held in _parts(self):
                sources = [kept.get(tensor, tensor) for tensor in held]
                move = moves.enter_context(Move(module, to, HOST, sources, _is_early(self, module)))
                move.own(sources)
            return onload(self, *args, **kwargs)

    @functools.wraps(offload)
    def leaving(self, *args, **kwargs):
        # What is on disk for the first time is copied to host memory on the way.
        to_disk = getattr(self, "offload_to_disk_path", None)
        if is_moving() or to_disk or not LIBRARY.enabled():
            return offload(self, *args, **kwargs)
        device = torch.device(self.onload_device)
        # With a stream nothing is copied: the copies in host memory are as they were.
        to = NOWHERE if getattr(self, "stream", None) is not None else tier(torch.device(self.offload_device))
        with contextlib.ExitStack() as moves:
            for module, held in _parts(self):
                # It is known from here on, while it still has the weights that it was made with.
                MODULES.mover(module, innermost())
                there = [tensor for tensor in held if tensor.device.type == device.type]
                if there:
                    moves.enter_context(Move(module, to, HOST, there))
            return offload(self, *args, **kwargs)

    group.onload_, group.offload_ = arriving, leaving


def _parts(group):
    """The modules of a group, each with its tensors."""
    for module in group.modules:
        yield module, list(tensors(module))
    own = [*(group.parameters or ()), *(group.buffers or ())]
    leader = group.onload_leader or group.offload_leader
    if own and leader is not None:
        yield leader, own


def _is_early(group, module):
    """Whether a group comes while another module computes."""
    inner = innermost()
    return getattr(group, "stream", None) is not None and inner not in (0, MODULES.handle(module))
