"""Blocks of many sizes that come and go in an order that looks random and is the same each time."""

import random

import torch
from told import tell

SIZES = [300, 5_000, 70_000, 1 << 20, 3 << 20, 11 << 20, 25 << 20, (37 << 20) + 12_345]

random.seed(1)
kept = []
for step in range(1500):
    kept.append(torch.empty(random.choice(SIZES), dtype=torch.uint8, device="cuda"))
    if len(kept) > 20:
        kept.pop(random.randrange(len(kept)))
    if step % 500 == 499:
        torch.cuda.empty_cache()
tell()
