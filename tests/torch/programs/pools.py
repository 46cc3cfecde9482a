"""Pools of their own, and a graph that is captured and replayed."""

import torch
from told import tell

pool = torch.cuda.MemPool()
kept = [torch.empty(5_000_000, dtype=torch.uint8, device="cuda")]
with torch.cuda.use_mem_pool(pool):
    kept += [torch.empty(3_000_000 + 1000 * step, dtype=torch.uint8, device="cuda") for step in range(8)]
del kept[3]

model = torch.nn.Sequential(torch.nn.Linear(256, 512), torch.nn.ReLU(), torch.nn.Linear(512, 256)).cuda()
batch = torch.zeros(64, 256, device="cuda")
side = torch.cuda.Stream()
with torch.cuda.stream(side), torch.no_grad():
    model(batch)
torch.cuda.current_stream().wait_stream(side)
graph = torch.cuda.CUDAGraph()
with torch.no_grad(), torch.cuda.graph(graph):
    answer = model(batch)
for _ in range(3):
    graph.replay()
kept.append(torch.empty(9_000_000, dtype=torch.uint8, device="cuda"))
tell()
