"""Swaps the parts of a model by a hook before their forwards, as web UIs with lowvram do: one is on the device at a time. A monitor
polls PyTorch's and the driver's figures meanwhile, as theirs do."""

import threading

import torch
from told import tell
from torch import nn


def part(width, layers):
    return nn.Sequential(*(nn.Sequential(nn.Linear(width, width), nn.GELU()) for _ in range(layers)))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.denoiser, self.decoder = part(256, 2), part(512, 6), part(256, 3)


class Polling(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.lowest = None

    def run(self):
        while not self.over.wait(0.02):
            free, _ = torch.cuda.mem_get_info()
            torch.cuda.memory_stats()
            self.lowest = free if self.lowest is None else min(self.lowest, free)


model = Model().eval()
resident = None
swaps = 0
moved = {}


def send_to_device(module, _):
    global resident, swaps
    if resident is module:
        return
    if resident is not None:
        resident.to("cpu")
        swaps += 1
    module.to("cuda")
    name = next(name for name, part in model.named_children() if part is module)
    # A variable called `model` names nothing: the model is called after its class.
    name = f"Model.{name}"
    moved[name] = moved.get(name, 0) + sum(tensor.numel() * tensor.element_size() for tensor in module.parameters())
    resident = module


for name in ("encoder", "denoiser", "decoder"):
    getattr(model, name).register_forward_pre_hook(send_to_device)

polling = Polling()
polling.start()
with torch.no_grad():
    for _ in range(3):
        hidden = model.encoder(torch.zeros(8, 256, device="cuda"))
        latents = torch.zeros(8, 512, device="cuda")
        for _ in range(5):
            latents = model.denoiser(latents)
        image = model.decoder(hidden)
polling.over.set()
polling.join()
tell(moved=moved, swaps=swaps, moves_alone=True)
