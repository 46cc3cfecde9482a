"""A miniature of Stable Diffusion in PyTorch that keeps one module at a time in memory, as web UIs with `lowvram` do. It knows
nothing of memtrace. At the end it prints books of its own as JSON.

    pipeline.py [--device DEVICE] [--jobs N] [--acks FILE] [--history]

On the CPU a module that leaves is dropped, and read from its file again; on another device it waits in host memory. With
--acks, a byte is appended to FILE behind each forward of the UNet; with --history, the books have the events of PyTorch's own
recorder of CUDA memory.
"""

import argparse
import json
import os
import tempfile

import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.to_q, self.to_k, self.to_v = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.to_out = nn.Linear(width, width)

    def forward(self, x, context):
        weights = torch.softmax(self.to_q(x) @ self.to_k(context).transpose(-1, -2), dim=-1)
        return self.to_out(weights @ self.to_v(context))


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x, context):
        x = x + self.attention(self.norm(x), context)
        return x + self.feed_forward(x)


class TextEncoder(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.embedding = nn.Embedding(1000, width)
        self.block = Block(width)

    def forward(self, tokens):
        x = self.embedding(tokens)
        return self.block(x, x)


class UNet(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.down = nn.ModuleList(Block(width) for _ in range(2))
        self.middle = Block(width)
        self.up = nn.ModuleList(Block(width) for _ in range(2))

    def forward(self, x, context):
        for block in [*self.down, self.middle, *self.up]:
            x = block(x, context)
        return x


class Decoder(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.convolutions = nn.Sequential(nn.Conv2d(width, 32, 3, padding=1), nn.SiLU(), nn.Conv2d(32, 3, 3, padding=1))

    def forward(self, latents):
        return self.convolutions(latents)


class Pipeline:
    """One of its modules is in memory at a time. The hook before a forward puts it there."""

    def __init__(self, device, folder, width=128):
        self.device = torch.device(device)
        self.text_encoder, self.unet, self.vae = TextEncoder(width), UNet(width), Decoder(width)
        self.parts = {"text_encoder": self.text_encoder, "unet": self.unet, "vae": self.vae}
        self.files = {}
        self.resident = None
        self.books = {"loads": 0, "evictions": 0, "forwards": {}}
        for name, part in self.parts.items():
            part.eval()
            if self.device.type == "cpu":
                self.files[name] = os.path.join(folder, f"{name}.pt")
                torch.save(part.state_dict(), self.files[name])
                part.to("meta")
            part.register_forward_pre_hook(lambda _, __, name=name: self.make_resident(name))
            for path, module in part.named_modules():
                full = f"{name}.{path}" if path else name
                module.register_forward_hook(lambda *_, full=full: self.count(full))

    def count(self, name):
        self.books["forwards"][name] = self.books["forwards"].get(name, 0) + 1

    def make_resident(self, name):
        if self.resident == name:
            return
        if self.resident is not None:
            self.evict(self.parts[self.resident])
        self.resident = name
        self.load(name)

    def evict(self, part):
        part.to("meta" if self.device.type == "cpu" else "cpu")
        self.books["evictions"] += 1

    def load(self, name):
        part = self.parts[name]
        if self.device.type == "cpu":
            part.to_empty(device="cpu")
            part.load_state_dict(torch.load(self.files[name]))
        else:
            part.to(self.device)
        self.books["loads"] += 1

    @torch.no_grad()
    def __call__(self, steps, acknowledge):
        tokens = torch.randint(1000, (1, 77), device=self.device)
        context = self.text_encoder(tokens)
        latents = torch.randn(1, 256, 128, device=self.device)
        for _ in range(steps):
            latents = latents - 0.1 * self.unet(latents, context)
            acknowledge()
        return self.vae(latents.transpose(1, 2).reshape(1, 128, 16, 16))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--acks")
    parser.add_argument("--history", action="store_true")
    arguments = parser.parse_args()
    torch.manual_seed(1)
    if arguments.history:
        torch.cuda.memory._record_memory_history(max_entries=1 << 24)
    acks = os.open(arguments.acks, os.O_CREAT | os.O_WRONLY | os.O_APPEND) if arguments.acks else None

    def acknowledge():
        if acks is not None:
            os.write(acks, b".")

    with tempfile.TemporaryDirectory() as folder:
        pipeline = Pipeline(arguments.device, folder)
        for _ in range(arguments.jobs):
            image = pipeline(arguments.steps, acknowledge)
    books = pipeline.books
    books["bytes"] = {
        f"{name}.{path}" if path else name: sum(t.numel() * t.element_size() for t in module.parameters())
        for name, part in pipeline.parts.items()
        for path, module in part.named_modules()
    }
    books["image"] = list(image.shape)
    if arguments.device.startswith("cuda"):
        books["peak_allocated_bytes"] = torch.cuda.max_memory_allocated()
        books["peak_reserved_bytes"] = torch.cuda.max_memory_reserved()
    if arguments.history:
        kinds = {"alloc": "alloc", "free_requested": "free"}
        trace = torch.cuda.memory._snapshot()["device_traces"][0]
        books["events"] = [[kinds[it["action"]], it["addr"]] for it in trace if it["action"] in kinds]
    print(json.dumps(books))


main()
