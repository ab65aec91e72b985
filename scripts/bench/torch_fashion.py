"""scripts/train_fashion.lua in PyTorch eager: the same network, schedule, split
and augmentation, on images that are in memory.

    torch_fashion.py THREADS UNTIL [EPOCHS] channels_last|contiguous|compile

UNTIL: it stops after the epoch that reaches this accuracy on the test images,
in percent. EPOCHS: those of the schedule, 8 unless given.
"""

import gzip
import math
import os
import sys
import time

import torch
from peer import DEVICE, MEMORY, compiled
from torch import nn
from torch_models import fashion

THREADS, UNTIL, MODE = int(sys.argv[1]), float(sys.argv[2]), sys.argv[-1]
EPOCHS = int(sys.argv[3]) if len(sys.argv) > 4 else 8
BATCH, PEAK_RATE, WARM_UP, VALID = 64, 0.05, 0.25, 5000
FOLDER = os.path.join(os.environ.get("MOONSEED_DATA", "/usr/share/datasets"),
                      "fashion-mnist")


def read(name, header):
    with gzip.open(os.path.join(FOLDER, name + "-ubyte.gz")) as f:
        data = bytearray(f.read())
    return torch.frombuffer(data, dtype=torch.uint8)[header:].to(DEVICE)


def images(part):
    x = read(part + "-images-idx3", 16).reshape(-1, 1, 28, 28).float() / 255
    return (x.contiguous(memory_format=MEMORY[MODE]),
            read(part + "-labels-idx1", 8).long())


def rate(part):
    """One cycle: up along a line, down along a cosine; `part` of the run."""
    if part < WARM_UP:
        return PEAK_RATE * part / WARM_UP
    down = (part - WARM_UP) / (1 - WARM_UP)
    return PEAK_RATE * (1 + math.cos(math.pi * down)) / 2


def flipped(x):
    """Each image with probability 1/2, as a mirror shows it."""
    return torch.where(torch.rand(len(x), 1, 1, 1, device=DEVICE) < 0.5,
                       x.flip(3), x)


@torch.no_grad()
def accuracy(model, x, y):
    model.eval()
    correct = sum((model(bx).argmax(1) == by).sum().item()
                  for bx, by in zip(x.split(500), y.split(500)))
    model.train()
    return 100 * correct / len(x)


def train_epoch(epoch, model, find_loss, opt, x, y):
    steps = math.ceil(len(x) / BATCH)
    for step, chosen in enumerate(
            torch.randperm(len(x), device=DEVICE).split(BATCH)):
        for group in opt.param_groups:
            group["lr"] = rate((epoch + step / steps) / EPOCHS)
        opt.zero_grad()
        find_loss(model(flipped(x[chosen])), y[chosen]).backward()
        opt.step()


def main():
    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    x, y = images("train")
    test = images("t10k")
    # The others are for validation.
    kept = torch.randperm(len(x), device=DEVICE)[VALID:]
    x, y = x[kept], y[kept]
    model = fashion().to(DEVICE, memory_format=MEMORY[MODE])
    opt = torch.optim.SGD(model.parameters(), lr=0, momentum=0.9,
                          nesterov=True, weight_decay=5e-4, fused=True)
    run = compiled(MODE, model)
    begin = time.perf_counter()
    for epoch in range(EPOCHS):
        train_epoch(epoch, run, nn.CrossEntropyLoss(), opt, x, y)
        found = accuracy(run, *test)
        seconds = time.perf_counter() - begin
        print(f"epoch {epoch + 1} of {EPOCHS}: {found:.2f}%, {seconds:.1f} s",
              flush=True)
        if found >= UNTIL:
            print(f"{found:.2f}% on the test images after {epoch + 1} epochs, "
                  f"{seconds:.2f} s")
            return
    print(f"{found:.2f}% is all after {EPOCHS} epochs, {seconds:.2f} s")


main()
