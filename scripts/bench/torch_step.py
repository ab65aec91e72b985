"""The small network's training step in PyTorch eager.

    torch_step.py THREADS STEPS contiguous|channels_last
"""

import sys
import time

import torch
from peer import ready, report, rounds
from torch import nn

THREADS, STEPS, LAYOUT = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
BATCH = 128


def network():
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 128, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))


def main():
    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    memory = {"contiguous": torch.contiguous_format,
              "channels_last": torch.channels_last}[LAYOUT]
    model = network().to(memory_format=memory)
    x = torch.randn(BATCH, 3, 32, 32).contiguous(memory_format=memory)
    labels = torch.arange(BATCH) * 7 % 10
    criterion = nn.CrossEntropyLoss()
    opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    ready(LAYOUT)
    for _ in rounds():
        begin = time.perf_counter()
        for _ in range(STEPS):
            opt.zero_grad()
            loss = criterion(model(x), labels)
            loss.backward()
            opt.step()
        seconds = time.perf_counter() - begin
        report({"step:images_per_s": STEPS * BATCH / seconds,
                "step:loss": loss.item()})


main()
