"""What recording costs a training loop and an inference loop of PyTorch, and one that only asks for memory: the same loop by turns
plain, recorded, recorded with modules named or with stacks, and (on a GPU) with PyTorch's own recorder of memory. Prints a table of ratios to plain.

    overhead.py [--memtrace COMMAND] [--rounds N] [--device DEVICE] [--smoke]

On the CPU the time is the processor's, of all threads of the process, so that a busy machine does not count; on a GPU it is the
clock's. It needs PyTorch in the interpreter that runs it, and the command `memtrace` with its library.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time


def training(torch, device, rounds):
    nn = torch.nn
    model = nn.Sequential(*(nn.Sequential(nn.Linear(256, 256), nn.ReLU()) for _ in range(8))).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    batch = torch.randn(32, 256, device=device)
    for _ in rounds():
        optimizer.zero_grad()
        model(batch).pow(2).mean().backward()
        optimizer.step()


def inference(torch, device, rounds):
    nn = torch.nn
    layer = nn.TransformerEncoderLayer(128, 4, 512, batch_first=True)
    model = nn.TransformerEncoder(layer, 4).to(device).eval()
    tokens = torch.randn(4, 64, 128, device=device)
    with torch.no_grad():
        for _ in rounds():
            model(tokens)


def blocks(torch, device, rounds):
    """Nothing but a thousand blocks a round that are recorded, asked for nine calls deep."""

    def ask(levels):
        if levels:
            ask(levels - 1)
        else:
            for _ in range(1000):
                bytearray(8192)

    for _ in rounds():
        ask(4)


LOOPS = {"training": training, "inference": inference, "blocks": blocks}


def measure(loop, device, seconds, history):
    """Runs in a process of its own. Prints the median time of a round, in nanoseconds."""
    import torch

    torch.manual_seed(1)
    torch.set_num_threads(1)
    if history:
        torch.cuda.memory._record_memory_history()
    times = []
    on_device = device.startswith("cuda")
    clock = time.perf_counter_ns if on_device else time.process_time_ns

    def rounds():
        end = time.monotonic() + seconds
        while time.monotonic() < end or len(times) < 3:
            begin = clock()
            yield
            if on_device:
                torch.cuda.synchronize()
            times.append(clock() - begin)

    LOOPS[loop](torch, device, rounds)
    print(statistics.median(times))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--memtrace", default="memtrace")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--measure")
    parser.add_argument("--history", action="store_true")
    arguments = parser.parse_args()
    if arguments.measure:
        return measure(arguments.measure, arguments.device, arguments.seconds, arguments.history)
    rounds, seconds = (1, 0.1) if arguments.smoke else (arguments.rounds, arguments.seconds)
    with tempfile.TemporaryDirectory() as folder:
        trace = os.path.join(folder, "run.%p.trace")
        record = [arguments.memtrace, "record", "-o", trace]
        options = ["", "--torch", "--stacks python", "--stacks native"]
        ways = {"plain": [], **{f"record {own}".strip(): [*record, *own.split(), "--"] for own in options}}
        if arguments.device.startswith("cuda"):
            ways["memory history"] = []
        print(f"{'loop':<12}{'way':<24}{'median':>12}{'× plain':>10}")
        for loop in LOOPS:
            times = {way: [] for way in ways}
            for _ in range(rounds):
                for way, prefix in ways.items():
                    own = [sys.executable, os.path.abspath(__file__), "--measure", loop]
                    own += ["--device", arguments.device, "--seconds", str(seconds)]
                    own += ["--history"] if way == "memory history" else []
                    said = subprocess.run([*prefix, *own], check=True, stdout=subprocess.PIPE, text=True).stdout
                    times[way].append(float(said.split()[0]))
                    for file in os.listdir(folder):
                        os.remove(os.path.join(folder, file))
            for way, measured in times.items():
                median = statistics.median(measured)
                # Each way beside the plain run of the same round.
                ratio = statistics.median(mine / base for mine, base in zip(measured, times["plain"]))
                print(f"{loop:<12}{way:<24}{median / 1e6:>9.3f} ms{ratio:>10.3f}")


main()
