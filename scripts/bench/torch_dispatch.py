"""What small operations cost in PyTorch.

    torch_dispatch.py THREADS channels_last|compile
"""

import sys
import time

import torch
import torch.nn.functional as F
from peer import (DEVICE, MEMORY, compiled, median_ms, ready, report, rounds,
                  synchronize)

THREADS, MODE = int(sys.argv[1]), sys.argv[2]
ADDS, LENGTH = 2000, 100


def main():
    torch.set_num_threads(THREADS)
    a, b = torch.randn(8, 8, device=DEVICE), torch.randn(8, 8, device=DEVICE)
    x = torch.randn(1, 4, 8, 8, device=DEVICE).contiguous(
        memory_format=MEMORY[MODE])
    weights = [(torch.randn(4, 4, 3, 3, device=DEVICE) / 6).requires_grad_()
               for _ in range(LENGTH)]

    def adds():
        synchronize()
        begin = time.perf_counter()
        for _ in range(ADDS):
            a + b
        return (time.perf_counter() - begin) / ADDS * 1e6

    one = compiled(MODE, lambda x, w: F.conv2d(x, w, padding=1))

    def conv():
        with torch.no_grad():
            one(x, weights[0])

    def sum_of_chain(x, weights):
        for w in weights:
            x = F.conv2d(x, w, padding=1)
        return x.sum()

    run = compiled(MODE, sum_of_chain)

    def chain():
        for w in weights:
            w.grad = None
        run(x, weights).backward()

    ready(MODE)
    for _ in rounds():
        report({"add:submit_us": adds(),
                "conv:await_us": median_ms(conv) * 1e3,
                "chain:ms": median_ms(chain, 200)})


main()
