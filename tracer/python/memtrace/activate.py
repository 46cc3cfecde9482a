"""What `memtrace record` does in a Python program that knows nothing of it: `--torch` waits for the imports that there are hooks
for, `--stacks python` has the library read the calls that a thread is in."""

import ctypes
import importlib.util
import sys

_waiting = {}


def when_imported(name, callback):
    """Calls `callback` with the module of this name: now if it is imported, else as soon as it is."""
    module = sys.modules.get(name)
    if module is not None:
        _call(callback, module)
        return
    _waiting.setdefault(name, []).append(callback)
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


def _call(callback, module):
    """The program's import goes on, whatever becomes of our hooks: without them it is as though it were not traced."""
    try:
        callback(module)
    except Exception as error:  # noqa: BLE001
        print(f"memtrace: {module.__name__} is not hooked: {error}", file=sys.stderr)


class _Finder:
    """Finds nothing by itself; lets the others find a module that is waited for, and comes back when it has run."""

    def find_spec(self, name, path=None, target=None):
        callbacks = _waiting.pop(name, None)
        if callbacks is None:
            return None
        spec = importlib.util.find_spec(name)
        loader = getattr(spec, "loader", None)
        run = getattr(loader, "exec_module", None)
        # A folder by that name which is no package has no origin.
        if run is None or spec.origin is None:
            return spec

        def exec_module(module):
            run(module)
            for callback in callbacks:
                _call(callback, module)

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


def stacks():
    """The library reads the interpreter's own frames, so it has to be right about where they are: it begins to if what it reads
    here and now is what Python says."""
    begin = ctypes.PyDLL(None).memtrace_python_stacks
    begin.restype, begin.argtypes = ctypes.c_bool, [ctypes.c_int, ctypes.c_char_p]
    if not (_is_cpython() and begin(sys.version_info.minor, _calls(sys._getframe()))):
        version = sys.version.split()[0]
        print(f"memtrace: no Python stacks: the library does not know the frames of {_name()} {version}", file=sys.stderr)


def _calls(frame):
    """The calls that a thread is in, the innermost first, in words."""
    calls = []
    while frame is not None:
        code, line = frame.f_code, frame.f_lineno
        calls.append(f"{code.co_filename}:{-1 if line is None else line}:{code.co_name}\n")
        frame = frame.f_back
    return "".join(calls).encode(errors="replace")


def _is_cpython():
    return _name() == "cpython" and sys.version_info.major == 3


def _name():
    return sys.implementation.name
