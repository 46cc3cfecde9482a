"""A model whose weights are on disk until a forward needs them, by accelerate's hooks; and one that is read from a safetensors
file. Prints books of its own as JSON."""

import json
import tempfile

import accelerate
import torch
from safetensors.torch import load_file, save_file
from torch import nn


def main():
    with tempfile.TemporaryDirectory() as folder:
        big = nn.Sequential(nn.Linear(128, 256), nn.ReLU(), nn.Linear(256, 128))
        save_file(big.state_dict(), f"{folder}/big.safetensors")
        big.load_state_dict(load_file(f"{folder}/big.safetensors"))
        accelerate.disk_offload(big, f"{folder}/offloaded", execution_device=torch.device("cpu"))
        with torch.no_grad():
            for _ in range(3):
                big(torch.ones(1, 128))
        # Compiled or not, a model is called.
        compiled = torch.compile(nn.Linear(8, 8), backend="eager")
        compiled(torch.ones(1, 8))
        print(json.dumps({"bytes": 4 * (128 * 256 + 256 + 256 * 128 + 128), "rounds": 3}))


main()
