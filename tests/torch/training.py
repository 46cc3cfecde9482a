"""Trains a small model, with data loaded on other threads, and prints the loss: the same whether it is recorded or not."""

import sys
import threading

import torch
from torch import nn


def batches(count):
    """Makes batches on a thread of its own."""
    made, ready = [], threading.Semaphore(0)

    def make():
        generator = torch.Generator().manual_seed(2)
        for _ in range(count):
            made.append(torch.randn(32, 64, generator=generator))
            ready.release()

    thread = threading.Thread(target=make)
    thread.start()
    for _ in range(count):
        ready.acquire()
        yield made.pop(0)
    thread.join()


def main():
    torch.manual_seed(1)
    torch.set_num_threads(1)
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 64))
    optimizer = torch.optim.Adam(model.parameters())
    for batch in batches(int(sys.argv[1]) if len(sys.argv) > 1 else 30):
        loss = (model(batch) - batch).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"{loss.item():.9f}")


main()
