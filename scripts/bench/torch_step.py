"""A network's training step in PyTorch.

    torch_step.py THREADS STEPS cnn|resnet9|resnet18 \\
        contiguous|channels_last|compile
"""

import sys
import time

import torch
from peer import (MEMORY, compiled, forget_peak, memory_mb, ready, report,
                  rounds)
from torch import nn
from torch_models import NETWORKS

THREADS, STEPS, NAME, MODE = (int(sys.argv[1]), int(sys.argv[2]), sys.argv[3],
                              sys.argv[4])
WHAT = "step" if NAME == "cnn" else NAME
BATCH = 128


def main():
    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    base, _ = memory_mb()
    memory = MEMORY[MODE]
    model = NETWORKS[NAME]().to(memory_format=memory)
    x = torch.randn(BATCH, 3, 32, 32).contiguous(memory_format=memory)
    labels = torch.arange(BATCH) * 7 % 10
    criterion = nn.CrossEntropyLoss()
    opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, fused=True)
    find_loss = compiled(MODE, lambda: criterion(model(x), labels))
    ready(MODE)
    for _ in rounds():
        forget_peak()
        begin = time.perf_counter()
        for _ in range(STEPS):
            opt.zero_grad()
            loss = find_loss()
            loss.backward()
            opt.step()
        seconds = time.perf_counter() - begin
        _, peak = memory_mb()
        report({WHAT + ":images_per_s": STEPS * BATCH / seconds,
                WHAT + ":loss": loss.item(), WHAT + ":peak_mb": peak,
                WHAT + ":own_peak_mb": peak - base})


main()
