"""Files of weights: `torch.load`, `safetensors.torch.load_file`, and the models that get what was in them, as a whole or tensor by
tensor by accelerate.

A file is a transfer from the disk, of no module, for it is not said whose it is. When a model takes its tensors, they are
that module's: it has come from the disk, and nothing more is copied from there.
"""

import functools
import os
import weakref

import torch

from ..activate import when_imported
from ..library import LIBRARY
from ..names import scope
from .forwards import innermost
from .modules import MODULES, own, size
from .moves import DISK, HOST, is_moving, tier

_HOST_UNKNOWN, _EXPLICIT, _DEMAND = 0, 4, 1

# Tensors that came from files, by their identity.
_loaded = weakref.WeakValueDictionary()


def hook():
    """Records files being loaded from now on."""
    torch.load = _from_file(torch.load, lambda f, map_location=None, *_, **__: (f, map_location))
    when_imported("safetensors.torch", _hook_safetensors)
    when_imported("accelerate.utils.modeling", _hook_accelerate)
    original = torch.nn.Module.load_state_dict

    @functools.wraps(original)
    def load_state_dict(self, state_dict, *args, **kwargs):
        if not LIBRARY.enabled():
            return original(self, state_dict, *args, **kwargs)
        values = list(_values(state_dict))
        from_file = any(id(tensor) in _loaded for tensor in values)
        handle = MODULES.mover(self, innermost()) if from_file else MODULES.handle(self)
        if not handle:
            return original(self, state_dict, *args, **kwargs)
        # For as long as they are there, they are the module's: as its weights, or as what those were copied from.
        own(handle, values)
        if not from_file:
            return original(self, state_dict, *args, **kwargs)
        first = next(self.parameters(), None)
        to = HOST if first is None else tier(first.device) or HOST
        why = _DEMAND if innermost() else _EXPLICIT
        transfer = LIBRARY.transfer_begin(handle, DISK, to, 0, _HOST_UNKNOWN, why, 0)
        try:
            return original(self, state_dict, *args, **kwargs)
        finally:
            LIBRARY.transfer_end(transfer, 0)

    torch.nn.Module.load_state_dict = load_state_dict


def _hook_safetensors(module):
    module.load_file = _from_file(module.load_file, lambda filename, device="cpu", *_, **__: (filename, device))


def _hook_accelerate(modeling):
    """A model that was made without weights gets them one by one. What came from a file that was seen is not copied twice."""
    original = modeling.set_module_tensor_to_device

    @functools.wraps(original)
    def set_tensor(module, tensor_name, device, value=None, *args, **kwargs):
        if is_moving() or value is None or not LIBRARY.enabled():
            return original(module, tensor_name, device, value, *args, **kwargs)
        owner = module
        for part in tensor_name.split(".")[:-1]:
            owner = getattr(owner, part, owner)
        before = getattr(owner, tensor_name.rsplit(".", 1)[-1], None)
        if getattr(getattr(before, "device", None), "type", None) != "meta":
            return original(module, tensor_name, device, value, *args, **kwargs)
        handle = MODULES.mover(owner, innermost())
        count = 0 if id(value) in _loaded else size(value)
        transfer = LIBRARY.transfer_begin(handle, DISK, _tier_of(device), count, _HOST_UNKNOWN, _EXPLICIT, 0)
        moved = 0
        try:
            result = original(module, tensor_name, device, value, *args, **kwargs)
            if handle:
                own(handle, [getattr(owner, tensor_name.rsplit(".", 1)[-1], None)])
            moved = count
        finally:
            LIBRARY.transfer_end(transfer, moved)
        return result

    modeling.set_module_tensor_to_device = set_tensor


def _from_file(original, arguments):
    @functools.wraps(original)
    def load(*args, **kwargs):
        if not LIBRARY.enabled():
            return original(*args, **kwargs)
        try:
            file, device = arguments(*args, **kwargs)
            path = os.fspath(file)
            count = os.path.getsize(path)
        except (TypeError, ValueError, OSError):
            # Not a file of the file system, or none that is there: the original knows.
            return original(*args, **kwargs)
        with scope(f"load {os.path.basename(path)}"):
            transfer = LIBRARY.transfer_begin(0, DISK, _tier_of(device), count, _HOST_UNKNOWN, _EXPLICIT, 0)
            moved = 0
            try:
                loaded = original(*args, **kwargs)
                moved = count
            finally:
                LIBRARY.transfer_end(transfer, moved)
        for tensor in _values(loaded):
            _loaded[id(tensor)] = tensor
        return loaded

    return load


def _tier_of(device):
    try:
        return tier(torch.device(device)) or HOST
    except (TypeError, RuntimeError):
        # Not said, or said for each tensor.
        return HOST


def _values(loaded):
    """The tensors of a dictionary, and of dictionaries in it."""
    if isinstance(loaded, torch.Tensor):
        yield loaded
    elif isinstance(loaded, dict):
        for value in loaded.values():
            yield from _values(value)
