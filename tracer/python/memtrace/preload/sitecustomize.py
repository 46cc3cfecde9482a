"""Runs before a program that is recorded with `memtrace record --torch` or `--stacks python`: puts the environment back to what
it was, runs the `sitecustomize` that would have run, and makes ready for what is wanted."""

import ctypes
import importlib.util
import os
import sys

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_PACKAGE = os.path.dirname(_FOLDER)


def _put_back():
    """Children are recorded only if they are to be followed. Returns what is wanted."""
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != _FOLDER]
    before = os.environ.pop("MEMTRACE_PYTHONPATH", None)
    words = os.environ.get("MEMTRACE_RECORD", "").split(",")
    if "on" not in words:
        # The library has taken itself out; this is what it left.
        os.environ.pop("MEMTRACE_RECORD", None)
    if "on" in words and "follow" in words:
        os.environ["MEMTRACE_PYTHONPATH"] = before or ""
    elif before:
        os.environ["PYTHONPATH"] = before
    else:
        os.environ.pop("PYTHONPATH", None)
    return words


def _run_the_other():
    """This file stands in the way of another of its name."""
    this = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        if this is not None:
            sys.modules.setdefault("sitecustomize", this)


def _activate(wanted):
    """The package is the one of this folder, whatever else is installed, and the program's own `import memtrace` gets it."""
    init = os.path.join(_PACKAGE, "__init__.py")
    spec = importlib.util.spec_from_file_location("memtrace", init, submodule_search_locations=[_PACKAGE])
    module = importlib.util.module_from_spec(spec)
    sys.modules["memtrace"] = module
    spec.loader.exec_module(module)
    from memtrace import activate

    if "torch" in wanted:
        activate.torch()
    if "stacks=python" in wanted:
        activate.stacks()


def _is_recorded():
    """A child that a recorded program starts is not, unless it is to be followed."""
    return hasattr(ctypes.CDLL(None), "memtrace_abi")


_wanted = _put_back()
try:
    if _is_recorded():
        _activate(_wanted)
except Exception as error:  # noqa: BLE001 - whatever fails, the program goes on as if it were not traced
    print(f"memtrace: Python is not hooked: {error}", file=sys.stderr)
_run_the_other()
