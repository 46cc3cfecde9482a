"""Two devices, and copies between them and the host."""

import torch
from told import tell

kept = []
for step in range(40):
    first = torch.empty((1 + step % 5) << 20, dtype=torch.uint8, device="cuda:0")
    second = first.to("cuda:1")
    if step % 4 == 0:
        kept.append(second.cpu())
    if step % 3 == 0:
        kept.append(second)
    if len(kept) > 12:
        kept.pop(0)
pinned = torch.empty(3 << 20, dtype=torch.uint8, pin_memory=True)
kept.append(pinned.to("cuda:1", non_blocking=True))
tell()
