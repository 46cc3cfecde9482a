"""The mechanism of a web UI that has little memory: what a model is made of is sent to the device by a hook before its forward, which
sends out what was there last, and wrapped `encode` and `decode` do the same. With little memory for the denoiser too, its blocks
come one by one. A monitor polls PyTorch's and the driver's figures meanwhile.

    webui.py medvram|lowvram
"""

import sys
import threading

import torch
from counted import Copies, on_device, weight
from told import tell
from torch import nn


class Denoiser(nn.Module):
    def __init__(self, width=192):
        super().__init__()
        self.time_embed = nn.Linear(width, width)
        self.input_blocks = nn.ModuleList(nn.Sequential(nn.Linear(width, width), nn.SiLU()) for _ in range(4))
        self.middle_block = nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))
        self.output_blocks = nn.ModuleList(nn.Sequential(nn.Linear(width, width), nn.SiLU()) for _ in range(4))
        self.out = nn.Linear(width, width)

    def forward(self, x):
        x = self.time_embed(x)
        for block in [*self.input_blocks, self.middle_block, *self.output_blocks]:
            x = block(x)
        return self.out(x)


class FirstStage(nn.Module):
    def __init__(self, width=192):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(48, width), nn.SiLU(), nn.Linear(width, width))
        self.decoder = nn.Sequential(nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, 48))

    def encode(self, image):
        return self.encoder(image)

    def decode(self, latents):
        return self.decoder(latents)


class Diffusion(nn.Module):
    def __init__(self):
        super().__init__()
        self.cond_stage = nn.Sequential(nn.Embedding(1000, 192), nn.Linear(192, 192))
        self.first_stage = FirstStage()
        self.denoiser = Denoiser()


class Manager:
    """Which part is on the device; counts what it sends there."""

    def __init__(self, diffusion, with_blocks):
        self.resident = None
        self.moved, self.loads = {}, {}
        self.names = {id(part): name for name, part in diffusion.named_children()}
        denoiser = diffusion.denoiser
        for part in (diffusion.cond_stage, diffusion.first_stage):
            part.register_forward_pre_hook(self.send)
        for name in ("encode", "decode"):
            setattr(diffusion.first_stage, name, self.wrapped(diffusion.first_stage, getattr(diffusion.first_stage, name)))
        if not with_blocks:
            denoiser.register_forward_pre_hook(self.send)
            return
        # What is left of the denoiser without its blocks stays on the device.
        kept = {name: getattr(denoiser, name) for name in ("input_blocks", "middle_block", "output_blocks")}
        for name in kept:
            setattr(denoiser, name, None)
        denoiser.to("cuda")
        self.count("denoiser", denoiser)
        for name, part in kept.items():
            setattr(denoiser, name, part)
        for block in [*denoiser.input_blocks, denoiser.middle_block, *denoiser.output_blocks]:
            self.names[id(block)] = "denoiser"
            block.register_forward_pre_hook(self.send)

    def wrapped(self, part, original):
        def call(*arguments):
            self.send(part)
            return original(*arguments)

        return call

    def send(self, part, *_):
        if self.resident is part:
            return
        if self.resident is not None:
            self.resident.to("cpu")
        part.to("cuda")
        self.resident = part
        self.count(self.names[id(part)], part)

    def count(self, name, part):
        name = f"diffusion.{name}"
        self.moved[name] = self.moved.get(name, 0) + weight(part)
        self.loads[name] = self.loads.get(name, 0) + 1


class Monitor(threading.Thread):
    """Keeps every poll: how many blocks had been handed out and come back, how much was allocated and reserved, and what was free."""

    def __init__(self):
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.polls = []

    def run(self):
        while not self.over.wait(0.01):
            self.poll()

    def poll(self):
        free, total = torch.cuda.mem_get_info()
        stats = torch.cuda.memory_stats()
        names = ("allocation.all.allocated", "allocation.all.freed", "allocated_bytes.all.current", "reserved_bytes.all.current")
        self.polls.append([stats.get(name, 0) for name in names] + [total - free])


def main():
    diffusion = Diffusion().eval()
    torch.cuda.init()
    manager = Manager(diffusion, sys.argv[1] == "lowvram")
    monitor = Monitor()
    monitor.start()
    copies = Copies()
    with torch.no_grad(), copies:
        for _ in range(3):
            words = diffusion.cond_stage(torch.zeros(1, 77, dtype=torch.long, device="cuda"))
            latents = diffusion.first_stage.encode(torch.zeros(64, 48, device="cuda"))
            for _ in range(4):
                latents = diffusion.denoiser(latents)
                monitor.poll()
            diffusion.first_stage.decode(latents).cpu()
            del words
    monitor.over.set()
    monitor.join()
    resident = {f"diffusion.{name}": on_device(part) for name, part in diffusion.named_children()}
    moved, loads = manager.moved, manager.loads
    if sys.argv[1] == "lowvram":
        # The denoiser's own layers came before the operators were counted.
        copies.bytes["h2d"] += sum(weight(part) for part in (diffusion.denoiser.time_embed, diffusion.denoiser.out))
    tell(moved=moved, loads=loads, resident=resident, copied=copies.bytes, polls=monitor.polls)


main()
