"""A network's training step in PyTorch.

    torch_step.py THREADS STEPS cnn|resnet9|resnet18 [BATCHES DTYPE] \\
        contiguous|channels_last|compile

BATCHES: with commas, 128 unless given; DTYPE: of torch.autocast.
"""

import sys
import time

import torch
from peer import (DEVICE, DTYPES, MEMORY, ON_GPU, compiled, forget_peak,
                  memory_mb, ready, report, rounds, synchronize)
from torch import nn
from torch_models import NETWORKS

THREADS, STEPS, NAME, MODE = (int(sys.argv[1]), int(sys.argv[2]), sys.argv[3],
                              sys.argv[-1])
BATCHES, DTYPE = sys.argv[4:6] if len(sys.argv) > 5 else (None, "f32")
WHAT = "step" if NAME == "cnn" else NAME


class Set:
    """Images and their labels."""

    def __init__(self, n):
        self.n = n
        self.what = f"{WHAT},{n}" if BATCHES else WHAT
        self.x = torch.randn(n, 3, 32, 32, device=DEVICE).contiguous(
            memory_format=MEMORY[MODE])
        self.labels = torch.arange(n, device=DEVICE) * 7 % 10

    def measure(self, find_loss, opt, base):
        forget_peak()
        synchronize()
        begin = time.perf_counter()
        for _ in range(STEPS):
            opt.zero_grad()
            loss = find_loss(self.x, self.labels)
            loss.backward()
            opt.step()
        synchronize()
        seconds = time.perf_counter() - begin
        values = {":images_per_s": STEPS * self.n / seconds,
                  ":loss": loss.item()}
        if ON_GPU:
            values[":device_mb"] = torch.cuda.max_memory_reserved() / 2 ** 20
        else:
            _, peak = memory_mb()
            values[":peak_mb"], values[":own_peak_mb"] = peak, peak - base
        return {self.what + name: x for name, x in values.items()}


def main():
    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    base, _ = memory_mb()
    model = NETWORKS[NAME]().to(DEVICE, memory_format=MEMORY[MODE])
    sets = [Set(int(n)) for n in (BATCHES or "128").split(",")]
    criterion = nn.CrossEntropyLoss()
    opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, fused=True)

    def loss_of(x, labels):
        with torch.autocast(DEVICE, dtype=torch.bfloat16,
                            enabled=DTYPES[DTYPE] != torch.float32):
            return criterion(model(x), labels)

    find_loss = compiled(MODE, loss_of)
    ready(MODE)
    for _ in rounds():
        for one in sets:
            report(one.measure(find_loss, opt, base), end=" ")
        report({})


main()
