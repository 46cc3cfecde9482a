"""Engines that move and call parts of a model before the whole: leaf by leaf, by a method of the model's own, with parts taken out
meanwhile, and deeper than a trace has names for. Counts what it moves by itself."""

import torch
from told import tell
from torch import nn


class Denoiser(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.input_blocks = nn.ModuleList(nn.Sequential(nn.Linear(width, width), nn.SiLU()) for _ in range(3))
        self.middle_block = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        for block in self.input_blocks:
            x = block(x)
        return self.out(self.middle_block(x))


class Autoencoder(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.post_quant_conv = nn.Linear(width, width)
        self.decoder = nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, 3))

    def decode(self, latents):
        return self.decoder(self.post_quant_conv(latents))


class Deep(nn.Module):
    """A chain of modules, the innermost of which has the weights."""

    def __init__(self, levels):
        super().__init__()
        self.inner = Deep(levels - 1) if levels else nn.Linear(128, 128)

    def forward(self, x):
        return self.inner(x)


class Patcher:
    """Sends a model to a device as engines do that can leave parts behind: every leaf by itself."""

    def __init__(self, model):
        self.model = model

    def load(self, device):
        for _, m in self.model.named_modules():
            if not list(m.children()):
                m.to(device)


def weight(module):
    return sum(tensor.numel() * tensor.element_size() for tensor in module.parameters())


moved = {}


class Engine:
    def __init__(self):
        self.unet, self.vae, self.deep = Denoiser(), Autoencoder(), Deep(9)
        self.swapped = Denoiser(96)

    @torch.no_grad()
    def run(self):
        latents = torch.zeros(4, 64, device="cuda")
        # Leaf by leaf.
        Patcher(self.unet).load("cuda")
        moved["unet"] = weight(self.unet)
        self.unet(latents)
        # By a method of its own.
        self.vae.to("cuda")
        moved["vae"] = weight(self.vae)
        self.vae.decode(latents)
        # With parts taken out while the rest moves; each comes when it is called.
        stored, self.swapped.input_blocks = self.swapped.input_blocks, None
        self.swapped.to("cuda")
        self.swapped.input_blocks = stored
        for block in self.swapped.input_blocks:
            block.register_forward_pre_hook(lambda module, _: module.to("cuda") and None)
        self.swapped(torch.zeros(4, 96, device="cuda"))
        moved["swapped"] = weight(self.swapped)
        # The innermost alone.
        innermost = [module for module in self.deep.modules() if isinstance(module, nn.Linear)]
        for _ in range(3):
            for module in innermost:
                module.to("cuda")
                module.to("cpu")
        moved["deep"] = 3 * weight(self.deep)


engine = Engine()
engine.run()
tell(moved=moved, moves_alone=True)
