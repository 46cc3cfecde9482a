"""Names what a Python program does in the trace that memtrace records of it.

    import memtrace

    with memtrace.phase("denoise"):
        for _ in range(20):
            with memtrace.step():
                latents = unet(latents)
    memtrace.mark("image done")
    memtrace.counter("queue", len(queue))

Recording is switched on from outside (``memtrace record -- python program.py``, or ``MEMTRACE_FILE``) or with `start`.
While it is off, all of this does nothing, and costs next to nothing. Nothing here fails for want of a recording.

Of PyTorch, `memtrace record --torch` names modules, their forwards and their moves without a change to the program;
`hook_torch` does the same from within, and `watch` names one model.
"""

from .library import enabled, finish, start
from .names import counter, mark, phase, scope, step

__all__ = [
    "counter",
    "enabled",
    "finish",
    "hook_torch",
    "load_weights",
    "mark",
    "monitor",
    "phase",
    "profile_run",
    "scope",
    "start",
    "step",
    "watch",
]


def watch(model, name=None):
    """Names a model and all modules in it, as the attributes and variables that hold them do, or `name` for the model
    itself; hooks PyTorch if it is not hooked. Returns the model."""
    hook_torch()
    from .torch.modules import MODULES

    MODULES.watch(model, name)
    return model


def hook_torch():
    """Records forwards of modules, their moves between devices, and files of weights being loaded, from now on."""
    from . import torch

    torch.hook()


def monitor(device=0, polls_per_second=8.0):
    """Watches a CUDA device while the block runs, as web UIs show it under an image; see `figures.Monitor`."""
    from .figures import Monitor

    return Monitor(device, polls_per_second)


def load_weights(device=0):
    """The block loads an engine's weights onto a device; see `figures.Measured`."""
    from .figures import Measured

    return Measured("load weights", device)


def profile_run(device=0):
    """The block tries an engine out to see how much memory it needs; see `figures.Measured`."""
    from .figures import Measured

    return Measured("profile run", device)
