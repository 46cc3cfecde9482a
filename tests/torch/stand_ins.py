"""Links the libraries that a CUDA wheel of PyTorch asks for and that are not there: the software runtime, driver and NVML, and stand-ins
for cuBLAS, cuDNN, NCCL and the rest, with the names, version nodes and symbols that PyTorch's own libraries say they need.

    stand_ins.py SITE_PACKAGES BUILD_FOLDER

SITE_PACKAGES holds the wheel, unpacked. A function that is asked for is what `stand_ins/LIBRARY.c` defines, if there is one; else it
does nothing and answers what the table below says. Prints what was made.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

SOURCES = Path(__file__).parent / "stand_ins"

# What functions answer that do nothing, by their library: success where what they compute is looked at by nobody, else that
# it is not supported, by the number that says so there.
ANSWERS = {
    "libcublas": 0,
    "libcublasLt": 0,
    "libcudart": 801,
    "libcudnn": 3000,
    "libcufft": 16,
    "libcufile": 5001,
    "libcupti": 27,
    "libcurand": 106,
    "libcusolver": 9,
    "libcusparse": 10,
    "libcusparseLt": 10,
    "libnccl": 3,
    "libnvJitLink": 1,
    "libnvToolsExt": 0,
    "libnvrtc": 11,
    "libnvshmem_host": 1,
}

# Whose a symbol without a version is, by how its name begins. The first that fits counts.
PREFIXES = {
    "cusparseLt": "libcusparseLt",
    "cuFile": "libcufile",
    "nccl": "libnccl",
    "nvshmem": "libnvshmem_host",
    "nvtx": "libnvToolsExt",
}


def main():
    site, build = map(Path, sys.argv[1:])
    archive = build / "libsoftware_cudart.a"
    libraries = sorted((site / "torch" / "lib").glob("*.so*"))
    sonames = {base(name): name for library in libraries for name in needed(library) if base(name) in ANSWERS}
    # Of each library, the functions that are asked for in each version node.
    wanted = {name: defaultdict(set) for name in sonames.values()}
    defined = set()
    unversioned = set()
    for library in libraries:
        nodes = {node: soname for soname, node in versions(library) if soname in wanted}
        for node, soname in nodes.items():
            wanted[soname][node]  # A node that no function is asked for in has to be there as well.
        for name, node in undefined(library):
            if node in nodes:
                wanted[nodes[node]][node].add(name)
            elif not node:
                unversioned.add(name)
        defined |= exported(library)
    for name in unversioned - defined:
        owner = next((owner for prefix, owner in PREFIXES.items() if name.startswith(prefix)), None)
        if owner in sonames:
            wanted[sonames[owner]][""].add(name)
    folder = folder_of(site / "torch" / "lib" / "libtorch_cuda.so")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(build / "libsoftware_cuda.so", folder / "libcuda.so.1")
    shutil.copy(build / "libsoftware_nvml.so", folder / "libnvidia-ml.so.1")
    for soname, nodes in sorted(wanted.items()):
        archives = [archive] if base(soname) == "libcudart" else []
        asked, made = link(folder / soname, nodes, archives)
        print(f"{soname}: {asked} functions asked for, {made} of them do nothing")


def base(soname):
    return soname.split(".so")[0]


def needed(library):
    text = output("readelf", "-d", library)
    return re.findall(r"\(NEEDED\).*\[(.+)\]", text)


def folder_of(library):
    """The last folder, beside the library's own, in which it looks for others."""
    paths = re.search(r"\((?:RPATH|RUNPATH)\).*\[(.+)\]", output("readelf", "-d", library)).group(1).split(":")
    outside = [path for path in paths if path.startswith("$ORIGIN/")]
    return Path(os.path.normpath(outside[-1].replace("$ORIGIN", str(library.parent))))


def versions(library):
    """The version nodes that a library needs, each with the library that is to have it."""
    soname = None
    for line in output("readelf", "-V", library).splitlines():
        if file := re.search(r"File: (\S+)\s+Cnt:", line):
            soname = file.group(1)
        elif (node := re.search(r"Name: (\S+)\s+Flags:", line)) and soname:
            yield soname, node.group(1)


def undefined(library):
    for line in output("nm", "-D", "--undefined-only", library).splitlines():
        name, _, version = line.split()[-1].partition("@")
        yield name, version.lstrip("@")


def exported(library):
    return {line.split()[-1].partition("@")[0] for line in output("nm", "-D", "--defined-only", library).splitlines()}


def link(library, nodes, archives):
    """Makes a library with these functions. Returns how many they are, and how many of them do nothing."""
    version = library.name
    names = set().union(*nodes.values())
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        release = int(version.rsplit(".", 1)[-1])
        objects = [compiled(SOURCES / f"{base(version)}.c", folder, release)] if written(version) else []
        there = set()
        for part in (*objects, *archives):
            there |= {line.split()[-1] for line in output("nm", "--defined-only", "--extern-only", part).splitlines() if line}
        missing = sorted(names - there)
        rest = folder / "rest.c"
        answer = ANSWERS[base(version)]
        rest.write_text("".join(f"int {name}(void) {{ return {answer}; }}\n" for name in missing))
        script = folder / "versions"
        script.write_text(version_script(nodes, kept(objects) - names, version))
        whole = [f"-Wl,--whole-archive,{path},--no-whole-archive" for path in archives]
        subprocess.run(
            # An RPATH that comes before what the environment says: a machine with a GPU has a libcuda.so.1 of its own.
            ["gcc", "-shared", "-fPIC", "-w", "-o", library, rest, *objects, *whole, "-Wl,--gc-sections"]
            + [f"-Wl,-soname,{version}", f"-Wl,--version-script={script}", "-Wl,-rpath,$ORIGIN,--disable-new-dtags"]
            + ["-lpthread", "-ldl", "-lm", "-lgcc_s"],
            check=True,
        )
    return len(names), len(missing)


def version_script(nodes, others, soname):
    """Every function in its node; what is written by hand and not asked for, and what is asked for without a version, in the first."""
    nodes = {**nodes}
    others = others | nodes.pop("", set())
    first = min(nodes, default=soname)
    nodes[first] = nodes.get(first, set()) | others
    text = ""
    for node, names in sorted(nodes.items()):
        public = f"global: {' '.join(f'{name};' for name in sorted(names))}" if names else ""
        text += f"{node} {{ {public} {'local: *;' if node == first else ''} }};\n"
    return text


def written(version):
    return (SOURCES / f"{base(version)}.c").exists()


def compiled(source, folder, release):
    made = folder / f"{source.stem}.o"
    subprocess.run(["gcc", "-c", "-O1", "-fPIC", "-Wall", "-Werror", f"-DRELEASE={release}", "-o", made, source], check=True)
    return made


def kept(objects):
    """What is written by hand is there for whoever looks it up by name."""
    return {
        line.split()[-1]
        for part in objects
        for line in output("nm", "--defined-only", "--extern-only", part).splitlines()
        if line and not line.endswith("software_runtime_version")
    }


def output(*command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False).stdout


main()
