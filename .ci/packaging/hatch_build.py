"""Adds to the wheel what is no Python: the command, the library and the header.

MEMTRACE_WHEEL_FROM names a folder that has `memtrace`, `libmemtrace.so` and the licences of what is in them already, and MEMTRACE_WHEEL_PLATFORM the platform that they were
built for. Without them both are built here, for this machine, by Cargo.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

OUTPUTS = ("memtrace", "libmemtrace.so")


class CustomBuildHook(BuildHookInterface):
    def initialize(self, version, build_data):
        root = Path(self.root)
        built = os.environ.get("MEMTRACE_WHEEL_FROM")
        where = Path(built) if built else build(root)
        command, library = (str(where / name) for name in OUTPUTS)
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{os.environ.get('MEMTRACE_WHEEL_PLATFORM', f'linux_{platform.machine()}')}"
        build_data["shared_scripts"][command] = "memtrace"
        build_data["force_include"][library] = "memtrace/libmemtrace.so"
        if built:
            build_data["force_include"][str(where / "THIRD-PARTY.txt")] = "memtrace/THIRD-PARTY.txt"
        build_data["force_include"][str(root / "tracer/c/include/memtrace.h")] = "memtrace/include/memtrace.h"


def build(root):
    """Builds for this machine; returns the folder that has both."""
    if sys.platform != "linux":
        sys.exit(f"memtrace records on Linux alone, and this is {sys.platform}")
    for needed, advice in [
        ("cargo", "install Rust 1.95 or later with rustup"),
        (os.environ.get("CC", "cc"), "install a C compiler: gcc or clang"),
    ]:
        if shutil.which(needed) is None:
            sys.exit(
                f"memtrace is built from source here, which takes Rust and a C compiler, and there is no `{needed}`: {advice}. "
                "The wheel of memtrace-gpu needs neither."
            )
    cargo = ["cargo", "build", "--locked", "--profile", "dist", "--package", "memtrace-c"]
    cargo += ["--package", "memtrace-analyzer", "--features", "memtrace-analyzer/parquet"]
    if subprocess.run(cargo, cwd=root).returncode:
        sys.exit("memtrace could not be built; what Cargo says stands above")
    metadata = ["cargo", "metadata", "--locked", "--format-version", "1", "--no-deps"]
    said = subprocess.run(metadata, cwd=root, check=True, stdout=subprocess.PIPE).stdout
    return Path(json.loads(said)["target_directory"], "dist")
