"""Trains a small network of convolutions with AdamW, checkpoints, and batches from worker processes in pinned memory."""

import torch
from told import tell
from torch import nn
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU())
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(32 * 16 * 16, 256), nn.ReLU(), nn.Linear(256, 10))

    def forward(self, images):
        return self.head(checkpoint(self.features, images, use_reentrant=False))


def main():
    # There is no cuDNN on the software device.
    torch.backends.cudnn.enabled = False
    torch.manual_seed(1)
    network = Network().cuda()
    optimizer = torch.optim.AdamW(network.parameters())
    images = TensorDataset(torch.randn(96, 3, 16, 16), torch.zeros(96, dtype=torch.long))
    for _ in range(2):
        for batch, _ in DataLoader(images, batch_size=16, num_workers=2, pin_memory=True):
            loss = network(batch.cuda(non_blocking=True)).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    tell()


if __name__ == "__main__":
    main()
