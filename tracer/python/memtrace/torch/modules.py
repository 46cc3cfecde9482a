"""Which module of the program is which in the trace."""

import ctypes
import hashlib
import os
import sys
import threading
import weakref

import torch

from ..library import LIBRARY
from .parents import holder, root

# Modules deeper in the tree than this are parts of their ancestors.
DEPTH = int(os.environ.get("MEMTRACE_TORCH_DEPTH", "6"))

# A fingerprint is taken of so many bytes, at two places, of so many tensors; all of them of PyTorch's plain kinds.
_TENSORS, _BYTES = 16, 64
_PLAIN = (torch.Tensor, torch.nn.Parameter)

# Devices whose allocators report, as `c10::DeviceType` numbers them.
_KINDS = {"cpu": 0, "cuda": 1, "hip": 6, "xpu": 12, "mps": 13, "hpu": 15, "mtia": 19, "privateuseone": 20}

# Names of variables that say nothing of what they hold.
_VAGUE = {"self", "module", "model", "m", "mod", "net", "x", "obj", "sub_module", "submodule", "child", "component"}

# So many frames are looked at for a name.
_FRAMES = 16


class Modules:
    """The modules that have a handle. A handle of 0 is of one that counts as a part of another."""

    def __init__(self):
        self._handles = {}
        # Of those too deep for a handle, the one that they count as a part of.
        self._wholes = {}
        # Those that were met without what they are a part of.
        self._alone = set()
        self._references = {}
        self._modules = {}
        self._lock = threading.RLock()

    def handle(self, module):
        """The handle of a module; `None` if it was never met."""
        return self._handles.get(id(module))

    def meet(self, module, parent):
        """The handle of a module that is used: if it was never met, it and what is in it are named now. One without weights of
        its own or in it that nobody holds on to is not worth a name."""
        handle = self._handles.get(id(module))
        # While PyTorch traces, even a tensor's size would be a part of what is traced.
        if handle is None and not torch.jit.is_tracing():
            holds_weights = next(module.parameters(), None) is not None or next(module.buffers(), None) is not None
            handle = self._define_around(module, parent) if holds_weights else 0
        return handle or 0

    def mover(self, module, parent):
        """The handle on which a move of a module counts: its own, or that of what it is a part of."""
        return self.meet(module, parent) or self._wholes.get(id(module), 0)

    def adopt(self, module):
        """The weights of a module that is known, and of what is in it, are others now."""
        for part in module.modules():
            handle = self._handles.get(id(part)) or self._wholes.get(id(part))
            if handle:
                own(handle, [*part._parameters.values(), *part._buffers.values()])

    def watch(self, module, name=None):
        """Names a module and what is in it."""
        if LIBRARY is not None and LIBRARY.enabled() and self.handle(module) is None:
            self._define_tree(module, name or _name_in_sight(module), 0)

    def _define_around(self, module, parent):
        """Names a module and the tree that it is in: an engine may move or call a part by itself first."""
        above = holder(module)
        if above is not None and (whole := self._handles.get(id(above[0]))):
            # A part that came to a tree which is known, or came back to it.
            return self._define_tree(module, above[1], whole)
        # What is called within a forward is a part of what is called there, unless it is known to be of another tree.
        calling = self._modules.get(parent, lambda: None)()
        if above is None and calling is not None:
            tree = calling
        else:
            tree = root(module)
        if tree is not module and id(tree) not in self._handles:
            self._define_tree(tree, _name_in_sight(tree), 0)
        elif tree is not module:
            self._define_below(tree)
        if id(module) not in self._handles:
            self._define_tree(module, _name_in_sight(module), parent)
            self._alone.add(id(module))
        return self._handles[id(module)]

    def _define_tree(self, tree, name, parent):
        with self._lock:
            self._define(tree, name, parent, 0)
            return self._handles[id(tree)]

    def _define_below(self, tree):
        """Names what came to a tree since that was named."""
        with self._lock:
            known = self._handles[id(tree)]
            for name, child in tree.named_children():
                if id(child) in self._handles:
                    self._define_below(child)
                else:
                    self._define(child, name, known or self._wholes.get(id(tree), 0), 1 if known else DEPTH + 1)

    def _define(self, module, name, parent, depth):
        # One that is in the tree twice stays what it was; so does a tree of its own. One that was met alone joins now.
        key = id(module)
        if key in self._handles:
            if key not in self._alone or not parent:
                return
            LIBRARY.module_released(self._handles[key])
        self._alone.discard(key)
        handle = 0
        if depth <= DEPTH:
            fingerprint = _fingerprint(module) if depth == 0 else 0
            handle = LIBRARY.module_define(name.encode(), parent, weight(module), fingerprint)
        else:
            self._wholes[key] = parent
        self._keep(module, handle)
        own(handle or parent, [*module._parameters.values(), *module._buffers.values()])
        for child_name, child in module.named_children():
            self._define(child, child_name, handle or parent, depth + 1)

    def _keep(self, module, handle):
        key = id(module)

        def gone(_, released=LIBRARY.module_released):
            self._handles.pop(key, None)
            self._wholes.pop(key, None)
            self._alone.discard(key)
            self._references.pop(key, None)
            self._modules.pop(handle, None)
            # What goes when the program ends was not let go of.
            if handle and not sys.is_finalizing():
                released(handle)

        self._handles[key] = handle
        self._references[key] = weakref.ref(module, gone)
        if handle:
            self._modules[handle] = self._references[key]


def own(handle, made):
    """Tensors that were made before it was known whose they are belong to a module."""
    owned = LIBRARY.torch_owned
    for tensor in made:
        if type(tensor) not in _PLAIN or tensor.layout != torch.strided:
            continue
        device = tensor.device
        kind = _KINDS.get(device.type)
        if kind is not None:
            owned(handle, kind, -1 if device.index is None else device.index, _storage(tensor))


def _storage(tensor):
    """Where the memory begins that a tensor is in, or in a part of; 0 where it has none."""
    try:
        storage = tensor.untyped_storage() if hasattr(tensor, "untyped_storage") else tensor.storage()
        return storage.data_ptr()
    except (RuntimeError, NotImplementedError):
        return 0


def tensors(module):
    """Parameters and buffers of a module and of what is in it, each once."""
    yield from module.parameters()
    yield from module.buffers()


def weight(module):
    """The bytes of a module's tensors."""
    return sum(size(tensor) for tensor in tensors(module))


def size(tensor):
    """The bytes of a tensor's elements."""
    try:
        return tensor.numel() * tensor.element_size()
    except (RuntimeError, NotImplementedError, ValueError):
        # A parameter whose shape is not known yet.
        return 0


def _fingerprint(module):
    """Tells a model's weights from all others; 0 where they are not in host memory, for to fetch them would cost the
    program."""
    named = [*module.named_parameters(), *module.named_buffers()]
    digest = hashlib.blake2b(digest_size=8)
    for name, tensor in named:
        plain = type(tensor) in _PLAIN and tensor.layout == torch.strided and tensor.device.type == "cpu"
        if not plain or not tensor.is_contiguous():
            return 0
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
    for _, tensor in named[:: len(named) // _TENSORS + 1]:
        # The bytes themselves: an operation on the tensor would be seen by whoever watches operations.
        where, length = tensor.data_ptr(), size(tensor)
        if where and length:
            for offset in (0, length // 2):
                digest.update(ctypes.string_at(where + offset, min(_BYTES, length - offset)))
    return int.from_bytes(digest.digest(), "little")


def _name_in_sight(module):
    """The name by which the program holds the module: an attribute of the object, or a variable of the function, that uses
    it. A name that says nothing is the class's."""
    frame = sys._getframe(1)
    for _ in range(_FRAMES):
        frame = frame.f_back
        if frame is None:
            break
        if _is_torch(frame):
            continue
        owner = frame.f_locals.get("self")
        if owner is not None and owner is not module:
            for name, value in _held_by(owner):
                if value is module and name not in _VAGUE:
                    return name
        for variables in (frame.f_locals, frame.f_globals):
            for name, value in list(variables.items()):
                if value is module and name not in _VAGUE:
                    return name
    return type(module).__name__


def _is_torch(frame):
    package = frame.f_globals.get("__name__", "").split(".", 1)[0]
    return package in ("torch", "memtrace", "accelerate")


def _held_by(owner):
    if isinstance(owner, torch.nn.Module):
        yield from owner.named_children()
    try:
        yield from list(vars(owner).items())
    except TypeError:
        return


MODULES = Modules()
