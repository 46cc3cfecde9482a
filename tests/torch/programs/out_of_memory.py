"""Too much for the device: what helps is to give the cache back, until nothing does."""

import torch
from told import tell

MIB = 1 << 20
free, total = torch.cuda.mem_get_info()
# The cache holds blocks that are of no use for what is asked for next.
cached = [torch.empty(3 * MIB, dtype=torch.uint8, device="cuda") for _ in range(total // (6 * MIB))]
cached.clear()
large = torch.empty(total * 3 // 4, dtype=torch.uint8, device="cuda")
refused = 0
for _ in range(3):
    try:
        torch.empty(total // 2, dtype=torch.uint8, device="cuda")
    except torch.OutOfMemoryError:
        refused += 1
small = torch.empty(MIB, dtype=torch.uint8, device="cuda")
tell(refused=refused)
