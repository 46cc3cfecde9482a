"""PyTorch's version, and the settings of its CUDA allocator: asked of PyTorch, for the environment may say something else, and a program may
change them."""

import functools
import os
import sys

import torch

from ..library import LIBRARY

# As an import of a snapshot has them.
_SETTING = "allocator_settings."

_SETTERS = ("_cuda_cudaCachingAllocator_set_allocator_settings", "_accelerator_setAllocatorSettings")


def hook():
    """Says which PyTorch this is. The settings are asked for when PyTorch has begun to use CUDA, and whenever they are set."""
    program = _program()
    if program is not None:
        LIBRARY.engine(program.encode(errors="replace"), f"PyTorch {torch.__version__}".encode())
    later = getattr(torch.cuda, "_lazy_call", None)
    if later is not None:
        later(_record)
    for name in _SETTERS:
        original = getattr(torch._C, name, None)
        if original is not None:
            setattr(torch._C, name, _recording(original))


def _recording(original):
    @functools.wraps(original)
    def set_settings(*args, **kwargs):
        result = original(*args, **kwargs)
        if torch.cuda.is_initialized():
            _record()
        return result

    return set_settings


def _record():
    """A snapshot has the settings in force. While little is live it costs little."""
    try:
        if not LIBRARY.enabled():
            return
        for name, value in torch.cuda.memory._snapshot()["allocator_settings"].items():
            LIBRARY.name_intern(f"{_SETTING}{name}={_text(value)}".encode(errors="replace"))
    except Exception:  # noqa: BLE001 - a version or an allocator that does not say; the program goes on
        pass


def _text(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_text(entry)}" for key, entry in value.items()) + "}"
    return "none" if value is None else str(value)


def _program():
    """The script that runs, or the module; `None` if it is neither."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return spec.name[: -len(".__main__")] if spec.name.endswith(".__main__") else spec.name
    path = getattr(main, "__file__", None)
    return os.path.basename(path) if path else None
