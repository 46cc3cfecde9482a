"""What `memtrace record --torch` does in a program that knows nothing of it: waits for the imports that there are hooks for."""

import importlib.util
import sys

_waiting = {}


def when_imported(name, callback):
    """Calls `callback` with the module of this name: now if it is imported, else as soon as it is."""
    module = sys.modules.get(name)
    if module is not None:
        callback(module)
        return
    _waiting.setdefault(name, []).append(callback)
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


class _Finder:
    """Finds nothing by itself; lets the others find a module that is waited for, and comes back when it has run."""

    def find_spec(self, name, path=None, target=None):
        callbacks = _waiting.pop(name, None)
        if callbacks is None:
            return None
        spec = importlib.util.find_spec(name)
        loader = getattr(spec, "loader", None)
        run = getattr(loader, "exec_module", None)
        if run is None:
            return spec

        def exec_module(module):
            run(module)
            for callback in callbacks:
                callback(module)

        try:
            loader.exec_module = exec_module
        except AttributeError:
            # A loader that all modules share; this one is loaded without us.
            pass
        return spec


_FINDER = _Finder()


def torch():
    """Hooks PyTorch when the program imports it."""

    def hook(_):
        from . import torch as hooks

        hooks.hook()

    when_imported("torch", hook)
