"""Which module holds which: PyTorch says it whenever one becomes a part of another, and a module itself does not know.

An engine that moves or calls a part by itself leads so to the whole. What was put together before PyTorch was hooked, or by a copy, is
looked for in what the calls in sight hold.
"""

import sys
import weakref

import torch

# So many calls are looked at.
_FRAMES = 16

# By the identity of a part: the module that holds it, and the name there.
_holders = {}


def hook():
    """Takes note of parts from now on, where PyTorch says of them (2.0)."""
    register = getattr(torch.nn.modules.module, "register_module_module_registration_hook", None)
    if register is not None:
        register(_note)


def _note(holder, name, part):
    if part is not None:
        key = id(part)
        _holders[key] = (weakref.ref(holder, lambda _: _holders.pop(key, None)), name)


def holder(module):
    """The module that holds this one, and the name there; `None` if there is none that is known to."""
    known = _holders.get(id(module))
    if known is not None:
        reference, name = known
        parent = reference()
        # What a part was taken out of holds it no more.
        if parent is not None and parent._modules.get(name) is module:
            return parent, name
    return None


def root(module):
    """The outermost module that this one is a part of."""
    seen = {id(module)}
    while (above := holder(module)) is not None and id(above[0]) not in seen:
        module = above[0]
        seen.add(id(module))
    return module if len(seen) > 1 else _in_sight(module)


def _in_sight(module):
    """The outermost module that has this one in it, of those that the calls in sight hold; the module itself if there is none."""
    best, size = module, 0
    frame = sys._getframe(1)
    for _ in range(_FRAMES):
        frame = frame.f_back
        if frame is None:
            break
        owner = frame.f_locals.get("self")
        held = list(frame.f_locals.values())
        if owner is not None and not isinstance(owner, torch.nn.Module):
            held += _attributes(owner)
        for candidate in held:
            if isinstance(candidate, torch.nn.Module) and candidate is not module:
                parts = list(candidate.modules())
                if len(parts) > size and any(part is module for part in parts):
                    best, size = candidate, len(parts)
    return best


def _attributes(owner):
    try:
        return list(vars(owner).values())
    except TypeError:
        return []
