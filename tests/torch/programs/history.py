"""Records PyTorch's own history of its memory beside the trace: blocks of several streams, some of which other streams still use when they are
freed, and what the cache gives back."""

import os
import random

import torch
from told import tell

SIZES = [300, 5_000, 70_000, 1 << 20, 3 << 20, 11 << 20, (23 << 20) + 12_345]

torch.cuda.memory._record_memory_history(max_entries=1 << 20, stacks="python")
random.seed(2)
streams = [torch.cuda.current_stream(), torch.cuda.Stream()]
kept = []
for step in range(600):
    with torch.cuda.stream(streams[step // 7 % 2]):
        block = torch.empty(random.choice(SIZES), dtype=torch.uint8, device="cuda")
    if step % 5 == 0:
        block.record_stream(streams[step // 7 % 2 - 1])
    kept.append(block)
    del block
    if len(kept) > 15:
        kept.pop(random.randrange(len(kept)))
    if step % 200 == 199:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
snapshot = os.path.join(os.environ["BOOKS_FOLDER"], "snapshot.pickle")
torch.cuda.memory._dump_snapshot(snapshot)
tell(snapshot=snapshot)
