"""Blocks that other streams still use when they are freed, and blocks of several streams' own."""

import torch
from told import tell

streams = [torch.cuda.Stream() for _ in range(3)]
kept = []
for step in range(120):
    stream = streams[step % 3]
    with torch.cuda.stream(stream):
        block = torch.ones((1 + step % 7) << 20, dtype=torch.uint8, device="cuda")
        other = streams[(step + 1) % 3]
        other.wait_stream(stream)
        with torch.cuda.stream(other):
            kept.append(block + 1)
        block.record_stream(other)
    del block
    if len(kept) > 9:
        kept.pop(0)
tell()
